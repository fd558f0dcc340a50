/** What happens to objects after they were made: changes, rights, comments, ends. */
import { quoteLiteral } from "../../../src/postgres/identifiers.ts";
import { fresh, type Known, type Step, type Table } from "./known.ts";
import { columns, columnText, table } from "./relations.ts";
import { condition } from "./values.ts";

export function rows(known: Known): Step {
  const on = known.dice.any(known.tables);
  if (on === undefined) return table(known);
  const names = on.columns.map(({ name }) => name).join(", ");
  const values = on.columns.map(({ type }) => (known.dice.chance(9) ? "null" : type.value)).join(", ");
  const sql = `insert into ${on.name} (${names}) select ${values} from generate_series(1, ${known.dice.number(40)}) n on conflict do nothing`;
  return { sql };
}

export function change(known: Known): Step {
  const { dice } = known;
  const on = dice.any(known.tables);
  const column = dice.any(on?.columns ?? []);
  if (on === undefined || column === undefined) return table(known);
  const only = dice.chance(8) ? "only " : "";
  const [added] = columns(known, 1);
  const replaced = (by: readonly Table["columns"][number][]) => (): void => {
    known.tables[known.tables.indexOf(on)] = { ...on, columns: by };
  };
  const others = on.columns.filter((each) => each !== column);
  const renamed = { ...column, name: fresh(known) };
  return dice.pick<Step>([
    { sql: `alter table ${on.name} drop column ${column.name} cascade`, then: replaced(others) },
    {
      sql: `alter table ${on.name} rename column ${column.name} to ${renamed.name}`,
      then: replaced([...others, renamed]),
    },
    ...(added === undefined
      ? []
      : [
          {
            sql: `alter table ${on.name} add column ${columnText(known, added)}`,
            then: replaced([...on.columns, added]),
          },
        ]),
    { sql: `alter table ${only}${on.name} alter column ${column.name} set not null` },
    { sql: `alter table ${on.name} alter column ${column.name} set statistics 77` },
    { sql: `alter table ${on.name} alter column ${column.name} set storage external` },
    { sql: `alter table ${on.name} alter column ${column.name} set (n_distinct = -0.3)` },
    { sql: `alter table ${on.name} alter column ${column.name} type text using ${column.name}::text` },
    {
      sql: `alter table ${on.name} add constraint ${fresh(known)} check (${condition(dice, on.columns)}) not valid`,
    },
    {
      sql: `alter table ${on.name} add constraint ${fresh(known)} check (${condition(dice, on.columns)}) no inherit`,
    },
    {
      sql: `alter table ${on.name} add constraint ${fresh(known)} exclude using gist (${column.name} with =)`,
    },
    { sql: `alter table ${on.name} replica identity full` },
    { sql: `alter table ${on.name} set (toast_tuple_target = 300, parallel_workers = 2)` },
    { sql: `alter table ${on.name} enable row level security, force row level security` },
    { sql: `alter table ${on.name} disable trigger user` },
    {
      sql: `create statistics ${fresh(known)} on (${condition(dice, on.columns, 1)}), ${column.name} from ${on.name}`,
    },
    { sql: `update ${on.name} set ${column.name} = ${column.name}` },
    { sql: `delete from ${on.name} where ${condition(dice, on.columns, 0)} and random() < 0.3` },
  ]);
}

export function guard(known: Known): Step {
  const { dice } = known;
  const on = dice.any(known.tables);
  if (on === undefined) return table(known);
  const trigger = dice.any(known.functions);
  const name = fresh(known);
  const role = dice.any(known.roles) ?? "public";
  const seen = condition(dice, on.columns, 1);
  return dice.pick<Step>([
    { sql: `create policy ${name} on ${on.name} as restrictive for select to ${role} using (${seen})` },
    { sql: `create policy ${name} on ${on.name} for all to public using (${seen}) with check (${seen})` },
    {
      sql: `create rule ${name} as on delete to ${on.name} where ${dice.pick(["1 between 2 and 3", "'a'::varchar in ('b', 'c')"])} do also notify odd`,
    },
    ...(trigger === undefined
      ? []
      : [
          {
            sql: `create trigger ${name} before update of ${on.columns[0]?.name ?? "x"} on ${on.name} for each row when (old.* is distinct from new.* and 1 between 0 and 2) execute function ${trigger}`,
          },
          {
            sql: `create constraint trigger ${name} after insert on ${on.name} deferrable initially deferred for each row execute function ${trigger}`,
          },
          {
            sql: `create trigger ${name} after insert on ${on.name} referencing new table as added for each statement execute function ${trigger}`,
          },
        ]),
    { sql: `create publication ${name} for table ${on.name} with (publish = 'insert, delete')` },
  ] as [Step, ...Step[]]);
}

