/** Single files of a bucket: written once and proven, deleted and proven gone. */
import { LifeboatError } from "../errors.ts";
import type { Clock } from "../system/clock.ts";
import { type Proof, proofOf, sameBytes } from "./proof.ts";
import { lockModeFor, type LockSetting, storageClassFor, type StorageClassSetting } from "./s3-by-tier.ts";
import type { S3Downloads } from "./s3-download.ts";
import { isMissing } from "./s3-errors.ts";
import { type Lock, lockOf, lockUntil } from "./s3-lock.ts";
import { explained, type S3Requests } from "./s3-requests.ts";
import type { Keeping, S3Uploads } from "./s3-upload.ts";
import type { Lifetime, StoredFile } from "./store.ts";
import type { Sleep } from "./with-retries.ts";

export interface S3Files {
  /** Streams a new file, reads it back, and locks it where a lock is given; the same bytes again change nothing. */
  write(key: string, bytes: AsyncIterable<Uint8Array>, keeping?: Keeping): Promise<StoredFile>;
  exists(key: string): Promise<boolean>;
  /** Refuses what Object Lock protects; resolves when a second look finds nothing. */
  delete(key: string): Promise<void>;
  /** `delete` for what was never locked by us: one request less. */
  deleteUnlocked(key: string): Promise<void>;
  /** The lock and storage class that a lifetime asks for by its tiers; without one nothing is locked. */
  keepingFor(lifetime: Lifetime | undefined): Keeping;
  lock(key: string, lock: Lock): Promise<void>;
  /** The store's time where it has said it, else this machine's. */
  now(): Date;
}

export interface S3FilesSettings {
  readonly requests: S3Requests;
  readonly downloads: S3Downloads;
  readonly uploads: S3Uploads;
  readonly clock: Clock;
  readonly sleep: Sleep;
  readonly lock?: LockSetting;
  readonly storageClass?: StorageClassSetting;
}

const looking = { right: "s3:GetObject", kind: "read" } as const;
const deleting = { right: "s3:DeleteObject", kind: "write" } as const;
const dayMs = 24 * 3600 * 1000;

export function s3Files(settings: S3FilesSettings): S3Files {
  const { requests, downloads, uploads, clock, sleep } = settings;

  async function exists(key: string): Promise<boolean> {
    try {
      await requests.ask(looking, ({ sdk, client, signal }) =>
        client.send(new sdk.HeadObjectCommand({ Bucket: requests.bucket, Key: requests.full(key) }), {
          abortSignal: signal,
        }),
      );
      return true;
    } catch (thrown) {
      if (isMissing(thrown)) return false;
      return await explained(requests, looking, Promise.reject(thrown as Error));
    }
  }

  async function prove(key: string, expected: Proof, created: boolean): Promise<string | undefined> {
    const stored = await downloads.open(key).catch((cause: unknown) => {
      if (cause instanceof LifeboatError && cause.code !== "store-object-missing") throw cause;
      throw new LifeboatError("store-write-unproven", `${key} was written, but is not there.`, { cause });
    });
    const proof = await proofOf(stored.bytes);
    if (sameBytes(proof, expected)) return stored.versionId;
    if (!created) {
      throw new LifeboatError("store-key-exists", `${key} is already in the store with other bytes.`);
    }
    throw new LifeboatError("store-write-unproven", `${key} was written, but other bytes came back.`);
  }

  async function deleteUnlocked(key: string): Promise<void> {
    await explained(
      requests,
      deleting,
      requests.ask(deleting, ({ sdk, client, signal }) =>
        client.send(new sdk.DeleteObjectCommand({ Bucket: requests.bucket, Key: requests.full(key) }), {
          abortSignal: signal,
        }),
      ),
    );
    for (let look = 1; await exists(key); look += 1) {
      if (look === 4) {
        throw new LifeboatError("store-write-failed", `${key} is still there after it was deleted.`);
      }
      await sleep(250 * 2 ** look);
    }
  }

  const now = (): Date => requests.serverDate() ?? clock.now();

  return {
    // The look before protects what is there on servers that do not know a conditional write.
    write: async (key, bytes, keeping = {}) => {
      const sent = (await exists(key))
        ? { ...(await proofOf(bytes)), outcome: "unclear" as const }
        : await uploads.upload(key, bytes, keeping);
      const { outcome, ...proof } = sent;
      const versionId = await prove(key, proof, outcome === "created");
      if (keeping.lock !== undefined) await lockUntil(requests, key, keeping.lock, versionId);
      return { key, ...proof };
    },
    exists,
    delete: async (key) => {
      const lock = await lockOf(requests, key).catch((thrown: unknown) => {
        // Who may not ask finds out by deleting.
        if (thrown instanceof LifeboatError && thrown.code === "store-permission-missing") return undefined;
        throw thrown;
      });
      if (lock !== undefined && lock.until > now()) {
        throw new LifeboatError(
          "store-object-locked",
          `${key} is locked until ${lock.until.toISOString()} (${lock.mode}).`,
        );
      }
      await deleteUnlocked(key);
    },
    deleteUnlocked,
    keepingFor: (lifetime) => {
      const storageClass = storageClassFor(settings.storageClass, lifetime?.tiers);
      const mode = lockModeFor(settings.lock, lifetime?.tiers);
      const untilMs = lifetime && now().getTime() + lifetime.retentionDays * dayMs;
      return {
        ...(storageClass === undefined ? {} : { storageClass }),
        ...(mode === undefined || untilMs === undefined ? {} : { lock: { mode, until: new Date(untilMs) } }),
      };
    },
    lock: (key, lock) => lockUntil(requests, key, lock),
    now,
  };
}
