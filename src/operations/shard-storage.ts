/**
 * One machine's share of a storage backup. A shard stores packs, its part of the index and a document about both;
 * the job that joins all shards commits the snapshot. Which objects are whose is decided by a hash of their names, so
 * that no boundaries have to travel.
 */
import { z } from "zod";
import { LifeboatError } from "../errors.ts";
import type { Identities } from "../seal/identities.ts";
import { compressStream } from "../seal/node-zstd.ts";
import type { Recipients } from "../seal/recipients.ts";
import { sealDocument, sealStream, unsealDocument } from "../seal/seal.ts";
import { newSnapshotId } from "../snapshot/ids.ts";
import { shardKey, shardOfKey, shardPrefix, type ShardName } from "../snapshot/keys.ts";
import { extentSchema, sharedPack } from "../snapshot/snapshot-json.ts";
import { storageContents } from "../snapshot/storage-contents.ts";
import { writeIndex } from "../storage/index-file.ts";
import type { Store } from "../store/store.ts";
import { streamOf } from "../system/stream-of.ts";
import type { Finding } from "../verification/findings.ts";
import type { StorageBackupRequest, StorageSurroundings } from "./storage-backup.ts";
import { agreeOnTime } from "./agree-on-time.ts";
import { collectObjects } from "./collect-objects.ts";
import { readSealed, wholeOf } from "./sealed-files.ts";
import { storageClocks } from "./storage-clocks.ts";
import { indexRecipients } from "./storage-index.ts";
import { parseJsonWithin } from "../system/bounded.ts";
import { mostJsonValues, sizeLimits } from "../snapshot/size-limits.ts";
import { listOf } from "../snapshot/list-of.ts";

export interface ShardChoice {
  readonly number: number;
  readonly count: number;
  /** Names the shards that belong together, the same on every machine: like the workflow run and its attempt. */
  readonly group: string;
}

const count = z.int().nonnegative();

const shardSchema = z.looseObject({
  formatVersion: z.literal(1),
  id: z.string(),
  source: z.string(),
  number: count,
  count,
  started: z.iso.datetime(),
  index: z.object({ header: extentSchema, payload: extentSchema }),
  packs: listOf(sharedPack),
  numbers: z.looseObject({
    objects: count,
    rawBytes: count,
    fetchedBytes: count,
    newPacks: count,
    copiedPacks: count,
    objectsChanged: count.exactOptional(),
  }),
  storage: storageContents,
});

export type Shard = z.infer<typeof shardSchema>;

export interface ShardReport {
  readonly shard: Shard;
  readonly findings: readonly Finding[];
  readonly seconds: number;
}

/** Shards are of no use once they are joined. */
const shardDays = 1;

export async function backUpStorageShard(
  request: StorageBackupRequest,
  shard: ShardChoice,
  surroundings: StorageSurroundings,
): Promise<ShardReport> {
  const { store } = surroundings;
  const startedMs = surroundings.clock.elapsedMs();
  const {
    clock,
    now: started,
    findings,
  } = await agreeOnTime(surroundings.clock, store, storageClocks(request, surroundings));
  const recipients = await shardRecipients(request);
  const id = newSnapshotId(started);
  const { source } = request;
  const lifetime = request.retentionDays === undefined ? undefined : { retentionDays: shardDays };
  await using collection = await collectObjects({ ...request, started, shard }, { ...surroundings, clock });

  const sealing = sealStream(compressStream(writeIndex({ source, id }, collection.entries)), recipients);
  const name: ShardName = { number: shard.number, count: shard.count, id };
  await store.putStream(shardKey(source, shard.group, name, "index"), sealing.bytes, lifetime);
  const document: Shard = {
    formatVersion: 1,
    id,
    source,
    number: shard.number,
    count: shard.count,
    started: started.toISOString(),
    index: { ...sealing.extents() },
    packs: [...collection.packs()],
    numbers: { ...collection.numbers() },
    storage: {
      buckets: collection.buckets.map((bucket) => ({ ...bucket })),
      selection: { ...request.filter.choice },
      ...collection.contents(),
    },
  };
  const sealed = await sealDocument(JSON.stringify(document), recipients);
  collection.keep();
  await store.putStream(shardKey(source, shard.group, name, "contents"), streamOf(sealed.bytes), lifetime);
  return {
    shard: document,
    findings: [...findings, ...collection.findings()],
    seconds: (clock.elapsedMs() - startedMs) / 1000,
  };
}

