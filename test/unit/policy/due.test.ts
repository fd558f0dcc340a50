import { describe, expect, test } from "vitest";
import { type DueInput, whatIsDue } from "../../../src/policy/due.ts";
import type { ObservedSnapshot } from "../../../src/snapshot/observed.ts";
import type { Tier } from "../../../src/snapshot/snapshot-json.ts";
import { allTiers, check, dayMs, hourMs, snapshot } from "../retention/stories.ts";
import { allTiersKept, archive, policyOf } from "./policies.ts";

const database = "sources: { database: { type: postgres, url: { secret: DATABASE_URL } } }\n";
const policy = policyOf(archive + allTiersKept + database);
const berlin = policyOf(`timezone: Europe/Berlin\n${archive}${allTiersKept}${database}`);

function due(
  now: string | Date,
  snapshots: readonly ObservedSnapshot[] = [],
  more: Partial<DueInput> = {},
): string {
  const of = more.policy ?? policy;
  const name = of.sources[0]?.name ?? "";
  const [only] = whatIsDue({
    policy: of,
    snapshots: new Map([[name, snapshots]]),
    now: new Date(now),
    ...more,
  });
  return (only?.reasons ?? []).map(({ tier, code }) => `${tier} ${code}`).join(", ");
}

const good = (moment: string, tiers: readonly Tier[] = allTiers): ObservedSnapshot =>
  snapshot(moment, { tiers, passed: "unsealed" });

describe("a tier is due", () => {
  test("all of them, where there is nothing", () => {
    expect(due("2026-11-23T00:17:00Z")).toBe(
      "hourly none-yet, daily none-yet, weekly none-yet, monthly none-yet, yearly none-yet",
    );
  });

  test.each([
    ["2026-11-23T00:50:00Z", ""],
    ["2026-11-23T01:00:00Z", "hourly none-yet"],
    ["2026-11-24T00:00:00Z", "hourly none-yet, daily none-yet"],
    ["2026-11-29T23:59:59Z", "hourly none-yet, daily none-yet"],
    ["2026-11-30T00:00:00Z", "hourly none-yet, daily none-yet, weekly none-yet"],
    ["2026-12-01T00:00:00Z", "hourly none-yet, daily none-yet, weekly none-yet, monthly none-yet"],
    [
      "2027-01-01T00:00:00Z",
      "hourly none-yet, daily none-yet, weekly none-yet, monthly none-yet, yearly none-yet",
    ],
  ])("at %s, after one that holds all at 2026-11-23T00:17Z: %j", (now, expected) => {
    expect(due(now, [good("2026-11-23T00:17:00Z")])).toBe(expected);
  });

  test("by the calendar of the policy's time zone, in hours by UTC's", () => {
    const evening = [good("2026-12-31T22:59:00Z")];
    expect(due("2026-12-31T23:01:00Z", evening)).toBe("hourly none-yet");
    // In Berlin the new year has begun; its first day, a Friday, is still of the old week.
    expect(due("2026-12-31T23:01:00Z", evening, { policy: berlin })).toBe(
      "hourly none-yet, daily none-yet, monthly none-yet, yearly none-yet",
    );
  });

  test("only if it is kept", () => {
    const few = policyOf(`retention: { daily: 30d }\n${database}`);
    expect(due("2026-11-23T00:17:00Z", [], { policy: few })).toBe("daily none-yet");
  });

  test("again, if the one that held it fails later in its period, and not in the next", () => {
    const failed = {
      ...good("2026-11-02T00:17:00Z", ["monthly"]),
      evidence: [
        check("unsealed", "passed", "2026-11-02T01:00:00Z"),
        check("restored", "failed", "2026-11-20T01:00:00Z"),
      ],
    };
    const others = good("2026-11-23T00:17:00Z", ["hourly", "daily", "weekly", "yearly"]);
    expect(due("2026-11-23T00:20:00Z", [failed, others])).toBe("monthly failed");
    const december = good("2026-12-01T00:17:00Z");
    expect(due("2026-12-01T00:20:00Z", [failed, december])).toBe("");
  });

  test("until one is opened and checked: stored, forged or no evidence is none", () => {
    const at = "2026-11-23T00:17:00Z";
    const dailyOf = (told: Partial<ObservedSnapshot>): string =>
      due("2026-11-23T06:00:00Z", [
        snapshot(at, { ...told, tiers: ["daily"] }),
        good("2026-11-23T06:00:00Z", ["hourly", "weekly", "monthly", "yearly"]),
      ]);
    expect(dailyOf({ evidence: [check("stored", "passed", at)] })).toBe("daily unverified");
    expect(dailyOf({ evidence: [check("unsealed", "passed", at, false)] })).toBe("daily unverified");
    expect(dailyOf({ evidence: [check("unsealed", "not-verified", at)] })).toBe("daily unverified");
    expect(dailyOf({ evidence: [check("unsealed", "passed", at)] })).toBe("");
    expect(dailyOf({ evidence: [check("restored", "passed", at)] })).toBe("");
    expect(dailyOf({ state: "incomplete", evidence: [check("unsealed", "passed", at)] })).toBe(
      "daily incomplete",
    );
    expect(dailyOf({ isTrusted: false, evidence: [check("unsealed", "passed", at)] })).toBe("daily none-yet");
    expect(dailyOf({ state: "damaged" })).toBe("daily none-yet");
  });

  test("although a snapshot claims to be from the future", () => {
    expect(due("2026-11-23T00:17:00Z", [good("2026-11-23T00:30:00Z")])).toContain("daily none-yet");
    // A clock may be some minutes off.
    expect(due("2026-11-23T00:17:00Z", [good("2026-11-23T00:20:00Z")])).toBe("");
  });
});

