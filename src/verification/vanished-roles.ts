/** Rights of roles that are gone, of which only a number is left: nobody has them, and no restore can give them. */
import type { CatalogObject, DatabaseContents } from "../snapshot/contents.ts";

/** `16409=r/owner`, between commas. */
const item = /(^|,)"?(\d+)"?=[A-Za-z*]*\/(?:"(?:[^"]|"")*"|[^,]*)/g;
/** What an owner has anyway, and everybody of a function or type. */
const builtIn = /^(?:=[XU]\/([^=,]+),\1=[XU]\/\1|([^=,]+)=[A-Za-z*]+\/\2)?$/;

/** `expected` without such rights, and without rights of which nothing else is left where `found` has none either. */
export function withoutVanished(expected: DatabaseContents, found: DatabaseContents): DatabaseContents {
  const known = new Set(expected.roles.map(({ name }) => name));
  const here = new Set(found.objects.map(keyOf));
  const objects = expected.objects.flatMap((object): readonly CatalogObject[] => {
    if (object.kind !== "acl" && object.kind !== "default-privileges") return [object];
    const definition = object.definition
      .replaceAll(item, (whole, _comma, role: string) => (known.has(role) ? whole : ""))
      .replace(/^,/, "");
    if (definition === object.definition) return [object];
    return builtIn.test(definition) && !here.has(keyOf(object)) ? [] : [{ ...object, definition }];
  });
  return { ...expected, objects };
}

function keyOf({ kind, identity }: CatalogObject): string {
  return `${kind} ${identity}`;
}
