import { expect, test } from "vitest";
import { isSourceBefore, isSourceName, sourceBefore } from "../../../src/snapshot/keys.ts";

test("what stood before a restore has a source of its own, once, whatever the length of the name", () => {
  expect(sourceBefore("database")).toBe("database-before-restore");
  expect(sourceBefore("database-before-restore")).toBe("database-before-restore");
  const long = sourceBefore("a".repeat(40));
  expect(long).toHaveLength(40);
  expect(isSourceName(long) && isSourceBefore(long)).toBe(true);
  expect(isSourceBefore("database")).toBe(false);
});
