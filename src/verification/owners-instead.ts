/** Publications that only a superuser may own, of an owner who is none here: the restore itself says who owns them. */
import type { CatalogObject, DatabaseContents } from "../snapshot/contents.ts";
import { differsByGrantor } from "./other-grantor.ts";

/**
 * `expected` with the restoring role as their owner, where the owner is all that differs; and rights as the target tells
 * them, where only the grantor differs who is a superuser there.
 */
export function withOwnersInstead(
  expected: DatabaseContents,
  found: DatabaseContents,
  { ordinary, restoring }: { readonly ordinary: ReadonlySet<string>; readonly restoring: string },
): DatabaseContents {
  const here = new Map(
    found.objects.filter(isPublication).map(({ identity, definition }) => [identity, definition]),
  );
  const rights = new Map(
    found.objects.filter(isAcl).map(({ identity, definition }) => [identity, definition]),
  );
  const objects = expected.objects.map((object) => {
    const acl = isAcl(object) ? rights.get(object.identity) : undefined;
    if (acl !== undefined && differsByGrantor(object.definition, acl, ordinary)) {
      return { ...object, definition: acl };
    }
    const definition = isPublication(object) ? here.get(object.identity) : undefined;
    if (definition === undefined) return object;
    const same = [...ordinary].some(
      (role) =>
        object.definition !== definition &&
        object.definition.replace(` owner ${role}`, ` owner ${restoring}`) === definition,
    );
    return same ? { ...object, definition } : object;
  });
  return { ...expected, objects };
}

function isPublication({ kind }: CatalogObject): boolean {
  return kind === "publication";
}

function isAcl({ kind }: CatalogObject): boolean {
  return kind === "acl";
}
