import { describe, expect, test } from "vitest";
import { calendarOf } from "../../../src/policy/calendar.ts";
import {
  decideRetention,
  type RetentionDecision,
  type RetentionInput,
} from "../../../src/retention/decide.ts";
import type { ObservedSnapshot } from "../../../src/snapshot/observed.ts";
import { check, dayMs, hourMs, snapshot } from "./stories.ts";

const now = new Date("2026-11-23T12:00:00Z");
const utc = calendarOf("UTC");
const kept = { hourly: 2 * dayMs, daily: 30 * dayMs, weekly: 90 * dayMs };

function decide(
  snapshots: readonly ObservedSnapshot[],
  more: Partial<RetentionInput> & { readonly keepAtLeast?: number } = {},
): readonly RetentionDecision[] {
  const { keepAtLeast = 1, ...rest } = more;
  return decideRetention({ snapshots, retention: { tiers: kept, keepAtLeast }, calendar: utc, now, ...rest });
}

function codesOf(decisions: readonly RetentionDecision[], one: ObservedSnapshot): readonly string[] {
  const decision = decisions.find(({ snapshot }) => snapshot === one);
  if (decision === undefined) throw new Error("no decision");
  return [decision.keep ? "keep" : "remove", ...decision.reasons.map(({ code }) => code)];
}

const newest = snapshot("2026-11-23T00:17:00Z", { passed: "restored", tiers: ["hourly", "daily"] });

describe("a tier", () => {
  test("keeps a snapshot until its time ends, to the millisecond", () => {
    const old = snapshot("2026-10-24T12:00:00Z", { passed: "unsealed" });
    expect(codesOf(decide([old, newest], { now: new Date(now.getTime() - 1) }), old)).toEqual([
      "keep",
      "tier",
    ]);
    expect(codesOf(decide([old, newest]), old)).toEqual(["remove", "ended"]);
  });

  test("holds as long as the longest of a snapshot's tiers, and says until when", () => {
    const both = snapshot("2026-10-01T00:17:00Z", {
      passed: "unsealed",
      tiers: ["hourly", "daily", "weekly"],
    });
    const [first] = decide([both, newest]);
    expect([first?.keep, first?.until?.toISOString()]).toEqual([true, "2026-12-30T00:17:00.000Z"]);
  });

  test("that the store does not keep holds nothing", () => {
    const yearly = snapshot("2026-11-20T00:17:00Z", { passed: "unsealed", tiers: ["yearly"] });
    expect(codesOf(decide([yearly, newest]), yearly)).toEqual(["remove", "no-tier"]);
  });
});

describe("of several snapshots of one period", () => {
  const morning = snapshot("2026-11-20T01:00:00Z");
  const noon = snapshot("2026-11-20T12:00:00Z");
  const evening = snapshot("2026-11-20T20:00:00Z");

  test("the first verified one stays, whatever comes after it", () => {
    const verified = { ...noon, evidence: [check("unsealed", "passed", "2026-11-20T12:10:00Z")] };
    const later = { ...evening, evidence: [check("restored", "passed", "2026-11-20T20:10:00Z")] };
    const decisions = decide([morning, verified, later, newest]);
    expect(codesOf(decisions, verified)).toEqual(["keep", "tier"]);
    expect(codesOf(decisions, later)).toEqual(["remove", "another-fills-its-periods"]);
    expect(codesOf(decisions, morning)).toEqual(["remove", "another-fills-its-periods"]);
  });

  test("the first and the last stay while none is verified", () => {
    const decisions = decide([morning, noon, evening, newest]);
    expect([morning, noon, evening].map((one) => codesOf(decisions, one)[0])).toEqual([
      "keep",
      "remove",
      "keep",
    ]);
  });

  test("an incomplete or failed one gives way to a whole one, and stays where there is none", () => {
    const incomplete = { ...morning, state: "incomplete" as const };
    const failed = { ...noon, evidence: [check("unsealed", "failed", "2026-11-20T12:10:00Z")] };
    expect(codesOf(decide([incomplete, failed, evening, newest]), incomplete)[0]).toBe("remove");
    expect(codesOf(decide([incomplete, failed, evening, newest]), failed)[0]).toBe("remove");
    expect(codesOf(decide([incomplete, newest]), incomplete)).toEqual(["keep", "tier"]);
  });

  test("the time zone decides which period it is", () => {
    const beforeMidnight = snapshot("2026-11-20T22:30:00Z", { passed: "unsealed" });
    const afterMidnight = snapshot("2026-11-20T23:30:00Z", { passed: "unsealed" });
    const keptIn = (zone: string): readonly (string | undefined)[] => {
      const decisions = decide([beforeMidnight, afterMidnight, newest], { calendar: calendarOf(zone) });
      return [beforeMidnight, afterMidnight].map((one) => codesOf(decisions, one)[0]);
    };
    expect(keptIn("UTC")).toEqual(["keep", "remove"]);
    expect(keptIn("Europe/Berlin")).toEqual(["keep", "keep"]);
  });
});

