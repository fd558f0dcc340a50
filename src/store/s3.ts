/** A bucket of AWS S3 or a compatible service as a store: `s3://bucket/prefix`. docs/s3.md says how to set one up. */
import { LifeboatError } from "../errors.ts";
import { snapshotJsonKey } from "../snapshot/keys.ts";
import type { Clock } from "../system/clock.ts";
import type { Logger } from "../system/logger.ts";
import { streamOf } from "../system/stream-of.ts";
import { formatS3Address, type S3Address } from "./s3-address.ts";
import { lockModeFor, mayLock } from "./s3-by-tier.ts";
import { s3Downloads } from "./s3-download.ts";
import { beginS3Draft, sweep, youngDrafts } from "./s3-draft.ts";
import { s3Files } from "./s3-files.ts";
import { s3Listing } from "./s3-listing.ts";
import { checkLockable } from "./s3-lock.ts";
import { partSizes } from "./s3-parts.ts";
import { type S3Requests, s3Requests } from "./s3-requests.ts";
import { listSnapshots, listSources } from "./s3-snapshots.ts";
import { s3Uploads } from "./s3-upload.ts";
import { checkStreamedKey, keySegments, snapshotOfKey } from "./store-key.ts";
import type { Lifetime, Store, StoredFile } from "./store.ts";
import { realSleep, type Sleep } from "./with-retries.ts";

export interface S3StoreSettings {
  readonly address: S3Address;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly sleep?: Sleep;
  /** Instead of the SDK's own chain: for tests. */
  readonly credentials?: { readonly accessKeyId: string; readonly secretAccessKey: string };
  readonly answerWithinMs?: number;
  readonly slowestBytesPerSecond?: number;
  readonly idleTimeoutMs?: number;
}

export interface S3Store extends Store {
  putStream(key: string, bytes: AsyncIterable<Uint8Array>, lifetime?: Lifetime): Promise<StoredFile>;
}

export function s3Store(settings: S3StoreSettings): S3Store {
  const { address, logger, clock, sleep = realSleep } = settings;
  const requests = s3Requests({ ...settings, sleep });
  const downloads = s3Downloads({ ...settings, requests, sleep });
  const uploads = s3Uploads({
    requests,
    logger,
    sizes: partSizes(address.partBytes, address.endpoint),
  });
  const { lock, storageClass } = address;
  const files = s3Files({
    requests,
    downloads,
    uploads,
    clock,
    sleep,
    ...(lock === undefined ? {} : { lock }),
    ...(storageClass === undefined ? {} : { storageClass }),
  });
  const listing = s3Listing(requests);
  const tools = { downloads, files, listing, uploads, logger };

  async function write(
    key: string,
    bytes: AsyncIterable<Uint8Array>,
    lifetime?: Lifetime,
  ): Promise<StoredFile> {
    keySegments(key);
    return await files.write(key, bytes, files.keepingFor(lifetime));
  }

  return {
    address: formatS3Address(address),
    isReadOnly: false,
    sources: () => listSources(tools),
    snapshots: (source) => listSnapshots(source, tools),
    files: async (prefix) => {
      keySegments(prefix.replace(/\/$/, ""));
      const found = await listing.files(prefix);
      const place = snapshotOfKey(`${prefix.replace(/\/$/, "")}/snapshot.json`);
      if (place === undefined) return found;
      const commitPoint = snapshotJsonKey(place.source, place.id);
      return found.some(({ key }) => key === commitPoint) ? found : [];
    },
    read: async (key, range) => {
      keySegments(key);
      return (await downloads.open(key, range)).bytes;
    },
    begin: async (identity) => {
      if (mayLock(lock)) await checkLock(address, identity.lifetime, requests);
      await sweep(tools);
      return await beginS3Draft(identity, tools);
    },
    put: (key, bytes, lifetime) => write(key, streamOf(bytes), lifetime),
    putStream: async (key, bytes, lifetime) => {
      checkStreamedKey(key);
      return await write(key, bytes, lifetime);
    },
    delete: async (key) => {
      keySegments(key);
      await files.delete(key);
    },
    extendLock: async (key, until, tiers) => {
      keySegments(key);
      const mode = lockModeFor(lock, tiers);
      if (mode !== undefined) await files.lock(key, { mode, until });
    },
    drafts: (source) => youngDrafts(tools, source),
    serverTime: async () => {
      await listing.isEmpty("snapshots/");
      return requests.serverDate();
    },
  };
}

/** A lock that was asked for and would not come must be said before any work. */
async function checkLock(
  { lock }: S3Address,
  lifetime: Lifetime | undefined,
  requests: S3Requests,
): Promise<void> {
  if (lifetime === undefined) {
    throw new LifeboatError(
      "input-invalid",
      "The store's address asks for a lock, but nobody said for how long.",
      {
        hint: "Give the backup its retention-days, or leave out lock= in the address.",
      },
    );
  }
  if (lockModeFor(lock, lifetime.tiers) !== undefined) await checkLockable(requests);
}
