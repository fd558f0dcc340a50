/** After a restore has its final name: extensions that no copy beside it could hold. What fails here undoes nothing. */
import { asLifeboatError } from "../errors.ts";
import { withClient } from "../postgres/client.ts";
import { type Late, loadLate } from "../postgres/load-late.ts";
import { databaseOf } from "../snapshot/contents.ts";
import type { Finding } from "../verification/findings.ts";
import { compareTables } from "./compare-restored.ts";
import type { RestorePlan } from "./plan-database-restore.ts";
import type { RestoreMeans } from "./restore-means.ts";

export async function bringExtensions(
  { lateExtensions: names, unloadable }: RestorePlan,
  { target, source, contents, tools, clock, logger }: RestoreMeans,
  { toc, skipped }: Pick<Late, "toc" | "skipped">,
): Promise<readonly Finding[]> {
  const findings = unloadable.map(({ name, why }) => leftOut(name, why));
  if (names.length === 0) return findings;
  const database = databaseOf(contents);
  const options = { connection: target, source, files: contents.files, tools, jobs: 1, clock, logger };
  const ofThem = skipped.filter(({ extension }) => names.includes(extension));
  try {
    await loadLate(options, { toc, skipped: ofThem, extensions: names, database });
    const tables = database.tables.filter(
      ({ extension, part }) => part !== undefined && extension !== undefined && names.includes(extension),
    );
    const differences = await withClient(target, async (sql) => {
      await sql.query("begin read only");
      return await compareTables(sql, tables);
    });
    return [...findings, ...differences, ...names.map(brought)];
  } catch (cause) {
    const { message, inside = "" } = asLifeboatError(cause);
    return [...findings, ...names.map((name) => notBrought(name, `${message} ${inside}`.trim()))];
  }
}

function brought(name: string): Finding {
  return {
    level: "info",
    code: "extension-brought-late",
    sentence: `Extension ${name} and its rows were restored after the database had its name: it can be in no other.`,
    publicSentence: "An extension was restored after the database had its name.",
    remedy: "Nothing needs to be done.",
  };
}

function notBrought(name: string, why: string): Finding {
  return {
    level: "error",
    code: "extension-not-brought",
    about: `extension:${name}`,
    sentence: `Extension ${name} and its rows are missing in the restored database: ${why}`,
    publicSentence: "An extension and its rows are missing in the restored database.",
    remedy: "Correct what the server objects to, then restore again in place.",
  };
}

function leftOut(name: string, why: string): Finding {
  return {
    level: "warning",
    code: "extension-not-loadable",
    sentence: `Extension ${name} and what needs it were left out: ${why}.`,
    publicSentence: "An extension and what needs it were left out: this server is not configured for it.",
    remedy: "Change that setting and restart the server, then restore again.",
  };
}
