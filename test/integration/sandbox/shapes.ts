/** Every way in which a backup's own SQL runs when it is restored; each shape calls one function of its own. */

export interface Shape {
  readonly name: string;
  /** `F` is a function of the shape's own: `F(text) returns text`, immutable; `F_VOID()` returns void, volatile. */
  readonly sql: string;
}

const table = (name: string, rest = ""): string =>
  `create table app.${name} (v text ${rest}); insert into app.${name} values ('1'), ('2')`;

export const shapes: readonly Shape[] = [
  { name: "check", sql: table("t_check", "check (F(v) is not null)") },
  { name: "default", sql: `${table("t_default")}; alter table app.t_default add d text default F('d')` },
  { name: "generated", sql: table("t_generated", ", g text generated always as (F(v)) stored") },
  { name: "index expression", sql: `${table("t_index")}; create index on app.t_index (F(v))` },
  {
    name: "index predicate",
    sql: `${table("t_part")}; create index on app.t_part (v) where F(v) is not null`,
  },
  {
    name: "exclusion",
    sql: `${table("t_excl")}; alter table app.t_excl add exclude using btree (F(v) with =)`,
  },
  { name: "statistics", sql: `${table("t_stats")}; create statistics app.s on (F(v)) from app.t_stats` },
  {
    name: "trigger",
    sql: `${table("t_trigger")};
      create function app.fire() returns trigger language plpgsql as $$ begin perform F('x'); return new; end $$;
      create trigger fire before insert or update on app.t_trigger for each row execute function app.fire();
      alter table app.t_trigger enable always trigger fire`,
  },
  {
    name: "constraint trigger",
    sql: `${table("t_ctrigger")};
      create function app.fire_later() returns trigger language plpgsql as $$ begin perform F('x'); return null; end $$;
      create constraint trigger fire after insert on app.t_ctrigger deferrable initially deferred
        for each row execute function app.fire_later()`,
  },
  {
    name: "rule",
    sql: `${table("t_rule")}; create rule r as on update to app.t_rule do also select F('x')`,
  },
  { name: "view", sql: "create view app.v_view as select F('x') as x" },
  { name: "matview", sql: "create materialized view app.v_mat as select F('x') as x" },
  {
    name: "domain",
    sql: `create domain app.dom as text check (F(value) is not null);
      create table app.t_domain (v app.dom); insert into app.t_domain values ('1')`,
  },
  {
    name: "policy",
    sql: `${table("t_policy")}; alter table app.t_policy enable row level security, force row level security;
      create policy p on app.t_policy using (F(v) is not null)`,
  },
  {
    name: "aggregate",
    sql: `create function app.step(text, text) returns text language sql as $$ select F($2) $$;
      create aggregate app.agg(text) (sfunc = app.step, stype = text);
      create materialized view app.v_agg as select app.agg(x) as a from (values ('1'), ('2')) t(x)`,
  },
  {
    name: "operator",
    sql: `create function app.same(text, text) returns boolean language sql immutable as $$ select F($1) = $2 $$;
      create operator app.=== (leftarg = text, rightarg = text, function = app.same);
      ${table("t_operator", "check ((v operator(app.===) v) is not null)")}`,
  },
  {
    name: "operator class",
    sql: `create function app.cmp(a text, b text) returns int language plpgsql immutable as $$
        begin perform F(a); return pg_catalog.bttextcmp(a, b); end $$;
      create operator class app.odd for type text using btree as
        operator 1 <, operator 2 <=, operator 3 =, operator 4 >=, operator 5 >, function 1 app.cmp(text, text);
      ${table("t_opclass")}; create index on app.t_opclass (v app.odd)`,
  },
  {
    name: "cast",
    sql: `create type app.pair as (a text);
      create function app.to_pair(text) returns app.pair language sql immutable as $$ select row(F($1))::app.pair $$;
      create cast (text as app.pair) with function app.to_pair(text) as implicit;
      ${table("t_cast", "check (((v::app.pair).a) is not null)")}`,
  },
  {
    name: "hash function",
    sql: `create function app.hash(a text) returns int language plpgsql immutable as $$
        begin perform F(a); return pg_catalog.hashtext(a); end $$;
      create operator class app.odd_hash for type text using hash as operator 1 =, function 1 app.hash(text);
      ${table("t_hash")}; create index on app.t_hash using hash (v app.odd_hash)`,
  },
  {
    name: "partition key",
    sql: `create table app.t_partition (v text) partition by list (F(v));
      create table app.t_partition_1 partition of app.t_partition default; insert into app.t_partition values ('1')`,
  },
  {
    name: "event trigger",
    sql: `create function app.on_ddl() returns event_trigger language plpgsql as $$ begin perform F('x'); end $$;
      create event trigger on_ddl on ddl_command_end execute function app.on_ddl()`,
  },
  {
    name: "type input",
    sql: `create type app.shifty;
      create function app.shifty_in(cstring) returns app.shifty language internal immutable strict as 'textin';
      create function app.shifty_out(app.shifty) returns cstring language internal immutable strict as 'textout';
      create type app.shifty (input = app.shifty_in, output = app.shifty_out, like = text);
      create table app.t_type (v app.shifty); insert into app.t_type values ('1')`,
  },
  { name: "database setting", sql: "alter database DATABASE set search_path = app, public" },
  {
    name: "large object",
    sql: "select lo_from_bytea(0, convert_to('copy loot from program ''id''', 'UTF8'))",
  },
];

/** What a hostile function tries, as SQL of a plpgsql body; each alone, so that one refusal stops nothing. */
export function bodyOf(tries: readonly string[]): string {
  return tries.map((statement) => `begin ${statement}; exception when others then null; end;`).join("\n");
}

/** SQL that makes a database with every shape, over functions that do nothing yet. */
export function databaseOfShapes(name: string): string {
  const parts = shapes.map(
    ({ sql }, index) => `
      ${functionOf(index, "null;")};
      create function app.f_${index}(v text) returns text language plpgsql immutable as $body$
        begin perform app.inner_${index}(); return v; end $body$;
      ${sql.replaceAll("DATABASE", name).replaceAll(/\bF\(/g, `app.f_${index}(`)};`,
  );
  return `create schema app; create table app.loot (t text); create table app.reached (t text);
    ${parts.join("\n")}`;
}

/** SQL that gives the functions of all shapes this body, and a note of having been called. */
export function armed(body: string): string {
  return shapes
    .map(({ name }, index) =>
      functionOf(index, `${bodyOf([`insert into app.reached values ('${name}')`])} ${body}`),
    )
    .join(";\n");
}

function functionOf(index: number, body: string): string {
  return `create or replace function app.inner_${index}() returns void language plpgsql as $inner$ begin ${body} end $inner$`;
}
