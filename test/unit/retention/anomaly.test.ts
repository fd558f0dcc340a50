import { describe, expect, test } from "vitest";
import { calendarOf } from "../../../src/policy/calendar.ts";
import { anomaliesOf, freezeSentence } from "../../../src/retention/anomaly.ts";
import { decideRetention } from "../../../src/retention/decide.ts";
import type { ObservedSnapshot, SnapshotTotals } from "../../../src/snapshot/observed.ts";
import { dayMs, snapshot, type Told } from "./stories.ts";

const start = new Date("2026-06-01T00:17:00Z");
const onDay = (day: number): Date => new Date(start.getTime() + day * dayMs);

/** Daily verified backups: thirty quiet days that grow a little, and then what `story` says, day by day. */
function tell(story: readonly Told[], quietDays = 30): readonly ObservedSnapshot[] {
  const growing = (day: number): SnapshotTotals => ({
    tables: 20,
    objects: 1000,
    rows: 1_000_000 + day * 1000,
    rawBytes: 2_000_000_000 + day * 2_000_000,
    sealedBytes: 400_000_000 + day * 400_000,
  });
  const quiet = Array.from({ length: quietDays }, (_, day) =>
    snapshot(onDay(day), { totals: growing(day), passed: "unsealed" }),
  );
  const told = story.map((one, index) =>
    snapshot(onDay(quietDays + index), {
      passed: "unsealed",
      ...one,
      totals: { ...growing(quietDays + index), ...one.totals },
    }),
  );
  return [...quiet, ...told];
}

function judge(snapshots: readonly ObservedSnapshot[], acceptedAt?: Date): readonly string[] {
  const now = new Date((snapshots.at(-1)?.moment.getTime() ?? 0) + 1000);
  return anomaliesOf({ snapshots, now, ...(acceptedAt === undefined ? {} : { acceptedAt }) }).map(
    ({ code, sentence, snapshot: id }) => `${code}: ${sentence.replace(id, "it")}`,
  );
}

describe("ransomware stories", () => {
  test.each<[name: string, story: readonly Told[], expected: readonly string[]]>([
    ["a quiet day", [{}], []],
    [
      "a table is emptied",
      [{ totals: { rows: 400_000 } }],
      ["anomaly-shrunk: it has 400000 rows, 39 % of 1026000, the median of the last 7."],
    ],
    [
      "a schema is dropped",
      [{ totals: { tables: 9 } }],
      ["anomaly-shrunk: it has 9 tables, 45 % of 20, the median of the last 7."],
    ],
    [
      "a large table is gone",
      [{ totals: { rawBytes: 100_000_000, sealedBytes: 20_000_000 } }],
      [
        "anomaly-shrunk: it has 100000000 bytes before compression, 4.9 % of 2052000000, the median of the last 7.",
      ],
    ],
    [
      "columns are encrypted",
      [{ totals: { sealedBytes: 1_400_000_000 } }],
      [
        "anomaly-incompressible: it compresses to 68 % of its size; the median of the last 7 is 20 %. Encrypted data does not compress.",
      ],
    ],
    [
      "objects are deleted",
      [{ totals: { objects: 499 } }],
      ["anomaly-shrunk: it has 499 objects, 49.9 % of 1000, the median of the last 7."],
    ],
    [
      "objects are replaced",
      [{ objectsChanged: 301 }],
      ["anomaly-replaced: it has 301 of 1000 objects (30.1 %) replaced or gone at once."],
    ],
    [
      "everything is empty",
      [{ totals: { tables: 0, rows: 0, objects: 0, rawBytes: 50_000, sealedBytes: 9000 } }],
      [
        "anomaly-shrunk: it has 0 rows, 0 % of 1026000, the median of the last 7.",
        "anomaly-shrunk: it has 50000 bytes before compression, 0 % of 2052000000, the median of the last 7.",
        "anomaly-shrunk: it has 0 tables, 0 % of 20, the median of the last 7.",
        "anomaly-shrunk: it has 0 objects, 0 % of 1000, the median of the last 7.",
      ],
    ],
    ["exactly half is left", [{ totals: { rows: 514_500, tables: 10, objects: 500 } }], []],
    ["exactly 30 % are replaced", [{ objectsChanged: 300 }], []],
    ["an honest half as much again per byte", [{ totals: { sealedBytes: 609_000_000 } }], []],
    [
      "the database doubles",
      [{ totals: { rows: 2_200_000, rawBytes: 4_400_000_000, sealedBytes: 880_000_000 } }],
      [],
    ],
  ])("%s", (_, story, expected) => {
    expect(judge(tell(story))).toEqual(expected);
  });

  test("five per cent a day are noticed on the fourteenth day, against the largest of 90 days", () => {
    const story = Array.from({ length: 20 }, (_, day) => ({
      totals: { rows: Math.round(1_029_000 * 0.95 ** (day + 1)) },
    }));
    expect(judge(tell(story.slice(0, 13)))).toEqual([]);
    expect(judge(tell(story.slice(0, 14)))).toEqual([
      "anomaly-shrunk: it has 501818 rows, 48.8 % of 1029000, the largest kept of the last 90 days.",
    ]);
  });

  test.each([
    [90, 1],
    [91, 0],
  ])("the largest of %i days ago is a measure: %i", (day, expected) => {
    const rows = (of: number, value: number): ObservedSnapshot =>
      snapshot(onDay(of), { totals: { rows: value } });
    const usual = [1, 2, 3, 4, 5, 6, 7].map((of) => rows(of, 1_000_000));
    expect(judge([rows(0, 1_900_000), ...usual, rows(day, 900_000)])).toHaveLength(expected);
  });
});

