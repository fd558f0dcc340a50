/** Exact row counts and content hashes of every table, of the snapshot's own moment. */
import type { Sql } from "./client.ts";
import {
  contentHashSql,
  countSql,
  type HashedTable,
  knownAnswersHold,
  type TableHash,
} from "./content-hash.ts";
import { copyOut } from "./copy-out.ts";
import { createRowHasher } from "./copy-row-hash.ts";
import { batches } from "./database-properties.ts";
import { quoteIdentifier, quoteInAscii } from "./identifiers.ts";
import { hasRows, type SourceTable } from "./table-listing.ts";
import { orRefused, undone, undoneRows } from "./undone.ts";

export interface TableMeasure {
  readonly rows: number;
  /** `lifeboat-1`, 16 hex digits; absent where only rows were counted. */
  readonly hash?: string;
}

export interface Measures {
  readonly byOid: ReadonlyMap<number, TableMeasure>;
  /** Why there are no hashes although they were wanted. */
  readonly hashesNotVerified?: string;
}

/** Small tables share a query: a round trip costs more than reading them. */
const smallBytes = 1024 * 1024;
const tablesInOneQuery = 40;

/** `sql` is in a transaction that sees the snapshot (a twin of the exporting session). */
export async function measureTables(
  sql: Sql,
  tables: readonly SourceTable[],
  wanted: { readonly hashes: boolean },
): Promise<Measures> {
  const answers = !wanted.hashes || (await knownAnswersHold(sql));
  const hashes = wanted.hashes && answers;
  const byOid = new Map<number, TableMeasure>();
  for (const batch of measuringBatches(tables.filter(hasRows))) {
    for (const [oid, measure] of await measureBatch(sql, batch, hashes)) byOid.set(oid, measure);
  }
  return answers
    ? { byOid }
    : { byOid, hashesNotVerified: "the server's hash function gives other answers than the ones we know" };
}

type Measured = readonly (readonly [oid: number, measure: TableMeasure])[];

async function measureBatch(sql: Sql, batch: readonly SourceTable[], hashes: boolean): Promise<Measured> {
  const planned = await orRefused(measureByQuery(sql, batch, hashes));
  if (planned !== undefined) return planned;
  // The planner evaluates what indexes and statistics are made of, and a function there may need a search_path.
  const measured: Measured[] = [];
  const [first, ...others] = batch;
  if (first !== undefined && others.length === 0)
    return [[first.oid, await measureByCopy(sql, first, hashes)]];
  for (const table of batch) measured.push(await measureBatch(sql, [table], hashes));
  return measured.flat();
}

async function measureByQuery(sql: Sql, batch: readonly SourceTable[], hashes: boolean): Promise<Measured> {
  const each = batch.map((table) => {
    const measured = hashes ? contentHashSql(measurable(table)) : countSql(measurable(table));
    return `select ${table.oid}::int8 as oid, measured.* from (${measured}) measured`;
  });
  const rows = await undoneRows<Record<string, string>>(sql, each.join(" union all "));
  return rows.map((row) => {
    const hash = row["hash"];
    return [
      Number(row["oid"]),
      { rows: Number(row["rows"]), ...(hash === undefined ? {} : { hash }) },
    ] as const;
  });
}

/** The same from the rows themselves, as pg_dump reads them. */
async function measureByCopy(sql: Sql, table: SourceTable, hashes: boolean): Promise<TableMeasure> {
  return await undone(sql, async () => {
    const statement = copyStatement(table, await quoting(sql));
    // Bytes as they are stored: that is what the server hashes.
    await sql.query("set local client_encoding = 'SQL_ASCII'");
    if (!hashes) return { rows: await copyOut(sql, statement, () => {}) };
    const hasher = createRowHasher(table.columns.map(({ name }) => name));
    await copyOut(sql, statement, (bytes, start, end) => hasher.add(bytes, start, end));
    return hasher.result() satisfies TableHash;
  });
}

/** Statements go out as UTF-8, and nothing turns them into the server's encoding now. */
async function quoting(sql: Sql): Promise<(name: string) => string> {
  const { rows } = await sql.query<{ server_encoding: string }>("show server_encoding");
  return ["UTF8", "SQL_ASCII"].includes(rows[0]?.server_encoding ?? "") ? quoteIdentifier : quoteInAscii;
}

function copyStatement(
  { schema, name, columns, extensionCondition = "" }: SourceTable,
  quote: (name: string) => string,
): string {
  const table = `${quote(schema)}.${quote(name)}`;
  const names = columns.map((column) => quote(column.name)).join(", ");
  if (extensionCondition !== "")
    return `copy (select ${names} from only ${table} ${extensionCondition}) to stdout`;
  return `copy ${table} ${names === "" ? "" : `(${names})`} to stdout`;
}

function measurable(table: SourceTable): HashedTable {
  const { schema, name, columns, extensionCondition } = table;
  return {
    schema,
    name,
    columns,
    ...(extensionCondition === undefined ? {} : { condition: extensionCondition }),
  };
}

function* measuringBatches(tables: readonly SourceTable[]): Generator<readonly SourceTable[]> {
  yield* batches(
    tables.filter(({ bytes }) => bytes < smallBytes),
    tablesInOneQuery,
  );
  for (const table of tables) if (table.bytes >= smallBytes) yield [table];
}
