/** For each tier and each of its periods the best backup that is kept for it: data in, data out. */
import type { Calendar } from "../policy/calendar.ts";
import { standingOf } from "../retention/standing.ts";
import type { ObservedSnapshot } from "../snapshot/observed.ts";
import type { Retention } from "../policy/policy.ts";
import { type Tier, tiers } from "../snapshot/snapshot-json.ts";
import { monthNames, shortDay } from "./words.ts";

/** Of the best first. `open`: the present period, which has none yet; `none`: a past one without. */
export const cellStates = ["restored", "opened", "stored", "bad", "none", "open"] as const;
export type CellState = (typeof cellStates)[number];

export interface CalendarRow {
  readonly name: string;
  /** One for each column; undefined before the first backup of the tier, beyond what is kept, and in the future. */
  readonly cells: readonly (CellState | undefined)[];
}

export interface TierCalendar {
  readonly tier: Tier;
  readonly columns: readonly string[];
  /** The oldest first. */
  readonly rows: readonly CalendarRow[];
  /** Past periods, and how many of them have no backup. */
  readonly periods: number;
  readonly missing: number;
}

export interface CalendarInput {
  readonly snapshots: readonly ObservedSnapshot[];
  readonly keeps: Retention["tiers"];
  readonly calendar: Calendar;
  readonly now: Date;
}

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;

/** What is shown at most, however long it is kept. */
const longestMs: Readonly<Record<Tier, number>> = {
  hourly: 3 * dayMs,
  daily: 42 * dayMs,
  weekly: 366 * dayMs,
  monthly: 7 * 366 * dayMs,
  yearly: 10 * 366 * dayMs,
};

/** Where a period stands on the page. */
interface Place {
  readonly row: string;
  readonly column: number;
}

/** Periods by their number, which counts those of the tier without a hole. */
interface Span {
  readonly first: number;
  readonly present: number;
}

export function tierCalendars({ snapshots, keeps, calendar, now }: CalendarInput): readonly TierCalendar[] {
  return tiers.flatMap((tier) => {
    const kept = keeps[tier];
    if (kept === undefined) return [];
    const best = bestByPeriod(tier, snapshots, calendar);
    // A source whose pace is a day has no hourly backups, though the policy would keep them.
    if (best.size === 0) return [];
    return [calendarOfTier(tier, best, { now, calendar, spanMs: Math.min(kept, longestMs[tier]) })];
  });
}

function bestByPeriod(
  tier: Tier,
  snapshots: readonly ObservedSnapshot[],
  calendar: Calendar,
): ReadonlyMap<number, CellState> {
  const best = new Map<number, CellState>();
  for (const snapshot of snapshots) {
    if (!snapshot.tiers.includes(tier)) continue;
    const ordinal = ordinalOf(tier, snapshot.moment, calendar);
    const state = stateOf(snapshot);
    const known = best.get(ordinal);
    if (known === undefined || cellStates.indexOf(state) < cellStates.indexOf(known)) {
      best.set(ordinal, state);
    }
  }
  return best;
}

export function stateOf(snapshot: ObservedSnapshot): CellState {
  if (snapshot.state !== "whole" || !snapshot.isTrusted) return "bad";
  const standing = standingOf(snapshot);
  if (standing.kind === "failed") return "bad";
  if (standing.kind === "unverified") return "stored";
  return standing.level === "restored" ? "restored" : "opened";
}

function calendarOfTier(
  tier: Tier,
  best: ReadonlyMap<number, CellState>,
  { now, calendar, spanMs }: { readonly now: Date; readonly calendar: Calendar; readonly spanMs: number },
): TierCalendar {
  const present = ordinalOf(tier, now, calendar);
  // The period that holds the oldest moment still kept has lost its beginning: what was in it may be gone already.
  const oldest = ordinalOf(tier, new Date(now.getTime() - spanMs), calendar) + 1;
  const known = [...best.keys()].filter((ordinal) => ordinal >= oldest && ordinal <= present);
  const first = known.length === 0 ? present : Math.min(...known);
  const span = { first, present };
  const columns = columnsOf(tier, span);
  const rows = new Map<string, (CellState | undefined)[]>();
  let missing = 0;
  for (let ordinal = first; ordinal <= present; ordinal += 1) {
    const { row, column } = placeOf(tier, ordinal, span);
    const cells = rows.get(row) ?? columns.map(() => undefined);
    rows.set(row, cells);
    const state = best.get(ordinal) ?? (ordinal === present ? "open" : "none");
    if (state === "none") missing += 1;
    cells[column] = state;
  }
  return {
    tier,
    columns,
    rows: [...rows].map(([name, cells]) => ({ name, cells })),
    periods: present - first + 1,
    missing,
  };
}

function ordinalOf(tier: Tier, moment: Date, calendar: Calendar): number {
  const day = calendar.dayNumber(moment);
  const local = new Date(day * dayMs);
  switch (tier) {
    case "hourly":
      return Math.floor(moment.getTime() / hourMs);
    case "daily":
      return day;
    case "weekly":
      return weekOf(day);
    case "monthly":
      return local.getUTCFullYear() * 12 + local.getUTCMonth();
    case "yearly":
      return local.getUTCFullYear();
  }
}

/** Weeks since that of 1969-12-29, a Monday. */
function weekOf(dayNumber: number): number {
  return Math.floor((dayNumber + 3) / 7);
}

function mondayOf(week: number): string {
  return isoDay(week * 7 - 3);
}

function isoDay(dayNumber: number): string {
  return new Date(dayNumber * dayMs).toISOString().slice(0, 10);
}

const weeksInRow = 13;

function placeOf(tier: Tier, ordinal: number, { first, present }: Span): Place {
  switch (tier) {
    case "hourly": {
      const day = Math.floor(ordinal / 24);
      return { row: shortDay(isoDay(day)), column: ordinal - day * 24 };
    }
    case "daily": {
      const week = weekOf(ordinal);
      return { row: shortDay(mondayOf(week)), column: ordinal - (week * 7 - 3) };
    }
    case "weekly": {
      // The last row ends with the present week.
      const rowsBack = Math.floor((present - ordinal) / weeksInRow);
      const begin = present + 1 - (rowsBack + 1) * weeksInRow;
      return { row: `${shortDay(mondayOf(begin))} ${mondayOf(begin).slice(0, 4)}`, column: ordinal - begin };
    }
    case "monthly":
      return { row: String(Math.floor(ordinal / 12)), column: ordinal % 12 };
    case "yearly":
      return { row: "year", column: ordinal - first };
  }
}

function columnsOf(tier: Tier, { first, present }: Span): readonly string[] {
  const numbers = (count: number, name: (index: number) => string): readonly string[] =>
    Array.from({ length: count }, (_, index) => name(index));
  switch (tier) {
    case "hourly":
      return numbers(24, (hour) => String(hour).padStart(2, "0"));
    case "daily":
      return ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
    case "weekly":
      return numbers(weeksInRow, (week) => `week ${week + 1}`);
    case "monthly":
      return monthNames;
    case "yearly":
      return numbers(present - first + 1, (year) => String(first + year));
  }
}
