/** Two prunings and eight backups at once on one store, in random order of their steps: nothing that succeeded is lost. */
import { setTimeout as delay } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { checkStored } from "../../../src/operations/check-stored.ts";
import { observeSnapshots } from "../../../src/operations/observe-snapshots.ts";
import { readSnapshotJson, type SnapshotJson } from "../../../src/snapshot/snapshot-json.ts";
import type { Draft, Store } from "../../../src/store/store.ts";
import { s3ServerProgram } from "../../support/s3-server.ts";
import { randomNumbers } from "../../unit/retention/stories.ts";
import { bucket, directory, type Place } from "./places.ts";
import { backUp, clockAt, dailyWeek, dayMs, nobody, prune, source, verified } from "./shelter.ts";

const program = await s3ServerProgram();
const isTrial = process.env["LIFEBOAT_TRIAL"] !== undefined;

/** Every step of it waits a moment that chance decides. */
function halting(store: Store, random: () => number): Store {
  const halt = async (): Promise<void> => {
    if (random() < 0.5) await delay(Math.floor(random() * 6));
  };
  const haltingDraft = (draft: Draft): Draft => ({
    put: async (name, bytes) => (await halt(), await draft.put(name, bytes)),
    commit: async (bytes) => (await halt(), await draft.commit(bytes)),
    abandon: async () => {
      await draft.abandon();
    },
  });
  return {
    ...store,
    snapshots: async (of) => (await halt(), await store.snapshots(of)),
    files: async (prefix) => (await halt(), await store.files(prefix)),
    put: async (key, bytes) => (await halt(), await store.put(key, bytes)),
    begin: async (identity) => haltingDraft(await store.begin(identity)),
    delete: async (key) => {
      await halt();
      await store.delete(key);
    },
  };
}

async function schedule(place: Place, seed: number): Promise<{ removed: number }> {
  const random = randomNumbers(seed);
  const now = Date.now();
  const clock = clockAt(new Date(now));
  const old: SnapshotJson[] = [];
  const sound = new Set<string>();
  const { store } = place;
  for (const days of [12, 10, 9, 3]) {
    const snapshot = await backUp(store, new Date(now - days * dayMs));
    if (random() < 0.7) {
      await verified(store, snapshot);
      sound.add(snapshot.id);
    }
    old.push(snapshot);
  }
  const wait = async (): Promise<void> => {
    await delay(Math.floor(random() * 30));
  };
  const backups = Array.from({ length: 8 }, async (_, index) => {
    await wait();
    return await backUp(halting(place.another(), random), new Date(now - index * 1000));
  });
  const bad = old[Math.floor(random() * old.length)]!;
  const failing = (async () => {
    await wait();
    // While they decide, a check finds one bad.
    await verified(store, bad, { verdict: "failed", at: new Date(now) });
  })();
  const prunings = Array.from({ length: 2 }, async () => {
    await wait();
    return await prune(halting(place.another(), random), clock);
  });
  const [made, reports] = await Promise.all([Promise.all(backups), Promise.all(prunings), failing]);
  const reader = place.another();
  const listing = await reader.snapshots(source);
  const listed = new Map(listing.snapshots.map((one) => [one.id, one]));
  for (const { id } of made) {
    const there = listed.get(id);
    expect(there, `seed ${seed}: ${id} was reported and is not listed`).toBeDefined();
    const stored = await checkStored(reader, readSnapshotJson(there!.snapshotJson, { source, id }));
    expect(stored.verdict, `seed ${seed}: ${id}`).toBe("passed");
  }
  // Nothing is half there, and nothing is gone without an explanation.
  expect(listing.findings.filter(({ code }) => code === "snapshot-json-missing")).toEqual([]);
  const { history } = await observeSnapshots(reader, { source, trust: nobody, now: clock.now() });
  expect(history, `seed ${seed}`).toEqual([]);
  const removed = reports.flatMap((report) => report.removed);
  expect(new Set(removed).size, `seed ${seed}: removed twice`).toBe(removed.length);
  // Each pruning alone would have kept these, so both together must have.
  for (const { decisions } of reports) {
    const kept = decisions.filter(({ keep, reasons }) => keep && reasons.some(({ code }) => code === "tier"));
    for (const { snapshot } of kept) {
      const isGone = !listed.has(snapshot.id);
      if (isGone) expect(removed, `seed ${seed}: ${snapshot.id}`).toContain(snapshot.id);
    }
  }
  // The newest that passed a check always stay; only the bad one may have stood among them when the others went.
  const least = Math.min(dailyWeek.keepAtLeast, sound.size);
  const left = [...sound].filter((id) => id !== bad.id && listed.has(id));
  expect(left.length, `seed ${seed}`).toBeGreaterThanOrEqual(sound.has(bad.id) ? least - 1 : least);
  return { removed: removed.length };
}

describe("any schedule", () => {
  const inFolder = isTrial ? 2000 : 60;
  test(`${inFolder} in a directory`, { timeout: 1_200_000 }, async () => {
    let removed = 0;
    const seeds = Array.from({ length: inFolder }, (_, index) => index + 1);
    const work = async (): Promise<void> => {
      for (let seed = seeds.shift(); seed !== undefined; seed = seeds.shift()) {
        await using place = await directory();
        const one = await schedule(place, seed);
        removed += one.removed;
      }
    };
    await Promise.all(Array.from({ length: 6 }, work));
    expect(removed).toBeGreaterThan(inFolder);
  });

  const inBucket = isTrial ? 400 : 12;
  test.skipIf(program === undefined)(`${inBucket} in S3 buckets`, { timeout: 1_200_000 }, async () => {
    let removed = 0;
    for (let seed = 1; seed <= inBucket; seed += 1) {
      await using place = await bucket(program!);
      const one = await schedule(place, 10_000 + seed);
      removed += one.removed;
    }
    expect(removed).toBeGreaterThan(inBucket);
  });
});
