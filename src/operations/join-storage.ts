/** Makes one snapshot of the shards that several machines have stored. All of them, or none. */
import { LifeboatError } from "../errors.ts";
import { unsealStream } from "../seal/seal.ts";
import { decompressStream } from "../seal/zstd.ts";
import { shardPrefix } from "../snapshot/keys.ts";
import type { SharedPack } from "../snapshot/snapshot-json.ts";
import { mergeIndexes, readIndex } from "../storage/index-file.ts";
import { compareUtf8, type StoredObject } from "../storage/objects.ts";
import { maxIndexBytes } from "./storage-index.ts";
import type { StorageBackupReport, StorageBackupRequest, StorageSurroundings } from "./storage-backup.ts";
import { agreeOnTime, recordedClocks } from "./agree-on-time.ts";
import type { Collection, CollectionNumbers } from "./collect-objects.ts";
import { expectationError, sizeFindings } from "./compare-with-previous.ts";
import { commitStorageSnapshot } from "./commit-storage.ts";
import { newestHeads } from "./history.ts";
import { readShardIndex, readShards, type Shard } from "./shard-storage.ts";

export async function joinStorageShards(
  request: Pick<
    StorageBackupRequest,
    | "source"
    | "tiers"
    | "recipients"
    | "indexIdentities"
    | "signingKey"
    | "filter"
    | "retentionDays"
    | "seenLedger"
    | "expect"
  >,
  group: string,
  surroundings: Pick<StorageSurroundings, "store" | "clock" | "logger" | "lifeboatVersion" | "zstd">,
): Promise<StorageBackupReport> {
  const { store } = surroundings;
  const startedMs = surroundings.clock.elapsedMs();
  const readClocks = async () => await agreeOnTime(surroundings.clock, store);
  const time = await readClocks();
  const { clock } = time;
  const clocks = recordedClocks(time, surroundings.clock);
  const { indexIdentities, source } = request;
  if (indexIdentities === undefined) {
    throw new LifeboatError(
      "input-invalid",
      "Joining shards takes the index identity that they were sealed for.",
    );
  }
  const shards = await readShards(store, source, group, indexIdentities);
  const history = await newestHeads(store, source);
  const started = new Date(Math.min(...shards.map((shard) => Date.parse(shard.started))));
  const readings = shards.map((shard) =>
    readIndex(
      decompressStream(unsealStream(readShardIndex(store, group, shard), indexIdentities), {
        maxBytes: maxIndexBytes(shard.numbers.objects),
        zstd: surroundings.zstd,
      }),
      { source, id: shard.id },
    ),
  );
  const { snapshot, account, end } = await commitStorageSnapshot(
    { ...request, started, clocks, history, readClocks },
    joined(shards, mergeIndexes(readings)),
    { ...surroundings, clock },
  );
  await removeShards(source, group, surroundings);
  const error = expectationError(snapshot, request.expect);
  return {
    snapshot,
    account,
    findings: [
      ...(time.findings.length > 0 ? time.findings : (end?.findings ?? [])),
      ...history.findings,
      ...sizeFindings(snapshot, history.newestWhole(time.now)),
    ],
    seconds: (clock.elapsedMs() - startedMs) / 1000,
    ...(error === undefined ? {} : { error }),
  };
}

/** What the shards have collected as one collection, whose packs are not this job's to remove. */
function joined(shards: readonly Shard[], entries: AsyncIterable<StoredObject>): Collection {
  const sum = (pick: (numbers: CollectionNumbers) => number): number =>
    shards.reduce((total, shard) => total + pick(shard.numbers), 0);
  const storage = shards.map((shard) => shard.storage);
  const [first] = storage;
  const consistency = storage.flatMap((part) => (part.consistency === undefined ? [] : [part.consistency]));
  return {
    buckets: allBuckets(storage),
    entries,
    packs: () => sumPacks(shards),
    contents: () => ({
      listing: first?.listing ?? "list-v2",
      account: {
        stored: storage.reduce((total, { account }) => total + account.stored, 0),
        carried: storage.reduce((total, { account }) => total + account.carried, 0),
        vanished: storage.flatMap(({ account }) => account.vanished),
        failed: storage.flatMap(({ account }) => account.failed),
      },
      ...(consistency.length === 0
        ? {}
        : {
            consistency: {
              rowsWithoutBytes: consistency.flatMap(({ rowsWithoutBytes }) => rowsWithoutBytes),
              // Every shard reads the whole listing.
              bytesWithoutRows: consistency[0]?.bytesWithoutRows ?? [],
            },
          }),
      notCovered: first?.notCovered ?? [],
    }),
    numbers: () => ({
      objects: sum(({ objects }) => objects),
      rawBytes: sum(({ rawBytes }) => rawBytes),
      fetchedBytes: sum(({ fetchedBytes }) => fetchedBytes),
      newPacks: sum(({ newPacks }) => newPacks),
      copiedPacks: sum(({ copiedPacks }) => copiedPacks),
      // Known only where every shard could compare with the snapshot before.
      ...(shards.every(({ numbers }) => numbers.objectsChanged !== undefined)
        ? { objectsChanged: sum(({ objectsChanged }) => objectsChanged ?? 0) }
        : {}),
    }),
    findings: () => [],
    keep: () => {},
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

/** Each shard has asked by itself: a bucket made meanwhile is known to some only, and its objects are in the index. */
function allBuckets(storage: readonly Shard["storage"][]): Collection["buckets"] {
  const buckets = new Map(
    storage.flatMap((part) => part.buckets.map((bucket) => [bucket.id, bucket] as const)),
  );
  return [...buckets.values()].toSorted((one, other) => compareUtf8(one.id, other.id));
}

/** Several shards may carry from one pack: what is alive in it adds up. */
function sumPacks(shards: readonly Shard[]): readonly SharedPack[] {
  const packs = new Map<string, SharedPack>();
  for (const pack of shards.flatMap((shard) => shard.packs)) {
    const known = packs.get(pack.id);
    packs.set(pack.id, known === undefined ? pack : { ...pack, liveBytes: known.liveBytes + pack.liveBytes });
  }
  return [...packs.values()].toSorted((one, other) => (one.id < other.id ? -1 : 1));
}

/** Also those of earlier attempts. The snapshot is committed: a credential without the right to delete is no failure. */
async function removeShards(
  source: string,
  group: string,
  { store, logger }: Pick<StorageSurroundings, "logger" | "store">,
): Promise<void> {
  for (const { key } of await store.files(shardPrefix(source, group))) {
    await store.delete(key).catch((cause: unknown) => {
      logger.debug(`${key} could not be removed: ${cause instanceof Error ? cause.message : ""}`);
    });
  }
}
