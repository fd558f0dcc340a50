/** Which backup a restoration drill takes. */
import { standingOf } from "../retention/standing.ts";
import { isFromTheFuture, type ObservedSnapshot } from "../snapshot/observed.ts";

const dayMs = 86_400_000;

/** Whole, trusted, of a moment that has come, and not known to be bad; oldest first. */
export function drillable(snapshots: readonly ObservedSnapshot[], now: Date): readonly ObservedSnapshot[] {
  return sound(snapshots, now).filter((one) => !hasFailed(one));
}

/** What a check found bad: only another check can take that back. */
export function hasFailed(snapshot: ObservedSnapshot): boolean {
  return standingOf(snapshot).kind === "failed";
}

function sound(snapshots: readonly ObservedSnapshot[], now: Date): readonly ObservedSnapshot[] {
  return snapshots
    .filter((one) => one.state === "whole" && one.isTrusted && !isFromTheFuture(one, now))
    .toSorted((one, other) => one.moment.getTime() - other.moment.getTime());
}

/**
 * The good one whose age is nearest to `ageMs`, the older of two; where all have failed one of those, because a drill can
 * take that back. Undefined where there is none.
 */
export function nearestInAge(
  snapshots: readonly ObservedSnapshot[],
  ageMs: number,
  now: Date,
): ObservedSnapshot | undefined {
  const wanted = now.getTime() - ageMs;
  let nearest: ObservedSnapshot | undefined;
  const good = drillable(snapshots, now);
  for (const one of good.length > 0 ? good : sound(snapshots, now)) {
    if (nearest === undefined || distance(one, wanted) < distance(nearest, wanted)) nearest = one;
  }
  return nearest;
}

/** Whether an age may be called the wanted one: a quarter off, and at least a day. */
export function isNearAge(ageMs: number, wantedMs: number): boolean {
  return Math.abs(ageMs - wantedMs) <= Math.max(dayMs, wantedMs / 4);
}

function distance({ moment }: ObservedSnapshot, wanted: number): number {
  return Math.abs(moment.getTime() - wanted);
}
