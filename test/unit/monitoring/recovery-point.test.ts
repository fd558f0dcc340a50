/** What the distances between backups say about how much would have been lost. */
import { expect, test } from "vitest";
import { recoveryPoint } from "../../../src/monitoring/recovery-point.ts";

const now = new Date("2026-11-23T12:00:00Z");
const hourMs = 3_600_000;
const hoursAgo = (...hours: readonly number[]): Date[] =>
  hours.map((ago) => new Date(now.getTime() - ago * hourMs));
const hours = (count: number): number => count * 3600;

test("one snapshot each hour, and a night without any", () => {
  // 1 h ago … 40 h ago, then 12 h of nothing, then 52 h … 60 h ago: 47 gaps of one hour and one of twelve.
  const moments = hoursAgo(
    ...Array.from({ length: 40 }, (_, index) => index + 1),
    ...Array.from({ length: 9 }, (_, index) => index + 52),
  );
  const { nowSeconds, windows } = recoveryPoint({ moments, now });
  expect(nowSeconds).toBe(hours(1));
  const measured = {
    coveredDays: 2.5,
    gaps: 48,
    medianSeconds: hours(1),
    p95Seconds: hours(1),
    worstSeconds: hours(12),
  };
  expect(windows).toEqual([
    { windowDays: 30, ...measured },
    { windowDays: 365, ...measured },
  ]);
});

test("the time since the last snapshot can be the worst, but is no gap yet", () => {
  const { windows } = recoveryPoint({ moments: hoursAgo(100, 101, 102), now });
  expect(windows[0]).toEqual({
    windowDays: 30,
    coveredDays: 4.3,
    gaps: 2,
    medianSeconds: hours(1),
    p95Seconds: hours(1),
    worstSeconds: hours(100),
  });
});

test("a gap that began before the window counts whole, and older ones only where the window is longer", () => {
  const moments = hoursAgo(1, 24 * 20, 24 * 40, 24 * 340);
  const { windows } = recoveryPoint({ moments, now });
  expect(windows[0]).toEqual({
    windowDays: 30,
    coveredDays: 30,
    gaps: 2,
    medianSeconds: hours(479),
    p95Seconds: hours(480),
    worstSeconds: hours(480),
  });
  expect(windows[1]).toEqual({
    windowDays: 365,
    coveredDays: 340,
    gaps: 3,
    medianSeconds: hours(480),
    p95Seconds: hours(24 * 300),
    worstSeconds: hours(24 * 300),
  });
});

test("with one snapshot only its age is known, and with none nothing", () => {
  const one = recoveryPoint({ moments: hoursAgo(5), now });
  expect(one.windows[0]).toEqual({ windowDays: 30, coveredDays: 0.2, gaps: 0, worstSeconds: hours(5) });
  expect(recoveryPoint({ moments: [], now })).toEqual({
    windows: [
      { windowDays: 30, coveredDays: 0, gaps: 0 },
      { windowDays: 365, coveredDays: 0, gaps: 0 },
    ],
  });
});

test("order, doubles (copies in several stores) and moments in the future change nothing", () => {
  const moments = hoursAgo(3, 1, 2, 2, -4);
  expect(recoveryPoint({ moments, now })).toEqual(recoveryPoint({ moments: hoursAgo(1, 2, 3), now }));
});
