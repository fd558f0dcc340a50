/** docs/compatibility.md: what becomes of each shape of database that the tests try. */
import type { Expected, Kind, Shape, SqlShape } from "../test/field/shapes/shape.ts";
import { table } from "./generated-files.ts";

export function compatibilityPage(kinds: readonly Kind[]): string {
  const sections = kinds.map(({ title, shapes }) => `## ${title}\n\n${table(columns, shapes.map(row))}`);
  return `<!-- Written by \`npm run docs\` from test/field/shapes/. -->

# Compatibility

Each row is a database that was seen in the field, made anew by a test. \`npm run trial\` backs each one up, verifies it at level
\`restored\`, restores it as a new database and in place, on PostgreSQL 15 and 17, and from 13 to 15, 15 to 17 and 17 to 18. Rows marked
"project" are also restored into a Supabase-shaped project. Every restored database is compared with the one that stock \`pg_dump\` and
\`pg_restore\` make of the same source: definitions, owners, rights, comments, rows, sequences and large objects.

- **Verify** is the verdict of \`verify --level restored\`; findings that go with it stand beside it.
- **Restore** says how the restore ends, whichever way it goes. In part: everything else is there, and what is missing or weaker is named
  with the command that mends it.

${sections.join("\n\n")}
`;
}

const columns = ["Shape", "Verify", "Restore", "Not covered"];

function row(shape: Shape): readonly string[] {
  const notCovered = shape.notCovered ?? "";
  if (!("setup" in shape)) {
    const link = `[${shape.shownBy.replace(/^.*\//, "")}](../${shape.shownBy})`;
    return [`${shape.what} (${link})`, shape.result, shape.result, notCovered];
  }
  return [
    described(shape),
    verdictOf(shape.expected?.verify ?? {}),
    restoreOf(shape.expected?.new ?? {}),
    notCovered,
  ];
}

function described({ what, since, before, inProject }: SqlShape): string {
  const marks = [
    ...(since === undefined ? [] : [`since ${since}`]),
    ...(before === undefined ? [] : [`made before ${before}`]),
    ...(inProject === true ? ["project"] : []),
  ];
  return marks.length === 0 ? what : `${what} (${marks.join(", ")})`;
}

function verdictOf({ error, verdict = "passed", findings = [], missing = [] }: Expected): string {
  return error === undefined ? withCodes(verdict, [...findings, ...missing]) : `refused: ${code(error)}`;
}

function restoreOf({ error, findings = [], missing = [] }: Expected): string {
  if (error !== undefined) return `refused: ${code(error)}`;
  if (missing.length === 0) return withCodes("done", findings);
  return withCodes(`in part (exit 3), or done with \`--accept\``, findings);
}

function withCodes(word: string, findings: readonly string[]): string {
  return findings.length === 0 ? word : `${word}: ${findings.map(code).join(", ")}`;
}

function code(word: string): string {
  return `\`${word}\``;
}
