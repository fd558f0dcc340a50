import fc from "fast-check";
import { expect, it } from "vitest";
import { compareUtf8 } from "../../../src/storage/objects.ts";

const units = fc.constantFrom(
  "a",
  "b",
  "/",
  "ÿ",
  "߿",
  "\u{d7ff}",
  "\u{e000}",
  "\u{ffff}",
  "😀",
  "\u{10ffff}",
);
const names = fc.oneof(fc.string({ unit: units, maxLength: 6 }), fc.string({ unit: "binary", maxLength: 6 }));

it("compares names as their bytes of UTF-8 compare", () => {
  fc.assert(
    fc.property(names, names, (one, other) => {
      fc.pre(one.isWellFormed() && other.isWellFormed());
      const bytes = Buffer.compare(Buffer.from(one), Buffer.from(other));
      expect(Math.sign(compareUtf8(one, other))).toBe(bytes);
    }),
    { numRuns: 2000 },
  );
});
