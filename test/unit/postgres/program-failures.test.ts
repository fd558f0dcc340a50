/** What PostgreSQL's programs say, as a code with a cure: their own words stay, and out of public sight. */
import { expect, test } from "vitest";
import { namingRefusedRight, programFailed } from "../../../src/postgres/program-failures.ts";

const connection = 'connection to server at "127.0.0.1", port 5432 failed: FATAL: ';
const exit = (stderr: string) => ({ code: 1, signal: null, stderr });

test.each([
  [`pg_dump: error: ${connection} too many connections for role "backup"`, "too-many-connections", 2],
  [`pg_dump: error: ${connection} too many connections for database "shop"`, "too-many-connections", 2],
  [`pg_dumpall: error: ${connection} sorry, too many clients already`, "too-many-connections", 2],
  [
    `pg_dump: error: ${connection} remaining connection slots are reserved for roles with the SUPERUSER attribute`,
    "too-many-connections",
    2,
  ],
  [`pg_dump: error: ${connection} query_wait_timeout`, "too-many-connections", 2],
  [`pg_dump: error: ${connection} unsupported startup parameter: options`, "startup-options-refused", 2],
  [
    `pg_dump: error: ${connection} unsupported startup parameter in options: bytea_output`,
    "startup-options-refused",
    2,
  ],
  ["pg_dumpall: error: query failed: ERROR:  permission denied for table pg_authid", "privilege-missing", 2],
  [
    "pg_dump: error: query failed: ERROR:  permission denied for sequence orders_id_seq",
    "privilege-missing",
    2,
  ],
  ["pg_dump: error: query failed: server closed the connection unexpectedly", "connection-lost", 1],
  [
    "pg_dump: error: query failed: FATAL:  terminating connection due to administrator command",
    "connection-lost",
    1,
  ],
  ["pg_dump: error: something never seen", "dump-failed", 1],
])("%s", (stderr, code, exitCode) => {
  const error = programFailed("pg_dump", exit(stderr), "dump-failed");
  expect(error).toMatchObject({ code, exitCode, inside: stderr });
  expect(error.publicly.sentence).not.toMatch(/orders|pg_authid|shop/);
});

test("a value that PostgreSQL cannot write is told with its table, in public without", () => {
  const stderr =
    'pg_dump: error: Dumping the contents of table "Large one" failed: PQgetResult() failed.\n' +
    "pg_dump: detail: Error message from server: ERROR:  invalid memory alloc request size 1080000003";
  const error = programFailed("pg_dump", exit(stderr), "dump-failed");
  expect(error).toMatchObject({ code: "value-too-large", exitCode: 2 });
  expect(error.message).toContain("(table Large one)");
  expect(error.publicly.sentence).not.toContain("Large one");
});

test("a right that was refused is named with its grant, in public without; whoever was refused it", () => {
  const words = "permission denied for sequence orders_id_seq";
  const hint = "As an administrator run: GRANT SELECT ON SEQUENCE orders_id_seq TO <the backup role>;";
  const ofProgram = programFailed(
    "pg_dump",
    exit(`pg_dump: error: query failed: ERROR:  ${words}`),
    "dump-failed",
  );
  const own = namingRefusedRight(Object.assign(new Error(words), { code: "42501", severity: "ERROR" }));
  expect(ofProgram).toMatchObject({ message: `pg_dump was refused a right: ${words}.`, hint });
  expect(own).toMatchObject({
    code: "privilege-missing",
    message: `The backup was refused a right: ${words}.`,
    hint,
  });
  expect(own).toMatchObject({ publicly: { sentence: "The backup was refused a right." } });
});

test("a right that a restore lacks stays what the program says", () => {
  const stderr = "pg_restore: error: could not execute query: ERROR:  permission denied for schema public";
  expect(programFailed("pg_restore", exit(stderr), "tool-failed").code).toBe("tool-failed");
});
