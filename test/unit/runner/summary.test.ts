import { expect, test } from "vitest";
import { fitSummary } from "../../../src/runner/summary.ts";

test("leaves a summary alone that fits", () => {
  expect(fitSummary("## Fine\n", 8)).toBe("## Fine\n");
});

test("cuts a long one between lines, within the limit in bytes, and says so", () => {
  const line = "| größe | 1 |";
  const fitted = fitSummary(`${line}\n`.repeat(1000), 4096);
  expect(Buffer.byteLength(fitted)).toBeLessThanOrEqual(4096);
  expect(Buffer.byteLength(fitted)).toBeGreaterThan(3800);
  expect(fitted).toContain("longer than GitHub's limit");
  const kept = fitted.split("\n\n> [!NOTE]")[0] ?? "";
  expect(new Set(kept.split("\n"))).toEqual(new Set([line]));
});

test("writes nothing where there is no room even for the notice", () => {
  expect(fitSummary("## Fine\n", 3)).toBe("");
});
