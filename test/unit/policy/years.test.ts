/** Simulated years: what is due, what is made, what is removed, day after day. */
import { describe, expect, test } from "vitest";
import { type Calendar, calendarOf } from "../../../src/policy/calendar.ts";
import { whatIsDue } from "../../../src/policy/due.ts";
import type { Policy } from "../../../src/policy/policy.ts";
import { decideRetention } from "../../../src/retention/decide.ts";
import type { ObservedSnapshot } from "../../../src/snapshot/observed.ts";
import { type Tier, tiers } from "../../../src/snapshot/snapshot-json.ts";
import { dayMs, hourMs, randomNumbers, snapshot } from "../retention/stories.ts";
import { allTiersKept, archive, policyOf } from "./policies.ts";

function prune(
  snapshots: readonly ObservedSnapshot[],
  { retention }: Policy,
  calendar: Calendar,
  now: Date,
): ObservedSnapshot[] {
  return decideRetention({ snapshots, retention, calendar, now })
    .filter(({ keep }) => keep)
    .map((decision) => decision.snapshot);
}

describe("the old policy over eight years: daily 30 days, weekly 90, monthly a year, yearly seven", () => {
  const policy = policyOf(
    `${archive}retention: { daily: 30d, weekly: 90d, monthly: 1y, yearly: 7y }
sources: { database: { type: postgres, url: { secret: DATABASE_URL }, every: 24h } }`,
  );

  // A backup at 02:17 each night from 2026-01-01 on, and pruning at 02:30. Written by hand from a calendar.
  const remains: readonly {
    readonly on: string;
    readonly days: readonly [from: string, to: string];
    readonly mondays: string;
    readonly months: string;
    readonly years: string;
  }[] = [
    {
      on: "2026-01-31",
      days: ["2026-01-02", "2026-01-31"],
      mondays: "",
      months: "2026-01",
      years: "2026",
    },
    {
      on: "2026-04-15",
      days: ["2026-03-17", "2026-04-15"],
      mondays:
        "2026-01-19 2026-01-26 2026-02-02 2026-02-09 2026-02-16 2026-02-23 2026-03-02 2026-03-09 2026-03-16 2026-03-23 2026-03-30 2026-04-06 2026-04-13",
      months: "2026-01 2026-02 2026-03 2026-04",
      years: "2026",
    },
    {
      on: "2027-01-02",
      days: ["2026-12-04", "2027-01-02"],
      mondays:
        "2026-10-05 2026-10-12 2026-10-19 2026-10-26 2026-11-02 2026-11-09 2026-11-16 2026-11-23 2026-11-30 2026-12-07 2026-12-14 2026-12-21 2026-12-28",
      months:
        "2026-02 2026-03 2026-04 2026-05 2026-06 2026-07 2026-08 2026-09 2026-10 2026-11 2026-12 2027-01",
      years: "2026 2027",
    },
    {
      on: "2028-02-29",
      days: ["2028-01-31", "2028-02-29"],
      mondays:
        "2027-12-06 2027-12-13 2027-12-20 2027-12-27 2028-01-03 2028-01-10 2028-01-17 2028-01-24 2028-01-31 2028-02-07 2028-02-14 2028-02-21 2028-02-28",
      months:
        "2027-03 2027-04 2027-05 2027-06 2027-07 2027-08 2027-09 2027-10 2027-11 2027-12 2028-01 2028-02",
      years: "2026 2027 2028",
    },
    {
      // Seven years of 366 days end five days after seven years of the calendar.
      on: "2033-01-05",
      days: ["2032-12-07", "2033-01-05"],
      mondays:
        "2032-10-11 2032-10-18 2032-10-25 2032-11-01 2032-11-08 2032-11-15 2032-11-22 2032-11-29 2032-12-06 2032-12-13 2032-12-20 2032-12-27 2033-01-03",
      months:
        "2032-02 2032-03 2032-04 2032-05 2032-06 2032-07 2032-08 2032-09 2032-10 2032-11 2032-12 2033-01",
      years: "2026 2027 2028 2029 2030 2031 2032 2033",
    },
    {
      on: "2033-01-06",
      days: ["2032-12-08", "2033-01-06"],
      mondays:
        "2032-10-11 2032-10-18 2032-10-25 2032-11-01 2032-11-08 2032-11-15 2032-11-22 2032-11-29 2032-12-06 2032-12-13 2032-12-20 2032-12-27 2033-01-03",
      months:
        "2032-02 2032-03 2032-04 2032-05 2032-06 2032-07 2032-08 2032-09 2032-10 2032-11 2032-12 2033-01",
      years: "2027 2028 2029 2030 2031 2032 2033",
    },
    {
      on: "2033-12-31",
      days: ["2033-12-02", "2033-12-31"],
      mondays:
        "2033-10-03 2033-10-10 2033-10-17 2033-10-24 2033-10-31 2033-11-07 2033-11-14 2033-11-21 2033-11-28 2033-12-05 2033-12-12 2033-12-19 2033-12-26",
      months:
        "2033-01 2033-02 2033-03 2033-04 2033-05 2033-06 2033-07 2033-08 2033-09 2033-10 2033-11 2033-12",
      years: "2027 2028 2029 2030 2031 2032 2033",
    },
  ];

  const left = new Map<string, readonly string[]>();
  const calendar = calendarOf(policy.timezone);
  let snapshots: ObservedSnapshot[] = [];
  for (let at = Date.parse("2026-01-01T02:17:00Z"); at < Date.parse("2034-01-01"); at += dayMs) {
    const now = new Date(at);
    const [only] = whatIsDue({ policy, snapshots: new Map([["database", snapshots]]), now, calendar });
    snapshots.push(snapshot(now, { tiers: only?.tiers ?? [], passed: "unsealed" }));
    snapshots = prune(snapshots, policy, calendar, new Date(at + 13 * 60_000));
    left.set(
      now.toISOString().slice(0, 10),
      snapshots.map(({ moment }) => moment.toISOString().slice(0, 10)),
    );
  }

  test.each(remains)("on $on", ({ on, days: [from, to], mondays, months, years }) => {
    const words = (text: string): readonly string[] => text.split(" ").filter((word) => word !== "");
    const expected = new Set([
      ...words(years).map((year) => `${year}-01-01`),
      ...words(months).map((month) => `${month}-01`),
      ...words(mondays),
    ]);
    for (let at = Date.parse(from); at <= Date.parse(to); at += dayMs) {
      expected.add(new Date(at).toISOString().slice(0, 10));
    }
    expect(left.get(on)).toEqual([...expected].sort());
  });
});

