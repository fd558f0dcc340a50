import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { checkPolicy } from "../../../src/policy/check.ts";
import { randomNumbers } from "../retention/stories.ts";

const page = readFileSync(new URL("../../../docs/policy.md", import.meta.url), "utf8");
const example = /```yaml\n(.*?)```/s.exec(page)?.[1] ?? "";
const fragments = [
  ...[
    "{",
    "}",
    "[",
    "]",
    ":",
    ": ",
    "- ",
    "? ",
    "#",
    "&a",
    "*a",
    "!t",
    "|",
    ">",
    "%",
    "@",
    "`",
    '"',
    "'",
    "\t",
    "\n",
    "\r",
  ],
  ...[
    "\u0000",
    "\uFEFF",
    "💥",
    "null",
    "~",
    "-1",
    "1e999",
    ".nan",
    "0x10",
    "__proto__",
    "constructor",
    "toString",
    "<<",
  ],
  ...["\n---\n", "\n...\n", "secret: ", "version: 2\n", "type: s3", "30d", "every: 1h", "[[[[", "  "],
];

test("whatever is done to a policy, it is read or told with places, and nothing is thrown", () => {
  let sound = 0;
  for (let seed = 1; seed <= 1500; seed += 1) {
    const random = randomNumbers(seed);
    const below = (limit: number): number => Math.floor(random() * limit);
    let text = example;
    for (let change = below(4); change >= 0; change -= 1) {
      const at = below(text.length + 1);
      const cut = random() < 0.5 ? below(40) : 0;
      const put = random() < 0.7 ? (fragments[below(fragments.length)] ?? "") : "";
      text = text.slice(0, at) + put + text.slice(at + cut);
    }
    const { policy, problems } = checkPolicy(text);
    if (policy !== undefined) sound += 1;
    const lines = text.split("\n");
    for (const { line, column, sentence, cure } of problems) {
      const isThere =
        line >= 1 && line <= lines.length && column >= 1 && column <= (lines[line - 1]?.length ?? 0) + 1;
      if (!isThere || sentence === "" || cure === "")
        expect.fail(`seed ${seed}: ${line}:${column} ${sentence}`);
    }
    expect(policy === undefined).toBe(problems.length > 0);
  }
  // Some changes only touch a comment or a value that may be anything.
  expect(sound).toBeGreaterThan(50);
  expect(sound).toBeLessThan(750);
});
