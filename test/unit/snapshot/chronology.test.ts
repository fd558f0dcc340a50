import { describe, expect, test } from "vitest";
import { chronologyOf, type DatedSnapshot } from "../../../src/snapshot/chronology.ts";

const now = new Date("2026-11-30T12:00:00Z");
const hourMs = 3_600_000;
const yearMs = 365 * 24 * hourMs;

function made(
  id: string,
  hoursAgo: number,
  more: Partial<Omit<DatedSnapshot, "id" | "claimed">> = {},
): DatedSnapshot {
  const claimed = new Date(now.getTime() - hoursAgo * hourMs);
  return { id, claimed, storedAt: claimed, heads: [], ...more };
}

const inYears = -2 * (yearMs / hourMs);

function order(snapshots: readonly DatedSnapshot[], at = now): readonly string[] {
  return chronologyOf(snapshots, at).map(({ id, standing }) =>
    standing === "sound" ? id : `${id} ${standing}`,
  );
}

describe("where snapshots stand in time", () => {
  test.each<[name: string, snapshots: readonly DatedSnapshot[], expected: readonly string[]]>([
    ["honest ones by their moments", [made("b", 1), made("a", 2)], ["a", "b"]],
    [
      "one that claims what had not come when the store got it is never the latest",
      [made("a", 3), made("x", inYears, { storedAt: new Date(now.getTime() - 2 * hourMs) }), made("b", 1)],
      ["x ahead", "a", "b"],
    ],
    [
      "nor one that the store dates wrongly too",
      [made("a", 3), made("x", inYears), made("b", 1)],
      ["x ahead", "a", "b"],
    ],
    [
      "a clock that was behind hides nothing: it comes after what it saw",
      [made("a", 3), made("x", 3 * (yearMs / hourMs), { heads: ["a"] }), made("b", 1, { heads: ["x"] })],
      ["a", "x behind", "b"],
    ],
    [
      "what saw one that is ahead stays where it is",
      [made("x", inYears), made("b", 1, { heads: ["x"] })],
      ["x ahead", "b"],
    ],
    ["a copy that came later changes nothing", [made("a", 3, { storedAt: now }), made("b", 2)], ["a", "b"]],
    [
      "snapshots that claim to have seen each other end",
      [made("a", 2, { heads: ["b"] }), made("b", 1, { heads: ["a"] })],
      ["a", "b"],
    ],
  ])("%s", (_, snapshots, expected) => {
    expect(order(snapshots)).toEqual(expected);
    expect(order(snapshots.toReversed())).toEqual(expected);
  });

  test("a reader whose clock is behind still finds the latest", () => {
    const snapshots = [made("a", 5), made("b", 4), made("c", 3), made("d", 1)];
    expect(order(snapshots, new Date(now.getTime() - yearMs))).toEqual(["a", "b", "c", "d"]);
  });
});
