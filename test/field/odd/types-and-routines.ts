/** Types, functions, procedures and aggregates of a database's own. */
import { quoteLiteral } from "../../../src/postgres/identifiers.ts";
import { fresh, type Known, made, qualified, type Step } from "./known.ts";
import { builtInTypes, type Column, condition, type OddType } from "./values.ts";

export function type(known: Known): Step {
  const { dice } = known;
  const name = qualified(known);
  const add =
    (value: string, kind: OddType["kind"] = "other") =>
    (): void => {
      known.types.push({ sql: name, value, kind });
    };
  const base = dice.pick(builtInTypes);
  return dice.pick([
    (): Step =>
      made(
        known,
        "type",
        name,
        `create type ${name} as enum ('a', 'B b', 'it''s', '', '🙂')`,
        add(`(array['a', 'B b', 'it''s', '', '🙂'])[1 + n % 5]::${name}`),
      ),
    (): Step => {
      const over: Column = { name: "value", type: base };
      return made(
        known,
        "domain",
        name,
        `create domain ${name} as ${base.sql} check (${condition(dice, [over], 1)})`,
        add(base.value, base.kind),
      );
    },
    (): Step =>
      made(
        known,
        "type",
        name,
        `create type ${name} as (${fresh(known)} ${base.sql}, b text[])`,
        add(`row(${base.value}, array['x'])::${name}`),
      ),
    (): Step =>
      made(
        known,
        "type",
        name,
        `create type ${name} as range (subtype = numeric)`,
        add(`${name}(n, n + 1.5)`),
      ),
  ])();
}

export function routine(known: Known): Step {
  const { dice } = known;
  const name = qualified(known);
  const on = dice.any(known.tables);
  const of = dice.pick(builtInTypes);
  const literal = of.value.replaceAll(/\bn\b/g, "1");
  return dice.pick([
    (): Step =>
      made(
        known,
        "function",
        `${name}(${of.sql}, int)`,
        `create function ${name}(a ${of.sql}, b int default case when 'x'::varchar in ('x', 'y') then 1 else 2 end) returns ${of.sql} language sql immutable strict parallel safe cost 7 as $body$ select coalesce(a, ${literal}) $body$`,
      ),
    (): Step =>
      made(
        known,
        "function",
        `${name}()`,
        `create function ${name}() returns trigger language plpgsql security definer set search_path = pg_catalog, "a b" set work_mem = '7MB' as ${quoteLiteral("begin return new; -- 'odd' $$ \\ end\nend")}`,
        () => known.functions.push(`${name}()`),
      ),
    (): Step =>
      made(
        known,
        "procedure",
        `${name}(text[])`,
        `create procedure ${name}(variadic a text[]) language plpgsql as 'begin perform 1; end'`,
      ),
    (): Step =>
      made(
        known,
        "function",
        `${name}(int)`,
        `create function ${name}(a int, out x int, out y text) returns setof record rows 3 language sql begin atomic ${on === undefined ? "select a, 'x'::text" : `select a, 'x'::text from ${on.name} where ${condition(dice, on.columns, 1)}`}; end`,
      ),
    (): Step =>
      made(
        known,
        "aggregate",
        `${name}(int)`,
        `create aggregate ${name}(int) (sfunc = int4pl, stype = int, initcond = '0')`,
      ),
  ])();
}
