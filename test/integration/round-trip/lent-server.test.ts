/** A check on somebody else's server: nothing of it stays there, and its limits do not speak against the backup. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { majorsWithClients, startServer, type TestServer } from "../../support/servers.ts";
import { sharedServer } from "../../support/shared-server.ts";
import type { VerifyReport } from "../../../src/operations/verify-snapshot.ts";
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

function codes({ components }: Pick<VerifyReport, "components">): readonly string[] {
  return components
    .filter(({ component }) => component === "isolation")
    .flatMap(({ findings }) => findings.map(({ code }) => code));
}

async function rolesAndDatabases(): Promise<unknown> {
  return lent.sql(
    "postgres",
    "select rolname from pg_roles union all select datname from pg_database order by 1",
  );
}

test("the roles and the database of a check are gone afterwards", async () => {
  const before = await rolesAndDatabases();
  const server = connectionTo(lent, "postgres");
  const report = await verify(safe, id, { level: "restored", server, trustContents: true });
  expect(report.verdict).toBe("passed");
  expect(codes(report)).toEqual(["ran-on-named-server"]);
  expect(await rolesAndDatabases()).toEqual(before);
});

test("a superuser's connection runs nothing of a backup unless its author is trusted", async () => {
  const before = await rolesAndDatabases();
  const server = connectionTo(lent, "postgres");
  const report = await verify(safe, id, { level: "restored", server, waive: ["isolation"] });
  expect(report.verdict).toBe("not-verified");
  expect(codes(report)).toEqual(["server-role-too-powerful"]);
  expect(await rolesAndDatabases()).toEqual(before);
});

test("neither does a role that may run programs there, or give itself that right", async () => {
  const password = "a runner's password";
  await lent.sql(
    "postgres",
    `create role runner login createdb password '${password.replace("'", "''")}';
     grant pg_execute_server_program to runner`,
  );
  const server = connectionTo(lent, "postgres", { user: "runner", password });
  const report = await verify(safe, id, { level: "restored", server });
  expect(codes(report)).toEqual(["server-role-too-powerful"]);
  await lent.sql("postgres", "revoke pg_execute_server_program from runner; alter role runner createrole");
  const again = await verify(safe, id, { level: "restored", server });
  expect(codes(again).includes("server-role-too-powerful")).toBe(major < 16);
});

test("a role that may not do everything makes the snapshot not verified, not bad", async () => {
  const login = { user: "guest", password: "a guest's password" };
  await lent.sql(
    "postgres",
    `create role guest login createdb password '${login.password.replace("'", "''")}'`,
  );
  await lent.sql("postgres", "create role app_owner");
  const server = connectionTo(lent, "postgres", login);
  const report = await verify(safe, id, { level: "restored", server });
  expect(report.verdict).toBe("not-verified");
  expect(report.components.find(({ component }) => component === "restore")?.verdict).toBe("not-verified");
});
