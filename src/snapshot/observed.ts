/** A snapshot as whoever decides about it without a key sees it: what snapshot.json says, and what checks have shown. */
import type { VerifyLevel } from "../verification/levels.ts";
import type { Verdict } from "../verification/findings.ts";
import { momentOfId } from "./ids.ts";
import type { SnapshotJson, Tier } from "./snapshot-json.ts";

export interface Evidence {
  readonly level: VerifyLevel;
  readonly verdict: Verdict;
  readonly time: Date;
  /** Signed or in the ledger. Anybody who can write into the store can write evidence; any other counts for nothing. */
  readonly isTrusted: boolean;
}

export interface ObservedSnapshot {
  readonly id: string;
  /**
   * `damaged`: its snapshot.json cannot be read, so that nothing but the id is known. `too-new`: nor can it here, but it
   * is in a later format.
   */
  readonly state: "whole" | "incomplete" | "damaged" | "too-new";
  readonly tiers: readonly Tier[];
  /** The moment whose data it holds (`times.snapshot`). */
  readonly moment: Date;
  readonly started: Date;
  readonly finished: Date;
  readonly totals: SnapshotTotals;
  /**
   * Storage: objects of the snapshot before it that are replaced or gone in this one, where that is known.
   * New objects do not count.
   */
  readonly objectsChanged?: number;
  /** Which database it is of, as a fingerprint; absent where that is not known. */
  readonly origin?: string;
  readonly evidence: readonly Evidence[];
  /** False: its signature is missing or wrong where one is demanded, so it may be a forgery. */
  readonly isTrusted: boolean;
  readonly isHeld: boolean;
  /** What is wrong with documents that bear on it, in sentences: it stays, and nothing goes in its favour. */
  readonly doubts?: readonly string[];
  /** When the store says that it got it; a copy arrives later than it was made, but nothing arrives earlier. */
  readonly storedAt?: Date;
  /** When the store will remove it by itself; absent where it never does. */
  readonly expiresAt?: Date;
}

export type SnapshotTotals = Pick<
  SnapshotJson["totals"],
  "tables" | "rows" | "objects" | "rawBytes" | "sealedBytes"
>;

export interface Surroundings {
  readonly evidence?: readonly Evidence[];
  readonly isTrusted?: boolean;
  readonly isHeld?: boolean;
  readonly doubts?: readonly string[];
  readonly storedAt?: Date;
  readonly expiresAt?: Date;
  readonly objectsChanged?: number;
}

export function observedSnapshot(snapshot: SnapshotJson, around: Surroundings = {}): ObservedSnapshot {
  return {
    id: snapshot.id,
    state: snapshot.state,
    tiers: snapshot.tiers,
    moment: new Date(snapshot.times.snapshot),
    started: new Date(snapshot.times.started),
    finished: new Date(snapshot.times.finished),
    totals: snapshot.totals,
    ...(snapshot.totals.objectsChanged === undefined
      ? {}
      : { objectsChanged: snapshot.totals.objectsChanged }),
    ...(snapshot.origin === undefined ? {} : { origin: snapshot.origin }),
    ...withDefaults(around),
  };
}

/** One whose snapshot.json cannot be read: its moment is the one that its id carries. */
export function damagedSnapshot(
  id: string,
  around: Surroundings = {},
  state: "damaged" | "too-new" = "damaged",
): ObservedSnapshot {
  const moment = momentOfId(id) ?? new Date(0);
  return {
    id,
    state,
    tiers: [],
    moment,
    started: moment,
    finished: moment,
    totals: { tables: 0, rows: 0, objects: 0, rawBytes: 0, sealedBytes: 0 },
    ...withDefaults(around),
  };
}

function withDefaults(
  around: Surroundings,
): Pick<
  ObservedSnapshot,
  "evidence" | "isTrusted" | "isHeld" | "doubts" | "storedAt" | "expiresAt" | "objectsChanged"
> {
  return { evidence: [], isTrusted: true, isHeld: false, ...around };
}

/** Above this a clock is wrong, or somebody lies about a date. */
export const tolerableSkewMs = 5 * 60_000;

/** Whether it claims a moment that had not come, now or when the store got it. */
export function isFromTheFuture(snapshot: ObservedSnapshot, now: Date): boolean {
  const latestHonest = Math.min(now.getTime(), snapshot.storedAt?.getTime() ?? Number.POSITIVE_INFINITY);
  return snapshot.moment.getTime() > latestHonest + tolerableSkewMs;
}
