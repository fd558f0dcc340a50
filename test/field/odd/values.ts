/** Types of columns with values for them, and conditions over them in forms that PostgreSQL respells. */
import type { Dice } from "./dice.ts";

export interface Column {
  /** Quoted. */
  readonly name: string;
  readonly type: OddType;
}

export interface OddType {
  readonly sql: string;
  /** An expression over `n`, the number of the row. */
  readonly value: string;
  readonly kind: "number" | "text" | "boolean" | "time" | "other";
}

const oddTexts = String.raw`(array['', ' ', 'a', E'tab\there', E'line\nbreak', E'back\\slash', '\.', 'NULL', '"quoted"', 'it''s', 'é', 'e\u0301', '日本', '🙂', E'\u00a0', 'ZZ', 'new', 'paid'])[1 + n % 18]`;

export const builtInTypes: readonly [OddType, ...OddType[]] = [
  { sql: "int", value: "n", kind: "number" },
  { sql: "bigint", value: "n * 9007199254740993", kind: "number" },
  { sql: "smallint", value: "(n % 30000)::smallint", kind: "number" },
  { sql: "numeric", value: "n / 7.0", kind: "number" },
  { sql: "numeric(12,3)", value: "(n * 1.001)", kind: "number" },
  { sql: "double precision", value: "n / 3::float8", kind: "number" },
  { sql: "real", value: "(n / 3.0)::real", kind: "number" },
  { sql: "text", value: oddTexts, kind: "text" },
  { sql: "varchar(30)", value: oddTexts, kind: "text" },
  { sql: "varchar", value: oddTexts, kind: "text" },
  { sql: "char(12)", value: oddTexts, kind: "text" },
  { sql: 'text collate "C"', value: oddTexts, kind: "text" },
  { sql: "name", value: `(${oddTexts})::name`, kind: "text" },
  { sql: "boolean", value: "n % 3 = 0", kind: "boolean" },
  { sql: "date", value: "date '0044-03-15 BC' + n * 3000", kind: "time" },
  { sql: "timestamp(3)", value: "timestamp '1999-12-31 23:59:59.999' + n * interval '1 day'", kind: "time" },
  { sql: "timestamptz", value: "timestamptz '2024-03-31 01:30+00' + n * interval '1 hour'", kind: "time" },
  { sql: "time", value: "time '00:00' + n * interval '7 minutes'", kind: "other" },
  { sql: "interval", value: "n * interval '1 mon 2 days 03:04:05.6'", kind: "other" },
  { sql: "interval day to second", value: "n * interval '2 days 03:04:05.6'", kind: "other" },
  { sql: "bytea", value: String.raw`decode(lpad(to_hex(n), 8, '0'), 'hex')`, kind: "other" },
  { sql: "uuid", value: "md5(n::text)::uuid", kind: "other" },
  { sql: "json", value: `('{"b": 1, "b": ' || n || '}')::json`, kind: "other" },
  { sql: "jsonb", value: "jsonb_build_object('n', n, 'nested', array[null, 'x'])", kind: "other" },
  { sql: "xml", value: "xmlelement(name row, n)", kind: "other" },
  { sql: "inet", value: "'10.0.0.0/8'::inet + n", kind: "other" },
  { sql: "bit(5)", value: "(n % 32)::bit(5)", kind: "other" },
  { sql: "bit varying", value: "(n % 32)::bit(5)", kind: "other" },
  { sql: "point", value: "point(n, n / 3.0)", kind: "other" },
  { sql: "int4range", value: "int4range(n, n + 2)", kind: "other" },
  { sql: "tstzrange", value: "tstzrange(timestamptz '2024-01-01 00:00+00', null)", kind: "other" },
  { sql: "tsvector", value: "to_tsvector('simple', 'word ' || n)", kind: "other" },
  { sql: "int[]", value: "array[n, null, -n]", kind: "other" },
  { sql: "text[]", value: `array[[${oddTexts}, null], ['{}', 'a,b']]`, kind: "other" },
  { sql: '"char"', value: `'x'::"char"`, kind: "other" },
  { sql: "pg_lsn", value: "'0/0'::pg_lsn + n", kind: "other" },
  { sql: "oid", value: "n::oid", kind: "other" },
  { sql: "regclass", value: "'pg_catalog.pg_class'::regclass", kind: "other" },
];

/** A condition over some of these columns, nested in ways whose text changes when it is parsed again. */
export function condition(dice: Dice, columns: readonly Column[], depth = 2): string {
  const column = dice.any(columns);
  if (column === undefined) return dice.pick(["true", "not false", "1 between 0 and 2", "(null is null)"]);
  if (depth > 0 && dice.chance(2)) {
    const [a, b] = [condition(dice, columns, depth - 1), condition(dice, columns, depth - 1)];
    return dice.pick([
      `(${a} and ${b})`,
      `(${a} or ${b})`,
      `not (${a})`,
      `((${a}) and ${b} and ${a})`,
      `case when ${a} then ${b} else ${a} end`,
      `(${a}) is not false`,
      `coalesce(${a}, ${b})`,
    ]);
  }
  return simpleCondition(dice, column);
}

function simpleCondition(dice: Dice, { name, type }: Column): string {
  switch (type.kind) {
    case "number":
      return dice.pick([
        `${name} between -1e30 and 5e30`,
        `${name} not in (-77, -78)`,
        `${name} > -1 or ${name} is null`,
        `${name} between symmetric 1000000000000000000000000 and -5`,
        `-${name} is distinct from 3.5e10`,
        `${name}::numeric <> all (array[-5, -6.5])`,
        `abs(${name}) >= 0 is not false`,
      ]);
    case "text":
      return dice.pick([
        `${name} not in ('gone', 'lost')`,
        `${name} in ('a', 'b') or length(${name}) < 1000`,
        `${name} is distinct from 'x''y'`,
        `${name} || 'z' <> 'z\\''z'::text`,
        `${name} not like 'q%\\_' escape '\\'`,
        `substring(${name} from 1 for 2) <> 'zq' or ${name} is null`,
        `trim(both from ${name}) <> '  ' or position('q' in ${name}) = 0`,
        `${name} !~ '^never$'`,
        `${name} collate "C" < 'zzzzzz' or ${name} >= ''`,
      ]);
    case "boolean":
      return dice
        .pick([name, `not ${name}`, `${name} is unknown`, `${name} = any ('{t,f}')`])
        .concat(` or ${name} is not null or ${name} is null`);
    case "time":
      return dice.pick([
        `${name} > '4000-01-01 BC'`,
        `${name} between '-infinity' and 'infinity'`,
        `extract(year from ${name}) > -5000`,
        `${name} <> current_date or ${name} = current_date`,
      ]);
    case "other":
      return dice.pick([`${name} is not null or ${name} is null`, `num_nulls(${name}) < 2`]);
  }
}
