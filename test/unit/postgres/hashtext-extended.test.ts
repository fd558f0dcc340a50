import { expect, test } from "vitest";
import { hashBytes, hashHalves, hashTextExtended } from "../../../src/postgres/hashtext-extended.ts";

test.each([
  ["lifeboat", 0n, -5233268241415304399n],
  ["", -1n, -5142811166230430645n],
  ["Ünï 😀 row text longer than twelve bytes", -4611686018427387905n, 1854786200368932302n],
])("hashes %j with seed %s as PostgreSQL 13 to 18 do", (text, seed, expected) => {
  expect(hashTextExtended(text, seed)).toBe(expected);
});

test("hashes every length as a server does", () => {
  // select hashtextextended(substr('abcdefghijklmnopqrstuvwxyz', 1, n) collate "C", 1) from generate_series(0, 25) n
  const expected = [
    -150071773020461347n,
    3325245193489759299n,
    6831083245906393158n,
    2125675926272891485n,
    -9042268383291675265n,
    3336351395796527909n,
    -7708154518206703230n,
    8893296306369806751n,
    -996835456672934620n,
    5773402991589158274n,
    3861069368272743232n,
    8196382510784792041n,
    -6429754808531195817n,
    3808842878744369845n,
    -5803621093042304102n,
    8832998013640486416n,
    703898403846518408n,
    5745342997094660364n,
    -8483450521730918564n,
    -5352055475504206210n,
    7175789958500889000n,
    7909351786236951067n,
    -2120185363977180431n,
    5175166317898960337n,
    -731882798451170301n,
    5694819572527276190n,
  ];
  const texts = expected.map((_, length) => "abcdefghijklmnopqrstuvwxyz".slice(0, length));
  expect(texts.map((text) => hashTextExtended(text, 1n))).toEqual(expected);
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
