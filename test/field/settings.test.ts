/** Roles and databases with settings that change what is read or written, or end the work: none reaches the result. */
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { withClient } from "../../src/postgres/client.ts";
import {
  connectionTo,
  backUp,
  complaints,
  newSafe,
  restore,
  type Safe,
  verify,
} from "../integration/backup/backing-up.ts";
import { dumpedRows, dumpedSchema } from "../integration/round-trip/dumped-text.ts";
import { majorsWithClients, type TestServer } from "../support/servers.ts";
import { sharedServer } from "../support/shared-server.ts";

interface Hostile {
  readonly name: string;
  readonly value: string;
  readonly since?: number;
  readonly before?: number;
}

const hostile: readonly Hostile[] = [
  { name: "search_path", value: "evil, pg_catalog, public" },
  { name: "role", value: "weak" },
  { name: "quote_all_identifiers", value: "on" },
  { name: "standard_conforming_strings", value: "off" },
  { name: "array_nulls", value: "off" },
  { name: "backslash_quote", value: "off" },
  { name: "transform_null_equals", value: "on" },
  { name: "xmlbinary", value: "'hex'" },
  { name: "xmloption", value: "'document'" },
  { name: "escape_string_warning", value: "off" },
  { name: "check_function_bodies", value: "on" },
  { name: "default_transaction_read_only", value: "on" },
  { name: "default_transaction_isolation", value: "'serializable'" },
  { name: "default_transaction_deferrable", value: "on" },
  { name: "transaction_timeout", value: "'600ms'", since: 17 },
  { name: "idle_session_timeout", value: "'300ms'", since: 14 },
  { name: "idle_in_transaction_session_timeout", value: "'300ms'" },
  { name: "lock_timeout", value: "'1ms'" },
  { name: "statement_timeout", value: "'150ms'" },
  { name: "createrole_self_grant", value: "'set, inherit'", since: 16 },
  { name: "gin_fuzzy_search_limit", value: "1" },
  { name: "force_parallel_mode", value: "on", before: 16 },
  { name: "debug_parallel_query", value: "on", since: 16 },
  { name: "enable_seqscan", value: "off" },
  { name: "enable_indexscan", value: "off" },
  { name: "enable_hashjoin", value: "off" },
  { name: "plan_cache_mode", value: "'force_generic_plan'" },
  { name: "bytea_output", value: "'escape'" },
  { name: "extra_float_digits", value: "'-15'" },
  { name: "datestyle", value: "'German, DMY'" },
  { name: "intervalstyle", value: "'sql_standard'" },
  { name: "timezone", value: "'Pacific/Chatham'" },
  { name: "client_encoding", value: "'LATIN1'" },
  { name: "row_security", value: "off" },
  { name: "default_toast_compression", value: "'pglz'", since: 14 },
  { name: "session_replication_role", value: "'replica'" },
  { name: "client_min_messages", value: "'error'" },
  { name: "exit_on_error", value: "on" },
  { name: "restrict_nonsystem_relation_kind", value: "'view, foreign-table'", since: 17 },
  { name: "zero_damaged_pages", value: "on" },
  { name: "ignore_checksum_failure", value: "on" },
  { name: "allow_system_table_mods", value: "on" },
  { name: "synchronous_commit", value: "off" },
  { name: "jit_above_cost", value: "0" },
  { name: "tcp_user_timeout", value: "'1s'" },
  { name: "work_mem", value: "'64kB'" },
  { name: "lifeboat.options", value: "'never'" },
];

const shape = `
  create schema evil;
  create function evil.set_config(text, text, boolean) returns text language sql as $$ select 'nothing'::text $$;
  create function evil.current_setting(text) returns text language sql as $$ select '9'::text $$;
  create function evil.count() returns int8 language sql as $$ select 7::int8 $$;
  create function evil.never(name, name) returns boolean language sql immutable as $$ select false $$;
  create operator evil.= (leftarg = name, rightarg = name, function = evil.never);
  create table "Odd ""name""" (
    id int primary key, "select" text[], bytes bytea, price money, since interval, seen timestamptz, born date,
    ratio float8, page xml, note text check (note = null or note <> 'it''s \\ here'));
  insert into "Odd ""name""" select n, array['NULL', null, 'a\\b'], decode('00ff5c41', 'hex'), n * 1.5,
    '-1 days +02:03:04.5'::interval * n, '2024-03-31 01:30:00+00'::timestamptz + n * interval '1 hour',
    date '2024-02-01' + n, 1.0 / (n + 2), '<a>1</a><b/>', 'é' || n from generate_series(1, 300) n;
  create table child (id bigserial primary key, parent int references "Odd ""name""", tags tsvector);
  insert into child (parent, tags) select n, to_tsvector('simple', 'word' || n) from generate_series(1, 300) n;
  create index on child using gin (tags);
  create view seen as select id, note, price from "Odd ""name""" where note is not null;
  create materialized view totals as select count(*) as rows, sum(id) as ids from "Odd ""name""";
  create function later() returns int language sql as $$ select 1 $$;
  select lo_from_bytea(0, 'large');`;