describe("two runs do not do the work twice", () => {
  const fresh = snapshot("2026-11-23T00:17:00Z", { tiers: allTiers });

  test("while a backup that was just made waits for its verification", () => {
    expect(due("2026-11-23T00:55:00Z", [fresh])).toBe("");
    expect(due("2026-11-23T01:17:00Z", [fresh])).toBe(
      "hourly none-yet, daily unverified, weekly unverified, monthly unverified, yearly unverified",
    );
  });

  test("which takes longer where the backup took long", () => {
    const slow = { ...fresh, finished: new Date("2026-11-23T01:17:00Z") };
    expect(due("2026-11-23T04:16:00Z", [slow])).toBe("hourly none-yet");
    expect(due("2026-11-23T04:18:00Z", [slow])).toContain("daily unverified");
  });

  test("while another run is making it, as long as a job can live", () => {
    const flight = { source: "database", startedAt: new Date("2026-11-23T00:17:00Z"), tiers: allTiers };
    expect(due("2026-11-23T00:18:00Z", [], { inFlight: [flight] })).toBe("");
    expect(due("2026-11-23T01:18:00Z", [], { inFlight: [flight] })).toBe("hourly none-yet");
    expect(due("2026-11-23T06:17:00Z", [], { inFlight: [flight] })).toContain("daily none-yet");
    expect(due("2026-11-23T00:18:00Z", [], { inFlight: [{ ...flight, source: "other" }] })).toContain(
      "daily",
    );
  });

  test("and a failed one is not waited for", () => {
    const failed = { ...fresh, evidence: [check("unsealed", "failed", "2026-11-23T00:20:00Z")] };
    expect(due("2026-11-23T00:25:00Z", [failed])).toContain("hourly failed, daily failed");
  });
});

describe("the pace of a source", () => {
  const every = (pace: string): ReturnType<typeof policyOf> =>
    policyOf(
      `${archive}${allTiersKept}sources: { database: { type: postgres, url: { secret: DATABASE_URL }, every: ${pace} } }`,
    );

  test.each([
    ["15m", "2026-11-23T00:29:00Z", ""],
    ["15m", "2026-11-23T00:30:00Z", "hourly none-yet"],
    ["6h", "2026-11-23T05:59:00Z", ""],
    ["6h", "2026-11-23T06:00:00Z", "hourly none-yet"],
    ["24h", "2026-11-23T23:59:00Z", ""],
    ["24h", "2026-11-24T00:00:00Z", "daily none-yet"],
    ["7d", "2026-11-29T23:59:00Z", ""],
    ["7d", "2026-11-30T00:00:00Z", "weekly none-yet"],
  ])("every %s at %s: %j", (pace, now, expected) => {
    expect(due(now, [good("2026-11-23T00:17:00Z")], { policy: every(pace) })).toBe(expected);
  });

  test("every other day is every other day", () => {
    const paced = every("2d");
    const days: number[] = [];
    const made: ObservedSnapshot[] = [];
    for (let day = 0; day < 10; day += 1) {
      const now = new Date(Date.parse("2026-12-28T00:17:00Z") + day * dayMs);
      if (!due(now, made, { policy: paced }).includes("daily")) continue;
      days.push(day);
      made.push(snapshot(now, { tiers: ["daily"], passed: "unsealed" }));
    }
    // The first one may fall on the second day of its pair.
    expect(days).toEqual([0, 1, 3, 5, 7, 9]);
  });
});

describe("a push", () => {
  const application = policyOf(`${archive}${allTiersKept}sources: { application: { type: application } }\n`);
  const today = [good("2026-11-23T00:17:00Z", ["daily", "weekly", "monthly", "yearly"])];

  test("to the default branch is backed up, and counts for the shortest tier that is kept", () => {
    expect(due("2026-11-23T10:00:00Z", today, { policy: application })).toBe("");
    expect(due("2026-11-23T10:00:00Z", today, { policy: application, isPush: true })).toBe("hourly pushed");
    expect(due("2026-11-24T10:00:00Z", today, { policy: application, isPush: true })).toBe(
      "daily none-yet, hourly pushed",
    );
  });

  test("changes nothing for a database", () => {
    expect(due("2026-11-23T00:20:00Z", [good("2026-11-23T00:17:00Z")], { isPush: true })).toBe("");
  });
});

test("clock changes make no day without and no day with two", () => {
  for (const [start, days] of [
    ["2027-03-27T23:00:00Z", 3],
    ["2027-10-29T22:00:00Z", 3],
  ] as const) {
    const made: ObservedSnapshot[] = [];
    for (let hour = 0; hour < days * 24 + 2; hour += 1) {
      const now = new Date(Date.parse(start) + hour * hourMs + 17 * 60_000);
      if (due(now, made, { policy: berlin }).includes("daily")) {
        made.push(snapshot(now, { tiers: allTiers, passed: "unsealed" }));
      }
    }
    expect(made.map(({ moment }) => moment.getTime()).length).toBeGreaterThanOrEqual(days);
    const days24 = new Set(
      made.map(({ moment }) => new Intl.DateTimeFormat("sv", { timeZone: "Europe/Berlin" }).format(moment)),
    );
    expect(days24.size).toBe(made.length);
  }
});
