/** Definitions that differ in letters only, because the server spells a text anew whenever it parses it, are no difference. */
import { type DefinitionPair, sameWhenReparsed } from "../postgres/reparse.ts";
import type { Sql } from "../postgres/client.ts";
import type { CatalogObject } from "../snapshot/contents.ts";

/**
 * `found` with the backup's words where both mean the same to this server. `sql` is in a transaction of the restored
 * database; what is made there is undone.
 */
export async function settleDefinitions(
  sql: Sql,
  expected: readonly CatalogObject[],
  found: readonly CatalogObject[],
): Promise<readonly CatalogObject[]> {
  const here = unique(found);
  const pairs = [...unique(expected)].flatMap(([key, object]): readonly DefinitionPair[] => {
    const other = here.get(key);
    return other === undefined || other.definition === object.definition
      ? []
      : [{ expected: object, found: other }];
  });
  if (pairs.length === 0) return found;
  const same = await sameWhenReparsed(sql, pairs);
  const words = new Map(
    pairs.filter(({ expected: object }) => same.has(object)).map((pair) => [pair.found, pair.expected]),
  );
  return found.map((object) => words.get(object) ?? object);
}

/** By kind and identity; what has one identity with another has no counterpart that could be told. */
function unique(objects: readonly CatalogObject[]): ReadonlyMap<string, CatalogObject> {
  const groups = Map.groupBy(objects, ({ kind, identity }) => `${kind} ${identity}`);
  return new Map([...groups].flatMap(([key, [first, second]]) => (first && !second ? [[key, first]] : [])));
}
