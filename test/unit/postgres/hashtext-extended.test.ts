import { expect, test } from "vitest";
import { hashBytes, hashHalves, hashTextExtended } from "../../../src/postgres/hashtext-extended.ts";

test.each([
  ["lifeboat", 0n, -5233268241415304399n],
  ["", -1n, -5142811166230430645n],
  ["Ünï 😀 row text longer than twelve bytes", -4611686018427387905n, 1854786200368932302n],
])("hashes %j with seed %s as PostgreSQL 13 to 18 do", (text, seed, expected) => {
  expect(hashTextExtended(text, seed)).toBe(expected);
});

test("the bytes before and after the hashed range do not count", () => {
  for (let length = 0; length <= 40; length++) {
    const bytes = Uint8Array.from({ length }, (_, index) => index * 7 + 1);
    hashBytes(bytes, 0, length, 5, -6);
    const expected = [...hashHalves];
    for (const offset of [1, 2, 3, 5]) {
      const inside = new Uint8Array(length + 20).fill(255);
      inside.set(bytes, offset);
      hashBytes(inside, offset, offset + length, 5, -6);
      expect([...hashHalves]).toEqual(expected);
    }
  }
});
