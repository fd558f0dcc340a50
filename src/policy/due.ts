/**
 * What is due now, computed from what the store holds and never from a cron line: GitHub delays and drops scheduled
 * runs without a trace, so whatever run comes next catches up, and one close behind finds nothing left to do.
 */
import { standingOf } from "../retention/standing.ts";
import { isFromTheFuture, type ObservedSnapshot } from "../snapshot/observed.ts";
import { type Tier, tiers } from "../snapshot/snapshot-json.ts";
import { type Calendar, calendarOf } from "./calendar.ts";
import { baseTier } from "./defaults.ts";
import { dayMs } from "./durations.ts";
import type { Policy, PolicySource } from "./policy.ts";

const hourMs = 3_600_000;
const minuteMs = 60_000;
/** A backup that nobody has verified yet fills its tiers this long, or three times as long as it took. */
const shortestSettlingMs = 45 * minuteMs;
const longestSettlingMs = 6 * hourMs;
/** The longest a job on a hosted runner lives. */
const longestFlightMs = 6 * hourMs;

/** No period of the tier is longer, whatever the pace and the clock changes: what is older needs no calendar. */
const longestPeriodMs: Readonly<Record<Tier, number>> = {
  hourly: dayMs,
  daily: 8 * dayMs,
  weekly: 8 * dayMs,
  monthly: 32 * dayMs,
  yearly: 367 * dayMs,
};

export interface DueInput {
  readonly policy: Policy;
  /** By source name; every snapshot that any store of the policy holds, each once. Missing: none. */
  readonly snapshots: ReadonlyMap<string, readonly ObservedSnapshot[]>;
  readonly now: Date;
  /** Backups that other runs are making at this moment, as far as the caller can see them. */
  readonly inFlight?: readonly Flight[];
  /** Whether this run answers a push to the default branch. */
  readonly isPush?: boolean;
  /** Where many moments are asked one after another. */
  readonly calendar?: Calendar;
}

export interface Flight {
  readonly source: string;
  readonly startedAt: Date;
  readonly tiers: readonly Tier[];
}

export interface DueSource {
  readonly source: PolicySource;
  /** For which the next backup shall count; empty: nothing is due. In the order of the tiers. */
  readonly tiers: readonly Tier[];
  /** One for each tier that is due, and one for a push. */
  readonly reasons: readonly DueReason[];
}

export interface DueReason {
  readonly tier: Tier;
  readonly code: "none-yet" | "unverified" | "failed" | "incomplete" | "pushed";
  /** Without names from inside. */
  readonly sentence: string;
}

/** One entry for each source of the policy, due or not, in its order. */
export function whatIsDue(input: DueInput): readonly DueSource[] {
  const calendar = input.calendar ?? calendarOf(input.policy.timezone);
  return input.policy.sources.map((source) => dueOf(source, input, calendar));
}

/** The tiers that backups of a source hold: those that are kept and are not shorter than its own pace. */
export function tiersOf(source: PolicySource, policy: Policy): readonly Tier[] {
  const shortest = tiers.indexOf(baseTier(source.everyMs));
  return tiers.filter((tier, index) => index >= shortest && policy.retention.tiers[tier] !== undefined);
}

/**
 * The calendar period that a source's tier has one backup in. The shortest tier follows `every`: twice an hour, every
 * six hours, every second day; the others follow the calendar alone.
 */
export function slotOf(source: PolicySource, tier: Tier, moment: Date, calendar: Calendar): string {
  const base = baseTier(source.everyMs);
  if (tier !== base) return calendar.period(tier, moment);
  switch (base) {
    case "hourly":
      return `every ${source.everyMs}: ${Math.floor(moment.getTime() / source.everyMs)}`;
    case "daily":
      return `days: ${Math.floor(calendar.dayNumber(moment) / Math.round(source.everyMs / dayMs))}`;
    case "weekly":
      return calendar.period(tier, moment);
  }
}

function dueOf(source: PolicySource, input: DueInput, calendar: Calendar): DueSource {
  const { now } = input;
  // A forgery, a snapshot from the future, or one whose description is damaged fills nothing.
  const candidates = (input.snapshots.get(source.name) ?? []).filter(
    (snapshot) => snapshot.isTrusted && snapshot.state !== "damaged" && !isFromTheFuture(snapshot, now),
  );
  const flights = (input.inFlight ?? []).filter(
    ({ source: name, startedAt }) =>
      name === source.name && now.getTime() - startedAt.getTime() < longestFlightMs,
  );
  const reasons: DueReason[] = [];
  for (const tier of tiersOf(source, input.policy)) {
    const slot = slotOf(source, tier, now, calendar);
    const before = now.getTime() - longestPeriodMs[tier];
    const inSlot = (moment: Date): boolean =>
      moment.getTime() > before && slotOf(source, tier, moment, calendar) === slot;
    if (flights.some((flight) => flight.tiers.includes(tier) && inSlot(flight.startedAt))) continue;
    const reason = whyDue(
      tier,
      candidates.filter((snapshot) => snapshot.tiers.includes(tier) && inSlot(snapshot.moment)),
      now,
    );
    if (reason !== undefined) reasons.push(reason);
  }
  if (input.isPush === true && source.type === "application" && source.onPush) {
    reasons.push(...pushed(input.policy, reasons));
  }
  const due = new Set(reasons.map(({ tier }) => tier));
  return { source, tiers: tiers.filter((tier) => due.has(tier)), reasons };
}

/** Undefined where one of the period's snapshots fills the tier, or still may. */
function whyDue(tier: Tier, inPeriod: readonly ObservedSnapshot[], now: Date): DueReason | undefined {
  const period = periodNames[tier];
  const whole = inPeriod.filter(({ state }) => state === "whole");
  const standings = whole.map((snapshot) => ({ snapshot, kind: standingOf(snapshot).kind }));
  if (standings.some(({ kind }) => kind === "verified")) return undefined;
  const unverified = standings.filter(({ kind }) => kind === "unverified");
  if (unverified.some(({ snapshot }) => isSettling(snapshot, now))) return undefined;
  if (unverified.length > 0) {
    return {
      tier,
      code: "unverified",
      sentence: `No ${tier} backup of ${period} has been opened and checked.`,
    };
  }
  if (whole.length > 0) {
    return { tier, code: "failed", sentence: `The ${tier} backup of ${period} failed its verification.` };
  }
  if (inPeriod.length > 0) {
    return { tier, code: "incomplete", sentence: `The ${tier} backup of ${period} is incomplete.` };
  }
  return { tier, code: "none-yet", sentence: `There is no ${tier} backup of ${period} yet.` };
}

const periodNames: Readonly<Record<Tier, string>> = {
  hourly: "this hour",
  daily: "today",
  weekly: "this week",
  monthly: "this month",
  yearly: "this year",
};

/** Made so recently that its verification may still be under way: a second run must not do the work twice. */
function isSettling({ started, finished }: ObservedSnapshot, now: Date): boolean {
  const tookMs = finished.getTime() - started.getTime();
  const settlingMs = Math.min(longestSettlingMs, Math.max(shortestSettlingMs, 3 * tookMs));
  return now.getTime() - finished.getTime() < settlingMs;
}

/** A push is backed up even where every tier has its backup; it then counts for the shortest one that is kept. */
function pushed(policy: Policy, already: readonly DueReason[]): readonly DueReason[] {
  const shortest = tiers.find((tier) => policy.retention.tiers[tier] !== undefined);
  if (shortest === undefined || already.some(({ tier }) => tier === shortest)) return [];
  return [{ tier: shortest, code: "pushed", sentence: "The default branch was pushed to." }];
}