export function right(known: Known): Step {
  const { dice } = known;
  const role = dice.any(known.roles) ?? "public";
  const on = dice.any(known.tables);
  const thing = dice.any(known.things);
  const schema = dice.any(known.schemas) ?? "public";
  const view = dice.any(known.views);
  return dice.pick<Step>([
    { sql: `grant select, update (${on?.columns[0]?.name ?? "x"}) on ${on?.name ?? "x"} to ${role}` },
    { sql: `grant all on ${on?.name ?? "x"} to ${role} with grant option` },
    { sql: `revoke all on ${on?.name ?? "x"} from current_user` },
    { sql: `grant select on ${view ?? "x"} to public` },
    { sql: `grant usage, create on schema ${schema} to ${role}` },
    { sql: `revoke all on schema ${schema} from public` },
    { sql: `alter default privileges in schema ${schema} grant select on tables to ${role}` },
    { sql: `alter default privileges for role ${role} revoke execute on functions from public` },
    { sql: `alter ${thing ?? "x"} owner to ${role}` },
    { sql: `revoke execute on ${thing ?? "x"} from public` },
    { sql: `grant usage on ${thing ?? "x"} to ${role}` },
  ]);
}

export function word(known: Known): Step {
  const { dice } = known;
  const thing = dice.any(known.things);
  const on = dice.any(known.tables);
  const text = quoteLiteral(dice.pick(["it's", "multi\nline -- ; $$", "back\\slash", "🙂 'x' \"y\"", " "]));
  return dice.chance(3)
    ? { sql: `comment on column ${on?.name ?? "x"}.${on?.columns[0]?.name ?? "x"} is ${text}` }
    : { sql: `comment on ${thing ?? "x"} is ${text}` };
}

export function end(known: Known): Step {
  const { dice } = known;
  const thing = dice.any(known.things) ?? "table x";
  return {
    sql: `drop ${thing}${dice.chance(2) ? " cascade" : ""}`,
    then: () => {
      known.things.splice(known.things.indexOf(thing), 1);
      const at = known.tables.findIndex(({ name }) => `table ${name}` === thing);
      if (at >= 0) known.tables.splice(at, 1);
      const schema = known.schemas.findIndex((name) => `schema ${name}` === thing);
      if (schema >= 0) known.schemas.splice(schema, 1);
    },
  };
}

export function curiosity(known: Known): Step {
  const { dice } = known;
  const name = fresh(known);
  const schema = dice.any(known.schemas) ?? "public";
  return dice.pick<Step>([
    { sql: `select lo_from_bytea(0, decode(repeat('00ff', ${1 + dice.number(3000)}), 'hex'))` },
    { sql: `create sequence ${schema}.${name} as smallint start 5 minvalue -7 cycle cache 3` },
    { sql: `create collation ${schema}.${name} (locale = 'C')` },
    { sql: `create text search configuration ${schema}.${name} (copy = simple)` },
    { sql: `create text search dictionary ${schema}.${name} (template = simple, stopwords = 'english')` },
    { sql: `create cast (text as point) without function` },
    {
      sql: `create operator ${schema}.<+> (leftarg = int, rightarg = int, function = int4pl, commutator = operator(${schema}.<+>))`,
    },
    { sql: `create operator family ${schema}.${name} using btree` },
    {
      sql: `create server ${name} type 'x' version '1' foreign data wrapper odd_wrapper options (a 'it''s')`,
    },
    { sql: `create foreign data wrapper odd_wrapper` },
    {
      sql: `create event trigger ${name} on ddl_command_end when tag in ('CREATE SEQUENCE') execute function ${dice.any(known.functions) ?? "x()"}`,
    },
    { sql: `create domain ${schema}.${name} as int not null default 7` },
    { sql: `create conversion ${schema}.${name} for 'LATIN1' to 'UTF8' from iso8859_1_to_utf8` },
    {
      sql: `create extension if not exists ${dice.pick(["hstore", "citext", "pg_trgm", "btree_gist", "ltree"])} schema public`,
    },
    { sql: `create table ${schema}.${name} ()` },
    { sql: `drop schema public` },
  ]);
}
