/** Rows that contradict their own definitions, and objects that the next server refuses: the rest comes back. */
import { chown, mkdir, stat } from "node:fs/promises";
import { join } from "node:path";
import type { Expected, Kind, Route } from "./shape.ts";

/** The same on every route that loads. */
function everywhere(expected: Expected): Partial<Record<Route, Expected>> {
  const { verdict, ...loaded } = expected;
  return {
    verify: verdict === undefined ? loaded : { ...loaded, verdict },
    new: loaded,
    "in place": loaded,
    project: loaded,
  };
}

/** The source contradicts itself there. */
function contradicts(...missing: readonly string[]): Partial<Record<Route, Expected>> {
  return everywhere({ verdict: "failed", missing });
}

export const loading: Kind = {
  title: "Rows and objects that contradict themselves",
  shapes: [
    {
      name: "orphan_rows",
      what: "Rows whose parent is gone although a foreign key says otherwise",
      alone: true,
      inProject: true,
      beyondStock: true,
      setup: [
        `create table customers (id int primary key, name text); create table invoices (id int primary key, customer int references customers, total numeric);
         insert into customers select n, 'c' || n from generate_series(1, 20) n; insert into invoices select n, 1 + n % 20, n from generate_series(1, 60) n`,
      ],
      asSuperuser:
        "set session_replication_role = replica; delete from customers where id = 7; reset session_replication_role",
      expected: contradicts("constraint:public.invoices.invoices_customer_fkey"),
      notCovered: "The foreign key comes back NOT VALID.",
    },
    {
      name: "orphan_kinds",
      what: "Orphans under a key of its own table, of two columns, of a partitioned table, deferrable",
      alone: true,
      inCi: true,
      beyondStock: true,
      setup: [
        `create table tree (id int primary key, parent int references tree deferrable initially deferred); insert into tree values (1, null), (2, 1), (3, 2);
         create table pairs (a int, b text, primary key (a, b)); create table uses (a int, b text, foreign key (a, b) references pairs match full); insert into pairs values (1, 'x'); insert into uses values (1, 'x');
         create table parts (id int primary key, pair int, b text, foreign key (pair, b) references pairs (a, b)) partition by range (id); create table parts_1 partition of parts for values from (0) to (10); insert into parts values (1, 1, 'x'), (2, null, 'x'); create table fine (id int references tree); insert into fine values (3)`,
      ],
      asSuperuser:
        "set session_replication_role = replica; delete from tree where id = 1; delete from pairs; reset session_replication_role",
      expected: contradicts(
        "constraint:public.tree.tree_parent_fkey",
        "constraint:public.uses.uses_a_b_fkey",
        "constraint:public.parts.parts_pair_b_fkey",
      ),
      notCovered: "The foreign keys come back NOT VALID, but for that of a partitioned table, which cannot.",
    },
    {
      name: "duplicate_keys",
      what: "A unique index that holds two equal keys, as after a change of collations",
      alone: true,
      inProject: true,
      setup: [
        `create table accounts (id int, email text); insert into accounts select n, 'u' || n from generate_series(1, 30) n; create unique index accounts_email_key on accounts (email)`,
      ],
      asSuperuser: `update pg_index set indisready = false where indexrelid = 'accounts_email_key'::regclass; insert into accounts values (31, 'u5'); update pg_index set indisready = true where indexrelid = 'accounts_email_key'::regclass`,
      expected: contradicts("index:public.accounts_email_key"),
      notCovered: "The unique index.",
    },
    {
      name: "duplicate_constraints",
      what: "Equal keys under a primary key, which a foreign key refers to, and a UNIQUE constraint",
      alone: true,
      inCi: true,
      setup: [
        `create table parents (id int primary key, code text unique); insert into parents select n, 'c' || n from generate_series(1, 10) n; create table children (id int primary key, parent int references parents); insert into children select n, n from generate_series(1, 10) n`,
      ],
      asSuperuser: `update pg_index set indisready = false where indexrelid in ('parents_pkey'::regclass, 'parents_code_key'::regclass); insert into parents values (5, 'c5'); update pg_index set indisready = true where indexrelid in ('parents_pkey'::regclass, 'parents_code_key'::regclass)`,
      expected: contradicts(
        "constraint:public.parents.parents_code_key",
        "constraint:public.parents.parents_pkey",
      ),
      notCovered: "The keys, and the foreign key that refers to one.",
    },
    {
      name: "matview_search_path",
      what: "A materialized view whose query needs the search_path when it is refreshed",
      alone: true,
      inProject: true,
      before: 17,
      setup: [
        `create schema shop; set search_path = shop, public; create table shop.documents (id int primary key, body text); insert into shop.documents select n, 'word' || n % 5 || ' text' from generate_series(1, 40) n;
         create materialized view shop.words as select word, ndoc from ts_stat('select to_tsvector(''simple'', body) from documents'); create unique index on shop.words (word)`,
      ],
      expected: contradicts("materialized-view:shop.words"),
      notCovered: "The view comes back unpopulated.",
    },
    {
      name: "matview_kinds",
      what: "Materialized views that divide by zero, call a function with unqualified names, or read another one that does",
      alone: true,
      beyondStock: true,
      before: 17,
      setup: [
        `create table numbers (n int); insert into numbers values (1), (2); create function half(x int) returns int language sql stable as 'select x / (select count(*)::int from numbers)'; create materialized view halves as select half(n) as h from numbers;
         create materialized view of_halves as select count(*) as c from halves; create materialized view inverse as select 1 / n as i from numbers; create materialized view well as select n from numbers; insert into numbers values (0)`,
      ],
      expected: {
        ...everywhere({ missing: ["materialized-view:public.inverse"], findings: ["needs-search-path"] }),
        verify: { verdict: "failed", missing: ["materialized-view:public.inverse"] },
      },
      notCovered: "Those views come back unpopulated.",
    },
    {
      name: "unindexable_function",
      what: "An index on a function that calls another one without its schema",
      alone: true,
      inProject: true,
      before: 17,
      setup: [
        `create function bare(t text) returns text language sql immutable as 'select lower(t)'; create function plain_text(t text) returns text language sql immutable parallel safe strict as $$ select bare(t) $$;
         create table cities (id int primary key, name text); insert into cities select n, 'Zürich ' || n from generate_series(1, 30) n; create index cities_plain on cities (plain_text(name))`,
      ],
      expected: contradicts("index:public.cities_plain"),
      notCovered: "The index.",
    },
    {
      name: "unindexable_kinds",
      what: "Such a function in a predicate, in an expression of a unique index, in a check and a generated column of an empty table",
      alone: true,
      inCi: true,
      before: 17,
      setup: [
        `create function bare(t text) returns text language sql immutable as 'select lower(t)'; create function plain_text(t text) returns text language sql immutable parallel safe strict as $$ select bare(t) $$; create function by_plpgsql(t text) returns text language plpgsql immutable as 'begin return bare(t); end';
         create table cities (id int primary key, name text); insert into cities select n, 'Zürich ' || n from generate_series(1, 30) n; create index partial on cities (id) where plain_text(name) <> 'x'; create unique index uniq on cities (by_plpgsql(name)); create table empty (id int, name text); create index on empty (plain_text(name))`,
      ],
      expected: contradicts("index:public.partial", "index:public.uniq", "index:public.empty_plain_text_idx"),
      notCovered: "The indexes.",
    },
    {
      name: "unqualified_statistics",
      what: "Such a function in extended statistics",
      alone: true,
      since: 14,
      setup: [
        `create function bare(t text) returns text language sql immutable as 'select lower(t)'; create function plain_text(t text) returns text language sql immutable parallel safe strict as $$ select bare(t) $$; create table cities (id int primary key, name text); insert into cities select n, 'Zürich ' || n from generate_series(1, 30) n; create statistics s on id, (plain_text(name)) from cities`,
      ],
    },
    {
      name: "unparsable_view",
      what: "A view that PostgreSQL writes in words it cannot read again (CYCLE with marks of text), and a view of it",
      alone: true,
      since: 14,
      setup: [
        `create table docs (id int, parent int); create view cycled as with recursive r as (select id, parent from docs union all select d.id, d.parent from docs d join r on r.id = d.parent) cycle id set seen to 'y' default 'n' using path select id, seen from r; create view above as select id from cycled; create view beside as select id from docs`,
      ],
      expected: contradicts("view:public.cycled"),
      notCovered: "The view and what is made of it: PostgreSQL itself cannot restore them.",
    },
    {
      name: "check_other_table",
      what: "A check that reads another table",
      alone: true,
      inProject: true,
      setup: [
        `create table a_lookup (id int primary key); insert into a_lookup select generate_series(1, 100); create function ok(int) returns bool language sql stable as $$ select exists (select from public.a_lookup where id = $1) $$;
         create table b_big (id int check (ok(id)), pad text); alter table b_big alter pad set storage plain; insert into b_big select 1 + g % 100, repeat(md5(g::text), 20) from generate_series(1, 20000) g; create table c_gen (id int, pad text)`,
      ],
    },
    {
      name: "check_cycle",
      what: "Two checks, each of which reads the other's table",
      alone: true,
      setup: [
        `create table one (id int); create table two (id int); insert into one values (1), (2); insert into two values (1), (2); create function in_one(int) returns bool language sql stable as $$ select exists (select from public.one where id = $1) $$; create function in_two(int) returns bool language sql stable as $$ select exists (select from public.two where id = $1) $$;
         alter table one add check (in_two(id)); alter table two add check (in_one(id))`,
      ],
      beyondStock: true,
    },
    {
      name: "check_false",
      what: "Rows that a check refuses since its function was changed",
      alone: true,
      unlikeStock: /^ {4}id integer|CONSTRAINT small/,
      beyondStock: true,
      setup: [
        `create function small(int) returns bool language sql immutable as 'select $1 < 100'; create table limited (id int constraint small check (small(id))); insert into limited values (1), (99); create or replace function small(int) returns bool language sql immutable as 'select $1 < 50'`,
      ],
      expected: contradicts("constraint:public.limited.small"),
      notCovered: "The check comes back NOT VALID.",
    },
    {
      name: "dangling_acl",
      what: "A right granted to a role that is gone from pg_authid",
      alone: true,
      setup: [
        `create role leaver; create table payroll (id int primary key, amount numeric); insert into payroll select n, n from generate_series(1, 10) n; grant select on payroll to leaver; delete from pg_authid where rolname = 'leaver'`,
      ],
      expected: {
        new: { findings: ["grant-to-vanished-role"] },
        "in place": { findings: ["grant-to-vanished-role"] },
      },
      notCovered: "The grant to the role that does not exist.",
    },
    {
      name: "dangling_kinds",
      what: "Grants to such a role on a column, a schema, a function, a sequence, a type, as default privileges and in a policy",
      alone: true,
      inCi: true,
      beyondStock: true,
      setup: [
        `create role leaver2; create role stayer; create table t (id int primary key, v text); grant select (v) on t to leaver2, stayer; create schema s; grant usage on schema s to leaver2, stayer; create function f() returns int language sql as 'select 1'; grant execute on function f() to leaver2; create sequence q; grant usage on q to leaver2, stayer; create type ty as enum ('a'); grant usage on type ty to leaver2;
         alter default privileges in schema s grant select on tables to leaver2; delete from pg_authid where rolname = 'leaver2'`,
      ],
      expected: {
        new: { findings: ["grant-to-vanished-role"] },
        "in place": { findings: ["grant-to-vanished-role"] },
      },
      notCovered: "The grants to the role that does not exist.",
    },
    {
      name: "tablespaces",
      what: "A table, an index, a materialized view and a partitioned table in a tablespace that the other server lacks",
      alone: true,
      prepare: async (server) => {
        const folder = join(server.dataDir, "../fast");
        const { uid, gid } = await stat(server.dataDir);
        await mkdir(folder);
        await chown(folder, uid, gid);
        await server.sql("postgres", `create tablespace fast location '${folder}'`);
      },
      setup: [
        `create table hot (id int primary key, v text) tablespace fast; insert into hot select n, 'v' || n from generate_series(1, 50) n; create index hot_v on hot (v) tablespace fast; create materialized view hm tablespace fast as select count(*) from hot; create table pt (id int) partition by range (id) tablespace fast; create table pt1 partition of pt for values from (0) to (10)`,
      ],
      notCovered: "Tablespaces: the next server's default one is used where it has none of that name.",
    },
  ],
};
