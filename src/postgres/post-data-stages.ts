/**
 * What of a schema archive may run at once after the rows are in. PostgreSQL (seen with 15.18) now and then leaves the
 * index of a partitioned table invalid, without an error, when two `ALTER INDEX … ATTACH PARTITION` of one family of
 * partitions run at the same time; before version 18 attaching again does not mend it, and recreating the index is all
 * that does. `pg_restore --jobs` runs them at the same time.
 */
import type { ArchiveToc, TocEntry } from "./restore-toc.ts";

export interface PostDataStage {
  readonly entries: readonly TocEntry[];
  readonly atOnce: boolean;
}

/** In order; empty where the archive attaches no indexes, and everything may run at once. */
export function postDataStages(toc: ArchiveToc): readonly PostDataStage[] {
  const entries = entriesOf(toc, "post-data");
  return entries.some(({ kind }) => kind === "INDEX ATTACH") ? stagesOf(entries) : [];
}

/** The same of chosen entries; one stage where nothing is attached. */
export function stagesOf(entries: readonly TocEntry[]): readonly PostDataStage[] {
  const attaching = entries.filter(({ kind }) => kind === "INDEX ATTACH");
  if (attaching.length === 0) return [{ entries, atOnce: true }];
  const late = dependents(entries, attaching);
  const stages = [
    { entries: entries.filter((entry) => !late.has(entry) && entry.kind !== "INDEX ATTACH"), atOnce: true },
    { entries: attaching, atOnce: false },
    { entries: entries.filter((entry) => late.has(entry)), atOnce: true },
  ];
  return stages.filter((stage) => stage.entries.length > 0);
}

/** As pg_restore counts: comments, labels and privileges are of no section and belong to that of the entry before. */
export function entriesOf({ entries }: ArchiveToc, wanted: TocEntry["section"]): readonly TocEntry[] {
  let current: TocEntry["section"] = "pre-data";
  return entries.filter(({ section }) => {
    if (section !== "none") current = section;
    return current === wanted;
  });
}

/** What needs one of `roots`, at any distance (a foreign key needs the whole index of the table it points to). */
export function dependents(entries: readonly TocEntry[], roots: readonly TocEntry[]): ReadonlySet<TocEntry> {
  const known = new Set(roots.map(({ dumpId }) => dumpId));
  const found = new Set<TocEntry>();
  for (let before = -1; before !== found.size;) {
    before = found.size;
    for (const entry of entries) {
      if (known.has(entry.dumpId) || !entry.dependencies.some((id) => known.has(id))) continue;
      known.add(entry.dumpId);
      found.add(entry);
    }
  }
  return found;
}
