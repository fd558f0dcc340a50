import fc from "fast-check";
import { expect, test } from "vitest";
import { harmlessLines, harmlessText } from "../../../src/runner/harmless-text.ts";

/** What the runner does with a line: trimmed and beginning with `::`, or the old syntax anywhere. */
const isCommand = (line: string): boolean => line.trimStart().startsWith("::") || line.includes("##[");

test.each([
  ["::set-output name=a::b", [": :set-output name=a::b"]],
  ["  \t::add-mask::x", ["  \t: :add-mask::x"]],
  ["fine\r::x::\n::y::", ["fine", ": :x::", ": :y::"]],
  ["ls ##[group]x", ["ls ## [group]x"]],
  ["SELECT a::text", ["SELECT a::text"]],
  ["\u001b[31mred\u0007", ["\ufffd[31mred\ufffd"]],
])("disarms %j", (text, lines) => {
  expect(harmlessLines(text)).toEqual(lines);
});

test("leaves no command in any text", () => {
  const piece = fc.constantFrom(
    ":",
    "::",
    "#",
    "##[",
    " ",
    "\t",
    "\n",
    "\r",
    "\u2028",
    "\u00a0",
    "\u001b",
    "a",
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
      expect(harmlessLines(pieces.join("")).filter(isCommand)).toEqual([]);
    }),
    { numRuns: 2000 },
  );
});

test("puts several lines on one where only one has room", () => {
  expect(harmlessText("a\nb")).toBe("a / b");
});
