import { expect, test } from "vitest";
import { formatDuration, parseDuration } from "../../src/duration.ts";

test.each([
  ["90s", 90_000],
  ["30m", 1_800_000],
  ["1h30m", 5_400_000],
  ["2d", 172_800_000],
  ["1w", 604_800_000],
  ["0s", 0],
  ["30", undefined],
  ["m", undefined],
  ["-1h", undefined],
  ["1.5h", undefined],
  ["1 h", undefined],
  ["1y", undefined],
  ["", undefined],
])("%j is %s ms", (text, expected) => {
  expect(parseDuration(text)).toBe(expected);
});

test.each([
  [5_400_000, "1h30m"],
  [0, "0s"],
  [1499, "1s"],
  [172_800_000, "2d"],
  [604_800_000, "7d"],
])("%i ms are %s", (durationMs, expected) => {
  expect(formatDuration(durationMs)).toBe(expected);
});
