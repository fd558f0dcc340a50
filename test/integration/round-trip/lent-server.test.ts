/** A check on somebody else's server: nothing of it stays there, and its limits do not speak against the backup. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { majorsWithClients, startServer, type TestServer } from "../../support/servers.ts";
import { sharedServer } from "../../support/shared-server.ts";
import { backUp, connectionTo, newSafe, type Safe, verify } from "../backup/backing-up.ts";

const [major = 15] = await majorsWithClients([15, 17]);

let safe: Safe;
let lent: TestServer;
let id: string;

beforeAll(async () => {
  safe = await newSafe();
  const source = await sharedServer(major);
  await source.createDatabase("app");
  await source.sql(
    "app",
    `create role app_owner; create table t (i int primary key); alter table t owner to app_owner;
     insert into t select generate_series(1, 10)`,
  );
  id = (await backUp(safe, connectionTo(source, "app"))).snapshot.id;
  lent = await startServer(major);
});
afterAll(async () => {
  await lent.stop();
  await safe[Symbol.asyncDispose]();
});

async function rolesAndDatabases(): Promise<unknown> {
  return lent.sql(
    "postgres",
    "select rolname from pg_roles union all select datname from pg_database order by 1",
  );
}

test("the roles and the database of a check are gone afterwards", async () => {
  const before = await rolesAndDatabases();
  const report = await verify(safe, id, { level: "restored", server: connectionTo(lent, "postgres") });
  expect(report.verdict).toBe("passed");
  expect(await rolesAndDatabases()).toEqual(before);
});

test("a role that may not do everything makes the snapshot not verified, not bad", async () => {
  const login = { user: "guest", password: "a guest's password" };
  await lent.sql(
    "postgres",
    `create role guest login createdb createrole password '${login.password.replace("'", "''")}'`,
  );
  await lent.sql("postgres", "create role app_owner");
  const server = connectionTo(lent, "postgres", login);
  const report = await verify(safe, id, { level: "restored", server });
  expect(report.verdict).toBe("not-verified");
  expect(report.components.find(({ component }) => component === "restore")?.verdict).toBe("not-verified");
});
