/** Sources and stores as the monitor sees them, at one fixed moment. */
import { type JudgementInput, judge } from "../../../src/monitoring/judgement.ts";
import type { StoreView } from "../../../src/monitoring/judge-stores.ts";
import type { Policy } from "../../../src/policy/policy.ts";
import { drillKinds } from "../../../src/snapshot/drill-evidence.ts";
import type { Evidence, ObservedSnapshot } from "../../../src/snapshot/observed.ts";
import { newSnapshotId } from "../../../src/snapshot/ids.ts";
import { policyOf } from "../policy/policies.ts";

export const now = new Date("2026-11-23T12:00:00Z");
export const hourMs = 3_600_000;
export const dayMs = 24 * hourMs;

export const daily = policyOf(
  "sources: { database: { type: postgres, url: { secret: DATABASE_URL }, every: 24h } }",
);

export function backup(ageMs: number, more: Partial<ObservedSnapshot> = {}): ObservedSnapshot {
  const moment = new Date(now.getTime() - ageMs);
  return {
    id: newSnapshotId(moment),
    state: "whole",
    tiers: ["daily"],
    moment,
    started: moment,
    finished: moment,
    totals: { tables: 1, rows: 1, objects: 0, rawBytes: 1, sealedBytes: 1 },
    evidence: [passed("restored", Math.max(0, ageMs - hourMs))],
    isTrusted: true,
    isHeld: false,
    ...more,
  };
}

export function passed(level: Evidence["level"], ageMs: number, isTrusted = true): Evidence {
  return { level, verdict: "passed", time: new Date(now.getTime() - ageMs), isTrusted };
}

export function failed(level: Evidence["level"], ageMs = 0): Evidence {
  return { ...passed(level, ageMs), verdict: "failed" };
}

export function store(name: string, snapshots: readonly ObservedSnapshot[], more: Partial<StoreView> = {}) {
  return { name, keeps: { daily: 30 * dayMs }, snapshots, findings: [], isFrozen: false, ...more };
}

export interface Situation extends Partial<Omit<JudgementInput, "sources">> {
  readonly snapshots?: readonly ObservedSnapshot[];
  /** Default: one that holds all of them. */
  readonly stores?: readonly StoreView[];
  readonly keyUses?: JudgementInput["sources"][number]["keyUses"];
  readonly drills?: JudgementInput["sources"][number]["drills"];
}

const drilledLately = drillKinds.map((kind) => ({
  ...{ id: kind, kind, snapshot: "", time: now, verdict: "passed" as const, seconds: 1 },
  ...{ meetsObjectives: true, isTrusted: true },
}));

/** Of a policy with one source, drilled today unless it says otherwise. */
export function judged(situation: Situation, policy: Policy = daily) {
  const {
    snapshots = [],
    stores = [store("near", snapshots)],
    keyUses = [],
    drills = drilledLately,
    ...more
  } = situation;
  const sources = policy.sources.map((source) => ({ source, snapshots, stores, keyUses, drills }));
  return judge({ policy, now, sources, hasLedger: false, ...more });
}
