/** Limits on connections: fewer jobs where they fit, else one error that says how many and what to set. */
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { type LifeboatError } from "../../../src/errors.ts";
import { openClient } from "../../../src/postgres/client.ts";
import { fittingJobs } from "../../../src/postgres/free-connections.ts";
import { startServer, type TestServer } from "../../support/servers.ts";
import { backUp, connectionTo, newSafe, type Safe } from "./backing-up.ts";

let server: TestServer;
let safe: Safe;
const few = { user: "few", password: "few" };

beforeAll(async () => {
  safe = await newSafe();
  server = await startServer(15, {
    settings: { max_connections: "11", superuser_reserved_connections: "3" },
  });
  await server.createDatabase("shop");
  await server.sql(
    "shop",
    "create table t as select 1 as id; create role few login password 'few'; grant pg_read_all_data to few",
  );
});
afterAll(async () => {
  await safe[Symbol.asyncDispose]();
  await server.stop();
});
beforeEach(() =>
  server.sql(
    "postgres",
    "alter role few connection limit -1; alter database shop connection limit -1; grant connect on database shop to public",
  ),
);

const refusal = (): Promise<LifeboatError> =>
  backUp(safe, connectionTo(server, "shop", few)).then(
    () => expect.fail("the backup was made"),
    (error: unknown) => error as LifeboatError,
  );

test("what is there is enough with fewer jobs", async () => {
  const sql = await openClient(connectionTo(server, "shop", few));
  try {
    await expect(fittingJobs(sql, 8, (jobs) => 2 + jobs)).resolves.toBe(2);
  } finally {
    await sql.end();
  }
});

test.each([
  [
    "alter role few connection limit 3",
    /and can have 3: the role few has CONNECTION LIMIT 3\.$/,
    "ALTER ROLE few CONNECTION LIMIT 6;",
  ],
  [
    "alter database shop connection limit 2",
    /and can have 2: the database shop has CONNECTION LIMIT 2\.$/,
    "ALTER DATABASE shop CONNECTION LIMIT 6;",
  ],
])("%s is named with what to set", async (statement, sentence, cure) => {
  await server.sql("postgres", statement);
  const error = await refusal();
  expect(error).toMatchObject({ code: "too-many-connections", exitCode: 2 });
  expect(error.message).toMatch(sentence);
  expect(error.hint).toContain(cure);
  if (process.env["LIFEBOAT_TRIAL"] === undefined && cure.includes("DATABASE")) return;
  await server.sql("postgres", cure);
  await backUp(safe, connectionTo(server, "shop", few));
});

test("a role without a single connection is told so, and not of its network", async () => {
  await server.sql("postgres", "alter role few connection limit 0");
  const error = await refusal();
  expect(error).toMatchObject({ code: "too-many-connections", exitCode: 2 });
  expect(`${error.message} ${error.hint}`).not.toMatch(/firewall/);
});

test("a role that may not connect is told which right it lacks", async () => {
  await server.sql("postgres", "revoke connect on database shop from public");
  const error = await refusal();
  expect(error).toMatchObject({ code: "privilege-missing", exitCode: 2 });
  expect(error.hint).toContain('GRANT CONNECT ON DATABASE "shop" TO "few";');
});
