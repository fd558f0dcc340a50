import { describe, expect, it } from "vitest";
import { LifeboatError } from "../../../src/errors.ts";
import { writeFailure } from "../../../src/store/local-files.ts";

describe("writeFailure", () => {
  const cases = [
    ["ENOSPC", "disk is full"],
    ["EDQUOT", "quota"],
    ["EACCES", "write access"],
    ["EPERM", "hard links"],
    ["EROFS", "read-only"],
    ["EIO", "system's own words"],
  ] as const;
  for (const [code, cure] of cases) {
    it(`gives ${code} a cure`, () => {
      const failure = writeFailure(Object.assign(new Error(`${code}: what the system said`), { code }));
      const isFull = code === "ENOSPC" || code === "EDQUOT";
      expect([failure.code, failure.exitCode]).toEqual([isFull ? "store-full" : "store-write-failed", 1]);
      expect(failure.message).toContain("what the system said");
      expect(failure.hint).toContain(cure);
    });
  }

  it("leaves our own errors as they are", () => {
    const own = new LifeboatError("store-key-exists", "x");
    expect(writeFailure(own)).toBe(own);
  });
});