describe("what always stays", () => {
  const old = (days: number, told: Parameters<typeof snapshot>[1] = {}): ObservedSnapshot =>
    snapshot(new Date(now.getTime() - days * dayMs), told);

  test("the newest at each verified level, however old; stored is no level", () => {
    const restored = old(400, { passed: "restored" });
    const unsealed = old(300, { passed: "unsealed" });
    const stored = old(200, { passed: "stored" });
    const recent = old(100);
    const decisions = decide([restored, unsealed, stored, recent]);
    expect(codesOf(decisions, restored)).toEqual(["keep", "newest-restored"]);
    expect(codesOf(decisions, unsealed)).toEqual(["keep", "newest-unsealed", "keep-at-least"]);
    expect(codesOf(decisions, stored)).toEqual(["remove", "ended"]);
    expect(codesOf(decisions, recent)).toEqual(["keep", "keep-at-least"]);
  });

  test("keep-at-least counts whole ones that did not fail, and verified ones apart", () => {
    const verified = [500, 400, 300].map((days) => old(days, { passed: "unsealed" }));
    const unverified = [250, 240].map((days) => old(days));
    const incomplete = old(230, { state: "incomplete" });
    const failed = old(220, { evidence: [check("unsealed", "failed", now)] });
    const decisions = decide([...verified, ...unverified, incomplete, failed], { keepAtLeast: 2 });
    expect(verified.map((one) => codesOf(decisions, one)[0])).toEqual(["remove", "keep", "keep"]);
    expect(unverified.map((one) => codesOf(decisions, one)[0])).toEqual(["keep", "keep"]);
    expect([incomplete, failed].map((one) => codesOf(decisions, one)[0])).toEqual(["remove", "remove"]);
  });

  test("what a person holds, for ever", () => {
    const held = old(4000, { isHeld: true, tiers: [] });
    expect(codesOf(decide([held, newest]), held)).toEqual(["keep", "held"]);
  });

  test("everything, while retention is frozen", () => {
    const ended = old(400);
    const decisions = decide([ended, newest], { freeze: "rows fell." });
    expect(codesOf(decisions, ended)).toEqual(["keep", "frozen"]);
    expect(decisions[0]?.reasons[0]?.sentence).toBe("Retention is frozen: rows fell.");
  });

  test("what is incomplete, where nothing whole is left", () => {
    const incomplete = [500, 400].map((days) => old(days, { state: "incomplete" }));
    const decisions = decide(incomplete);
    expect(incomplete.map((one) => codesOf(decisions, one))).toEqual([
      ["remove", "ended"],
      ["keep", "last-hope"],
    ]);
  });
});

describe("what cannot be judged stays and pushes nothing out", () => {
  const good = snapshot("2025-01-01T00:17:00Z", { passed: "restored" });

  test.each([
    ["from-the-future", snapshot("2026-11-24T12:00:00Z", { passed: "restored" })],
    [
      "from-the-future",
      snapshot("2026-11-20T12:00:00Z", { passed: "restored", storedAt: new Date("2026-11-19") }),
    ],
    ["not-trusted", snapshot("2026-11-20T12:00:00Z", { passed: "restored", isTrusted: false })],
    ["damaged", snapshot("2026-11-20T12:00:00Z", { passed: "restored", state: "damaged" })],
  ])("%s", (code, odd) => {
    const decisions = decide([good, odd]);
    expect(codesOf(decisions, odd)).toEqual(["keep", code]);
    expect(codesOf(decisions, good)).toEqual(["keep", "newest-restored", "newest-unsealed", "keep-at-least"]);
  });

  test("a copy that arrived later than it was made is no forgery", () => {
    const copy = snapshot("2026-11-20T12:00:00Z", { passed: "restored", storedAt: now });
    expect(codesOf(decide([copy]), copy)).toContain("tier");
  });
});

describe("evidence", () => {
  const moment = "2025-01-01T00:17:00Z";
  const later = snapshot("2025-06-01T00:17:00Z", { passed: "unsealed" });
  const restoredNow = (evidence: ObservedSnapshot["evidence"]): boolean => {
    const one = snapshot(moment, { evidence });
    return codesOf(decide([one, later]), one).includes("newest-restored");
  };

  test("counts only if it is trusted, for good and for bad", () => {
    expect(restoredNow([check("restored", "passed", moment)])).toBe(true);
    expect(restoredNow([check("restored", "passed", moment, false)])).toBe(false);
    const forgedFailure = check("restored", "failed", "2025-02-01", false);
    expect(restoredNow([check("restored", "passed", moment), forgedFailure])).toBe(true);
  });

  test("a failure is taken back only by a later pass that is as deep", () => {
    const pass = check("restored", "passed", moment);
    const failure = check("unsealed", "failed", "2025-02-01");
    expect(restoredNow([pass, failure])).toBe(false);
    expect(restoredNow([pass, failure, check("stored", "passed", "2025-02-02")])).toBe(false);
    expect(restoredNow([pass, failure, check("unsealed", "passed", "2025-01-31")])).toBe(false);
    expect(restoredNow([pass, failure, check("unsealed", "passed", "2025-02-02")])).toBe(true);
  });

  test("what could not be checked changes nothing", () => {
    expect(restoredNow([check("restored", "passed", moment), check("restored", "not-verified", now)])).toBe(
      true,
    );
  });
});

test("hours, not calendar luck, decide about an hourly backup", () => {
  const first = snapshot(new Date(now.getTime() - 47 * hourMs), { tiers: ["hourly"], passed: "unsealed" });
  const gone = snapshot(new Date(now.getTime() - 49 * hourMs), { tiers: ["hourly"], passed: "unsealed" });
  const decisions = decide([gone, first, newest]);
  expect([gone, first].map((one) => codesOf(decisions, one)[0])).toEqual(["remove", "keep"]);
});
