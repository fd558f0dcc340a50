/** The ledger on a branch, against a stand-in for GitHub's contents API that refuses what moved meanwhile. */
import { createHash } from "node:crypto";
import { describe, expect, test } from "vitest";
import { witnessOf } from "../../../src/ledger/witness.ts";
import { contentsApi } from "./contents-api.ts";

const entry = (n: number) => ({
  act: "verify",
  source: "database",
  store: "artifacts:",
  heads: [
    { id: `20261123T0312${String(n).padStart(2, "0")}Z-9f2c51e0a7b4`, sha256: "0".repeat(64), tiers: [] },
  ],
  witnessed: [createHash("sha256").update(String(n)).digest("hex")],
  by: { name: "octocat" },
  time: new Date().toISOString(),
});

test("makes its branch, keeps every record of acts at the same time, and each names the one before", async () => {
  await using api = await contentsApi();
  await Promise.all(Array.from({ length: 4 }, (_, n) => api.open().append(entry(n))));
  expect(api.branch.refused).toBeGreaterThan(0);
  const { records, problems } = await api.open().read();
  expect(records).toHaveLength(4);
  expect(problems).toEqual([]);
  const hashes = new Set(records.map(({ sha256 }) => sha256));
  expect(records.filter(({ previous }) => previous.length === 0)).toHaveLength(1);
  expect(records.flatMap(({ previous }) => previous).every((one) => hashes.has(one))).toBe(true);
  expect(
    witnessOf({ records, problems, unsigned: [] }, "database", { address: "artifacts:" }).heads,
  ).toHaveLength(4);
});

test("says what is damaged, and does not take trouble for an empty ledger", async () => {
  await using api = await contentsApi();
  await api.open().append(entry(1));
  api.state.busy = 3;
  expect((await api.open().read()).records).toHaveLength(1);
  const [path, bytes] = [...api.files][0]!;
  api.files.set(path, Buffer.from(bytes.toString().replace("octocat", "mallory")));
  expect((await api.open().read()).problems).toEqual([
    expect.stringMatching(/record in line 1 of ledger.* is damaged/),
  ]);
  await expect(api.open("wrong").read()).rejects.toMatchObject({ code: "store-permission-missing" });
  api.state.busy = 1000;
  await expect(api.open().read()).rejects.toMatchObject({ code: "store-temporary" });
});

describe("the whole chain", () => {
  test.each<[string, (lines: string[]) => string[], RegExp]>([
    [
      "a line edited",
      (lines) => lines.map((line, at) => (at === 2 ? line.replace("octocat", "mallory") : line)),
      /record in line 3 .* damaged/,
    ],
    [
      "a line in the middle taken out",
      (lines) => lines.filter((_, at) => at !== 2),
      /follows one that is gone/,
    ],
    ["the first line taken out", (lines) => lines.slice(1), /follows one that is gone/],
    [
      "two lines exchanged",
      ([a = "", b = "", ...rest]) => [b, a, ...rest],
      /stands before one that it follows/,
    ],
    ["a line written anew", (lines) => [...lines.slice(0, 2), lines[0] ?? "", ...lines.slice(3)], /gone/],
  ])("shows %s", async (_, change, told) => {
    await using api = await contentsApi();
    for (let n = 0; n < 5; n += 1) await api.open().append(entry(n));
    expect((await api.open().read("whole")).problems).toEqual([]);
    const [[path, bytes]] = [...api.files] as [[string, Buffer]];
    const lines = bytes.toString().trimEnd().split("\n");
    api.files.set(path, Buffer.from(`${change(lines).join("\n")}\n`));
    expect((await api.open().read("whole")).problems.join()).toMatch(told);
  });
});
