/** What the ledger gets of an act, kept in a real directory store. */
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type Act, type Done, witnessed, witnessedCopies } from "../../../src/actions/witnessed.ts";
import { LifeboatError } from "../../../src/errors.ts";
import { type Ledger, storeLedger } from "../../../src/ledger/ledger.ts";
import type { CopyReport, StoreCopy } from "../../../src/operations/copy-snapshots.ts";
import { directoryStore } from "../../../src/store/directory.ts";
import type { Store } from "../../../src/store/store.ts";
import { systemClock as clock } from "../../../src/system/clock.ts";
import { silentLogger as logger } from "../../../src/system/logger.ts";
import { backUp } from "../../integration/retention/shelter.ts";

const { signal } = new AbortController();
let path: string;
let store: Store;
let ledger: Ledger;
let act: Act;
beforeEach(async () => {
  path = await mkdtemp(join(tmpdir(), "lifeboat-witnessed-"));
  store = directoryStore({ path, clock, logger });
  ledger = storeLedger(store, clock);
  act = { act: "db-backup", source: "database", store, by: { name: "octocat" }, commit: "0123abc" };
});
afterEach(() => rm(path, { recursive: true, force: true }));

interface Result {
  readonly text: string;
  readonly error?: LifeboatError;
}

const records = async () => (await ledger.read("whole")).records;
const warning = {
  level: "warning",
  code: "one-recipient",
  sentence: "",
  publicSentence: "",
  remedy: "",
} as const;

test("a backup: who, what, how it ended, and the history that the new snapshot heads", async () => {
  const result = await witnessed(ledger, act, { clock, logger, signal }, async (): Promise<Done<Result>> => {
    const { id } = await backUp(store, new Date());
    return { result: { text: id }, snapshot: id, isNew: true, findings: [warning, warning] };
  });
  const [record] = await records();
  expect(record).toMatchObject({
    act: "db-backup",
    by: { name: "octocat" },
    commit: "0123abc",
    outcome: "success",
    findings: ["one-recipient"],
    snapshot: result.text,
    heads: [{ id: result.text, tiers: ["daily"] }],
    store: `file://${path}`,
  });
});

test("a failure is recorded and thrown, and orderly bad news is recorded and returned", async () => {
  const error = new LifeboatError("snapshot-damaged", "A part is gone.");
  await expect(witnessed(ledger, act, { clock, logger, signal }, () => Promise.reject(error))).rejects.toBe(
    error,
  );
  const done = { result: { error }, findings: [warning] };
  expect(await witnessed(ledger, act, { clock, logger, signal }, () => Promise.resolve(done))).toBe(
    done.result,
  );
  expect((await records()).map(({ outcome, findings }) => [outcome, findings])).toEqual([
    ["damaged", ["snapshot-damaged"]],
    ["damaged", ["snapshot-damaged", "one-recipient"]],
  ]);
});

test("a ledger that cannot be written makes a success fail, and hides no other error", async () => {
  const gone = storeLedger(directoryStore({ path: `${path}/none`, clock, logger }), clock);
  const fine = (): Promise<Done<Result>> => Promise.resolve({ result: { text: "stored" }, findings: [] });
  expect(await witnessed(gone, act, { clock, logger, signal }, fine)).toMatchObject({
    text: "stored",
    error: { code: "input-invalid" },
  });
  const error = new LifeboatError("store-temporary", "It broke.");
  await expect(witnessed(gone, act, { clock, logger, signal }, () => Promise.reject(error))).rejects.toBe(
    error,
  );
  const bad = () => Promise.resolve({ result: { error }, findings: [] });
  expect((await witnessed(gone, act, { clock, logger, signal }, bad)).error).toBe(error);
});

test("without a ledger only the work is done", async () => {
  const result = { text: "stored" };
  const work = (): Promise<Done<Result>> => Promise.resolve({ result, findings: [] });
  expect(await witnessed(undefined, act, { clock, logger, signal }, work)).toBe(result);
});

describe("copies", () => {
  const copied = (address: string, told: Partial<StoreCopy> = {}): StoreCopy => ({
    ...{ store: address, copied: [], already: 0, missing: [], copiedBytes: 0, ...told },
  });

  test("each further store that got something, or failed to, has a record of its own", async () => {
    const further = directoryStore({ path: `${path}/further`, clock, logger });
    await mkdir(`${path}/further`);
    const { id } = await backUp(further, new Date());
    const broken = directoryStore({ path: `${path}/broken`, clock, logger });
    const idle = directoryStore({ path: `${path}/idle`, clock, logger });
    const error = new LifeboatError("copy-incomplete", "One store lacks it.");
    const problem = { code: "store-temporary", sentence: "", hint: "" };
    const report: CopyReport = {
      ...{ source: "database", from: store.address, findings: [], dryRun: false, seconds: 1, error },
      stores: [
        copied(further.address, { copied: [id] }),
        copied(broken.address, { missing: [id], problem }),
        copied(idle.address, { already: 1 }),
      ],
    };
    const to = [further, broken, idle].map((one) => ({ store: one }));
    const done = { result: { error }, findings: [], copies: { report, to } };
    expect(await witnessed(ledger, act, { clock, logger, signal }, () => Promise.resolve(done))).toBe(
      done.result,
    );
    const alone = await witnessedCopies(
      ledger,
      act,
      { clock, logger, signal },
      {
        to,
        copy: () => Promise.resolve(report),
      },
    );
    expect(alone).toBe(report);
    const expected = [
      ["copy", further.address, "success", [], [id]],
      ["copy", broken.address, "failure", ["store-temporary"], []],
    ];
    expect(
      (await records()).map(({ act: name, store: at, outcome, findings, heads }) => [
        ...[name, at, outcome, findings, heads.map((head) => head.id)],
      ]),
    ).toEqual([["db-backup", store.address, "failure", ["copy-incomplete"], []], ...expected, ...expected]);
  });

  test("a dry run leaves no record, and a ledger that cannot be written makes a copy fail", async () => {
    const report: CopyReport = {
      ...{ source: "database", from: store.address, findings: [], dryRun: true, seconds: 1 },
      stores: [copied(store.address, { copied: ["a"] })],
    };
    const copying = (to: Ledger, said: CopyReport) =>
      witnessedCopies(
        to,
        act,
        { clock, logger, signal },
        { to: [{ store }], copy: () => Promise.resolve(said) },
      );
    await copying(ledger, report);
    expect(await records()).toEqual([]);
    const gone = storeLedger(directoryStore({ path: `${path}/none`, clock, logger }), clock);
    expect((await copying(gone, { ...report, dryRun: false })).error).toMatchObject({
      code: "input-invalid",
    });
  });
});
