/**
 * `lifeboat-1`, the content hash of a table, as SQL that a server computes beside its rows.
 *
 *   H(t, s)  hashtextextended(t collate "C", s)
 *   seed     H(column name, 0): the order of columns does not matter
 *   cell     null: H('', ~seed), else H(output, seed); output is what COPY writes, unescaped
 *   row      H(to_hex(cell # cell # …), 0); 0 without columns. The outer H keeps two rows from trading a cell unseen
 *   table    count(*) and sum(row) mod 2^64, own rows only: leaves add up to their root, order does not matter
 *
 * 64 bits guard against accident; malice is what seals and signatures are for. `archive-hash.ts` computes the same
 * from an archive's lines.
 */
import type { Sql } from "./client.ts";
import { hashTextExtended } from "./hashtext-extended.ts";
import { quoteIdentifier, quoteQualified } from "./identifiers.ts";

/** A stored column: attnum > 0, not dropped, not generated. `hashedColumnsQuery` reads them. */
export interface HashedColumn {
  readonly name: string;
  /** text or varchar itself (no domain): hashed without going through its output function, which is faster. */
  readonly textual: boolean;
}

export interface HashedTable {
  readonly schema: string;
  readonly name: string;
  readonly columns: readonly HashedColumn[];
  /** An extension's condition (with WHERE) on its configuration table: only those rows are dumped. */
  readonly condition?: string;
}

/** What a table holds: the exact number of its own rows and 16 lower-case hex digits. */
export interface TableHash {
  readonly rows: number;
  readonly hash: string;
}

/** Columns of every relation, for `contentHashSql`: `oid`, `name`, `textual` ("t" or "f"). */
export const hashedColumnsQuery = `
  select a.attrelid as oid, a.attname as name,
    a.atttypid in ('pg_catalog.text'::pg_catalog.regtype, 'pg_catalog.varchar'::pg_catalog.regtype) as textual
  from pg_catalog.pg_attribute a
  where a.attnum > 0 and not a.attisdropped and a.attgenerated = ''
  order by a.attrelid, a.attnum`;

/**
 * One row: `rows` and `hash` (see TableHash). Needs `sessionSettings`.
 *
 * Columns may have any name: the level that reads the table knows no other names than its columns, and the level
 * above it sees a single column of our own.
 */
export function contentHashSql(table: HashedTable): string {
  return `select rows, pg_catalog.lpad(pg_catalog.to_hex((case when total >= 9223372036854775808
      then total - 18446744073709551616 else total end)::bigint), 16, '0') as hash
    from (select count as rows, pg_catalog.mod(pg_catalog.mod(sum, 18446744073709551616) + 18446744073709551616,
      18446744073709551616) as total
    from (select pg_catalog.count(*) as count, coalesce(pg_catalog.sum(row_hash), 0::numeric) as sum
    from (select ${rowSql(table)} as row_hash from ${rowsOf(table)}) as hashed) as summed) as reduced`;
}

/** One row: `rows`, the table's own. */
export function countSql(table: Pick<HashedTable, "schema" | "name" | "condition">): string {
  return `select pg_catalog.count(*) as rows from ${rowsOf(table)}`;
}

/** No alias: an extension's condition may name the table. */
function rowsOf(table: Pick<HashedTable, "schema" | "name" | "condition">): string {
  return `only ${quoteQualified(table.schema, table.name)} ${table.condition ?? ""}`;
}

function rowSql(table: HashedTable): string {
  if (table.columns.length === 0) return "0::bigint";
  const cells = table.columns.map(cellSql);
  return `pg_catalog.hashtextextended(pg_catalog.to_hex(${cells.join(" # ")}) collate "C", 0)`;
}

function cellSql(column: HashedColumn): string {
  const value = quoteIdentifier(column.name);
  const seed = columnSeed(column.name);
  // concat() runs the output function as COPY does; a cast to text differs for bool, char(n) and inet, and may be
  // the user's own function. "is not distinct from null", because a composite of nulls "is null" but is not null.
  const output = column.textual ? value : `pg_catalog.concat(${value})`;
  return `(case when ${value} is not distinct from null then '${nullCell(seed)}'::bigint
    else pg_catalog.hashtextextended(${output} collate "C", '${seed}'::bigint) end)`;
}

/** The seed of a column's cells. */
export function columnSeed(name: string): bigint {
  return hashTextExtended(name, 0n);
}

/** The cell hash of null in a column with this seed. */
export function nullCell(seed: bigint): bigint {
  return hashTextExtended("", ~seed);
}

/** Sum of two hashes: a partitioned root's is the sum of its leaves'. */
export function addHashes(a: string, b: string): string {
  return BigInt.asUintN(64, BigInt(`0x${a}`) + BigInt(`0x${b}`))
    .toString(16)
    .padStart(16, "0");
}

/** What is left of a sum of hashes. */
export function withoutHash(sum: string, part: string): string {
  return BigInt.asUintN(64, BigInt(`0x${sum}`) - BigInt(`0x${part}`))
    .toString(16)
    .padStart(16, "0");
}

/** The hash of no rows: where adding begins. */
export const emptyHash = "0000000000000000";

/** Whether this server's hash function gives the answers of 13 to 18. If not, its hashes are `not-verified`. */
export async function knownAnswersHold(sql: Sql): Promise<boolean> {
  const answers: readonly (readonly [text: string, seed: bigint])[] = [
    ["lifeboat", 0n],
    ["", -1n],
    // Not every encoding has the third text.
    ...((await linesAreHashable(sql))
      ? [["Ünï 😀 row text longer than twelve bytes", -4611686018427387905n] as const]
      : []),
  ];
  for (const [text, seed] of answers) {
    const { rows } = await sql.query<{ hash: string }>(
      `select pg_catalog.hashtextextended($1::text collate "C", $2::bigint)::text as hash`,
      [text, String(seed)],
    );
    if (rows[0]?.hash !== String(hashTextExtended(text, seed))) return false;
  }
  return true;
}

/**
 * Whether an archive's lines hash like this database's values: archives are UTF-8, values are hashed as stored. If
 * not, the hash from lines is `not-verified`; hashes from SQL in equal encodings can still be compared.
 */
export async function linesAreHashable(sql: Sql): Promise<boolean> {
  const { rows } = await sql.query<{ server_encoding: string }>("show server_encoding");
  return rows[0]?.server_encoding === "UTF8";
}
