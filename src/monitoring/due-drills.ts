/** When drills fall due, from what earlier ones have shown and how old the backups are. */
import type { Policy } from "../policy/policy.ts";
import type { DrillKind, ObservedDrill } from "../snapshot/drill-evidence.ts";
import { drillKinds } from "../snapshot/drill-evidence.ts";
import type { ObservedSnapshot } from "../snapshot/observed.ts";
import { drillable } from "./drill-choice.ts";

export interface DrillHistory {
  readonly snapshots: readonly ObservedSnapshot[];
  readonly drills: readonly ObservedDrill[];
}

export interface DrillSchedule {
  readonly paceMs: number;
  /** Of the last trusted one that passed. */
  readonly lastPassed?: Date;
  /** The last trusted one, however it ended. */
  readonly last?: ObservedDrill;
  /** Absent while there is nothing to drill. */
  readonly dueAt?: Date;
}

export function paceOf(kind: DrillKind, { drills }: Policy): number {
  return kind === "disaster" ? drills.disasterMs : drills.restorationMs;
}

/** The first one falls due when the oldest backup is as old as drills want it (or as old as the pace, if that is less). */
export function drillSchedule(
  kind: DrillKind,
  { snapshots, drills }: DrillHistory,
  policy: Policy,
  now: Date,
): DrillSchedule {
  const paceMs = paceOf(kind, policy);
  const own = drills
    .filter((one) => one.kind === kind && one.isTrusted && one.time.getTime() <= now.getTime())
    .toSorted((one, other) => one.time.getTime() - other.time.getTime());
  const last = own.at(-1);
  const lastPassed = own.findLast(({ verdict }) => verdict === "passed")?.time;
  const oldest = drillable(snapshots, now)[0]?.moment;
  const firstMs = Math.min(policy.drills.ofAgeMs, paceMs);
  const dueMs =
    lastPassed === undefined
      ? oldest === undefined
        ? undefined
        : oldest.getTime() + firstMs
      : lastPassed.getTime() + paceMs;
  return {
    paceMs,
    ...(last === undefined ? {} : { last }),
    ...(lastPassed === undefined ? {} : { lastPassed }),
    ...(dueMs === undefined ? {} : { dueAt: new Date(dueMs) }),
  };
}

/** Kinds that any source is due for. A disaster drill restores everything, but of the newest age: it replaces no other. */
export function dueDrills(sources: readonly DrillHistory[], policy: Policy, now: Date): readonly DrillKind[] {
  return drillKinds.filter((kind) =>
    sources.some((source) => {
      const { dueAt } = drillSchedule(kind, source, policy, now);
      return dueAt !== undefined && dueAt.getTime() <= now.getTime();
    }),
  );
}
