/** The promise that matters most, over histories that nobody would think of. LIFEBOAT_TRIAL runs all 100,000. */
import { expect, test } from "vitest";
import { calendarOf } from "../../../src/policy/calendar.ts";
import { decideRetention, type RetentionDecision } from "../../../src/retention/decide.ts";
import { isFromTheFuture, type ObservedSnapshot } from "../../../src/snapshot/observed.ts";
import { levels } from "../../../src/verification/levels.ts";
import { allTiers, check, dayMs, randomNumbers, snapshot } from "./stories.ts";

const histories = process.env["LIFEBOAT_TRIAL"] === undefined ? 3000 : 100_000;
const realNow = Date.parse("2026-11-23T12:00:00Z");
const calendars = ["UTC", "Europe/Berlin", "Pacific/Auckland"].map(calendarOf);

interface History {
  readonly snapshots: readonly ObservedSnapshot[];
  readonly decisions: readonly RetentionDecision[];
  readonly now: Date;
  readonly keepAtLeast: number;
}

function randomHistory(seed: number): History {
  const random = randomNumbers(seed);
  const below = (limit: number): number => Math.floor(random() * limit);
  const happens = (share: number): boolean => random() < share;
  // The clock of whoever prunes is up to thirty days wrong in one history of three.
  const now = new Date(realNow + (happens(0.33) ? (random() - 0.5) * 60 * dayMs : 0));
  const span = [3, 40, 400, 3000][below(4)] ?? 3;
  const snapshots = Array.from({ length: below(25) }, () => {
    // One date of twenty is forged: years ahead or behind.
    const moment = new Date(
      realNow - random() * span * dayMs + (happens(0.05) ? (random() - 0.5) * 4000 * dayMs : 0),
    );
    const tiers = allTiers.filter(() => happens(0.35));
    const evidence = Array.from({ length: below(4) }, () =>
      check(
        levels[below(3)] ?? "stored",
        (["passed", "passed", "passed", "failed", "not-verified"] as const)[below(5)] ?? "passed",
        new Date(moment.getTime() + random() * 20 * dayMs),
        happens(0.85),
      ),
    );
    return snapshot(moment, {
      tiers,
      evidence,
      state: happens(0.1) ? "incomplete" : happens(0.05) ? "damaged" : "whole",
      isTrusted: happens(0.92),
      isHeld: happens(0.03),
      ...(happens(0.5) ? { storedAt: new Date(moment.getTime() + (random() - 0.2) * dayMs) } : {}),
    });
  });
  const keepAtLeast = 1 + below(4);
  const tiers = Object.fromEntries(
    allTiers.filter(() => happens(0.7)).map((tier) => [tier, (1 + below(500)) * dayMs]),
  );
  const calendar = calendars[below(calendars.length)] ?? calendars[0]!;
  const decisions = decideRetention({ snapshots, retention: { tiers, keepAtLeast }, calendar, now });
  return { snapshots, decisions, now, keepAtLeast };
}

/** What is good, said again from the words of the contract and apart from the code under test. */
function depthOf({ evidence }: ObservedSnapshot): number {
  const trusted = evidence.filter(({ isTrusted }) => isTrusted);
  const isBad = trusted.some(
    (bad) =>
      bad.verdict === "failed" &&
      !trusted.some(
        (good) =>
          good.verdict === "passed" &&
          good.time > bad.time &&
          levels.indexOf(good.level) >= levels.indexOf(bad.level),
      ),
  );
  if (isBad) return -1;
  return Math.max(
    0,
    ...trusted.filter(({ verdict }) => verdict === "passed").map(({ level }) => levels.indexOf(level)),
  );
}

test(
  `the newest verified snapshots survive in each of ${histories} random histories`,
  { timeout: 1_200_000 },
  () => {
    let removed = 0;
    for (let seed = 1; seed <= histories; seed += 1) {
      const { snapshots, decisions, now, keepAtLeast } = randomHistory(seed);
      const kept = new Set(decisions.filter(({ keep }) => keep).map((decision) => decision.snapshot));
      const context = `history ${seed}`;
      const honest = snapshots
        .filter((one) => one.state === "whole" && one.isTrusted && !isFromTheFuture(one, now))
        .sort((left, right) => right.moment.getTime() - left.moment.getTime());
      const verified = honest.filter((one) => depthOf(one) >= 1);
      const restored = honest.filter((one) => depthOf(one) === 2);
      const must = [
        ...verified.slice(0, keepAtLeast),
        ...restored.slice(0, 1),
        ...honest.filter((one) => depthOf(one) >= 0).slice(0, keepAtLeast),
        ...snapshots.filter((one) => one.isHeld || !one.isTrusted || one.state === "damaged"),
      ];
      for (const one of must) if (!kept.has(one)) expect.fail(`${context}: ${one.id} was to be removed`);
      if (decisions.length !== snapshots.length) expect.fail(`${context}: a snapshot has no decision`);
      if (decisions.some(({ reasons }) => reasons.length === 0)) expect.fail(`${context}: no reason given`);
      if (snapshots.length > 0 && kept.size === 0) expect.fail(`${context}: nothing would be left`);
      removed += snapshots.length - kept.size;
    }
    // Keeping everything would pass all of the above.
    expect(removed).toBeGreaterThan(histories * 2);
  },
);

test("a second pruning right after the first removes nothing more", () => {
  for (let seed = 1; seed <= 500; seed += 1) {
    const { decisions, now, keepAtLeast } = randomHistory(seed);
    const survivors = decisions.filter(({ keep }) => keep).map((decision) => decision.snapshot);
    const retention = { tiers: { daily: 30 * dayMs, monthly: 366 * dayMs }, keepAtLeast };
    const decide = (snapshots: readonly ObservedSnapshot[]): readonly ObservedSnapshot[] =>
      decideRetention({ snapshots, retention, calendar: calendars[0]!, now })
        .filter(({ keep }) => keep)
        .map((decision) => decision.snapshot);
    const once = decide(survivors);
    expect(decide(once)).toEqual(once);
  }
});
