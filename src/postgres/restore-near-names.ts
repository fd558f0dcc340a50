/** Names of tables, and those that somebody who mistyped one probably meant. */

export interface TableName {
  readonly schema: string;
  readonly name: string;
}

/** At most three, nearest first. */
export function nearNames<T extends TableName>(wanted: TableName, all: readonly T[]): readonly T[] {
  return all
    .map((table) => ({ table, steps: distanceBetween(wanted, table) }))
    .filter(({ steps, table }) => steps <= Math.max(2, table.name.length / 3))
    .toSorted((a, b) => a.steps - b.steps)
    .slice(0, 3)
    .map(({ table }) => table);
}

/** Case does not count; another schema counts as one step. */
function distanceBetween(wanted: TableName, table: TableName): number {
  const steps = editDistance(wanted.name.toLowerCase(), table.name.toLowerCase());
  return steps + (wanted.schema === table.schema ? 0 : 1);
}

function editDistance(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, index) => index);
  for (let i = 1; i <= from.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= to.length; j += 1) {
      const replaced = (row[j - 1] ?? 0) + (from[i - 1] === to[j - 1] ? 0 : 1);
      next.push(Math.min(replaced, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[to.length] ?? 0;
}
