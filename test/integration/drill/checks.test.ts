/** The policy's SQL checks are asked by a role that can read everything and do nothing; amcheck by one that may. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { withClient } from "../../../src/postgres/client.ts";
import { examineIndexes } from "../../../src/postgres/examine-indexes.ts";
import { askRestricted } from "../../../src/postgres/restricted-role.ts";
import { majorsWithClients, type TestServer } from "../../support/servers.ts";
import { sharedServer } from "../../support/shared-server.ts";
import { backUp, connectionTo, newSafe, type Safe, verify } from "../backup/backing-up.ts";

const [major = 15] = await majorsWithClients([15]);
let server: TestServer;
let safe: Safe;

beforeAll(async () => {
  safe = await newSafe();
  server = await sharedServer(major);
  await server.createDatabase("shop");
  await server.sql(
    "shop",
    `create table orders (id int primary key, total numeric);
     insert into orders select i, i from generate_series(1, 10) i;
     alter table orders enable row level security; alter table orders force row level security;
     create function delete_all() returns int language plpgsql as $$ begin delete from public.orders; return 1; end $$`,
  );
});
afterAll(async () => await safe[Symbol.asyncDispose]());

const ask = async (query: string) => (await askRestricted(connectionTo(server, "shop"), [query]))[0];

test.each<[string, string | null]>([
  ["select count(*) from orders", "10"],
  ["select sum(total) > 50 from orders;", "true"],
  ["select null", null],
  ["with big as (select * from orders where total > 5) select count(*) from big", "5"],
  [
    "select not rolsuper and not rolcreatedb and not rolcreaterole from pg_roles where rolname = current_user",
    "true",
  ],
  [
    "select string_agg(pg_get_userbyid(roleid), ',') from pg_auth_members where member = current_user::regrole",
    "pg_read_all_data",
  ],
])("%s is answered: %s", async (query, value) => {
  expect(await ask(query)).toEqual({ kind: "value", value });
});

test.each<[string, number, number]>([
  ["select * from orders where id = 1", 1, 2],
  ["select id from orders", 2, 1],
  ["select id from orders where false", 0, 1],
])("%s is no value", async (query, count, columns) => {
  expect(await ask(query)).toEqual({ kind: "shape", rows: count, columns });
});

test.each<[string, string]>([
  ["select delete_all()", "25006"],
  ["with gone as (delete from orders returning 1) select count(*) from gone", "0A000"],
  ["delete from orders", "42601"],
  ["select 1; drop table orders", "42601"],
  ["select pg_read_file('/etc/passwd')", "42501"],
  ["select count(*) from nowhere", "42P01"],
])("%s is refused: %s", async (query, code) => {
  expect(await ask(query)).toMatchObject({ kind: "error", code });
  const [row] = await server.sql("shop", "select count(*) from orders");
  expect(row?.["count"]).toBe("10");
});

test("the role is gone afterwards", async () => {
  await ask("select 1");
  expect(await server.sql("shop", "select rolname from pg_roles where rolname like 'lifeboat%'")).toEqual([]);
});

test("verify asks them too at level restored, of the source that they are about", async () => {
  const { snapshot } = await backUp(safe, connectionTo(server, "shop"));
  const check = (name: string, expect: string) => ({ name, sql: "select count(*) from orders", expect });
  const good = await verify(safe, snapshot.id, {
    level: "restored",
    checks: [check("ten", "10"), { ...check("elsewhere", "0"), source: "other" }],
  });
  expect([good.verdict, good.components.find(({ component }) => component === "checks")]).toMatchObject([
    "passed",
    { verdict: "passed", checked: 1 },
  ]);
  const bad = await verify(safe, snapshot.id, { level: "restored", checks: [check("eleven", "11")] });
  expect(bad.verdict).toBe("failed");
  expect(bad.components.flatMap(({ findings }) => findings).map(({ code }) => code)).toEqual([
    "check-failed",
  ]);
  // Only a drill goes through indexes: it takes as long as reading every table.
  expect(bad.components.map(({ component }) => component)).not.toContain("index-structure");
});

test("a server that gives nobody amcheck cannot examine indexes, which is said and not passed over", async () => {
  const login = { user: "guest", password: "guest" };
  await server.sql("shop", `create role guest login password 'guest'`);
  const connection = connectionTo(server, "shop", login);
  await expect(withClient(connection, examineIndexes)).rejects.toMatchObject({ code: "amcheck-missing" });
  await expect(askRestricted(connection, ["select 1"])).rejects.toMatchObject({
    code: "restricted-role-refused",
  });
});
