/** Which cell shows what: by tier, period and zone. */
import { describe, expect, test } from "vitest";
import { calendarOf } from "../../../src/policy/calendar.ts";
import type { ObservedSnapshot } from "../../../src/snapshot/observed.ts";
import type { Tier } from "../../../src/snapshot/snapshot-json.ts";
import { type CellState, tierCalendars } from "../../../src/status-page/calendar-cells.ts";
import { backup, checked, dayMs, hourMs, kept, now } from "./reports.ts";

const keeps: Readonly<Record<Tier, number>> = {
  ...{ hourly: 2 * dayMs, daily: 30 * dayMs, weekly: 90 * dayMs, monthly: 366 * dayMs },
  yearly: 7 * 366 * dayMs,
};

function calendarsOf(snapshots: readonly ObservedSnapshot[], timezone = "UTC", at = now) {
  const found = tierCalendars({ snapshots, keeps, calendar: calendarOf(timezone), now: at });
  return new Map(found.map((one) => [one.tier, one]));
}

function at(iso: string, more: Partial<ObservedSnapshot> = {}): ObservedSnapshot {
  return backup(now.getTime() - Date.parse(iso), { tiers: ["daily"], ...more });
}

describe("a calendar", () => {
  test.each<[CellState, Partial<ObservedSnapshot>[]]>([
    ["restored", [{ evidence: [checked("restored", 0)] }]],
    ["opened", [{ evidence: [checked("unsealed", 0)] }]],
    ["stored", [{ evidence: [checked("stored", 0)] }]],
    ["stored", [{ evidence: [checked("restored", 0, { isTrusted: false })] }]],
    ["bad", [{ evidence: [checked("restored", 0, { verdict: "failed" })] }]],
    ["bad", [{ state: "incomplete" }]],
    ["bad", [{ state: "damaged" }]],
    ["bad", [{ isTrusted: false }]],
    ["opened", [{ state: "damaged" }, { evidence: [checked("unsealed", 0)] }, {}]],
    ["open", []],
  ])("shows of a day the best backup: %s", (state, ofToday) => {
    const yesterday = at("2026-11-22T10:00:00Z");
    const snapshots = [yesterday, ...ofToday.map((more) => at("2026-11-23T01:00:00Z", more))];
    const { rows } = calendarsOf(snapshots).get("daily")!;
    expect(rows).toEqual([
      { name: "16 Nov", cells: [...Array<undefined>(6).fill(undefined), "stored"] },
      { name: "23 Nov", cells: [state, ...Array<undefined>(6).fill(undefined)] },
    ]);
  });

  test("begins with the first backup, counts holes, and does not ask for what may be gone already", () => {
    const days = ["2026-10-01", "2026-10-24", "2026-11-20", "2026-11-23"];
    const daily = calendarsOf(days.map((day) => at(`${day}T05:00:00Z`))).get("daily")!;
    // The 24th of October is cut by the 30 days, the 1st is long over.
    expect([daily.periods, daily.missing]).toEqual([4, 2]);
    expect(daily.rows.flatMap(({ cells }) => cells).filter((cell) => cell !== undefined)).toEqual([
      ...["stored", "none", "none", "stored"],
    ]);
  });

  test("counts days in the policy's zone and hours in UTC", () => {
    // 23:30 in Berlin on the 22nd is 22:30 UTC; 00:30 on the 23rd is 23:30 UTC of the 22nd.
    const night = [at("2026-11-22T22:30:00Z"), at("2026-11-22T23:30:00Z", { tiers: ["daily", "hourly"] })];
    expect(calendarsOf(night, "UTC").get("daily")).toMatchObject({ periods: 2, missing: 0 });
    const berlin = calendarsOf(night, "Europe/Berlin");
    expect(
      berlin
        .get("daily")
        ?.rows.flatMap(({ cells }) => cells)
        .filter(Boolean),
    ).toEqual(["stored", "stored"]);
    const [row] = berlin.get("hourly")!.rows;
    expect([row?.name, row?.cells.indexOf("stored")]).toEqual(["22 Nov", 23]);
  });

  test("has a row for each day, week, quarter of weeks, and year, and one for all years", () => {
    const all = calendarsOf(kept(hourMs, 6).snapshots);
    const shapes = [...all].map(([tier, { columns, rows, periods, missing }]) => [
      ...[tier, columns.length, rows.length, periods, missing],
    ]);
    expect(shapes).toEqual([
      ["hourly", 24, 3, 48, 0],
      ["daily", 7, 6, 30, 0],
      ["weekly", 13, 1, 13, 0],
      ["monthly", 12, 2, 12, 0],
      ["yearly", 7, 1, 7, 0],
    ]);
    expect(all.get("yearly")?.columns).toEqual(["2020", "2021", "2022", "2023", "2024", "2025", "2026"]);
    expect(all.get("weekly")?.rows[0]?.cells.at(-1)).toBe("restored");
  });

  test("leaves out a tier that a source does not have", () => {
    expect([...calendarsOf([at("2026-11-23T01:00:00Z")]).keys()]).toEqual(["daily"]);
    expect([...calendarsOf([]).keys()]).toEqual([]);
  });
});
