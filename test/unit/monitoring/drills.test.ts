/** Which backup is drilled, when drills fall due, and what is said of them. */
import { describe, expect, test } from "vitest";
import { isNearAge, nearestInAge } from "../../../src/monitoring/drill-choice.ts";
import { dueDrills } from "../../../src/monitoring/due-drills.ts";
import { recoveryTime } from "../../../src/monitoring/recovery-time.ts";
import type { ObservedDrill } from "../../../src/snapshot/drill-evidence.ts";
import { backup, daily, dayMs, failed, hourMs, judged, now } from "./situations.ts";

function drilled(
  kind: ObservedDrill["kind"],
  ageDays: number,
  more: Partial<ObservedDrill> = {},
): ObservedDrill {
  return {
    id: `${kind}-${ageDays}`,
    kind,
    snapshot: "20260101T000000Z-000000000000",
    time: new Date(now.getTime() - ageDays * dayMs),
    verdict: "passed",
    seconds: 60,
    meetsObjectives: true,
    isTrusted: true,
    ...more,
  };
}
const fresh = backup(hourMs);
const old = backup(400 * dayMs);
const both = (days: number): readonly ObservedDrill[] => [
  drilled("restoration", days),
  drilled("disaster", days),
];

describe("the backup of a restoration drill", () => {
  const snapshots = [1, 20, 28, 33, 90].map((days) => backup(days * dayMs));
  test.each<[string, Parameters<typeof nearestInAge>[0], number | undefined]>([
    ["is the nearest in age", snapshots, 28],
    ["is the nearest that there is", [backup(3 * dayMs), backup(2 * dayMs)], 3],
    ["is the older of two that are as near", [backup(29 * dayMs), backup(31 * dayMs)], 31],
    [
      "is none that is incomplete, not trusted or failed",
      [
        backup(30 * dayMs, { state: "incomplete" }),
        backup(30 * dayMs, { isTrusted: false }),
        backup(30 * dayMs, { evidence: [failed("restored")] }),
        backup(50 * dayMs),
      ],
      50,
    ],
    ["is one that failed where all have", [backup(9 * dayMs, { evidence: [failed("restored")] })], 9],
    ["is none where there is none", [], undefined],
  ])("%s", (_, from, days) => {
    const chosen = nearestInAge(from, 30 * dayMs, now);
    expect(chosen && (now.getTime() - chosen.moment.getTime()) / dayMs).toBe(days);
  });

  test.each([
    [37, true],
    [38, false],
    [23, true],
    [22, false],
  ])("of %i days is called about 30 days old: %s", (days, near) => {
    expect(isNearAge(days * dayMs, 30 * dayMs)).toBe(near);
  });
});

describe("due", () => {
  test.each<[string, Parameters<typeof dueDrills>[0][number], string[]]>([
    ["neither while backups are young", { snapshots: [fresh, backup(29 * dayMs)], drills: [] }, []],
    [
      "both first at the age",
      { snapshots: [fresh, backup(30 * dayMs)], drills: [] },
      ["restoration", "disaster"],
    ],
    ["none without a good backup", { snapshots: [], drills: [] }, []],
    ["restorations each 90 days", { snapshots: [old], drills: both(90) }, ["restoration"]],
    ["none a day earlier", { snapshots: [old], drills: both(89) }, []],
    ["disasters each year", { snapshots: [old], drills: both(366) }, ["restoration", "disaster"]],
    [
      "again after one that failed, was not proven, or that nobody vouches for",
      {
        snapshots: [old],
        drills: [
          drilled("restoration", 95),
          drilled("restoration", 3, { verdict: "failed" }),
          drilled("restoration", 2, { verdict: "not-verified" }),
          drilled("restoration", 1, { isTrusted: false }),
          drilled("disaster", 1),
        ],
      },
      ["restoration"],
    ],
  ])("%s", (_, history, kinds) => {
    expect(dueDrills([{ snapshots: [old], drills: both(0) }, history], daily, now)).toEqual(kinds);
  });
});

test.each<[string, readonly ObservedDrill[], string[]]>([
  ["nothing of drills in time", both(80), []],
  [
    "nothing within the ten days that the workflow has",
    [drilled("restoration", 99), drilled("disaster", 1)],
    [],
  ],
  ["what is late", [drilled("restoration", 101), drilled("disaster", 377)], ["drill-late", "drill-late"]],
  ["what never was", [], ["drill-late", "drill-late"]],
  [
    "what failed, instead of that it is late",
    [drilled("restoration", 1, { verdict: "failed" }), drilled("disaster", 1)],
    ["drill-failed"],
  ],
  [
    "a missed objective",
    [drilled("restoration", 1, { meetsObjectives: false }), drilled("disaster", 1)],
    ["drill-objective-missed"],
  ],
  [
    "nothing of what a later one made good",
    [drilled("restoration", 2, { verdict: "failed", meetsObjectives: false }), ...both(1)],
    [],
  ],
])("the monitor tells %s", (_, drills, codes) => {
  const { findings } = judged({ snapshots: [fresh, backup(60 * dayMs), old], drills });
  expect(findings.map(({ code }) => code)).toEqual(codes);
});

test("a recovery is held against its objective as it was, and as it would be at production's size", () => {
  const phases = { find: 1, download: 10, unseal: 20, prepare: 5, restore: 40, verify: 24 };
  const drilled = { rawBytes: 1000, storedBytes: 100 };
  const production = { rawBytes: 3000, storedBytes: 200, snapshot: "newest" };
  const time = recoveryTime({ phases, drilled, production, objectiveMs: 200_000 });
  expect(time).toMatchObject({ seconds: 100, objectiveSeconds: 200, isMet: true });
  expect(time.production).toMatchObject({
    phases: { find: 1, download: 20, unseal: 60, prepare: 5, restore: 120, verify: 72 },
    seconds: 278,
    isMet: false,
  });
  // Never less than measured; what it waited for before does not grow.
  const smaller = { ...production, rawBytes: 1, storedBytes: 1 };
  expect(recoveryTime({ phases, drilled, production: smaller }).production?.seconds).toBe(100);
  const waited = recoveryTime({ phases, drilled, production, totalSeconds: 150 });
  expect([waited.seconds, waited.production?.seconds]).toEqual([150, 328]);
  expect(
    recoveryTime({ phases, drilled: { rawBytes: 0, storedBytes: 0 }, production }).production,
  ).toBeUndefined();
});