const trial = process.env["LIFEBOAT_TRIAL"] !== undefined;
const majors = await majorsWithClients([15, 17]);
const password = "settings";
let safe: Safe;

beforeAll(async () => {
  safe = await newSafe();
});
afterAll(() => safe[Symbol.asyncDispose]());

async function comesBackUnder(
  server: TestServer,
  database: string,
  chosen: readonly Hostile[],
): Promise<void> {
  const role = `${database}_role`;
  const copy = `${database}_copy`;
  await server.createDatabase(database);
  await server.sql(database, shape);
  const before = await dumpOf(server, database);
  await server.sql(
    database,
    `do $$ begin if not exists (select from pg_roles where rolname = 'weak') then create role weak; end if; end $$;
     create role ${role} login superuser password '${password}'; grant weak to ${role};`,
  );
  for (const { name, value } of chosen) {
    await server.sql("postgres", `alter role ${role} set ${name} = ${value}`);
    // The database's settings come back with it, and what restores must stand them too.
    if (name !== "role") await server.sql("postgres", `alter database ${database} set ${name} = ${value}`);
  }
  const source = connectionTo(server, database, { user: role, password });
  const { snapshot } = await backUp(safe, source);
  const verified = await verify(safe, snapshot.id, {
    level: "restored",
    server: source,
    trustContents: true,
  });
  expect(complaints(verified)).toEqual([]);
  await restore(safe, snapshot.id, { target: { ...source, database: copy }, mode: { kind: "new-database" } });
  expect(await dumpOf(server, copy)).toBe(before);
  await server.sql(copy, "drop table child cascade");
  const target = { ...source, database: copy };
  await restore(safe, snapshot.id, { target, mode: { kind: "in-place" }, confirm: copy });
  expect(await dumpOf(server, copy)).toBe(before);
  const names = await server.sql(
    "postgres",
    "select datname from pg_database where datname ~ '_(?:new|old)_'",
  );
  expect(names).toEqual([]);
  for (const name of [database, copy]) await server.sql("postgres", `drop database ${name} with (force)`);
}

/** By a role without settings, and with the database's own out of the way. */
async function dumpOf(server: TestServer, database: string): Promise<string> {
  await server.sql("postgres", `alter database ${database} reset all`);
  const plain = connectionTo(server, database);
  return [await dumpedSchema(plain, server.major), await dumpedRows(plain, server.major)].join("\n");
}

for (const major of majors) {
  const known = hostile.filter(({ since = 0, before = 99 }) => major >= since && major < before);

  // The newest major knows nearly all of them.
  test.runIf(major === majors.at(-1) || trial)(
    `PostgreSQL ${major}: ${known.length} hostile settings at once`,
    { timeout: 120_000 },
    async () => {
      await comesBackUnder(await sharedServer(major), "all_at_once", known);
    },
  );

  if (!trial) continue;
  test.each(known)(`PostgreSQL ${major}: $name = $value alone`, { timeout: 120_000 }, async (setting) => {
    const database = `alone_${setting.name.replace(".", "_")}`;
    await comesBackUnder(await sharedServer(major), database, [setting]);
  });
}

test("a library that role or database preload, and the server lacks, keeps nobody of ours out", async () => {
  const server = await sharedServer(majors[0] ?? 15);
  await server.createDatabase("preloads");
  await server.sql("preloads", "create table t as select n from generate_series(1, 20) n");
  await server.sql("postgres", "alter database preloads set session_preload_libraries = 'no_such_library'");
  const { snapshot } = await backUp(safe, connectionTo(server, "preloads"));
  expect(snapshot.totals.rows).toBe(20);
});

test("options of the caller's own environment reach no session of ours", async () => {
  vi.stubEnv("PGOPTIONS", "-c geqo=off -c array_nulls=off");
  try {
    const server = await sharedServer(majors[0] ?? 15);
    const asked = await withClient(connectionTo(server, "postgres"), (sql) =>
      sql.query("select name, setting from pg_settings where name in ('geqo', 'array_nulls') order by 1"),
    );
    expect(asked.rows.map(({ setting }: { setting: string }) => setting)).toEqual(["on", "on"]);
  } finally {
    vi.unstubAllEnvs();
  }
});

test("a setting that hides damage, and that the role may not turn off, is refused", async () => {
  const server = await sharedServer(majors[0] ?? 15);
  await server.sql(
    "postgres",
    `create role hiding login password '${password}'; grant pg_read_all_data to hiding;
     alter role hiding set zero_damaged_pages = on`,
  );
  const hiding = connectionTo(server, "postgres", { user: "hiding", password });
  await expect(backUp(safe, hiding)).rejects.toMatchObject({ code: "session-setting-forced", exitCode: 2 });
});
