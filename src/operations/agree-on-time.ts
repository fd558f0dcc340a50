/**
 * What time it is, by every clock that can be asked: this machine's, the store's, the database server's. No single
 * one decides: an id from a clock that is ahead would capture `latest` for years, and a date from it would expire what
 * must stay.
 */
import type { Store } from "../store/store.ts";
import { type Clock, shiftedClock } from "../system/clock.ts";
import type { Finding } from "../verification/findings.ts";

/** Whose clock; the sentence of a finding names it. */
export type ClockOwner = "this machine" | "the database server" | "the Storage API" | "the store";

export interface ClockReading {
  readonly owner: ClockOwner;
  /** Before (negative) or ahead of this machine. */
  readonly offsetMs: number;
}

export interface AgreedTime {
  /** This machine's, put right where the others agree that it is wrong. */
  readonly clock: Clock;
  readonly now: Date;
  /** Of each clock, at the same instant; this machine's first. */
  readonly readings: readonly ClockReading[];
  readonly findings: readonly Finding[];
  /** What a moment that `owner` gave would be by the agreed clock. */
  corrected(moment: Date, owner: ClockOwner): Date;
}

export type OtherClocks = Partial<
  Record<Exclude<ClockOwner, "this machine">, () => Promise<Date | undefined>>
>;

/** Clocks that are closer than this agree. */
export const clockToleranceMs = 2 * 60_000;

/** One that does not answer is not asked again: whoever needs it finds out by its own work. */
export async function agreeOnTime(clock: Clock, store: Store, others: OtherClocks = {}): Promise<AgreedTime> {
  const asked: OtherClocks = { ...others, "the store": async () => await store.serverTime?.() };
  const readings: ClockReading[] = [{ owner: "this machine", offsetMs: 0 }];
  for (const [owner, ask] of Object.entries(asked) as [ClockOwner, () => Promise<Date | undefined>][]) {
    const offsetMs = await offsetOf(clock, ask);
    if (offsetMs !== undefined) readings.push({ owner, offsetMs });
  }
  const offsetMs = agreedOffset(readings);
  const agreed = shiftedClock(clock, offsetMs);
  const own = clock.now();
  return {
    clock: agreed,
    now: agreed.now(),
    readings,
    findings: clockFindings(own, readings, offsetMs),
    corrected: (moment, owner) => {
      const theirs = readings.find((one) => one.owner === owner)?.offsetMs ?? offsetMs;
      if (Math.abs(theirs - offsetMs) <= clockToleranceMs) return moment;
      return new Date(moment.getTime() - theirs + offsetMs);
    },
  };
}

/** For what only needs to know the time. */
export async function agreedClock(clock: Clock, store: Store | undefined): Promise<Clock> {
  return store === undefined ? clock : (await agreeOnTime(clock, store)).clock;
}

/** For snapshot.json. */
export function recordedClocks(
  { now, readings, clock }: AgreedTime,
  machine: Clock,
): { runner: string; server?: string; api?: string; store?: string } {
  const base = machine.now().getTime() - (clock.now().getTime() - now.getTime());
  const of = (owner: ClockOwner): string | undefined => {
    const reading = readings.find((one) => one.owner === owner);
    return reading && new Date(base + reading.offsetMs).toISOString();
  };
  const [server, api, store] = [of("the database server"), of("the Storage API"), of("the store")];
  return {
    runner: new Date(base).toISOString(),
    ...(server === undefined ? {} : { server }),
    ...(api === undefined ? {} : { api }),
    ...(store === undefined ? {} : { store }),
  };
}

async function offsetOf(clock: Clock, ask: () => Promise<Date | undefined>): Promise<number | undefined> {
  const before = clock.now().getTime();
  const startedMs = clock.elapsedMs();
  const theirs = await ask().catch(() => undefined);
  if (theirs === undefined) return undefined;
  return theirs.getTime() - (before + (clock.elapsedMs() - startedMs) / 2);
}

/**
 * What most clocks say; this machine's own where they agree with it. Of two that differ the other one's: it is set by
 * somebody else, and it is what dates are compared with later. Where all differ, the one in the middle.
 */
function agreedOffset(readings: readonly ClockReading[]): number {
  const near = (offset: number): readonly ClockReading[] =>
    readings.filter(({ offsetMs }) => Math.abs(offsetMs - offset) <= clockToleranceMs);
  const largest = Math.max(...readings.map(({ offsetMs }) => near(offsetMs).length));
  if (largest === 1 && readings.length > 2) {
    const sorted = readings.map(({ offsetMs }) => offsetMs).sort((one, other) => one - other);
    return sorted[Math.floor(sorted.length / 2)] ?? 0;
  }
  if (near(0).length === largest && readings.length !== 2) return 0;
  if (near(0).length === readings.length) return 0;
  return (
    readings.find(({ owner, offsetMs }) => owner !== "this machine" && near(offsetMs).length === largest)
      ?.offsetMs ?? 0
  );
}

function clockFindings(own: Date, readings: readonly ClockReading[], offsetMs: number): readonly Finding[] {
  const isWrong = readings.some((one) => Math.abs(one.offsetMs - offsetMs) > clockToleranceMs);
  if (!isWrong) return [];
  const said = readings.map((one) => `${one.owner} says ${at(own, one.offsetMs)}`).join(", ");
  const sentence = `The clocks differ by more than two minutes: ${said}. Everything is dated by ${at(own, offsetMs)}.`;
  const remedy =
    "Set the wrong clock (`timedatectl set-ntp true`). Until then its dates are not used for snapshots or their expiry.";
  return [{ level: "warning", code: "clock-differs", sentence, publicSentence: sentence, remedy }];
}

function at(own: Date, offsetMs: number): string {
  return `${new Date(own.getTime() + offsetMs).toISOString().slice(0, 19)}Z`;
}
