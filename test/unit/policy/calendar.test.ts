import { describe, expect, test } from "vitest";
import { calendarOf, isTimezone } from "../../../src/policy/calendar.ts";

const utc = calendarOf("UTC");
const berlin = calendarOf("Europe/Berlin");

test.each([
  ["2026-11-23T12:00:00Z", "2026-W48"],
  ["2026-11-22T23:59:59Z", "2026-W47"],
  ["2026-12-31T12:00:00Z", "2026-W53"],
  ["2027-01-01T12:00:00Z", "2026-W53"],
  ["2027-01-03T23:59:59Z", "2026-W53"],
  ["2027-01-04T00:00:00Z", "2027-W01"],
  ["2024-12-30T00:00:00Z", "2025-W01"],
  ["2024-12-29T12:00:00Z", "2024-W52"],
  ["2028-01-02T12:00:00Z", "2027-W52"],
  ["1970-01-01T00:00:00Z", "1970-W01"],
  ["1969-12-28T12:00:00Z", "1969-W52"],
])("%s lies in ISO week %s", (moment, week) => {
  expect(utc.period("weekly", new Date(moment))).toBe(week);
});

test.each([
  ["2026-11-29T22:59:59Z", "2026-W48"],
  ["2026-11-29T23:00:00Z", "2026-W49"],
  ["2027-01-03T23:00:00Z", "2027-W01"],
])("%s lies in ISO week %s of Berlin", (moment, week) => {
  expect(berlin.period("weekly", new Date(moment))).toBe(week);
});

describe("days are those of the time zone", () => {
  test.each([
    ["2026-12-31T23:30:00Z", "2027-01-01", "2027-01", "2027"],
    ["2026-06-30T21:59:59Z", "2026-06-30", "2026-06", "2026"],
    ["2026-06-30T22:00:00Z", "2026-07-01", "2026-07", "2026"],
    ["2028-02-29T22:59:59Z", "2028-02-29", "2028-02", "2028"],
    ["2028-02-29T23:00:00Z", "2028-03-01", "2028-03", "2028"],
  ])("%s is %s in Berlin", (moment, day, month, year) => {
    const at = new Date(moment);
    expect([berlin.period("daily", at), berlin.period("monthly", at), berlin.period("yearly", at)]).toEqual([
      day,
      month,
      year,
    ]);
  });

  test.each([
    // Clocks go forward on 2027-03-28 and back on 2027-10-31: those days have 23 and 25 hours.
    ["2027-03-28", "2027-03-27T23:00:00Z", 23],
    ["2027-10-31", "2027-10-30T22:00:00Z", 25],
    ["2027-10-30", "2027-10-29T22:00:00Z", 24],
  ])("%s begins at %s and has %i hours in Berlin", (day, start, hours) => {
    const at = (hour: number): string =>
      berlin.period("daily", new Date(Date.parse(start) + hour * 3_600_000));
    expect(at(-0.001)).not.toBe(day);
    expect(Array.from({ length: hours }, (_, hour) => at(hour)).every((one) => one === day)).toBe(true);
    expect(at(hours)).not.toBe(day);
  });

  test("the hour that comes twice is two hours", () => {
    const first = new Date("2027-10-31T00:30:00Z");
    const second = new Date("2027-10-31T01:30:00Z");
    expect(berlin.describe(first)).toBe(berlin.describe(second));
    expect(berlin.period("hourly", first)).not.toBe(berlin.period("hourly", second));
  });

  test.each([
    ["Asia/Kathmandu", "2026-01-01T18:14:59Z", "2026-01-01"],
    ["Asia/Kathmandu", "2026-01-01T18:15:00Z", "2026-01-02"],
    ["Pacific/Kiritimati", "2026-01-01T10:00:00Z", "2026-01-02"],
    ["Pacific/Pago_Pago", "2026-01-01T10:59:59Z", "2025-12-31"],
    ["Australia/Lord_Howe", "2026-01-01T13:00:00Z", "2026-01-02"],
  ])("%s at %s has %s", (zone, moment, day) => {
    expect(calendarOf(zone).period("daily", new Date(moment))).toBe(day);
  });
});

test("the number of the day rises by one a day, also where clocks change", () => {
  for (let day = 0; day < 800; day += 1) {
    const noon = new Date(Date.UTC(2026, 0, 1 + day, 11));
    expect(berlin.dayNumber(noon)).toBe(utc.dayNumber(noon));
  }
});

test.each([
  ["UTC", true],
  ["Europe/Berlin", true],
  ["Europe/Berln", false],
  ["+02:00", false],
  ["", false],
])("%j is a time zone: %s", (text, expected) => {
  expect(isTimezone(text)).toBe(expected);
});
