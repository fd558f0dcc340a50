/** Publications that only a superuser may own, of an owner who is none here: the restore itself says who owns them. */
import { identityOf, type Refusal } from "../postgres/refusal.ts";
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

/** Of a restore in which everything belongs to the restoring role: whoever owns, and whoever grants, is told once. */
export function withoutOwners(database: DatabaseContents): DatabaseContents {
  const objects = database.objects
    .filter(({ kind }) => kind !== "default-privileges")
    .flatMap((object): readonly CatalogObject[] => {
      if (object.kind !== "acl") {
        return [{ ...object, definition: ownerless(object.definition) }];
      }
      // Rights that an owner has of himself, and in whose name others have theirs.
      const others = object.definition
        .split(new RegExp(`,(?=(?:${role})?=)`))
        .filter((item) => !new RegExp(`^(${role})=[^/]*/\\1$`).test(item))
        .map((item) => item.replace(new RegExp(`/${role}$`), ""));
      return others.length === 0 ? [] : [{ ...object, definition: others.toSorted().join(",") }];
    });
  return { ...database, objects };
}

/** A table whose replica identity is an index that was refused has the default one; refused owners are told as such. */
export function withoutRefusedIdentity(
  expected: DatabaseContents,
  found: DatabaseContents,
  refusals: readonly Refusal[],
): DatabaseContents {
  const entries = refusals.flatMap(({ entry, dependents }) => [entry, ...dependents]);
  const tables = new Set(
    entries.flatMap(
      ({ definition }) => /ALTER TABLE ONLY (\S+) REPLICA IDENTITY USING INDEX/.exec(definition)?.[1] ?? [],
    ),
  );
  const owned = new Set(
    refusals.filter(({ ownerOnly }) => ownerOnly === true).map(({ entry }) => plain(identityOf(entry))),
  );
  // With the check of a table, those that its children inherit.
  const weaker = new Set(
    refusals
      .filter(({ outcome }) => outcome === "weaker")
      .map(({ entry }) => entry.tag.replace(/^[^ ]+ /, "")),
  );
  if (tables.size + owned.size + weaker.size === 0) return expected;
  const here = new Map(
    found.objects.map(({ kind, identity, definition }) => [`${kind} ${identity}`, definition]),
  );
  const objects = expected.objects.map((object) => {
    const { kind, identity, definition } = object;
    if (kind === "table" && tables.has(identity))
      return { ...object, definition: definition.replace(" replident i ", " replident d ") };
    const now = here.get(`${kind} ${identity}`);
    const name = plain(identity.replace(/^.* /s, ""));
    if (kind === "constraint" && weaker.has(name) && now === `${definition} NOT VALID unvalidated`)
      return { ...object, definition: now };
    const isOwners = owned.has(plain(identity)) && now !== undefined;
    return isOwners && ownerless(definition) === ownerless(now) ? { ...object, definition: now } : object;
  });
  return { ...expected, objects };
}

const role = String.raw`(?:"(?:[^"]|"")*"|[^,\s=/]+)`;

function ownerless(definition: string): string {
  return definition.replace(new RegExp(`\\bowner ${role}`), "owner");
}

/** Archives do not quote, and put blanks behind commas and names before types. */
function plain(identity: string): string {
  return identity.replaceAll(/["\s]|\(.*$/gs, "");
}
