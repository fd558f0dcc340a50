/**
 * Event triggers, foreign data wrappers and some publications may belong to superusers only. They are made in the
 * restoring superuser's name, and their owners come afterwards: PostgreSQL asks only when an owner changes.
 */
import { dependents } from "./post-data-stages.ts";
import type { TocEntry } from "./restore-toc.ts";

export interface OwnerStage {
  readonly entries: readonly TocEntry[];
  readonly withOwner: boolean;
}

/** `entries` in pieces: event triggers and what needs them last, because they act on everything after them. */
export function ownerStages(
  entries: readonly TocEntry[],
  withoutOwner: ReadonlySet<number>,
): readonly OwnerStage[] {
  const ownerless = entries.filter(({ dumpId }) => withoutOwner.has(dumpId));
  if (ownerless.length === 0) return [{ entries, withOwner: true }];
  const triggers = entries.filter(({ kind }) => kind === "EVENT TRIGGER");
  const early = ownerless.filter((entry) => !triggers.includes(entry));
  const last = new Set([...triggers, ...dependents(entries, triggers)]);
  const after = dependents(entries, early);
  const rest = (keep: (entry: TocEntry) => boolean): TocEntry[] =>
    entries.filter((entry) => !withoutOwner.has(entry.dumpId) && keep(entry));
  const stages: OwnerStage[] = [
    { entries: rest((entry) => !last.has(entry) && !after.has(entry)), withOwner: true },
    { entries: early, withOwner: false },
    { entries: rest((entry) => after.has(entry) && !last.has(entry)), withOwner: true },
    { entries: ownerless.filter((entry) => last.has(entry)), withOwner: false },
    { entries: rest((entry) => last.has(entry)), withOwner: true },
  ];
  return stages.filter((stage) => stage.entries.length > 0);
}
