/** Made-up snapshots: short words for what a test wants to say about one. */
import { type Evidence, type ObservedSnapshot, type SnapshotTotals } from "../../../src/snapshot/observed.ts";
import { basicIso } from "../../../src/snapshot/ids.ts";
import type { Tier } from "../../../src/snapshot/snapshot-json.ts";
import type { VerifyLevel } from "../../../src/verification/levels.ts";

export const hourMs = 3_600_000;
export const dayMs = 24 * hourMs;

export const usualTotals: SnapshotTotals = {
  tables: 20,
  rows: 1_000_000,
  objects: 0,
  rawBytes: 2_000_000_000,
  sealedBytes: 400_000_000,
};

let serial = 0;

export type Told = Partial<Omit<ObservedSnapshot, "moment" | "totals">> & {
  readonly totals?: Partial<SnapshotTotals>;
  /** The level that a trusted check passed ten minutes later. */
  readonly passed?: VerifyLevel;
};

export function snapshot(moment: string | Date, told: Told = {}): ObservedSnapshot {
  const at = new Date(moment);
  serial += 1;
  const { totals, passed, ...rest } = told;
  const evidence: Evidence[] =
    passed === undefined ? [] : [check(passed, "passed", new Date(at.getTime() + 600_000))];
  return {
    id: `${basicIso(at)}-${serial.toString(16).padStart(12, "0")}`,
    state: "whole",
    tiers: ["daily"],
    moment: at,
    started: at,
    finished: new Date(at.getTime() + 60_000),
    totals: { ...usualTotals, ...totals },
    evidence,
    isTrusted: true,
    isHeld: false,
    ...rest,
  };
}

export function check(
  level: VerifyLevel,
  verdict: Evidence["verdict"],
  time: string | Date,
  isTrusted = true,
): Evidence {
  return { level, verdict, time: new Date(time), isTrusted };
}

export const allTiers: readonly Tier[] = ["hourly", "daily", "weekly", "monthly", "yearly"];

/** mulberry32: the same numbers on every machine. */
export function randomNumbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