describe("seven years of hourly heartbeats, of which GitHub drops one in five", () => {
  const policy = policyOf(
    `timezone: Europe/Berlin\n${archive}${allTiersKept}
sources:
  database: { type: postgres, url: { secret: DATABASE_URL }, every: 1h, rpo: 1h }
  storage: { type: supabase-storage, url: https://ref.supabase.co, key: { secret: SUPABASE_SECRET_KEY }, every: 24h }`,
  );
  const calendar = calendarOf(policy.timezone);
  const random = randomNumbers(20_261_123);
  const start = Date.parse("2026-01-01T00:00:00Z");
  const end = Date.parse("2033-01-01T00:00:00Z");
  /** Moments at which a run came and its backup was good. */
  const runs: number[] = [];
  let dropped = 0;
  let wastedPlans = 0;
  const made = new Map<string, ObservedSnapshot[]>(policy.sources.map(({ name }) => [name, []]));
  let stores = new Map<string, readonly ObservedSnapshot[]>();
  for (let hour = start; hour < end; hour += hourMs) {
    if (random() < 0.2) {
      dropped += 1;
      continue;
    }
    const now = new Date(hour + 17 * 60_000 + random() * 30 * 60_000);
    // One backup in fifty does not pass its verification.
    const isGood = random() > 0.02;
    if (isGood) runs.push(now.getTime());
    for (const { source, tiers: due } of whatIsDue({ policy, snapshots: stores, now, calendar })) {
      if (due.length === 0) continue;
      const level = isGood ? { passed: "unsealed" as const } : {};
      const one = snapshot(now, { tiers: due, ...level });
      const failed = {
        ...one,
        evidence: [{ level: "unsealed", verdict: "failed", time: now, isTrusted: true } as const],
      };
      const kept = isGood ? one : failed;
      if (isGood) made.get(source.name)?.push(one);
      stores = new Map(stores).set(source.name, [...(stores.get(source.name) ?? []), kept]);
    }
    const again = whatIsDue({
      policy,
      snapshots: stores,
      now: new Date(now.getTime() + 5 * 60_000),
      calendar,
    });
    const nextHour = new Date(now.getTime() + 5 * 60_000).getUTCHours() !== now.getUTCHours();
    if (isGood && !nextHour && again.some((one) => one.tiers.length > 0)) wastedPlans += 1;
    if (now.getUTCHours() === 3) {
      stores = new Map([...stores].map(([name, all]) => [name, prune(all, policy, calendar, now)]));
    }
  }

  const periodsOf = (tier: Tier, moments: readonly number[]): ReadonlySet<string> =>
    new Set(moments.map((moment) => calendar.period(tier, new Date(moment))));

  test.each([
    ["database", tiers],
    ["storage", tiers.slice(1)],
  ] as const)("%s has no hole in any tier that the dropped runs did not force", (name, itsTiers) => {
    for (const tier of itsTiers) {
      const holding = (made.get(name) ?? []).filter((one) => one.tiers.includes(tier));
      const filled = holding.map(({ moment }) => calendar.period(tier, moment));
      expect(new Set(filled)).toEqual(periodsOf(tier, runs));
      // And nothing is made twice.
      expect(filled.length).toBe(new Set(filled).size);
    }
  });

  test("a second plan five minutes later finds nothing to do", () => {
    expect(wastedPlans).toBe(0);
  });

  test("every breach of the RPO is listed, and contains a dropped or failed run", () => {
    const moments = (made.get("database") ?? []).map(({ moment }) => moment.getTime());
    const graceMs = policy.alerts.graceMs;
    const breaches = moments.slice(1).flatMap((moment, index) => {
      const gap = moment - (moments[index] ?? moment);
      return gap > hourMs + graceMs ? [{ from: moments[index] ?? 0, to: moment, hours: gap / hourMs }] : [];
    });
    const runAt = new Set(runs.map((run) => Math.floor(run / hourMs)));
    for (const { from, to } of breaches) {
      const hours = Array.from(
        { length: Math.floor(to / hourMs) - Math.floor(from / hourMs) - 1 },
        (_, index) => Math.floor(from / hourMs) + 1 + index,
      );
      expect(hours.length).toBeGreaterThan(0);
      expect(hours.every((hour) => !runAt.has(hour))).toBe(true);
    }
    const worst = Math.max(...breaches.map(({ hours }) => hours));
    console.log(
      `${dropped} of 61368 heartbeats dropped, ${moments.length} database backups, ${breaches.length} gaps above 1 h 30 min, the longest ${worst.toFixed(1)} h`,
    );
    expect(breaches.length).toBeGreaterThan(1000);
    expect(worst).toBeLessThan(24);
  });

  test("what is left after seven years is what the policy keeps", () => {
    const database = prune(stores.get("database") ?? [], policy, calendar, new Date(end));
    const holding = (tier: Tier): number => database.filter((one) => one.tiers.includes(tier)).length;
    expect(holding("yearly")).toBe(7);
    expect(holding("monthly")).toBeGreaterThanOrEqual(13);
    expect(database.length).toBeLessThan(150);
  });
});
