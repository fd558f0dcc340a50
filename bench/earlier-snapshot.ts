/**
 * A snapshot of a project's generated rows, as if it had been backed up: its index is the product's own, its packs hold
 * one small object each, because nothing that is carried over is ever read.
 */
import { readFile } from "node:fs/promises";
import { generatedRow } from "../test/fakes/storage/rows-generated.ts";
import type { Collection } from "../src/operations/collect-objects.ts";
import { commitStorageSnapshot } from "../src/operations/commit-storage.ts";
import { parseIdentities } from "../src/seal/identities.ts";
import { parseRecipients } from "../src/seal/recipients.ts";
import { newSnapshotId } from "../src/snapshot/ids.ts";
import { packKey } from "../src/snapshot/keys.ts";
import type { SharedPack } from "../src/snapshot/snapshot-json.ts";
import { objectFilter } from "../src/storage/object-filter.ts";
import type { StoredObject } from "../src/storage/objects.ts";
import { packWriter } from "../src/storage/pack-writer.ts";
import { directoryStore } from "../src/store/directory.ts";
import { systemClock } from "../src/system/clock.ts";
import { silentLogger } from "../src/system/logger.ts";
import { streamOf } from "../src/system/stream-of.ts";

const source = "storage";
const bucket = "generated";
const objectsPerPack = 5000;

export interface EarlierSnapshot {
  readonly store: string;
  readonly recipient: string;
  readonly indexIdentityFile: string;
  readonly objects: number;
}

export async function writeEarlierSnapshot(wanted: EarlierSnapshot): Promise<void> {
  const { objects } = wanted;
  const store = directoryStore({ path: wanted.store, clock: systemClock, logger: silentLogger });
  const recipients = parseRecipients([wanted.recipient]);
  const packs: SharedPack[] = [];
  for (let first = 0; first < objects; first += objectsPerPack) {
    const writer = packWriter({
      recipients,
      maxBytes: 1,
      newId: () => newSnapshotId(systemClock.now()),
      put: (pack, bytes) => store.putStream(packKey(source, pack), bytes),
    });
    await writer.add({ bucket, name: "any" }, streamOf(Buffer.from("x")), 1, false);
    const finished = await writer.finish();
    if (finished === undefined) throw new Error("A pack was not written.");
    const { id, rawBytes, header, payload } = finished;
    packs.push({ id, rawBytes, header, payload, liveBytes: rawBytes });
  }
  const rawBytes = Array.from({ length: objects }, (_, number) => sizeOf(number)).reduce(
    (sum, size) => sum + size,
    0,
  );
  const collection: Collection = {
    buckets: [{ id: bucket, name: bucket, public: false, fileSizeLimit: null, allowedMimeTypes: null }],
    entries: entries(objects, packs),
    packs: () => packs,
    contents: () => ({
      listing: "sql",
      account: { stored: objects, carried: 0, vanished: [], failed: [] },
      notCovered: [],
    }),
    numbers: () => ({ objects, rawBytes, fetchedBytes: rawBytes, newPacks: packs.length, copiedPacks: 0 }),
    findings: () => [],
    keep: () => {},
    [Symbol.asyncDispose]: async () => {},
  };
  await commitStorageSnapshot(
    {
      source,
      tiers: ["daily"],
      recipients,
      indexIdentities: parseIdentities(await readFile(wanted.indexIdentityFile, "utf8")),
      signingKey: undefined,
      filter: objectFilter({}),
      started: systemClock.now(),
      history: { heads: [], seen: [] },
    },
    collection,
    { clock: systemClock, lifeboatVersion: "0.0.0-bench", store },
  );
}

// eslint-disable-next-line @typescript-eslint/require-await -- whoever writes an index reads it as a stream.
async function* entries(
  objects: number,
  packs: readonly SharedPack[],
): AsyncGenerator<StoredObject, void, undefined> {
  for (let number = 0; number < objects; number++) {
    const row = generatedRow(number);
    const hash = row.id.replaceAll("-", "");
    yield {
      bucket,
      name: row.name,
      id: row.id,
      ...(row.version === null ? {} : { version: row.version }),
      size: sizeOf(number),
      etag: `"${hash}"`,
      contentType: "application/pdf",
      cacheControl: "max-age=3600",
      userMetadata: null,
      createdAt: row.created_at,
      updatedAt: row.updated_at,
      lastAccessedAt: row.last_accessed_at,
      pack: packs[Math.floor(number / objectsPerPack)]?.id ?? "",
      offset: (number % objectsPerPack) * 4096,
      length: 4096,
      skip: 512,
      sha256: `${hash}${hash}`,
    };
  }
}

function sizeOf(number: number): number {
  return Number(generatedRow(number).metadata?.["size"]);
}
