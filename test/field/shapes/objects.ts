/** Objects of the rarer kinds, what is said about them, who may use them, and how they are stored. */
import type { Kind } from "./shape.ts";

export const objects: Kind = {
  title: "Objects, rights, comments and storage",
  shapes: [
    {
      name: "comments",
      what: "Comments on objects of every kind, with quotes, newlines and Unicode",
      setup: [
        `create type mood as enum ('a'); create type pair as (a int); create type span as range (subtype = int); create domain d as int constraint pos check (value > 0);
         create table t (id int primary key, v varchar(9) constraint v_in check (v in ('a', 'b')), g int generated always as identity, c int references t (id)); create index t_v on t (v); create statistics s on id, v from t;
         create view w as select id, v from t where v in ('a', 'b'); create materialized view m as select 1 as x; create sequence q; create foreign data wrapper fdw; create server srv foreign data wrapper fdw options (host 'x');
         create function f(a int, b text default 'x') returns int language sql as 'select 1'; create procedure p() language sql as 'select 1'; create aggregate ag(int) (sfunc = int4pl, stype = int); create operator === (function = int4eq, leftarg = int, rightarg = int);
         create operator family fam using btree; create operator class cls for type int using btree family fam as operator 1 <, operator 2 <=, operator 3 =, operator 4 >=, operator 5 >, function 1 btint4cmp(int, int);
         create function tf() returns trigger language plpgsql as 'begin return new; end'; create trigger tr before insert on t for each row execute function tf(); create rule ru as on insert to w do instead nothing; create policy po on t using (v in ('a', 'b'));
         create collation co (locale = 'C'); create conversion cv for 'LATIN1' to 'UTF8' from iso8859_1_to_utf8; create text search dictionary dict (template = simple, stopwords = english); create text search configuration conf (copy = english); create text search parser par (start = prsd_start, gettoken = prsd_nexttoken, end = prsd_end, lextypes = prsd_lextype); create text search template tmpl (lexize = dsimple_lexize);
         create cast (mood as int) with inout; create access method am type table handler heap_tableam_handler; create publication pub_comments for table t; create function evf() returns event_trigger language plpgsql as 'begin end'; create event trigger evt on ddl_command_end when tag in ('CREATE TABLE', 'DROP TABLE') execute function evf(); alter event trigger evt disable;
         select lo_from_bytea(88001, 'lo'); comment on large object 88001 is 'large';
         comment on type mood is 'm'; comment on type pair is 'p'; comment on column pair.a is 'pa'; comment on type span is 's'; comment on domain d is 'dom'; comment on constraint pos on domain d is 'dc'; comment on table t is E'it''s\\n"t" \\\\ ü'; comment on column t.v is 'v'; comment on constraint v_in on t is 'vin'; comment on constraint t_pkey on t is 'pk'; comment on constraint t_c_fkey on t is 'fk'; comment on index t_v is 'ix'; comment on index t_pkey is 'pki'; comment on statistics s is 'st'; comment on view w is 'w'; comment on column w.v is 'wv'; comment on materialized view m is 'm'; comment on column m.x is 'mx'; comment on sequence q is 'q'; comment on sequence t_g_seq is 'tg'; comment on foreign data wrapper fdw is 'fdw'; comment on server srv is 'srv';
         comment on function f(int, text) is 'f'; comment on procedure p() is 'p'; comment on aggregate ag(int) is 'ag'; comment on operator === (int, int) is 'op'; comment on operator family fam using btree is 'fam'; comment on operator class cls using btree is 'cls'; comment on trigger tr on t is 'tr'; comment on rule ru on w is 'ru'; comment on policy po on t is 'po'; comment on collation co is 'co'; comment on conversion cv is 'cv'; comment on text search dictionary dict is 'di'; comment on text search configuration conf is 'cf'; comment on text search parser par is 'pa'; comment on text search template tmpl is 'te'; comment on cast (mood as int) is 'ca'; comment on access method am is 'am'; comment on publication pub_comments is 'pub'; comment on event trigger evt is 'evt'; comment on language plpgsql is 'changed'; comment on schema comments is 'schema'`,
      ],
    },
    {
      name: "rights",
      what: "Grants on schemas, tables, columns, sequences, functions, types, languages, foreign servers, large objects; default privileges; revoked built-in rights",
      setup: [
        `create role field_a; create role field_b nologin; create role "field ""c" createrole; grant field_a to field_b with admin option;
         grant create, usage on schema rights to field_a with grant option; grant usage on schema rights to "field ""c"; alter schema rights owner to field_a;
         create table t (id int, v text, w int); grant select, update (v), insert (id, v) on t to field_a; grant select (w) on t to public; grant all on t to "field ""c" with grant option; revoke delete on t from "field ""c"; revoke all on t from postgres;
         set role "field ""c"; grant select on rights.t to field_b; reset role;
         create table u (id int); alter table u owner to field_b; create sequence s; grant usage on s to field_a; create view vw as select * from t; grant select on vw to public; alter view vw owner to field_a;
         create function f() returns int language sql as 'select 1'; revoke execute on function f() from public; grant execute on function f() to field_a; create function g() returns int language sql as 'select 1'; revoke execute on function g() from public; grant execute on function g() to public; create procedure p() language sql as 'select 1'; revoke all on procedure p() from public;
         create type ty as (a int); revoke usage on type ty from public; grant usage on type ty to field_b; create domain dm as int; revoke usage on domain dm from public; alter domain dm owner to field_a; create type en as enum ('x'); alter type en owner to field_b;
         select lo_from_bytea(88002, 'x'); grant select on large object 88002 to field_a; grant update on large object 88002 to public; alter large object 88002 owner to field_b;
         create foreign data wrapper fdw2; grant usage on foreign data wrapper fdw2 to field_a; create server srv2 foreign data wrapper fdw2; grant usage on foreign server srv2 to field_b with grant option; create user mapping for public server srv2 options (a 'b'); create user mapping for field_a server srv2 options (user 'it''s', password 'p "w" \\'); alter server srv2 owner to field_a;
         revoke usage on language plpgsql from public; grant usage on language plpgsql to field_a;
         alter default privileges in schema rights grant select on tables to field_a; alter default privileges for role field_a revoke execute on functions from public; alter default privileges for role field_b in schema rights grant all on sequences to field_a with grant option; alter default privileges for role field_a grant usage on schemas to field_b; alter default privileges for role field_a grant usage on types to field_b; alter default privileges for role field_b revoke all on tables from field_b;
         create table after_defaults (id int); create table empty_acl (id int); grant select on empty_acl to field_a; revoke all on empty_acl from field_a, postgres; grant field_b to "field ""c"`,
      ],
    },
    {
      name: "catalog_rights",
      what: "Rights on PostgreSQL's own functions, tables and schema, and on members of extensions, changed by the administrator",
      alone: true,
      setup: [
        `create role field_watch; grant execute on function pg_catalog.pg_ls_waldir() to field_watch; revoke execute on function pg_catalog.pg_sleep(double precision) from public; grant select on pg_catalog.pg_authid to field_watch; grant select (rolname) on pg_catalog.pg_authid to public; revoke select on pg_catalog.pg_stats from public; grant usage on schema pg_catalog to field_watch;
         revoke all on schema public from public; grant usage on schema public to field_watch; comment on schema public is 'hardened'`,
      ],
      unlikeStock: /^$/,
    },
    {
      name: "stored",
      what: "Storage parameters, compression, fillfactor, statistics targets, unlogged and temporary parents, access methods, column storage, options of columns",
      inProject: true,
      setup: [
        `create table t (id int primary key, v text, w bytea, n numeric) with (fillfactor = 70, autovacuum_enabled = false, autovacuum_vacuum_scale_factor = 0.01, toast.autovacuum_enabled = off, parallel_workers = 3, user_catalog_table = true, toast_tuple_target = 500, log_autovacuum_min_duration = 100);
         alter table t alter v set storage external, alter w set storage main, alter n set statistics 500, alter v set (n_distinct = -0.5, n_distinct_inherited = 5); create unlogged table u (id serial primary key, v text); insert into u (v) values ('x'); alter table t alter n set storage plain;
         create sequence uns as smallint increment 5 minvalue -5 maxvalue 500 start 10 cache 3 cycle owned by t.id; select setval('uns', 30, false); create table ident (a int generated by default as identity (start 100 increment -7 minvalue -500 maxvalue 100 cycle cache 2), b bigint generated always as identity, c serial, d smallserial); insert into ident (c) values (5), (6); alter sequence ident_c_seq restart with 77; alter table ident alter b restart with 1000;
         create sequence big as bigint maxvalue 9223372036854775807 start 9223372036854775806; select nextval('big'); create sequence never; alter sequence ident_d_seq owned by none`,
        {
          since: 14,
          sql: "create table c (id int, v text compression pglz); alter table c alter v set compression default; create table c2 (v text compression pglz); alter table c2 alter v set storage external",
        },
        {
          since: 17,
          sql: "create table am (id int) using heap; create table ampart (id int) partition by list (id) using heap; create unlogged sequence ulog",
        },
      ],
    },
    {
      name: "inherited",
      what: "Inheritance with several parents, other column orders, dropped columns, local and inherited defaults and checks, typed tables, NO INHERIT",
      setup: [
        `create table a (id int not null default 1, v varchar(9) check (v in ('a', 'b')), dropped int); create table b (id int not null default 2, w text default 'w'); alter table a drop column dropped;
         create table ab (own int, id int default 3) inherits (a, b); create table abc (v varchar(9) default 'a' check (v in ('a', 'b'))) inherits (ab); insert into abc (own, w) values (1, 'x'); alter table a add column late numeric default 1.5 not null; alter table a add constraint noinh check (id in (1, 2, 3)) no inherit; alter table ab alter column late set default 2; alter table abc alter w drop default;
         create table loose (id int not null, v varchar(9) check (v in ('a', 'b')), more text, late numeric not null, constraint a_v_check check (v in ('a', 'b'))); alter table loose inherit a; alter table loose add constraint own check (more in ('x', 'y')) not valid;
         create table gone (x1 int, x2 int, x3 int); alter table gone drop column x1; alter table gone drop column x3; alter table gone add x4 varchar(5) default 'x'; insert into gone values (1, 'a'); alter table gone alter x2 type bigint; create table none (); insert into none default values;
         create type ty as (a int, b varchar(9)); create table typed of ty (primary key (a), b with options default 'x' check (b in ('x', 'y'))); alter type ty add attribute c text cascade; alter type ty drop attribute b cascade; insert into typed values (1, 'c');
         create table un (id int) ; create table un_child (id int) inherits (un); alter table un_child no inherit un`,
        `create table p (k int primary key, constraint k_pos check (k > 0)); create table c1 () inherits (p); create table c2 (k int) inherits (p); create table c3 () inherits (c1, c2); alter table only p add constraint only_p check (k < 100) no inherit; alter table c3 add constraint k2 check (k in (1, 2, 3)); insert into c3 values (1); comment on column c3.k is 'mine'`,
      ],
    },
    {
      name: "event_triggers",
      what: "Event triggers, some always enabled, one of which watches what a restore itself does",
      alone: true,
      setup: [
        `create table seen (what text); create function watch() returns event_trigger language plpgsql as 'begin insert into public.seen values (tg_tag); end';
         create event trigger watched on ddl_command_end when tag in ('CREATE TABLE') execute function watch(); create event trigger always_ on sql_drop execute function watch(); alter event trigger always_ enable always; create event trigger rewrites on table_rewrite execute function watch(); alter event trigger rewrites disable; create event trigger starts on ddl_command_start when tag in ('DROP TABLE', 'CREATE VIEW') execute function watch(); alter event trigger starts enable replica; comment on event trigger watched is 'w'`,
      ],
    },
    {
      name: "publications",
      what: "Publications of all tables, of some, of schemas, with column lists and row filters, via root",
      setup: [
        `create table t (id int primary key, v varchar(9), n int); create table part (id int primary key) partition by range (id); create table part_1 partition of part default; create publication several for table t, only part with (publish = 'insert, update', publish_via_partition_root = true); create publication every for all tables with (publish = 'truncate'); create publication nothing with (publish = '')`,
        {
          since: 15,
          sql: "create publication filtered for table t (id, v) where ((v = 'a' or v = 'b') and id between 1 and 5 and (id > 0 and id <> 3)), part where (id in (1, 2)) with (publish_via_partition_root); create publication schemas for tables in schema publications; create publication columns for table t (n, id)",
        },
      ],
    },
    {
      name: "text_search",
      what: "Text search configurations with mappings, dictionaries with options, collations, conversions, an own operator class used by an index",
      inProject: true,
      setup: [
        `create text search dictionary stem (template = snowball, language = german, stopwords = german); create text search dictionary syn (template = simple, accept = false); create text search configuration own (parser = default); alter text search configuration own add mapping for asciiword, word with syn, stem; alter text search configuration own add mapping for email with simple; create table doc (id int, body text, vec tsvector generated always as (to_tsvector('text_search.own'::regconfig, coalesce(body, ''))) stored); create index on doc using gin (vec); create index on doc using gin (to_tsvector('text_search.own', body)); insert into doc values (1, 'Häuser und Katzen');
         create collation german (provider = libc, locale = 'C'); create table coll (v text collate german, w varchar(9) collate "C" default 'x', check (v in ('a', 'b')), check (v < 'z' collate german)); create index on coll (v collate "POSIX", w collate german); create domain cd as varchar(9) collate german check (value in ('a', 'b')); create type ct as (a text collate german, b cd)`,
      ],
    },
    {
      name: "foreign_tables",
      what: "Foreign tables with options, defaults and checks, one of them a partition",
      alone: true,
      setup: [
        `create foreign data wrapper fdw; create server srv foreign data wrapper fdw options (host 'x', "odd name" 'it''s'); create foreign table ft (id int options (column_name 'x') not null default 5, v varchar(9) collate "C" check (v in ('a', 'b'))) server srv options (table_name 'y'); comment on foreign table ft is 'ft'; comment on column ft.v is 'ftv'; grant select on ft to public;
         create table part (id int, v varchar(9)) partition by range (id); create table part_1 partition of part for values from (0) to (10); insert into part values (1, 'a'); create foreign table part_2 partition of part for values from (10) to (20) server srv options (a 'b'); create user mapping for current_user server srv options (user 'u', password 'p'); create view over as select * from part where v in ('a', 'b')`,
      ],
      expected: { verify: { findings: ["foreign-rows-not-backed-up"] } },
      notCovered:
        "Rows of foreign tables: they are on another server. Waive `not-backed-up` if that is known.",
    },
    {
      name: "internals",
      what: "What only a superuser can make: leakproof functions, aggregates over internal states, base types, functions in C, operator classes of other access methods",
      setup: [
        `create function sure(int) returns int language sql immutable leakproof as 'select $1'; create aggregate hypo(variadic "any" order by variadic "any") (sfunc = ordered_set_transition_multi, stype = internal, finalfunc = rank_final, finalfunc_extra, hypothetical);
         create type tiny; create function tiny_in(cstring) returns tiny language internal immutable strict as 'int4in'; create function tiny_out(tiny) returns cstring language internal immutable strict as 'int4out'; create type tiny (input = tiny_in, output = tiny_out, internallength = 4, passedbyvalue, alignment = int4, default = '7', category = 'N', preferred = false); create table tinies (s tiny default '5', t tiny); insert into tinies values ('1', '2'); create cast (tiny as int) without function as implicit; comment on type tiny is 'base';
         create type never_made; create function eq(tiny, tiny) returns bool language internal immutable strict as 'int4eq'; create operator = (function = eq, leftarg = tiny, rightarg = tiny, commutator = =, hashes, merges); create function hash_tiny(tiny) returns int language internal immutable strict as 'hashint4'; create operator class tiny_hash default for type tiny using hash as operator 1 =, function 1 hash_tiny(tiny); create index on tinies using hash (s)`,
      ],
    },
    {
      name: "large_objects",
      what: "Large objects with owners and rights, sparse ones, and a table that points to them",
      setup: [
        `create table files (id int primary key, blob oid); insert into files values (1, lo_from_bytea(88101, '\\x00ff')), (2, lo_from_bytea(88102, '')), (3, lo_create(88103)); select lo_put(88103, 100000, 'tail'); grant select on large object 88101 to public`,
      ],
    },
  ],
};
