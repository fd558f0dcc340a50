/** The indexes of a restored database, gone through by amcheck. */
import { asLifeboatError } from "../errors.ts";
import { type Sql, withClient } from "../postgres/client.ts";
import type { Connection } from "../postgres/connection.ts";
import { type ExaminedIndexes, examineIndexes } from "../postgres/examine-indexes.ts";
import { judge } from "../verification/compare-database.ts";
import type { ComponentVerdict, Finding } from "../verification/findings.ts";

const component = "index-structure";
const inReport = "(the name is in the sealed report)";

/** That indexes are there and defined as in the backup is compared elsewhere; this is about what they hold. */
export async function checkIndexes(connection: Connection, superuser?: Sql): Promise<ComponentVerdict> {
  let found: ExaminedIndexes;
  try {
    found = await withClient(connection, (sql) => examineIndexes(sql, superuser));
  } catch (cause) {
    const { code, message, hint: remedy } = asLifeboatError(cause);
    if (code !== "amcheck-missing") throw cause;
    const sentence = `The structure of indexes was not examined: ${message}`;
    const finding: Finding = { level: "warning", code, sentence, publicSentence: sentence, remedy };
    return judge(component, 0, [finding]);
  }
  return judge(component, found.examined, findingsOf(found));
}

function findingsOf({ invalid, damaged, unexamined, otherKinds }: ExaminedIndexes): readonly Finding[] {
  // A restore builds indexes anew: another backup of the same rows would show the same.
  const remedy = "Verify on another server. If it is valid there, look at this server's disk and version.";
  const findings: Finding[] = [
    ...invalid.map((index): Finding => ({
      level: "error",
      code: "index-invalid",
      fault: "target",
      sentence: `The index ${index} is not valid after the restore.`,
      publicSentence: `index invalid ${inReport}`,
      remedy,
    })),
    ...damaged.map(({ index, problem }): Finding => ({
      level: "error",
      code: "index-damaged",
      fault: "source",
      sentence: `The index ${index} does not hold together: ${problem}.`,
      publicSentence: `index damaged ${inReport}`,
      remedy:
        "An operator class or a function that is not as immutable as it claims spoils indexes: mend it, and reindex.",
    })),
    ...unexamined.map(({ index, problem }): Finding => ({
      level: "warning",
      code: "index-not-examined",
      sentence: `The index ${index} could not be examined: ${problem}.`,
      publicSentence: `index not examined ${inReport}`,
      remedy: "What could not be checked is not proven; make it checkable, or waive it by name.",
    })),
  ];
  if (otherKinds === 0) return findings;
  const sentence = `${otherKinds} indexes of other kinds than B-tree are compared by definition and validity only: amcheck does not know them.`;
  const note: Finding = {
    level: "info",
    code: "index-kind-not-examined",
    sentence,
    publicSentence: sentence,
    remedy: "Nothing needs to be done.",
  };
  return [...findings, note];
}
