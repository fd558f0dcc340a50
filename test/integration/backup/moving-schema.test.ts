import pg from "pg";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { openClient } from "../../../src/postgres/client.ts";
import { listTables } from "../../../src/postgres/table-listing.ts";
import type { SnapshotJson } from "../../../src/snapshot/snapshot-json.ts";
import { sharedServer } from "../../support/shared-server.ts";
import type { TestServer } from "../../support/servers.ts";
import { sqlHashes } from "../../support/table-hashes.ts";
import { heldTools, until } from "./altered-tools.ts";
import {
  backUp,
  complaints,
  connectionTo,
  databaseContentsOf,
  newSafe,
  type Safe,
  verify,
} from "./backing-up.ts";

let safe: Safe;
let server: TestServer;
let database: string;
let count = 0;

/** `big` is worth an archive of its own, `small` is not; the others are swapped with them. */
const tables = `
  create table big (n int, t text);
  insert into big select n, repeat(md5(n::text), 3) from generate_series(1, 90000) n;
  create table small (n int, t text);
  insert into small select n, 'row ' || n from generate_series(1, 100) n;
  create table other (n int, t text);
  insert into other select n, 'other ' || n from generate_series(1, 7) n`;

/** What another session may do to a table, each of which a later pg_dump would take for the truth. */
const changes = {
  drop: (table: string) => `drop table ${table}`,
  truncate: (table: string) => `truncate ${table}`,
  rewrite: (table: string) => `alter table ${table} alter column n type bigint`,
  "a volatile default": (table: string) => `alter table ${table} add column d float default random()`,
  "set unlogged": (table: string) => `alter table ${table} set unlogged`,
  swap: (table: string) =>
    `alter table ${table} rename to gone; alter table other rename to ${table}; alter table gone rename to other`,
} as const;
const kinds = Object.keys(changes) as (keyof typeof changes)[];

beforeAll(async () => {
  safe = await newSafe();
  server = await sharedServer(15);
  await server.createDatabase("moving_template");
  await server.sql("moving_template", tables);
});
afterAll(() => safe[Symbol.asyncDispose]());
beforeEach(async () => {
  database = `moving_${(count += 1)}`;
  await server.sql("postgres", `create database ${database} template moving_template`);
});

async function session(): Promise<pg.Client> {
  const client = new pg.Client({ host: server.socketDir, port: server.port, user: "postgres", database });
  await client.connect();
  return client;
}

/** The snapshot's own account of its tables and its sealed rows agree, and are `expected`. */
async function expectHeld(
  snapshot: SnapshotJson,
  expected: Awaited<ReturnType<typeof sqlHashes>>,
): Promise<void> {
  const contents = await databaseContentsOf(safe, snapshot);
  const held = contents.tables.map(({ name, rows, hash }) => [`public\0${name}`, { rows, hash }] as const);
  expect(new Map(held)).toEqual(expected);
  const report = await verify(safe, snapshot.id, { level: "unsealed" });
  expect(complaints(report)).toEqual([]);
}

function backendsWaiting(): Promise<boolean> {
  return server
    .sql(
      "postgres",
      `select from pg_stat_activity where datname = '${database}' and wait_event_type = 'Lock'`,
    )
    .then((rows) => rows.length > 0);
}

test("while parts have yet to start no session can change a table, and rows written meanwhile stay out", async () => {
  const before = await sqlHashes(server.url(database));
  const held = await heldTools(safe.folder);
  const running = backUp(safe, connectionTo(server, database), {
    clientTools: () => Promise.resolve(held.tools),
  });
  await held.started(3);
  const other = await session();
  await other.query("set lock_timeout = '50ms'");
  for (const table of ["big", "small"]) {
    for (const kind of kinds) {
      await expect(other.query(changes[kind](table)), `${kind} ${table}`).rejects.toMatchObject({
        code: "55P03",
      });
    }
    await other.query(`delete from ${table} where n % 2 = 0; update ${table} set t = 'later'`);
    await other.query(`insert into ${table} values (0, 'new')`);
  }
  await other.end();
  await held.release();
  await expectHeld((await running).snapshot, before);
});

test("a change that queues before the parts start is waited out", async () => {
  const before = await sqlHashes(server.url(database));
  const held = await heldTools(safe.folder);
  const running = backUp(safe, connectionTo(server, database), {
    clientTools: () => Promise.resolve(held.tools),
  });
  await held.started(3);
  const other = await session();
  await other.query("set lock_timeout = '3s'");
  const refused = expect(other.query("truncate big")).rejects.toMatchObject({ code: "55P03" });
  await until(backendsWaiting);
  await held.release();
  await expectHeld((await running).snapshot, before);
  await refused;
  await other.end();
});

test.each(kinds)(
  "%s under way when the backup begins: it takes the tables as they are afterwards",
  async (kind) => {
    const other = await session();
    await other.query("begin");
    await other.query(changes[kind]("big"));
    const running = backUp(safe, connectionTo(server, database));
    await until(backendsWaiting);
    await other.query("commit");
    await other.end();
    await expectHeld((await running).snapshot, await sqlHashes(server.url(database)));
  },
);

test.each(kinds)("%s rolled back while the backup waits changes nothing", async (kind) => {
  const before = await sqlHashes(server.url(database));
  const other = await session();
  await other.query("begin");
  await other.query(changes[kind]("small"));
  const running = backUp(safe, connectionTo(server, database));
  await until(backendsWaiting);
  await other.query("rollback");
  await other.end();
  await expectHeld((await running).snapshot, before);
});

test("a materialized view that is being refreshed is waited for, however long", async () => {
  await server.sql(database, "create materialized view totals as select count(*) from small");
  const other = await session();
  await other.query("begin");
  await other.query("refresh materialized view totals");
  // pg_dump waits for its definition, without a limit; the listing before it must not wait at all.
  const sql = await openClient(connectionTo(server, database));
  await sql.query("set lock_timeout = '50ms'");
  expect(await listTables(sql)).toHaveLength(4);
  await sql.end();
  const running = backUp(safe, connectionTo(server, database));
  await until(backendsWaiting);
  await other.query("commit");
  await other.end();
  expect((await running).snapshot.totals.rows).toBe(90_107);
});

test("a connection that ends while parts wait fails the backup, and nothing becomes visible", async () => {
  const held = await heldTools(safe.folder);
  const running = backUp(safe, connectionTo(server, database), {
    source: "lost",
    clientTools: () => Promise.resolve(held.tools),
  });
  const failed = expect(running).rejects.toMatchObject({
    family: "ours",
    code: /^(snapshot-lost|dump-failed)$/,
  });
  await held.started(3);
  await server.sql(
    "postgres",
    `select pg_terminate_backend(pid) from pg_stat_activity where datname = '${database}' and application_name = 'lifeboat'`,
  );
  await held.release();
  await failed;
  expect((await safe.store.snapshots("lost")).snapshots).toEqual([]);
  expect(await safe.store.files("snapshots/lost/")).toEqual([]);
});
