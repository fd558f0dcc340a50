/** A project with buckets, a store and two keys, and the operations as actions call them. */
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { backUpStorage } from "../../../src/operations/back-up-storage.ts";
import type { StorageBackupReport, StorageBackupRequest } from "../../../src/operations/storage-backup.ts";
import {
  type BucketRestoreReport,
  type BucketRestoreRequest,
  restoreBuckets,
} from "../../../src/operations/restore-buckets.ts";
import { indexOf } from "../../../src/operations/storage-index.ts";
import {
  type VerifyReport,
  type VerifyRequest,
  verifySnapshot,
} from "../../../src/operations/verify-snapshot.ts";
import { generateIdentity, type Identities, parseIdentities } from "../../../src/seal/identities.ts";
import { parseRecipients, type Recipients } from "../../../src/seal/recipients.ts";
import { objectFilter } from "../../../src/storage/object-filter.ts";
import type { StoredObject } from "../../../src/storage/objects.ts";
import { directoryStore } from "../../../src/store/directory.ts";
import type { Store } from "../../../src/store/store.ts";
import {
  parseStorageConnection,
  storageApi,
  type StorageApi,
  type StorageOptions,
} from "../../../src/supabase/storage-api.ts";
import { AdaptiveLimit } from "../../../src/system/adaptive-limit.ts";
import { type Clock, systemClock } from "../../../src/system/clock.ts";
import { type Logger, silentLogger } from "../../../src/system/logger.ts";
import {
  startStorageServer,
  type StorageServer,
  type StorageServerOptions,
} from "../../fakes/storage/index.ts";

export interface BucketSafe extends AsyncDisposable {
  readonly server: StorageServer;
  readonly api: StorageApi;
  readonly store: Store;
  readonly folder: string;
  readonly identities: Identities;
  readonly indexIdentities: Identities;
  readonly recipients: Recipients;
  backUp(more?: Partial<StorageBackupRequest>, surroundings?: Partial<Around>): Promise<StorageBackupReport>;
  verify(id: string, level: VerifyRequest["level"], store?: Store): Promise<VerifyReport>;
  restore(to: RestoreTo, surroundings?: Partial<Around>): Promise<BucketRestoreReport>;
  entries(report: StorageBackupReport): Promise<StoredObject[]>;
}

export type RestoreTo = Pick<BucketRestoreRequest, "target"> & Partial<BucketRestoreRequest>;

export interface Around {
  readonly store: Store;
  readonly api: StorageApi;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly logger: Logger;
}

const noWaits = { sleep: () => Promise.resolve(), random: () => 0 };

export function apiOf(
  server: Pick<StorageServer, "url" | "secretKey">,
  jobs = 8,
  options: Partial<StorageOptions> = {},
): StorageApi {
  const connection = parseStorageConnection(server.url, server.secretKey);
  const api = storageApi(connection, {
    logger: silentLogger,
    limiter: new AdaptiveLimit(jobs),
    idleMs: 2000,
    ...noWaits,
    ...options,
  });
  // Like the store without the disk's time.
  return { ...api, serverTime: () => Promise.resolve(undefined) };
}

/** A clock that stands at a moment until it is moved: snapshots of one second have no order. */
export function movableClock(moment = "2026-03-01T00:00:00Z"): Clock & { hours: number } {
  const clock = {
    hours: 0,
    now: () => new Date(Date.parse(moment) + clock.hours * 3600 * 1000),
    elapsedMs: () => systemClock.elapsedMs(),
  };
  return clock;
}

export async function newBucketSafe(options: StorageServerOptions = {}): Promise<BucketSafe> {
  const folder = await mkdtemp(join(tmpdir(), "lifeboat-buckets-"));
  const server = await startStorageServer(options);
  const [own, index] = await Promise.all(
    [1, 2].map(() => generateIdentity({ postQuantum: false, created: new Date(0) })),
  );
  if (own === undefined || index === undefined) throw new Error("no keys");
  const identities = parseIdentities(own.fileText);
  const indexIdentities = parseIdentities(index.fileText);
  const recipients = parseRecipients([own.recipient]);
  await mkdir(join(folder, "store"));
  // Without the disk's own time: clocks of tests stand at moments of their own.
  const clock: Clock = { now: () => systemClock.now(), elapsedMs: () => systemClock.elapsedMs() };
  const store = directoryStore({ path: join(folder, "store"), clock, logger: silentLogger });
  const api = apiOf(server);
  const common = {
    api,
    store,
    clock: systemClock,
    logger: silentLogger,
    lifeboatVersion: "0.0.0-test",
    zstd: "zstd",
    signal: new AbortController().signal,
  };
  return {
    server,
    api,
    store,
    folder,
    identities,
    indexIdentities,
    recipients,
    backUp: (more = {}, surroundings = {}) =>
      backUpStorage(
        {
          source: "storage",
          tiers: ["daily"],
          recipients,
          indexIdentities,
          signingKey: undefined,
          filter: objectFilter({}),
          database: undefined,
          jobs: 8,
          packBytes: 4 * 1024 * 1024,
          rowsWithoutBytes: "fail",
          ...more,
        },
        { ...common, ...surroundings },
      ),
    verify: (id, level, from = store) =>
      verifySnapshot(
        {
          source: "storage",
          choice: { kind: "id", id },
          level,
          identities,
          waive: [],
          signer: undefined,
          server: undefined,
          jobs: 4,
        },
        {
          ...common,
          store: from,
          temporaryFolder: folder,
          clientTools: () => Promise.reject(new Error("buckets need no PostgreSQL")),
          serverPrograms: () => Promise.reject(new Error("buckets need no PostgreSQL")),
          extensionPackages: () => Promise.reject(new Error("buckets need no PostgreSQL")),
        },
      ),
    restore: (to, surroundings = {}) =>
      restoreBuckets(
        {
          source: "storage",
          choice: { kind: "latest" },
          identities,
          filter: objectFilter({}),
          jobs: 8,
          dryRun: false,
          planHash: undefined,
          confirm: undefined,
          ...to,
        },
        { ...common, ...surroundings },
      ),
    entries: async ({ snapshot }) =>
      await Array.fromAsync(indexOf({ store, zstd: "zstd" }, snapshot, identities)),
    [Symbol.asyncDispose]: async () => {
      await server[Symbol.asyncDispose]();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