describe("a freeze", () => {
  const emptied = { totals: { rows: 10 } };

  test("is not undone by a later snapshot that looks well", () => {
    expect(judge(tell([emptied, {}, {}, {}]))).toHaveLength(1);
  });

  test("is not undone by the attacker's state becoming the usual one", () => {
    expect(judge(tell(Array.from({ length: 30 }, () => emptied))).length).toBe(30);
  });

  test("ends when a person accepts the numbers, which then are the measure", () => {
    const history = tell([emptied, emptied, emptied]);
    expect(judge(history, onDay(32.5))).toEqual([]);
    expect(
      judge([...history, snapshot(onDay(33), { totals: { rows: 4 } })], onDay(32.5)).length,
    ).toBeGreaterThan(0);
  });

  test("is caused by none that is incomplete, not trusted or from the future", () => {
    for (const odd of [{ state: "incomplete" }, { isTrusted: false }, { storedAt: onDay(1) }] as const) {
      expect(judge(tell([{ ...emptied, ...odd }]))).toEqual([]);
    }
  });

  test("keeps the clean backups as long as it lasts, and its sentence has numbers and no names", () => {
    const snapshots = tell(Array.from({ length: 60 }, () => emptied));
    const now = onDay(89.5);
    const freeze = freezeSentence(anomaliesOf({ snapshots, now }));
    expect(freeze).toMatch(/^\S+ has 10 rows, 0 % of 1026000, the median of the last 7\. \(and 59 more\)$/);
    const retention = { tiers: { daily: 30 * dayMs }, keepAtLeast: 3 };
    const kept = (withFreeze: object): number =>
      decideRetention({ snapshots, retention, calendar: calendarOf("UTC"), now, ...withFreeze })
        .slice(0, 30)
        .filter(({ keep }) => keep).length;
    expect(kept({ freeze })).toBe(30);
    expect(kept({})).toBe(0);
  });
});

test("the first snapshot of all has nothing to differ from", () => {
  expect(judge(tell([{ totals: { rows: 0 } }], 0))).toEqual([]);
  expect(freezeSentence([])).toBeUndefined();
});
