/** No single clock decides: which moment most of them say, and who is told to be wrong. */
import { expect, test } from "vitest";
import { agreeOnTime, type OtherClocks } from "../../../src/operations/agree-on-time.ts";
import type { Store } from "../../../src/store/store.ts";
import type { Clock } from "../../../src/system/clock.ts";

const real = Date.parse("2026-11-23T03:00:00Z");
const hourMs = 3_600_000;

/** Hours by which each clock is ahead; undefined: it does not answer. */
async function agreed(hours: {
  readonly machine: number;
  readonly server?: number;
  readonly api?: number;
  readonly store?: number;
}): Promise<{ readonly hours: number; readonly codes: readonly string[]; readonly sentence: string }> {
  const at = (ahead: number): Date => new Date(real + ahead * hourMs);
  const clock: Clock = { now: () => at(hours.machine), elapsedMs: () => 0 };
  const { server, api, store } = hours;
  const others: OtherClocks = {
    ...(server === undefined ? {} : { "the database server": () => Promise.resolve(at(server)) }),
    ...(api === undefined ? {} : { "the Storage API": () => Promise.resolve(at(api)) }),
  };
  const asked = { serverTime: () => Promise.resolve(store === undefined ? undefined : at(store)) };
  const { now, findings } = await agreeOnTime(clock, asked as unknown as Store, others);
  const [sentence = ""] = findings.map((one) => one.sentence);
  return { hours: (now.getTime() - real) / hourMs, codes: findings.map(({ code }) => code), sentence };
}

test.each([
  ["all agree", { machine: 0, server: 0, store: 0 }, 0, []],
  ["PostgreSQL alone is wrong", { machine: 0, server: 48, store: 0 }, 0, ["clock-differs"]],
  [
    "PostgreSQL alone is wrong among four",
    { machine: 0, server: -48, api: 0, store: 0 },
    0,
    ["clock-differs"],
  ],
  ["this machine alone is wrong", { machine: 48, server: 0, store: 0 }, 0, ["clock-differs"]],
  ["the store alone is wrong", { machine: 0, server: 0, store: 48 }, 0, ["clock-differs"]],
  ["two say two things: the other's counts", { machine: 48, store: 0 }, 0, ["clock-differs"]],
  ["three say three things: the middle", { machine: 48, server: 0, store: -48 }, 0, ["clock-differs"]],
  ["nobody else can be asked", { machine: 0 }, 0, []],
])("%s", async (_, hours, expected, codes) => {
  expect(await agreed(hours)).toMatchObject({ hours: expected, codes });
});

test("the finding says what each clock says", async () => {
  const { sentence } = await agreed({ machine: 0, server: 48, store: 0 });
  expect(sentence).toContain("the database server says 2026-11-25T03:00:00Z");
  expect(sentence).toContain("Everything is dated by 2026-11-23T03:00:00Z");
});
