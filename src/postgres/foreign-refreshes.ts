/** Materialized views that read foreign tables: to refresh one asks another server, which no check may. */
import type { SkippedEntry } from "./missing-extensions.ts";
import type { ArchiveToc } from "./restore-toc.ts";

/** What such entries are left out for. */
export const foreignMark = "foreign:";

/** At any distance: by views, and by the parents and partition roots of foreign tables. */
export function foreignRefreshes({ entries }: ArchiveToc): readonly SkippedEntry[] {
  const reads = new Set(entries.filter(({ kind }) => kind === "FOREIGN TABLE").map(({ dumpId }) => dumpId));
  if (reads.size === 0) return [];
  const tables = new Set(entries.filter(({ kind }) => kind === "TABLE").map(({ dumpId }) => dumpId));
  for (let before = -1; before !== reads.size;) {
    before = reads.size;
    for (const { dumpId, kind, dependencies } of entries) {
      const isReading = reads.has(dumpId) || dependencies.some((id) => reads.has(id));
      if (!isReading) continue;
      // A child depends on its parent, and what attaches a partition on both.
      if (kind === "TABLE ATTACH" || kind === "FOREIGN TABLE" || kind === "TABLE") {
        if (kind === "TABLE" && !reads.has(dumpId)) continue;
        for (const id of dependencies) if (tables.has(id)) reads.add(id);
      } else if (kind === "VIEW" || kind === "MATERIALIZED VIEW") reads.add(dumpId);
    }
  }
  return entries
    .filter(
      ({ kind, dependencies }) =>
        kind === "MATERIALIZED VIEW DATA" && dependencies.some((id) => reads.has(id)),
    )
    .map((entry) => ({ entry, extension: foreignMark }));
}
