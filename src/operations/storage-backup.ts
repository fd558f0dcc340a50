/** What every way of backing up buckets is asked for and answers: whole, as a shard, joined. */
import type { LifeboatError } from "../errors.ts";
import type { Expected } from "../policy/policy.ts";
import type { Connection } from "../postgres/connection.ts";
import type { Identities } from "../seal/identities.ts";
import type { Recipients } from "../seal/recipients.ts";
import type { SigningKey } from "../snapshot/signature.ts";
import type { SeenLedger, SnapshotJson, Tier } from "../snapshot/snapshot-json.ts";
import type { ObjectFilter } from "../storage/object-filter.ts";
import type { StorageApi } from "../supabase/storage-api.ts";
import type { Store } from "../store/store.ts";
import type { Clock } from "../system/clock.ts";
import type { Logger } from "../system/logger.ts";
import type { Finding } from "../verification/findings.ts";
import type { Trust } from "./vouched-documents.ts";

export interface StorageBackupRequest {
  readonly source: string;
  readonly tiers: readonly Tier[];
  readonly recipients: Recipients;
  /** Opens indexes only: without one nothing can be carried, and the backup is a full one. */
  readonly indexIdentities: Identities | undefined;
  readonly signingKey: SigningKey | undefined;
  /** Nothing is carried over from a snapshot that nobody vouches for. Default: nobody must sign. */
  readonly trust?: Trust;
  readonly filter: ObjectFilter;
  readonly database: Connection | undefined;
  /** Objects fetched at once. */
  readonly jobs: number;
  /** Bytes of objects in one pack, about. */
  readonly packBytes: number;
  /** Objects whose row exists and whose bytes the API cannot read: counted as failed, or only reported. */
  readonly rowsWithoutBytes: "fail" | "report";
  /** For stores that expire files by themselves. */
  readonly retentionDays?: number;
  /** The least that it must have. */
  readonly expect?: Expected;
  /** The ledger's end, which the snapshot remembers. */
  readonly seenLedger?: SeenLedger | undefined;
}

export interface StorageSurroundings {
  readonly api: StorageApi;
  readonly store: Store;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly lifeboatVersion: string;
  readonly zstd: string | undefined;
  readonly signal: AbortSignal;
}

export interface StorageBackupReport {
  readonly snapshot: SnapshotJson;
  readonly account: StorageAccount;
  readonly findings: readonly Finding[];
  readonly seconds: number;
  /** It is stored, but has less than was expected. */
  readonly error?: LifeboatError;
}

export interface StorageAccount {
  readonly stored: number;
  readonly carried: number;
  readonly vanished: number;
  readonly failed: number;
  /** Bytes of the stored objects: what was fetched. */
  readonly fetchedBytes: number;
  readonly newPacks: number;
  readonly copiedPacks: number;
}
