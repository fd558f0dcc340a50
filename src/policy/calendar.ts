/** Days, ISO weeks, months and years as people count them in one time zone; hours as the clock of UTC counts them. */
import type { Tier } from "../snapshot/snapshot-json.ts";

export interface Calendar {
  readonly timezone: string;
  /**
   * The calendar period of `tier` that holds `moment`: `2026-11-23T05Z`, `2026-11-23`, `2026-W48`, `2026-11`, `2026`.
   * Two moments lie in the same period exactly if these are equal. Hours are UTC's, so that the hour that
   * daylight saving repeats is two hours and not one.
   */
  period(tier: Tier, moment: Date): string;
  /** Days since 1970-01-01 on the local calendar. */
  dayNumber(moment: Date): number;
  /** `2026-11-23 06:17`, local. */
  describe(moment: Date): string;
}

const quarterMs = 15 * 60_000;
const dayMs = 86_400_000;

export function isTimezone(text: string): boolean {
  // Intl takes offsets too, which have no daylight saving and are no place.
  if (/^[+-]/.test(text)) return false;
  try {
    new Intl.DateTimeFormat("en", { timeZone: text });
    return true;
  } catch {
    return false;
  }
}

export function calendarOf(timezone: string): Calendar {
  const offsetOf = offsetsOf(timezone);
  const localMs = (moment: Date): number => moment.getTime() + offsetOf(moment.getTime());
  const dayNumber = (moment: Date): number => Math.floor(localMs(moment) / dayMs);
  return {
    timezone,
    dayNumber,
    period(tier, moment) {
      const local = new Date(localMs(moment)).toISOString();
      switch (tier) {
        case "hourly":
          return `${moment.toISOString().slice(0, 13)}Z`;
        case "daily":
          return local.slice(0, 10);
        case "weekly":
          return isoWeek(dayNumber(moment));
        case "monthly":
          return local.slice(0, 7);
        case "yearly":
          return local.slice(0, 4);
      }
    },
    describe: (moment) => new Date(localMs(moment)).toISOString().slice(0, 16).replace("T", " "),
  };
}

/** The year of an ISO week is that of its Thursday: 2027-01-01, a Friday, lies in 2026-W53. */
function isoWeek(dayNumber: number): string {
  // Day 0 was a Thursday.
  const weekday = (((dayNumber + 3) % 7) + 7) % 7;
  const thursday = new Date((dayNumber - weekday + 3) * dayMs);
  const firstDay = Date.UTC(thursday.getUTCFullYear(), 0, 1);
  const week = Math.floor((thursday.getTime() - firstDay) / (7 * dayMs)) + 1;
  return `${thursday.getUTCFullYear()}-W${String(week).padStart(2, "0")}`;
}

/** Milliseconds to add to UTC. Zones change their offset on quarters of an hour only, so one answer serves a quarter. */
function offsetsOf(timezone: string): (epochMs: number) => number {
  if (timezone === "UTC") return () => 0;
  const known = new Map<number, number>();
  const format = new Intl.DateTimeFormat("en", {
    timeZone: timezone,
    hourCycle: "h23",
    year: "numeric",
    month: "numeric",
    day: "numeric",
    hour: "numeric",
    minute: "numeric",
  });
  return (epochMs) => {
    const quarter = Math.floor(epochMs / quarterMs) * quarterMs;
    const cached = known.get(quarter);
    if (cached !== undefined) return cached;
    const parts = new Map(format.formatToParts(quarter).map(({ type, value }) => [type, Number(value)]));
    const part = (type: Intl.DateTimeFormatPartTypes): number => parts.get(type) ?? 0;
    const local = Date.UTC(part("year"), part("month") - 1, part("day"), part("hour"), part("minute"));
    known.set(quarter, local - quarter);
    return local - quarter;
  };
}
