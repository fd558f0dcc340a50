import { expect, test } from "vitest";
import { keyRotationFindings } from "../../../src/policy/key-rotation.ts";

const dayMs = 86_400_000;
const now = new Date("2026-11-23T00:00:00Z");
const use = (daysAgo: number, ...recipients: string[]) => ({
  time: new Date(now.getTime() - daysAgo * dayMs),
  recipients,
});
const codes = (...uses: ReturnType<typeof use>[]) =>
  keyRotationFindings(uses, 365 * dayMs, now).map(({ code }) => code);

test.each([
  ["nothing was ever sealed", codes(), []],
  ["the same keys for longer than the pace", codes(use(400, "a", "b"), use(1, "b", "a")), ["keys-overdue"]],
  ["exactly the pace", codes(use(366, "z"), use(365, "a"), use(0, "a")), []],
  ["new keys since", codes(use(400, "a", "b"), use(10, "a", "c"), use(1, "a", "c")), []],
  ["a rewrap of an old snapshot counts as its own day's", codes(use(400, "a"), use(3, "b")), []],
  [
    "older ones that came back are as old as they are",
    codes(use(400, "a"), use(9, "b"), use(1, "a")),
    ["keys-overdue"],
  ],
  ["no older backup is left to tell", codes(use(90, "a"), use(1, "a")), ["keys-of-unknown-age"]],
])("%s", (_, found, expected) => {
  expect(found).toEqual(expected);
});
