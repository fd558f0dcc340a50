/**
 * Which snapshots of one source stay in one store, and why. Data in, decisions out: prune performs them.
 *
 * What must hold whatever the input (test/unit/retention): the newest snapshot at each verified level stays, so do the
 * newest `keepAtLeast` that are verified and the newest `keepAtLeast` that are whole; what is held stays for ever; what
 * cannot be judged (damaged, not trusted, from the future) neither goes nor pushes another out.
 */
import type { Calendar } from "../policy/calendar.ts";
import { dayMs, durationInWords } from "../policy/durations.ts";
import type { Retention } from "../policy/policy.ts";
import { isFromTheFuture, type ObservedSnapshot } from "../snapshot/observed.ts";
import { type Tier, tiers } from "../snapshot/snapshot-json.ts";
import { type Standing, standingOf, type VerifiedLevel } from "./standing.ts";

export interface RetentionInput {
  readonly snapshots: readonly ObservedSnapshot[];
  /** Of this store: `retentionAt` of src/policy/policy.ts. */
  readonly retention: Retention;
  readonly calendar: Calendar;
  readonly now: Date;
  /** Why nothing may be removed at all (src/retention/anomaly.ts); absent: not frozen. */
  readonly freeze?: string;
}

export interface RetentionDecision {
  readonly snapshot: ObservedSnapshot;
  readonly keep: boolean;
  /** At least one; several where several rules keep it. */
  readonly reasons: readonly RetentionReason[];
  /** When its last tier ends; absent where it holds none that is kept. */
  readonly until?: Date;
}

export interface RetentionReason {
  readonly code:
    | "held"
    | "frozen"
    | "tier"
    | "newest-restored"
    | "newest-unsealed"
    | "keep-at-least"
    | "damaged"
    | "too-new"
    | "in-doubt"
    | "not-trusted"
    | "from-the-future"
    | "last-hope"
    | "ended"
    | "another-fills-its-periods"
    | "no-tier";
  /** Without names from inside. */
  readonly sentence: string;
}

interface Judged {
  readonly snapshot: ObservedSnapshot;
  readonly standing: Standing;
  readonly reasons: RetentionReason[];
}

/** One decision for each snapshot, oldest first. */
export function decideRetention(input: RetentionInput): readonly RetentionDecision[] {
  const { now, freeze } = input;
  const judged: readonly Judged[] = [...input.snapshots]
    .sort(byMoment)
    .map((snapshot) => ({ snapshot, standing: standingOf(snapshot), reasons: [] }));
  const countable: Judged[] = [];
  for (const one of judged) {
    const doubt = doubtAbout(one.snapshot, now);
    if (doubt !== undefined) one.reasons.push(doubt);
    else countable.push(one);
    if (one.snapshot.isHeld) one.reasons.push({ code: "held", sentence: "A person holds it for ever." });
    if (freeze !== undefined)
      one.reasons.push({ code: "frozen", sentence: `Retention is frozen: ${freeze}` });
  }
  keepTiers(countable, input);
  keepNewest(countable, input.retention.keepAtLeast);
  return judged.map(({ snapshot, reasons }) => {
    const until = endOf(snapshot, input.retention);
    const ending = until === undefined ? {} : { until };
    if (reasons.length > 0) return { snapshot, keep: true, reasons, ...ending };
    return { snapshot, keep: false, reasons: [whyRemoved(until, now)], ...ending };
  });
}

/** Why a snapshot counts for nothing and yet stays: only a person can tell what it is. */
function doubtAbout(snapshot: ObservedSnapshot, now: Date): RetentionReason | undefined {
  if (!snapshot.isTrusted) {
    return { code: "not-trusted", sentence: "Its signature is missing or wrong: find out who made it." };
  }
  if (snapshot.state === "damaged") {
    return {
      code: "damaged",
      sentence: "Its snapshot.json is damaged: find out how, then remove it by hand.",
    };
  }
  if (snapshot.state === "too-new") {
    return { code: "too-new", sentence: "A newer Lifeboat wrote it; this version cannot judge it." };
  }
  const [doubt] = snapshot.doubts ?? [];
  if (doubt !== undefined) return { code: "in-doubt", sentence: doubt };
  if (isFromTheFuture(snapshot, now)) {
    return { code: "from-the-future", sentence: "It claims a moment that has not come: a clock is wrong." };
  }
  return undefined;
}

