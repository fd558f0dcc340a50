/** Several machines back up one project: all of their shards make one snapshot, and anything less makes none. */
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { joinStorageShards } from "../../../src/operations/join-storage.ts";
import { readSealedContents } from "../../../src/operations/sealed-files.ts";
import { backUpStorageShard } from "../../../src/operations/shard-storage.ts";
import type { StorageBackupReport, StorageBackupRequest } from "../../../src/operations/storage-backup.ts";
import { generateIdentity, parseIdentities } from "../../../src/seal/identities.ts";
import { storageOf } from "../../../src/snapshot/contents.ts";
import { shardPrefix } from "../../../src/snapshot/keys.ts";
import { objectFilter } from "../../../src/storage/object-filter.ts";
import type { Store } from "../../../src/store/store.ts";
import { silentLogger } from "../../../src/system/logger.ts";
import { artifactsIn } from "../../fakes/github/artifact-store.ts";
import { keysOf, momentOf, restoredMoment } from "./moment.ts";
import { type BucketSafe, movableClock, newBucketSafe } from "./safe.ts";

const timeout = 40_000;
const group = "run-1";
let safe: BucketSafe;
let clock: ReturnType<typeof movableClock>;
beforeEach(async () => {
  safe = await newBucketSafe();
  clock = movableClock();
  await safe.server.addBucket("files");
  await safe.server.addBucket("other");
  for (let at = 0; at < 30; at += 1) {
    const object = { name: `small/${at}`, size: 1000 + at, contentType: "text/plain" };
    await safe.server.addObject(at % 4 === 0 ? "other" : "files", object);
  }
  await safe.server.addObject("files", { name: "big", size: 1_500_000, contentType: "video/mp4" });
});
afterEach(() => safe[Symbol.asyncDispose]());

type More = Partial<StorageBackupRequest> & { readonly store?: Store };

const request = (more: More = {}) => ({
  ...{ source: "storage", tiers: ["daily"] as const, recipients: safe.recipients },
  ...{ indexIdentities: safe.indexIdentities, signingKey: undefined, filter: objectFilter({}) },
  ...{ database: undefined, jobs: 4, packBytes: 4 * 1024 * 1024, rowsWithoutBytes: "fail" as const },
  ...more,
});
const around = ({ store = safe.store }: More = {}) => ({
  ...{ api: safe.api, store, clock, logger: silentLogger, lifeboatVersion: "0.0.0-test", zstd: "zstd" },
  signal: new AbortController().signal,
});

const shard = (number: number, count = 3, more: More = {}) =>
  backUpStorageShard(request(more), { number, count, group }, around(more));
const join = (more: More = {}) => joinStorageShards(request(more), group, around(more));

async function threeShards(more: More = {}): Promise<void> {
  for (const number of [1, 2, 3]) await shard(number, 3, more);
}

async function expectNoSnapshot(join: () => Promise<unknown>, error: Record<string, unknown>): Promise<void> {
  const before = await keysOf(safe.store, "snapshots");
  await expect(join()).rejects.toMatchObject(error);
  expect(await keysOf(safe.store, "snapshots")).toEqual(before);
}

/** What does not depend on who packed it. */
async function facts(report: StorageBackupReport): Promise<unknown> {
  return (await safe.entries(report)).map(({ pack, offset, length, ...entry }) => {
    expect([typeof pack, offset >= 0, length > 0]).toEqual(["string", true, true]);
    return entry;
  });
}

