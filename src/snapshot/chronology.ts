/**
 * In which order the snapshots of a source were made. A snapshot claims a moment; what the store says, what later
 * snapshots saw and the reader's clock bound that claim, so that one wrong clock neither captures `latest` nor hides
 * what came after it.
 */
import type { Finding } from "../verification/findings.ts";
import { momentOfId } from "./ids.ts";
import { tolerableSkewMs } from "./observed.ts";
import type { SnapshotJson } from "./snapshot-json.ts";

export interface DatedSnapshot {
  readonly id: string;
  readonly claimed: Date;
  /** When the store says that it got it. */
  readonly storedAt?: Date | undefined;
  /** Ids of snapshots that were there when this one began. */
  readonly heads: readonly string[];
}

export interface PlacedSnapshot {
  readonly id: string;
  /** The claimed moment; where it saw snapshots that claim later ones, just after these. */
  readonly at: Date;
  readonly claimed: Date;
  /** `ahead`: it claims a moment that had not come. `behind`: it saw what claims to be later. */
  readonly standing: "sound" | "ahead" | "behind";
}

/** `document` is absent where snapshot.json is damaged: nothing but the id is known then. */
export function dated(
  id: string,
  document: SnapshotJson | undefined,
  storedAt: Date | undefined,
): DatedSnapshot {
  const claimed = document === undefined ? momentOfId(id) : new Date(document.times.snapshot);
  return { id, claimed: claimed ?? new Date(0), storedAt, heads: document?.heads ?? [] };
}

/** Oldest first; those that are ahead come first of all, because nobody knows when they were made. */
export function chronologyOf(snapshots: readonly DatedSnapshot[], now: Date): readonly PlacedSnapshot[] {
  const reached = reachedMoment(snapshots, now);
  const isAhead = ({ claimed, storedAt }: DatedSnapshot): boolean =>
    claimed.getTime() > Math.min(reached, storedAt?.getTime() ?? reached) + tolerableSkewMs;
  const sound = snapshots.filter((one) => !isAhead(one));
  const places = placesOf(sound);
  const placed = sound.map(({ id, claimed }): PlacedSnapshot => {
    const at = places.get(id) ?? claimed.getTime();
    const standing = at > claimed.getTime() + tolerableSkewMs ? "behind" : "sound";
    return { id, at: new Date(at), claimed, standing };
  });
  const ahead = snapshots
    .filter(isAhead)
    .map(({ id, claimed }): PlacedSnapshot => ({ id, at: claimed, claimed, standing: "ahead" }));
  return [...ahead.sort(byPlace), ...placed.sort(byPlace)];
}

/** What a person must know of clocks that were wrong. */
export function chronologyFindings(source: string, placed: readonly PlacedSnapshot[]): readonly Finding[] {
  return placed.flatMap(({ id, claimed, standing, at }): readonly Finding[] => {
    if (standing === "sound") return [];
    const moment = claimed.toISOString();
    const sentence =
      standing === "ahead"
        ? `Snapshot ${id} of "${source}" claims ${moment}, a moment that had not come: a clock was wrong. It is not taken for the latest.`
        : `Snapshot ${id} of "${source}" claims ${moment}, but it saw a snapshot that is later: a clock was wrong. It is placed at ${at.toISOString()}.`;
    const code = standing === "ahead" ? "snapshot-from-the-future" : "snapshot-out-of-order";
    const remedy =
      "Check the clocks of the machine and the database server that made it, and find out who made it. --snapshot ID still reaches it.";
    return [{ level: "warning", code, sentence, publicSentence: sentence, remedy }];
  });
}

/** A reader's clock that calls at least half of the snapshots unborn is itself wrong, and is not asked. */
function reachedMoment(snapshots: readonly DatedSnapshot[], now: Date): number {
  const stored = snapshots.flatMap(({ storedAt }) => storedAt?.getTime() ?? []).sort((a, b) => a - b);
  const middle = stored.length < 2 ? undefined : stored[Math.ceil(stored.length / 2) - 1];
  const isBehind = middle !== undefined && middle > now.getTime() + tolerableSkewMs;
  return isBehind ? Number.POSITIVE_INFINITY : now.getTime();
}

/** Each after all that it saw, in an order in which what was seen comes first. */
function placesOf(snapshots: readonly DatedSnapshot[]): ReadonlyMap<string, number> {
  const places = new Map(snapshots.map(({ id, claimed }) => [id, claimed.getTime()]));
  const seenBy = new Map<string, DatedSnapshot[]>();
  const waitsFor = new Map<string, number>();
  for (const one of snapshots) {
    const seen = new Set(one.heads.filter((head) => places.has(head) && head !== one.id));
    waitsFor.set(one.id, seen.size);
    for (const head of seen) seenBy.set(head, [...(seenBy.get(head) ?? []), one]);
  }
  const ready = snapshots.filter(({ id }) => waitsFor.get(id) === 0).map(({ id }) => id);
  for (let id = ready.pop(); id !== undefined; id = ready.pop()) {
    const after = (places.get(id) ?? 0) + 1;
    for (const later of seenBy.get(id) ?? []) {
      places.set(later.id, Math.max(places.get(later.id) ?? 0, after));
      const left = (waitsFor.get(later.id) ?? 0) - 1;
      waitsFor.set(later.id, left);
      if (left === 0) ready.push(later.id);
    }
  }
  return places;
}

function byPlace(one: PlacedSnapshot, other: PlacedSnapshot): number {
  return one.at.getTime() - other.at.getTime() || (one.id < other.id ? -1 : 1);
}
