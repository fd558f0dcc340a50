/**
 * What of an archive goes where an extension goes that a server does not have: its own entry, what depends on it at
 * any distance, and what stands in the archive about its members, which themselves stand in none.
 */
import type { DatabaseContents } from "../snapshot/contents.ts";
import type { ArchiveToc, TocEntry } from "./restore-toc.ts";

export interface SkippedEntry {
  readonly entry: TocEntry;
  /** The extension that is missing, or `language:` and an untrusted language. */
  readonly extension: string;
}

/** Entries of the schema archive that cannot be restored without `missing`, in the archive's order. */
export function entriesWithout(
  toc: ArchiveToc,
  database: Pick<DatabaseContents, "extensions" | "tables">,
  missing: readonly string[],
): readonly SkippedEntry[] {
  if (missing.length === 0) return [];
  const memberOf = membersOf(database, missing);
  const because = new Map<number, string>();
  for (const entry of toc.entries) {
    const extension = entry.kind === "EXTENSION" ? nameIn(missing, entry.tag) : aboutMember(entry, memberOf);
    if (extension !== undefined) because.set(entry.dumpId, extension);
  }
  return dependentsOf(toc, because);
}

/** Those of `roots` (numbers of entries, and why they are left out), and what needs them at any distance. */
export function dependentsOf(toc: ArchiveToc, roots: ReadonlyMap<number, string>): readonly SkippedEntry[] {
  const because = new Map(roots);
  for (let before = -1; before !== because.size;) {
    before = because.size;
    for (const entry of toc.entries) {
      if (because.has(entry.dumpId)) continue;
      const reason = entry.dependencies.find((id) => because.has(id));
      if (reason !== undefined) because.set(entry.dumpId, because.get(reason) ?? "");
    }
  }
  return toc.entries.flatMap((entry) => {
    const extension = because.get(entry.dumpId);
    return extension === undefined ? [] : [{ entry, extension }];
  });
}

/** Of a part with rows, whose entries have other numbers: rows of tables, and values of sequences, that are skipped. */
export function rowsWithout(
  toc: ArchiveToc,
  database: Pick<DatabaseContents, "extensions" | "tables">,
  missing: readonly string[],
  skipped: readonly SkippedEntry[],
): readonly TocEntry[] {
  const oids = new Set(skipped.filter(({ entry }) => entry.kind === "TABLE").map(({ entry }) => entry.oid));
  for (const { oid, extension } of database.tables) {
    if (extension !== undefined && missing.includes(extension)) oids.add(oid);
  }
  const memberOf = membersOf(database, missing);
  const sequences = new Set(
    skipped
      .filter(({ entry }) => entry.kind === "SEQUENCE")
      .map(({ entry }) => keyOf(entry.schema, entry.tag)),
  );
  return toc.entries.filter((entry) => {
    if (entry.kind === "TABLE DATA") return oids.has(entry.oid);
    const key = keyOf(entry.schema, entry.tag);
    return entry.kind === "SEQUENCE SET" && (sequences.has(key) || memberOf.has(key));
  });
}

const tagKinds =
  /^(?:AGGREGATE|COLUMN|DOMAIN|FOREIGN DATA WRAPPER|FOREIGN SERVER|FOREIGN TABLE|FUNCTION|LANGUAGE|MATERIALIZED VIEW|PROCEDURE|SCHEMA|SEQUENCE|SERVER|TABLE|TYPE|VIEW) (.*)$/s;
const aboutMembers = new Set(["ACL", "COMMENT", "POLICY", "ROW SECURITY", "SECURITY LABEL"]);

/**
 * What is about a member names it in its tag (`FUNCTION f(text)`, `TABLE t`, `COLUMN t.c`), as policies do (`t policy`);
 * the number it depends on is that of an entry which is not there.
 */
function aboutMember(entry: TocEntry, memberOf: ReadonlyMap<string, string>): string | undefined {
  if (!aboutMembers.has(entry.kind)) return undefined;
  if (entry.kind === "ROW SECURITY") return memberOf.get(keyOf(entry.schema, entry.tag));
  if (entry.kind === "POLICY") return longestPrefix(entry.schema, entry.tag, " ", memberOf);
  const about = tagKinds.exec(entry.tag)?.[1] ?? entry.tag;
  if (entry.schema === "") return memberOf.get(keyOf("", about));
  return (
    memberOf.get(keyOf(entry.schema, about)) ??
    longestPrefix(entry.schema, about, "(", memberOf) ??
    longestPrefix(entry.schema, about, ".", memberOf)
  );
}

/** Names may hold the separator themselves. */
function longestPrefix(
  schema: string,
  text: string,
  separator: string,
  memberOf: ReadonlyMap<string, string>,
): string | undefined {
  for (let at = text.lastIndexOf(separator); at > 0; at = text.lastIndexOf(separator, at - 1)) {
    const found = memberOf.get(keyOf(schema, text.slice(0, at)));
    if (found !== undefined) return found;
  }
  return undefined;
}

/** Extension by member; a snapshot that does not list members knows at least the tables. */
function membersOf(
  { extensions, tables }: Pick<DatabaseContents, "extensions" | "tables">,
  missing: readonly string[],
): ReadonlyMap<string, string> {
  const members = new Map<string, string>();
  for (const { schema, name, extension } of tables) {
    if (extension !== undefined && missing.includes(extension)) members.set(keyOf(schema, name), extension);
  }
  for (const extension of extensions.filter(({ name }) => missing.includes(name))) {
    for (const member of extension.members ?? [])
      members.set(keyOf(member.schema, member.name), extension.name);
  }
  return members;
}

function nameIn(names: readonly string[], name: string): string | undefined {
  return names.includes(name) ? name : undefined;
}

function keyOf(schema: string, name: string): string {
  return `${schema}\0${name}`;
}
