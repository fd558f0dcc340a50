import { afterAll, beforeAll, expect, test } from "vitest";
import { withClient } from "../../src/postgres/client.ts";
import { contentHashSql } from "../../src/postgres/content-hash.ts";
import { measureTables } from "../../src/postgres/measure-tables.ts";
import { listTables } from "../../src/postgres/table-listing.ts";
import {
  backUp,
  complaints,
  connectionTo,
  databaseContentsOf,
  newSafe,
  type Safe,
  verify,
  verifyThrownAway,
} from "../integration/backup/backing-up.ts";
import { sharedServer } from "../support/shared-server.ts";
import { startServer, type TestServer } from "../support/servers.ts";
import { dumpedRows, dumpedSchema } from "../integration/round-trip/dumped-text.ts";
import { roundTrip } from "./round-trip.ts";

let safe: Safe;
let server: TestServer;
beforeAll(async () => {
  safe = await newSafe();
  server = await sharedServer(15);
});
afterAll(() => safe[Symbol.asyncDispose]());

/** Functions that work only where `public` is in the search_path: the planner inlines one, and evaluates the other. */
const functions = `
  create extension unaccent;
  create function plain_text(t text) returns text language sql immutable parallel safe strict
    as $$ select unaccent(t) $$;
  create function angry(t text) returns text language plpgsql immutable
    as $$ begin perform plain_text(t); return t; end $$;`;

/** Every way by which a function reaches the planner of \`select count(*) from …\`. */
const reaching = `${functions}
  create table cities (id int primary key, name text, n numeric default 1.50);
  insert into cities select n, E'Zürich \\\\ \\t' || n from generate_series(1, 30) n;
  insert into cities values (31, null), (32, '\\N');
  create table "öd ""d\\" ("n\\ä" text, g text generated always as (lower("n\\ä")) stored, b bytea, x float8[]);
  insert into "öd ""d\\" values ('ü', default, '\\x00ff', '{1e-300,NaN}'), ('y', default, null, '{}');
  create table parts (id int, name text) partition by range (id);
  create table part_1 partition of parts for values from (0) to (10);
  create table part_2 partition of parts for values from (10) to (20);
  insert into parts select n, n from generate_series(0, 19) n;
  create table parent (id int, t text);
  create table child (c int) inherits (parent);
  insert into parent values (1, 'a');
  insert into child values (2, 'b', 3);
  create table barren (t text);`;
const statistics = `
  create statistics s1 on id, (plain_text(name)) from cities;
  create statistics s2 on (plain_text("n\\ä")), x from "öd ""d\\";
  create statistics s3 on (plain_text(name)), id from part_1;
  create statistics s4 on (plain_text(t)), id from parent;
  create statistics s5 on (plain_text(t)), c from child;`;
const indexes = `
  create index on part_2 (name) where angry('x') = 'x';
  create index on barren ((plain_text(t))) where plain_text('a') = 'a';`;

test("functions that need a search_path, in statistics: backed up, hashed, verified and restored", async () => {
  await server.createDatabase("statistics");
  await server.sql("statistics", reaching + statistics);
  const trip = await roundTrip(safe, server, "statistics");
  expect(trip.snapshot.totals).toMatchObject({ tables: 8, rows: 56 });
  expect(complaints(trip.verified)).toEqual([]);
  for (const dumped of [dumpedSchema, dumpedRows]) {
    expect(await dumped(trip.target, 15)).toEqual(await dumped(trip.source, 15));
  }
});

