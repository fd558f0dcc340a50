/**
 * Tables that became an extension's later (a queue's): neither pg_dump writes them nor CREATE EXTENSION makes them. What
 * belongs to them is missing with them; the rows tell it, once.
 */
import type { SkippedEntry } from "../postgres/missing-extensions.ts";
import type { CatalogObject, DatabaseContents } from "../snapshot/contents.ts";

export const absentMark = "member:";

export function absentMembers(
  backup: DatabaseContents,
  found: Pick<DatabaseContents, "tables">,
): readonly SkippedEntry[] {
  const here = new Set(found.tables.map(({ schema, name }) => named(schema, name)));
  const absent = backup.tables.filter(
    ({ schema, name, extension }) => extension !== undefined && !here.has(named(schema, name)),
  );
  const names = new Set(absent.map(({ schema, name }) => named(schema, name)));
  const owners = new Map(
    backup.objects
      .filter(({ kind }) => kind === "sequence")
      .map(({ identity, definition }) => [
        plain(identity),
        plain(/ owned by (.+)\.(?:"(?:[^"]|"")*"|[^".]+)$/s.exec(definition)?.[1] ?? ""),
      ]),
  );
  const sequences = backup.sequences.filter(({ schema, name }) =>
    names.has(owners.get(named(schema, name)) ?? ""),
  );
  return [...absent, ...sequences].map(({ schema, name }) => ({
    extension: absentMark,
    entry: {
      ...{ dumpId: 0, oid: 0, kind: "TABLE", section: "pre-data", definition: "", dropStatement: "" },
      ...{ copyStatement: "", owner: "", dependencies: [], schema, tag: name },
    },
  }));
}

/** Whether an entry is a right, a policy or the like of one of them: a server can only refuse it. */
export function isAboutAbsent(
  { schema, tag }: SkippedEntry["entry"],
  absent: readonly SkippedEntry[],
): boolean {
  return absent.some(
    ({ entry }) =>
      entry.schema === schema &&
      (tag === entry.tag || tag === `TABLE ${entry.tag}` || tag.startsWith(`${entry.tag} `)),
  );
}

/** Backups of before 2026-12 list extensions' composite types among the tables; they come with the extension. */
export function withoutMemberTypes(
  backup: DatabaseContents,
  { objects: found }: Pick<DatabaseContents, "objects">,
): DatabaseContents {
  const all = backup.extensions.flatMap(({ members = [] }) => members);
  const members = new Set(all.map(({ schema, name }) => named(schema, name)));
  const here = new Set(found.filter(({ kind }) => kind === "table").map(({ identity }) => identity));
  const isMember = ({ kind, identity, definition }: CatalogObject): boolean =>
    kind === "table" && definition.startsWith("c ") && members.has(plain(identity)) && !here.has(identity);
  return { ...backup, objects: backup.objects.filter((object) => !isMember(object)) };
}

/** Catalogs quote where they must, and we always. */
function plain(text: string): string {
  return text.replaceAll('"', "");
}

function named(schema: string, name: string): string {
  return plain(`${schema}.${name}`);
}
