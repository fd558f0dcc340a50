/** The policy's own questions to a restored database, and whether it gave the answers that the policy expects. */
import { asLifeboatError } from "../errors.ts";
import type { SqlCheck } from "../policy/policy.ts";
import type { Sql } from "../postgres/client.ts";
import type { Connection } from "../postgres/connection.ts";
import { type Answer, askRestricted } from "../postgres/restricted-role.ts";
import { judge } from "../verification/compare-database.ts";
import type { ComponentVerdict, Finding } from "../verification/findings.ts";

/** Query canceled (the time limit) and insufficient privilege say nothing about the data. */
const codesOfNoAnswer = new Set(["57014", "42501"]);

/** Empty where no check is about the source. */
export async function checkAnswers(
  connection: Connection,
  source: string,
  checks: readonly SqlCheck[],
  superuser?: Sql,
): Promise<readonly ComponentVerdict[]> {
  const own = checks.filter((check) => check.source === undefined || check.source === source);
  if (own.length === 0) return [];
  let answers: readonly Answer[];
  try {
    answers = await askRestricted(
      connection,
      own.map(({ sql }) => sql),
      superuser,
    );
  } catch (cause) {
    const error = asLifeboatError(cause);
    if (error.code !== "restricted-role-refused") throw cause;
    const { message: sentence, hint: remedy } = error;
    const finding: Finding = {
      level: "warning",
      code: "check-not-asked",
      sentence: `The policy's SQL checks were not asked: ${sentence}`,
      publicSentence: `The policy's SQL checks were not asked: ${sentence}`,
      remedy,
    };
    return [judge("checks", own.length, [finding])];
  }
  const findings = own.flatMap((check, index) => findingsOf(check, answers[index]));
  return [judge("checks", own.length, findings)];
}

function findingsOf({ name, expect }: SqlCheck, answer: Answer | undefined): readonly Finding[] {
  // The name stands in the policy; what was found comes from inside the backup.
  const failed = (found: string): Finding => ({
    level: "error",
    code: "check-failed",
    sentence: `The policy's check "${name}" gave ${found} instead of ${JSON.stringify(expect)}.`,
    publicSentence: `The policy's check "${name}" did not give what the policy expects.`,
    remedy:
      "Look at the check first, then at the data: if the backup is wrong, find out since when, and restore an older one.",
  });
  if (answer === undefined) return [failed("no answer")];
  if (answer.kind === "value") {
    return isSame(answer.value, expect)
      ? []
      : [failed(answer.value === null ? "null" : JSON.stringify(answer.value))];
  }
  if (answer.kind === "shape") {
    const rows = answer.rows > 1 ? "several rows" : `${answer.rows} rows`;
    return [failed(`${rows} of ${answer.columns} columns`)];
  }
  if (!codesOfNoAnswer.has(answer.code)) return [failed(`the error "${answer.message}"`)];
  return [
    {
      level: "warning",
      code: "check-not-asked",
      sentence: `The policy's check "${name}" was not answered: ${answer.message}.`,
      publicSentence: `The policy's check "${name}" was not answered.`,
      remedy: "Make it faster, or let it read only what pg_read_all_data may read.",
    },
  ];
}

/** As text, or as numbers where both are: `5` and `5.00` are the same. */
function isSame(value: string | null, expect: string): boolean {
  if (value === null) return false;
  const number = /^-?\d+(?:\.\d+)?$/;
  return value === expect || (number.test(value) && number.test(expect) && Number(value) === Number(expect));
}
