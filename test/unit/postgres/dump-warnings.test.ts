import { expect, test } from "vitest";
import { dumpWarnings, warningFindings } from "../../../src/postgres/dump-warnings.ts";

const stderr = `pg_dump: warning: there are circular foreign-key constraints on this table:
pg_dump: detail: hen
pg_dump: hint: You might not be able to restore the dump without using --disable-triggers.
pg_dump: info: reading schemas
pg_dump: warning: subscriptions not dumped because current user is not a superuser
pg_dump: warning: typtype of data type "odd" appears to be invalid
pg_dumpall: warning: could not parse ACL list
second line
pg_dump: warning: typtype of data type "odd" appears to be invalid`;

test("warnings keep their details, and nothing else counts as one", () => {
  expect(dumpWarnings("")).toEqual([]);
  expect(dumpWarnings("pg_dump: reading schemas\nsomething else")).toEqual([]);
  expect(dumpWarnings(stderr)).toEqual([
    "there are circular foreign-key constraints on this table: hen",
    "subscriptions not dumped because current user is not a superuser",
    'typtype of data type "odd" appears to be invalid',
    "could not parse ACL list second line",
  ]);
});

test("the usual is a note, the rest a warning without names in public, and what the catalog tells is not told twice", () => {
  const findings = warningFindings(dumpWarnings(stderr));
  expect(findings.map(({ level, code }) => `${level} ${code}`)).toEqual([
    "info dump-warning",
    "warning dump-warning",
    "warning dump-warning",
  ]);
  for (const { publicSentence } of findings) expect(publicSentence).not.toMatch(/hen|odd/);
});
