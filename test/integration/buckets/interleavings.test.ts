/**
 * A backup, a prune and sweeps of packs at the same time: whatever happens between which two calls of the store, every
 * snapshot that is committed keeps all its packs, or the backup refuses.
 */
import { cp, mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { LifeboatError } from "../../../src/errors.ts";
import { sweepPacks } from "../../../src/operations/sweep-packs.ts";
import { snapshotJsonKey, snapshotPrefix } from "../../../src/snapshot/keys.ts";
import { readSnapshotJson } from "../../../src/snapshot/snapshot-json.ts";
import { directoryStore } from "../../../src/store/directory.ts";
import type { Store } from "../../../src/store/store.ts";
import { silentLogger } from "../../../src/system/logger.ts";
import { type BucketSafe, movableClock, newBucketSafe } from "./safe.ts";

const source = "storage";
/** The clock of the backups and sweeps; files' own times are of today, so the moment is one after it. */
const start = new Date(Date.now() + 3600 * 1000).toISOString();
let safe: BucketSafe;
let previous: string;

/** Two snapshots; the second carries a pack of the first, and one more pack is nobody's. */
beforeAll(async () => {
  safe = await newBucketSafe();
  const clock = movableClock(start);
  await safe.server.addBucket("files");
  for (const name of ["a", "b"])
    await safe.server.addObject("files", { name, size: 100, contentType: "text/plain" });
  await safe.backUp({}, { clock });
  await safe.server.addObject("files", { name: "b", size: 100, seed: "b2", contentType: "text/plain" });
  clock.hours = 1;
  previous = (await safe.backUp({}, { clock })).snapshot.id;
  await safe.server.addObject("files", { name: "c", size: 100, contentType: "text/plain" });
});
afterAll(() => safe[Symbol.asyncDispose]());

type Act = (store: Store) => Promise<void>;

const sweepAt =
  (...hours: readonly number[]): Act =>
  async (store) => {
    for (const hour of hours) {
      const clock = movableClock(start);
      clock.hours = 2 + hour;
      await sweepPacks(store, source, clock);
    }
  };

const prune: Act = async (store) => {
  const files = await store.files(snapshotPrefix(source, previous));
  await store.delete(snapshotJsonKey(source, previous));
  for (const { key } of files) await store.delete(key);
};

const both =
  (...acts: readonly Act[]): Act =>
  async (store) => {
    for (const act of acts) await act(store);
  };

/** Runs an act before its call with that number, from 1. */
function interrupted(
  store: Store,
  acts: ReadonlyMap<number, Act>,
): { readonly store: Store; calls: () => number } {
  let calls = 0;
  const call = async <T>(work: () => Promise<T>): Promise<T> => {
    calls += 1;
    await acts.get(calls)?.(store);
    return await work();
  };
  const wrapped: Store = {
    ...store,
    snapshots: (...of) => call(() => store.snapshots(...of)),
    files: (...of) => call(() => store.files(...of)),
    read: (...of) => call(() => store.read(...of)),
    put: (...of) => call(() => store.put(...of)),
    putStream: (...of) => call(() => store.putStream(...of)),
    delete: (...of) => call(() => store.delete(...of)),
    begin: async (identity) => {
      const draft = await call(() => store.begin(identity));
      return {
        put: (...of) => call(() => draft.put(...of)),
        commit: (...of) => call(() => draft.commit(...of)),
        abandon: () => call(() => draft.abandon()),
      };
    },
  };
  return { store: wrapped, calls: () => calls };
}

/** A copy of the store as it stands before the third backup. */
async function freshStore(): Promise<{ readonly store: Store; readonly path: string }> {
  const path = await mkdtemp(join(safe.folder, "again-"));
  await cp(join(safe.folder, "store"), path, { recursive: true, preserveTimestamps: true });
  return { store: directoryStore({ path, clock: movableClock(), logger: silentLogger }), path };
}

const refusals = new Set(["pack-not-usable", "store-object-missing", "snapshot-damaged"]);

async function backUpInto(store: Store): Promise<"committed" | "refused"> {
  const clock = movableClock(start);
  clock.hours = 2;
  try {
    const { snapshot } = await safe.backUp({}, { store, clock });
    expect(snapshot.state).toBe("whole");
    return "committed";
  } catch (cause) {
    expect(cause instanceof LifeboatError ? cause.code : cause).toSatisfy((code: string) =>
      refusals.has(code),
    );
    return "refused";
  }
}

async function expectAllWhole(store: Store, what: string): Promise<void> {
  const { snapshots, findings } = await store.snapshots(source);
  expect([what, findings]).toEqual([what, []]);
  for (const { id } of snapshots) {
    const { verdict, components } = await safe.verify(id, "unsealed", store);
    expect([what, id, verdict, components.flatMap((component) => component.findings)]).toEqual([
      what,
      id,
      "passed",
      [],
    ]);
  }
}

/** Later looks remove all that nobody uses, and nothing else. */
async function expectCleanAfterwards(store: Store, what: string): Promise<void> {
  await sweepAt(300, 400)(store);
  const { snapshots } = await store.snapshots(source);
  const used = new Set(
    snapshots.flatMap(({ id, snapshotJson }) =>
      readSnapshotJson(snapshotJson, { source, id }).packs.map((pack) => pack.id),
    ),
  );
  const left = (await store.files(`packs/${source}/`)).map(({ key }) => key);
  expect([what, left.length]).toEqual([what, used.size]);
}

async function runWith(
  acts: ReadonlyMap<number, Act>,
  what: string,
): Promise<{ outcome: string; calls: number }> {
  const { store, path } = await freshStore();
  const during = interrupted(store, acts);
  const outcome = await backUpInto(during.store);
  await expectAllWhole(store, what);
  await expectCleanAfterwards(store, what);
  await rm(path, { recursive: true, force: true });
  return { outcome, calls: during.calls() };
}

describe("every committed snapshot keeps its packs", () => {
  it.each([
    ["one sweep", sweepAt(0)],
    ["one sweep two days later", sweepAt(49)],
    ["two sweeps days later", sweepAt(49, 100)],
    ["a prune and a sweep", both(prune, sweepAt(0))],
    ["a prune and a sweep two days later", both(prune, sweepAt(49))],
    ["a prune and two sweeps days later", both(prune, sweepAt(49, 100))],
  ])("whenever there is %s", { timeout: 60_000 }, async (name, act) => {
    const { outcome, calls } = await runWith(new Map(), "undisturbed");
    expect(outcome).toBe("committed");
    const outcomes: string[] = [];
    for (let at = 1; at <= calls; at += 1) {
      outcomes.push((await runWith(new Map([[at, act]]), `${name} before call ${at}`)).outcome);
    }
    if (name === "one sweep" || name === "a prune and a sweep") return;
    expect(outcomes).toContain("refused");
  });

  it("whenever there is a prune, a mark and, later, a deletion", { timeout: 120_000 }, async () => {
    const { calls } = await runWith(new Map(), "undisturbed");
    const seen = new Set<string>();
    for (let mark = 1; mark < calls; mark += 3) {
      for (let deletion = mark + 1; deletion <= calls; deletion += 3) {
        const acts = new Map([
          [mark, both(prune, sweepAt(49))],
          [deletion, sweepAt(100)],
        ]);
        seen.add((await runWith(acts, `a mark before call ${mark}, a deletion before ${deletion}`)).outcome);
      }
    }
    expect(seen).toContain("refused");
  });

  it("when two backups run at once, with sweeps between", { timeout: 60_000 }, async () => {
    const { calls } = await runWith(new Map(), "undisturbed");
    for (let at = 2; at <= calls; at += 2) {
      const { store, path } = await freshStore();
      const acts = new Map([[at, sweepAt(49, 100)]]);
      await Promise.all([backUpInto(interrupted(store, acts).store), backUpInto(store)]);
      await expectAllWhole(store, `two backups, sweeps before call ${at}`);
      await expectCleanAfterwards(store, `two backups, sweeps before call ${at}`);
      await rm(path, { recursive: true, force: true });
    }
  });
});
