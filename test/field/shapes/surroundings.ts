/** Encodings, settings and sizes that stand around the objects. */
import type { Kind, SqlShape } from "./shape.ts";

const unhashed = { verify: { verdict: "not-verified", findings: ["content-not-hashed"] } } as const;

const hostile: readonly (readonly [string, string])[] = [
  ["quote_all_identifiers", "on"],
  ["standard_conforming_strings", "off"],
  ["bytea_output", "escape"],
  ["datestyle", "'German, DMY'"],
  ["intervalstyle", "'sql_standard'"],
  ["extra_float_digits", "-15"],
  ["timezone", "'Asia/Kolkata'"],
  ["search_path", "''"],
  ["xmlbinary", "hex"],
  ["xmloption", "document"],
  ["lc_monetary", "'C'"],
  ["escape_string_warning", "off"],
  ["backslash_quote", "off"],
  ["default_transaction_read_only", "on"],
  ["default_transaction_isolation", "'serializable'"],
  ["statement_timeout", "'10s'"],
  ["lock_timeout", "'1ms'"],
  ["idle_in_transaction_session_timeout", "'300ms'"],
  ["idle_session_timeout", "'300ms'"],
  ["row_security", "off"],
  ["check_function_bodies", "on"],
  ["array_nulls", "off"],
  ["transform_null_equals", "on"],
  ["default_toast_compression", "pglz"],
  ["default_table_access_method", "heap"],
  ["session_replication_role", "replica"],
  ["client_min_messages", "debug1"],
  ["enable_indexscan", "off"],
  ["jit", "on"],
];

const rows = `create table t (id int primary key, d date, i interval, f float8, b bytea, tz timestamptz, x xml, a int[], m money, s text);
  insert into t select n, '2020-01-02', '1 day 02:03', 0.1 + n, '\\x00ff', '2020-01-01 UTC', '<a/>', array[1, null], n, 'back\\slash ''quote''' from generate_series(1, 200) n;
  create view v as select id, s from t where s in ('a', 'b') or id between 1 and 5; create function f() returns text language sql as $$ select 'x\\y'::text $$`;

function manyTables(name: string, what: string, tables: number, indexes: readonly string[]): SqlShape {
  return {
    name,
    what,
    alone: true,
    setup: Array.from(
      { length: Math.ceil(tables / 250) },
      (_, chunk) =>
        `do $$ begin for n in ${chunk * 250 + 1}..${Math.min(tables, (chunk + 1) * 250)} loop
           execute format('create table t%s (id int primary key, u int)', n);
           ${indexes.map((index) => `execute format('${index}', n);`).join(" ")}
         end loop; end $$`,
    ),
  };
}

export const surroundings: Kind = {
  title: "Encodings, settings and sizes",
  shapes: [
    {
      name: "sql_ascii",
      what: "Bytes that are no UTF-8 in a database with encoding SQL_ASCII",
      alone: { encoding: "SQL_ASCII", locale: "C" },
      inCi: true,
      setup: [
        "create table people (id int primary key, name text); insert into people values (1, 'plain'), (2, E'Jos\\351'), (3, E'\\377\\376')",
      ],
      ownBytes: true,
    },
    {
      name: "latin1",
      what: "A database with encoding LATIN1 and letters of its own in names",
      alone: { encoding: "LATIN1", locale: "C" },
      setup: [
        'create table "größe" ("ä" int primary key, name varchar(9)); insert into "größe" values (1, \'Zürich\'); create view v as select * from "größe" where name in (\'ä\', \'ö\')',
      ],
      expected: unhashed,
      notCovered: "The content hash, which needs UTF-8.",
    },
    {
      name: "euc_jp",
      what: "A byte pair of EUC_JP that has no equivalent in UTF-8",
      alone: { encoding: "EUC_JP", locale: "C" },
      setup: [
        "set client_encoding = euc_jp; create table t (id int primary key, v text); insert into t values (1, E'\\xad\\xa1'), (2, 'plain')",
      ],
      ownBytes: true,
    },
    {
      name: "invalid_utf8",
      what: "Bytes that are no UTF-8 under the label UTF8",
      alone: { encoding: "SQL_ASCII", locale: "C" },
      setup: [
        "create table people (id int primary key, name text); insert into people values (1, 'plain'), (2, E'Jos\\351')",
      ],
      asSuperuser:
        "update pg_database set encoding = pg_char_to_encoding('UTF8') where datname = current_database()",
      expected: {
        verify: { verdict: "failed", missing: ["rows:public.people"] },
        new: { missing: ["rows:public.people"] },
        "in place": { error: "restore-incomplete" },
      },
      ownBytes: true,
      notCovered: "No server takes these rows. The table is named; mend them at the source.",
    },
    {
      name: "database_settings",
      what: "Settings of the database that change how values are written and read",
      alone: true,
      setup: [rows],
      asSuperuser: `do $$ begin ${hostile
        .map(
          ([setting, value]) =>
            `if exists (select from pg_settings where name = '${setting}') then execute format('alter database %I set ${setting} = ${value.replaceAll("'", "''")}', current_database()); end if;`,
        )
        .join(" ")} end $$`,
    },
    {
      name: "transaction_timeout",
      what: "transaction_timeout set for the database",
      alone: true,
      since: 17,
      setup: [
        "create table t (id int primary key, v text); insert into t select n, repeat(md5(n::text), 10) from generate_series(1, 60000) n; create index on t (v)",
      ],
      asSuperuser:
        "do $$ begin execute format('alter database %I set transaction_timeout = ''700ms''', current_database()); end $$",
    },
    manyTables("many_indexes", "3,500 tables with two indexes each under default settings", 3500, [
      "create unique index on t%s (u)",
    ]),
    manyTables("many_plain", "5,000 tables with one index each under default settings", 5000, []),
  ],
};
