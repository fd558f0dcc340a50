/** Rows and content hashes, added up where they can be compared: at the root of a partition tree. */
import { addHashes, emptyHash } from "../postgres/content-hash.ts";
import { quoteQualified } from "../postgres/identifiers.ts";
import type { TableContents } from "../snapshot/contents.ts";

export interface RowTotals {
  readonly rows: number;
  /** 16 hex digits; undefined as soon as one part of the sum has none. */
  readonly hash: string | undefined;
}

/**
 * Totals by quoted name of the table or its topmost partitioned table. Leaves cannot be compared one by one: pg_dump
 * loads hash partitions through the root, where rows may land in other leaves.
 */
export function totalsByRoot(tables: readonly TableContents[]): ReadonlyMap<string, RowTotals> {
  const names = new Map(tables.map(({ oid, schema, name }) => [oid, quoteQualified(schema, name)]));
  const totals = new Map<string, RowTotals>();
  for (const table of tables) {
    if (table.kind === "partitioned" && table.root === undefined) {
      const name = quoteQualified(table.schema, table.name);
      totals.set(name, totals.get(name) ?? { rows: 0, hash: emptyHash });
    }
    if (table.rows === undefined) continue;
    const name = names.get(table.root ?? table.oid) ?? quoteQualified(table.schema, table.name);
    totals.set(name, addTotals(totals.get(name), { rows: table.rows, hash: table.hash }));
  }
  return totals;
}

export function addTotals(sum: RowTotals | undefined, more: RowTotals): RowTotals {
  if (sum === undefined) return more;
  const hash = sum.hash === undefined || more.hash === undefined ? undefined : addHashes(sum.hash, more.hash);
  return { rows: sum.rows + more.rows, hash };
}

/** Equal as far as both sides know: counts always, hashes where the first side has one. */
export function sameRows(expected: RowTotals, found: RowTotals): boolean {
  return expected.rows === found.rows && (expected.hash === undefined || expected.hash === found.hash);
}
