/** Exact row counts and content hashes of every table, of the snapshot's own moment. */
import type { Sql } from "./client.ts";
import { contentHashSql, countSql, knownAnswersHold } from "./content-hash.ts";
import { batches } from "./database-properties.ts";
import { hasRows, type SourceTable } from "./table-listing.ts";

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

/** `sql` must see the snapshot (a twin of the exporting session). */
export async function measureTables(
  sql: Sql,
  tables: readonly SourceTable[],
  wanted: { readonly hashes: boolean },
): Promise<Measures> {
  const answers = !wanted.hashes || (await knownAnswersHold(sql));
  const hashes = wanted.hashes && answers;
  const byOid = new Map<number, TableMeasure>();
  for (const batch of measuringBatches(tables.filter(hasRows))) {
    const each = batch.map((table) => {
      const measured = hashes ? contentHashSql(measurable(table)) : countSql(measurable(table));
      return `select ${table.oid}::int8 as oid, measured.* from (${measured}) measured`;
    });
    const { rows } = await sql.query<Record<string, string>>(each.join(" union all "));
    for (const row of rows) {
      const hash = row["hash"];
      byOid.set(Number(row["oid"]), { rows: Number(row["rows"]), ...(hash === undefined ? {} : { hash }) });
    }
  }
  return answers
    ? { byOid }
    : { byOid, hashesNotVerified: "the server's hash function gives other answers than the ones we know" };
}

function measurable(table: SourceTable): Parameters<typeof contentHashSql>[0] {
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