test("the same in indexes and their conditions, counted or hashed, in an encoding of its own", async () => {
  await server.createDatabase("indexes", { encoding: "LATIN1", locale: "C" });
  await server.sql("indexes", reaching + statistics + indexes);
  const source = connectionTo(server, "indexes");
  const counted = await backUp(safe, source, { hashes: false });
  expect(counted.snapshot.totals).toMatchObject({ tables: 8, rows: 56 });
  const { snapshot } = await backUp(safe, source);
  const { tables } = await databaseContentsOf(safe, snapshot);
  const search = "set search_path = public";
  for (const table of tables.filter(({ kind }) => kind === "table")) {
    const columns = table.columns.map((name) => ({ name, textual: false }));
    const [row] = await server.sql("indexes", `${search}; ${contentHashSql({ ...table, columns })}`);
    expect([table.name, row?.["rows"], row?.["hash"]]).toEqual([table.name, String(table.rows), table.hash]);
  }
  const unsealed = await verify(safe, snapshot.id, { level: "unsealed", waive: ["rows"] });
  expect(unsealed.verdict).toBe("passed");
});

test("measuring leaves no lock behind", async () => {
  await server.createDatabase("locks");
  await server.sql(
    "locks",
    "do $$ begin for i in 1..60 loop execute format('create table t%s (id serial primary key, u int unique)', i); end loop; end $$",
  );
  await withClient(connectionTo(server, "locks"), async (sql) => {
    const tables = await listTables(sql);
    await sql.query("begin");
    await measureTables(sql, tables, { hashes: true });
    const { rows } = await sql.query<{ count: string }>(
      "select count(*) from pg_catalog.pg_locks where pid = pg_catalog.pg_backend_pid() and locktype = 'relation' and relation >= 16384",
    );
    expect(rows[0]?.count).toBe("0");
  });
});

test.runIf(process.env["LIFEBOAT_TRIAL"] !== undefined).each([
  [2000, 4],
  [4000, 2],
  [6000, 0],
  [6000, 4],
])(
  "%i tables with %i indexes go through a server with default settings",
  async (tables, indexes) => {
    const database = `many ${tables} ${indexes}`;
    await server.createDatabase(database);
    await server.sql(database, manyTables(tables, indexes));
    const trip = await roundTrip(safe, server, database);
    expect(complaints(trip.verified)).toEqual([]);
    expect(trip.restored.restored?.outcome).toBe("restored");
    const thrownAway = await verifyThrownAway(safe, trip.snapshot.id, { trustContents: true });
    expect(thrownAway.verdict).toBe("passed");
  },
  600_000,
);

/** A tenth of the usual room, so that hundreds of tables weigh as much as thousands. */
test("tables beyond the room for locks: one part after the other, or an error that names what suffices", async () => {
  const settings = { max_locks_per_transaction: "10", max_connections: "40", autovacuum_max_workers: "1" };
  const narrow = await startServer(15, { settings });
  try {
    await narrow.createDatabase("many");
    await narrow.sql("many", manyTables(520, 1));
    const { snapshot } = await backUp(safe, connectionTo(narrow, "many"));
    expect(snapshot.totals).toMatchObject({ tables: 520 });
    await narrow.sql("many", manyTables(900, 0, "more"));
    await expect(backUp(safe, connectionTo(narrow, "many"))).rejects.toMatchObject({
      code: "locks-exhausted",
      exitCode: 2,
      hint: "Set max_locks_per_transaction = 128 on the server (now 10) and restart it.",
    });
  } finally {
    await narrow.stop();
  }
});

/** Bytes of each encoding that have no equivalent in UTF-8, or are none of this encoding at all. */
const raw = [
  { encoding: "SQL_ASCII", rows: ["4a6f73e9", "fffe", "61c3a9", "5c09e90a"] },
  { encoding: "EUC_JP", rows: ["ada1", "a4a2", "f5a1"] },
  { encoding: "WIN1252", rows: ["81", "80e9"] },
  { encoding: "KOI8R", rows: ["c1d7", "9a"] },
  { encoding: "EUC_KR", rows: ["b0a1", "a2e6"] },
  { encoding: "MULE_INTERNAL", rows: ["81e9", "92a4a2"] },
  { encoding: "LATIN2", rows: ["b1", "80"] },
] as const;

