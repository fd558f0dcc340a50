/** What one major of PostgreSQL has and the other cannot: no difference between a backup and its restore. */
import type { CatalogObject, DatabaseContents } from "../snapshot/contents.ts";

/** MAINTAIN (`m`) came with version 17: an owner's full rights have it there and lack it before. */
const maintainSince = 17;

/** Both sides without the rights that only one of them knows. */
export function comparableRights(
  expected: DatabaseContents,
  found: DatabaseContents,
): readonly [expected: DatabaseContents, found: DatabaseContents] {
  const knows = ({ server }: DatabaseContents): boolean => server.major >= maintainSince;
  if (knows(expected) === knows(found)) return [expected, found];
  const without = (side: DatabaseContents): DatabaseContents => ({
    ...side,
    objects: side.objects.map(withoutMaintain),
  });
  return [without(expected), without(found)];
}

function withoutMaintain(object: CatalogObject): CatalogObject {
  const onRelations =
    (object.kind === "acl" && object.identity.startsWith("relation ")) ||
    (object.kind === "default-privileges" && object.identity.endsWith(" r"));
  if (!onRelations) return object;
  return {
    ...object,
    definition: object.definition.replaceAll(/=([a-zA-Z*]*?)m\*?([a-zA-Z*]*)\//g, "=$1$2/"),
  };
}