describe("three shards, joined,", () => {
  it("are the same snapshot as a whole backup", { timeout }, async () => {
    const whole = await safe.backUp({ source: "whole" }, { clock });
    await threeShards();
    const joined = await join();
    expect(joined.account).toMatchObject({ stored: 31, carried: 0, vanished: 0, failed: 0 });
    expect(await facts(joined)).toEqual(await facts(whole));
    expect(joined.snapshot.totals).toMatchObject({ objects: 31, rawBytes: whole.snapshot.totals.rawBytes });
    expect((await safe.verify(joined.snapshot.id, "restored")).verdict).toBe("passed");
    expect(await restoredMoment(safe)).toEqual(await momentOf(safe.server));
    expect(await safe.store.files(shardPrefix("storage", group))).toEqual([]);
  });

  it("carry objects whoever had stored them, from packs that they share", { timeout }, async () => {
    await safe.backUp({}, { clock });
    await safe.server.addObject("files", {
      name: "small/1",
      size: 5,
      seed: "new",
      contentType: "text/plain",
    });
    clock.hours = 1;
    await threeShards();
    const joined = await join();
    expect(joined.account).toMatchObject({ stored: 1, carried: 30, newPacks: 1 });
    expect((await safe.verify(joined.snapshot.id, "restored")).verdict).toBe("passed");
    const live = joined.snapshot.packs.reduce((sum, { liveBytes }) => sum + liveBytes, 0);
    expect(live).toBe(joined.snapshot.totals.rawBytes);
    clock.hours = 2;
    expect((await safe.backUp({}, { clock })).account).toMatchObject({ stored: 0, carried: 31 });
  });

  it("take the newer one of a shard that ran twice", { timeout }, async () => {
    await threeShards();
    clock.hours = 1;
    await shard(2);
    const joined = await join();
    expect(joined.account.stored).toBe(31);
    expect(await restoredMoment(safe)).toEqual(await momentOf(safe.server));
    expect((await safe.verify(joined.snapshot.id, "restored")).verdict).toBe("passed");
  });

  it("know the buckets that only a later shard has seen", { timeout }, async () => {
    await shard(1);
    await safe.server.addBucket("late");
    for (let at = 0; at < 9; at += 1) await safe.server.addObject("late", { name: `${at}`, size: 10 });
    await shard(2);
    await shard(3);
    const { snapshot } = await join();
    const { buckets } = storageOf(await readSealedContents(safe.store, snapshot, safe.identities));
    expect(buckets.map(({ id }) => id)).toEqual(["files", "late", "other"]);
    expect((await safe.verify(snapshot.id, "restored")).verdict).toBe("passed");
  });

  it("are incomplete together where one had failures, and say what has no bytes", { timeout }, async () => {
    for (const name of ["small/1", "small/2", "small/3"]) {
      safe.server.blobs.delete((await safe.server.rows.object("files", name))?.version ?? "");
    }
    await threeShards();
    const { snapshot, account } = await join();
    expect([snapshot.state, account]).toMatchObject(["incomplete", { stored: 28, failed: 3 }]);
    const contents = storageOf(await readSealedContents(safe.store, snapshot, safe.identities));
    expect(contents.consistency?.rowsWithoutBytes.length).toBe(3);
    await threeShards({ rowsWithoutBytes: "report" });
    const reported = await join();
    expect([reported.snapshot.state, reported.account]).toMatchObject(["whole", { carried: 28, failed: 0 }]);
  });

  it("work in GitHub's artifacts too", { timeout }, async () => {
    const place = await artifactsIn();
    try {
      await threeShards({ store: place.open(), retentionDays: 30 });
      const { snapshot } = await join({ store: place.open(), retentionDays: 30 });
      expect((await safe.verify(snapshot.id, "unsealed", place.open())).verdict).toBe("passed");
    } finally {
      await place.close();
    }
  });
});

describe("no snapshot is made", () => {
  it("where a shard is lost, or its index is", { timeout }, async () => {
    await shard(1);
    await shard(3);
    await expectNoSnapshot(() => join(), {
      code: "shard-missing",
      message: expect.stringContaining("2") as string,
    });
    await shard(2);
    const keys = (await safe.store.files(shardPrefix("storage", group))).map(({ key }) => key);
    await safe.store.delete(keys.find((key) => key.includes("/2-of-3.") && key.includes(".index.")) ?? "");
    await expectNoSnapshot(() => join(), { code: "store-object-missing" });
  });

  it("where there is none at all", { timeout }, async () => {
    await expectNoSnapshot(() => join(), { code: "shard-missing" });
  });

  it("where they were split in different ways, or asked for different objects", { timeout }, async () => {
    await threeShards();
    await shard(1, 2);
    await expectNoSnapshot(() => join(), {
      code: "shard-missing",
      message: expect.stringContaining("different") as string,
    });
    for (const { key } of await safe.store.files(shardPrefix("storage", group))) await safe.store.delete(key);
    await shard(1);
    await shard(2, 3, { filter: objectFilter({ buckets: ["files"] }) });
    await shard(3);
    await expectNoSnapshot(() => join(), {
      code: "shard-missing",
      message: expect.stringContaining("different") as string,
    });
  });

  it("with another index identity, or none", { timeout }, async () => {
    await threeShards();
    const other = await generateIdentity({ postQuantum: false, created: new Date(0) });
    const wrong = parseIdentities(other.fileText);
    await expectNoSnapshot(() => join({ indexIdentities: wrong }), { exitCode: 2 });
    await expectNoSnapshot(() => join({ indexIdentities: undefined }), { code: "input-invalid" });
    await expectNoSnapshot(() => shard(1, 3, { indexIdentities: undefined }), { code: "input-invalid" });
    expect((await join()).account.stored).toBe(31);
  });

  it("where a pack of a shard was marked or deleted meanwhile", { timeout }, async () => {
    await threeShards();
    const [pack] = await keysOf(safe.store, "packs");
    await safe.store.delete(pack ?? "");
    await expectNoSnapshot(() => join(), { code: "pack-not-usable" });
  });

  it("where one shard's document lies under another's key", { timeout }, async () => {
    await threeShards();
    const keys = (await safe.store.files(shardPrefix("storage", group))).map(({ key }) => key);
    const [one = "", two = ""] = keys.filter((key) => key.includes(".contents."));
    const bytes = Buffer.concat(await Array.fromAsync(await safe.store.read(one)));
    await safe.store.delete(two);
    await safe.store.put(two, bytes);
    await expectNoSnapshot(() => join(), { code: "snapshot-damaged" });
  });
});
