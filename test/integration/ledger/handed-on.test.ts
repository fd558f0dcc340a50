/** Entries that a job without the right to write leaves, and what the one that may write believes of them. */
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { appendHandedOn, handedOn, type HandoverReport } from "../../../src/ledger/handed-on.ts";
import { type Ledger, storeLedger } from "../../../src/ledger/ledger.ts";
import type { LedgerEntry } from "../../../src/ledger/record.ts";
import { directoryStore } from "../../../src/store/directory.ts";
import { systemClock } from "../../../src/system/clock.ts";
import { silentLogger } from "../../../src/system/logger.ts";

let root: string;
let folder: string;
let ledger: Ledger;
const now = systemClock.now();
const by = { name: "octocat", run: "https://github.com/o/r/actions/runs/1" };

const entry: LedgerEntry = {
  act: "verify",
  source: "database",
  store: "artifacts:",
  heads: [{ id: "20260101T000000Z-0123456789ab", sha256: "a".repeat(64), tiers: ["daily"] }],
  witnessed: ["b".repeat(64)],
  by: { name: "somebody else" },
  time: now.toISOString(),
  snapshot: "20260101T000000Z-0123456789ab",
  outcome: "success",
  findings: ["extension-dependents-skipped"],
  commit: "c".repeat(40),
};

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "lifeboat-handed-on-"));
  folder = join(root, "entries");
  await mkdir(join(root, "store"));
  ledger = storeLedger(
    directoryStore({ path: join(root, "store"), clock: systemClock, logger: silentLogger }),
    systemClock,
  );
});
afterEach(() => rm(root, { recursive: true }));

async function leave(job: string, text: string): Promise<void> {
  await mkdir(join(folder, `lifeboat-entries-${job}`), { recursive: true });
  await writeFile(join(folder, `lifeboat-entries-${job}`, "lifeboat-entries.jsonl"), text);
}

function append(): Promise<HandoverReport> {
  return appendHandedOn({
    folder,
    sources: ["database", "storage"],
    ledger,
    by,
    commit: "d".repeat(40),
    now,
  });
}

test("each job of a matrix leaves its own, all are appended once, and who did it is not theirs to say", async () => {
  for (const source of ["database", "storage"]) {
    await mkdir(join(folder, source), { recursive: true });
    await handedOn(ledger, join(folder, source, "entries.jsonl")).append({ ...entry, source });
  }
  expect((await ledger.read()).records).toEqual([]);
  expect(await append()).toMatchObject({ appended: { length: 2 }, known: 0, refused: 0 });
  expect(await append()).toMatchObject({ appended: { length: 0 }, known: 2, refused: 0 });
  const { records, problems } = await ledger.read();
  expect(problems).toEqual([]);
  expect(records.map(({ source }) => source).sort()).toEqual(["database", "storage"]);
  for (const record of records) {
    expect(record).toMatchObject({ ...entry, source: record.source, by, commit: "d".repeat(40) });
  }
});

test("no job left anything", async () => {
  expect(await append()).toEqual({ appended: [], known: 0, refused: 0 });
});

test.each([
  ["no JSON", "{"],
  ["an act that only others do", JSON.stringify({ ...entry, act: "prune" })],
  ["a source that the policy does not have", JSON.stringify({ ...entry, source: "other" })],
  ["a page's text as a source", JSON.stringify({ ...entry, source: "<img src=x>" })],
  ["a page's text as a store", JSON.stringify({ ...entry, store: "s3://<script>" })],
  ["lines in a store's address", JSON.stringify({ ...entry, store: "s3://a\n::error::b" })],
  ["a sentence as a finding", JSON.stringify({ ...entry, findings: ["All is well, trust me"] })],
  ["something else as a hash", JSON.stringify({ ...entry, witnessed: ["../../x"] })],
  ["more about a head", JSON.stringify({ ...entry, heads: [{ ...entry.heads[0], note: "x" }] })],
  ["an unknown end", JSON.stringify({ ...entry, outcome: "splendid" })],
  ["a snapshot of no name", JSON.stringify({ ...entry, snapshot: "$(id)" })],
  ["a moment to come", JSON.stringify({ ...entry, time: new Date(now.getTime() + 3600e3).toISOString() })],
  ["a moment long past", JSON.stringify({ ...entry, time: "2026-01-01T00:00:00Z" })],
  ["too many lines", `${JSON.stringify(entry)}\n`.repeat(1001)],
  ["too many bytes", " ".repeat(9 * 1024 * 1024)],
  ["a bad line behind a good one", `${JSON.stringify(entry)}\n[]`],
])("a file with %s is not believed, the others are", async (_, text) => {
  await leave("storage", text);
  await leave("database", `${JSON.stringify({ ...entry, more: "<b>" })}\n`);
  const report = await append();
  expect(report).toMatchObject({ appended: { length: 1 }, refused: 1 });
  const { records } = await ledger.read();
  expect(records).toHaveLength(1);
  expect(records[0]).toMatchObject({ source: "database" });
  expect(records[0]).not.toHaveProperty("more");
});