test.each(process.env["LIFEBOAT_TRIAL"] === undefined ? raw.slice(0, 2) : raw)(
  "$encoding: backed up and restored byte for byte",
  async ({ encoding, rows }) => {
    const database = `bytes of ${encoding}`;
    await server.createDatabase(database, { encoding, locale: "C" });
    await server.sql(database, "create table people (id int primary key, name text)");
    for (const [id, bytes] of rows.entries()) await insertBytes(database, encoding, id, bytes);
    const trip = await roundTrip(safe, server, database);
    expect(complaints(trip.verified)).toEqual([]);
    expect((await verify(safe, trip.snapshot.id, { level: "unsealed" })).verdict).toBe("passed");
    const stored = "select id, encode(name::bytea, 'hex') as bytes from people order by id".replace(
      "name::bytea",
      `convert_to(name, '${encoding}')`,
    );
    expect(await server.sql(trip.target.database, stored)).toEqual(
      rows.map((bytes, id) => ({ id: String(id), bytes })),
    );
  },
);

test("bytes that are no UTF-8 in definitions are backed up with them, and in names refused", async () => {
  await server.createDatabase("bytes", { encoding: "SQL_ASCII", locale: "C" });
  const raw = "set client_encoding = 'SQL_ASCII'";
  // Escaped here, because the connection's own texts are UTF-8.
  const run = (statement: string): Promise<unknown> =>
    server.sql("bytes", `${raw}; do $do$ begin execute E'${statement}'; end $do$`);
  await run("create table people (id int primary key, name text default \\'caf\\xe9\\')");
  await run("comment on table people is \\'caf\\xe9\\'");
  await run("create view v as select name || \\'caf\\xe9\\' as x from people");
  const { snapshot } = await backUp(safe, connectionTo(server, "bytes"));
  const restored = await verify(safe, snapshot.id, { level: "restored", trustContents: true });
  expect(complaints(restored)).toEqual([]);
  await run('create table "jos\\xe9" (id int)');
  await expect(backUp(safe, connectionTo(server, "bytes"))).rejects.toMatchObject({
    code: "names-illegible",
    message: "1 table has a name, or a column's name, that is no text in UTF-8.",
    inside: "public.jos\ufffd",
  });
});

test("bytes that are no UTF-8 under the label UTF8: backed up, and told as what the source holds", async () => {
  await server.createDatabase("mislabelled", { encoding: "SQL_ASCII", locale: "C" });
  await server.sql("mislabelled", "create table people (id int primary key, name text)");
  await insertBytes("mislabelled", "SQL_ASCII", 1, "4a6f73e9");
  await server.sql(
    "postgres",
    "update pg_database set encoding = pg_char_to_encoding('UTF8') where datname = 'mislabelled'",
  );
  const { snapshot } = await backUp(safe, connectionTo(server, "mislabelled"));
  const verified = await verify(safe, snapshot.id, { level: "restored", trustContents: true });
  expect(verified.verdict).toBe("failed");
  const said = complaints(verified).join();
  expect(said).toContain(
    "source-contradicts: The source's rows of public.people cannot be loaded: invalid byte sequence",
  );
});

/** Past the connection's own encoding: the bytes go in as they are. */
async function insertBytes(database: string, encoding: string, id: number, bytes: string): Promise<void> {
  const text = bytes.replaceAll(/../g, (pair) => `\\x${pair}`);
  await server.sql(
    database,
    `set client_encoding = '${encoding}'; insert into people values (${id}, E'${text}')`,
  );
}

function manyTables(count: number, indexes: number, name = "t"): string {
  const columns = [
    "id int",
    ...["primary key", "unique", "unique", "unique"].slice(0, indexes).map((how, n) => `c${n} int ${how}`),
  ];
  return `do $$ begin for i in 1..${count} loop
    execute pg_catalog.format('create table ${name}%s (${columns.join(", ")})', i);
    if i % 50 = 0 then commit; end if; end loop; end $$`;
}