function keepTiers(countable: readonly Judged[], { retention, calendar, now }: RetentionInput): void {
  for (const tier of tiers) {
    const keptMs = retention.tiers[tier];
    if (keptMs === undefined) continue;
    const periods = new Map<string, Judged[]>();
    for (const one of countable) {
      if (!one.snapshot.tiers.includes(tier)) continue;
      if (one.snapshot.moment.getTime() + keptMs <= now.getTime()) continue;
      const period = calendar.period(tier, one.snapshot.moment);
      const already = periods.get(period);
      if (already === undefined) periods.set(period, [one]);
      else already.push(one);
    }
    const sentence = `It is a ${tier} backup, kept ${durationInWords(keptMs)}.`;
    for (const period of periods.values()) {
      for (const one of fillersOf(period)) one.reasons.push({ code: "tier", sentence });
    }
  }
}

/**
 * Of several snapshots that hold one tier in one period: the first that is verified, which nothing made later can
 * push out. Until one is, all candidates for it: the first and the newest whole ones. Whoever is bad or incomplete
 * keeps its place only as long as nothing better fills it.
 */
function fillersOf(period: readonly Judged[]): readonly Judged[] {
  const verified = period.find((one) => isWhole(one) && one.standing.kind === "verified");
  if (verified !== undefined) return [verified];
  const unverified = period.filter((one) => isWhole(one) && one.standing.kind === "unverified");
  const [first] = unverified;
  const last = unverified.at(-1);
  if (first === undefined || last === undefined) return period.slice(-1);
  return first === last ? [first] : [first, last];
}

function keepNewest(countable: readonly Judged[], keepAtLeast: number): void {
  const newestFirst = countable.toReversed();
  const whole = newestFirst.filter((one) => isWhole(one) && one.standing.kind !== "failed");
  const verified = whole.filter(({ standing }) => standing.kind === "verified");
  const levels: readonly VerifiedLevel[] = ["restored", "unsealed"];
  for (const level of levels) {
    const newest = verified.find(({ standing }) => isAtLeast(standing, level));
    newest?.reasons.push({ code: `newest-${level}`, sentence: `It is the newest that passed ${level}.` });
  }
  const sentence = `It is one of the newest ${keepAtLeast}, which always stay.`;
  for (const one of new Set([...verified.slice(0, keepAtLeast), ...whole.slice(0, keepAtLeast)])) {
    one.reasons.push({ code: "keep-at-least", sentence });
  }
  if (whole.length > 0) return;
  // Nothing whole is left: what is incomplete or failed is better than nothing.
  const hope = "Nothing whole is left, so what there is stays.";
  for (const one of newestFirst.slice(0, keepAtLeast)) {
    one.reasons.push({ code: "last-hope", sentence: hope });
  }
}

function isWhole({ snapshot }: Judged): boolean {
  return snapshot.state === "whole";
}

function isAtLeast(standing: Standing, level: VerifiedLevel): boolean {
  return standing.kind === "verified" && (level === "unsealed" || standing.level === "restored");
}

function endOf(snapshot: ObservedSnapshot, { tiers: kept }: Retention): Date | undefined {
  const times = snapshot.tiers.flatMap((tier: Tier) => kept[tier] ?? []);
  return times.length === 0 ? undefined : new Date(snapshot.moment.getTime() + Math.max(...times));
}

function whyRemoved(until: Date | undefined, now: Date): RetentionReason {
  if (until === undefined) return { code: "no-tier", sentence: "It holds no tier that this store keeps." };
  if (until.getTime() > now.getTime()) {
    return {
      code: "another-fills-its-periods",
      sentence: "Another backup fills each of its calendar periods.",
    };
  }
  const days = Math.floor((now.getTime() - until.getTime()) / dayMs);
  return { code: "ended", sentence: `Its time ended ${days === 0 ? "today" : `${days} days ago`}.` };
}

function byMoment(left: ObservedSnapshot, right: ObservedSnapshot): number {
  return (
    left.moment.getTime() - right.moment.getTime() || (left.id < right.id ? -1 : left.id > right.id ? 1 : 0)
  );
}