async function shardRecipients(request: StorageBackupRequest): Promise<Recipients> {
  if (request.indexIdentities !== undefined) return await indexRecipients(request);
  throw new LifeboatError("input-invalid", "Shards are joined by a job that must open their indexes.", {
    hint: "Give the same index identity to every shard and to the joining job.",
  });
}

/** The newest shard of each number in a group; throws `shard-missing` unless all of them are there. */
export async function readShards(
  store: Store,
  source: string,
  group: string,
  identities: Identities,
): Promise<readonly Shard[]> {
  const newest = new Map<number, ShardName>();
  const counts = new Set<number>();
  for (const { key } of await store.files(shardPrefix(source, group))) {
    const shard = shardOfKey(key);
    if (shard?.part !== "contents") continue;
    counts.add(shard.count);
    const known = newest.get(shard.number);
    if (known === undefined || known.id < shard.id) newest.set(shard.number, shard);
  }
  const [wanted = 0] = counts;
  const missing = Array.from({ length: wanted }, (_, index) => index + 1).filter(
    (number) => !newest.has(number),
  );
  if (counts.size !== 1 || missing.length > 0) {
    throw new LifeboatError(
      "shard-missing",
      counts.size > 1
        ? `The shards of "${group}" were split in different ways: into ${[...counts].join(" and ")}.`
        : `Of the ${wanted} shards of "${group}" ${newest.size} are there; missing: ${missing.join(", ") || "all"}.`,
    );
  }
  const shards: Shard[] = [];
  for (const name of [...newest.values()].toSorted((one, other) => one.number - other.number)) {
    shards.push(await readShard(store, shardKey(source, group, name, "contents"), identities));
    requireNamed(shards.at(-1), name, source);
  }
  requireOneChoice(shards, group);
  return shards;
}

/** A document under another's key would bring its objects twice, and lose those of the shard that it stands for. */
function requireNamed(shard: Shard | undefined, name: ShardName, source: string): void {
  const isNamed =
    shard?.number === name.number &&
    shard.count === name.count &&
    shard.id === name.id &&
    shard.source === source;
  if (isNamed) return;
  throw new LifeboatError(
    "snapshot-damaged",
    `Shard ${name.number} of ${name.count} is another one's document.`,
  );
}

function requireOneChoice(shards: readonly Shard[], group: string): void {
  if (new Set(shards.map(({ storage }) => JSON.stringify(storage.selection))).size <= 1) return;
  throw new LifeboatError("shard-missing", `The shards of "${group}" were asked for different objects.`, {
    hint: "Give every shard the same buckets, include and exclude, then run them again.",
  });
}

async function readShard(store: Store, key: string, identities: Identities): Promise<Shard> {
  const stored = await wholeOf(await store.read(key), { document: key, maxBytes: sizeLimits.sealedShard });
  const document = await unsealDocument(stored, identities, sizeLimits.shard);
  const read = shardSchema.safeParse(parseJsonWithin(document, mostJsonValues, key));
  if (read.success) return read.data;
  throw new LifeboatError("snapshot-damaged", `${key} is not the document of a shard.`, {
    cause: read.error,
  });
}

/** The stored bytes of a shard's part of the index. */
export function readShardIndex(store: Store, group: string, shard: Shard): AsyncIterable<Uint8Array> {
  const key = shardKey(shard.source, group, shard, "index");
  return readSealed(store, { ...shard.index, key, name: key });
}
