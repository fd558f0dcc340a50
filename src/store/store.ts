import type { Tier } from "../snapshot/snapshot-json.ts";

/**
 * Where backups live. Keys are those of src/snapshot/keys.ts: `/`-separated, `[A-Za-z0-9._-]` segments.
 *
 * The contract, which test/contract/store.ts holds every store to:
 * - A file is there whole or not at all: `put` is atomic and has read the stored bytes back (length and SHA-256)
 *   before it resolves. What it could not prove, it throws (`store-write-unproven`).
 * - No key is ever overwritten. Putting the same bytes again succeeds and changes nothing; other bytes under an
 *   existing key are refused (`store-key-exists`). Commits count too: the same snapshot.json again changes nothing.
 * - Parts of a draft are in no listing until `commit` has resolved; a draft that was abandoned, or whose process
 *   died, is never listed as a snapshot and is swept by a later `begin` of the same store once its owner is gone.
 *   GitHub artifacts cannot tell whether a draft's job still runs: there it expires instead.
 * - Listings (`sources`, `snapshots`, `files`) are complete or throw (`store-list-failed`); an empty answer means
 *   that there is nothing.
 * - `read` streams exactly the stored bytes of the asked range, or fails (`store-object-missing`,
 *   `store-read-failed`). A body that ends early is an error, never a short success.
 * - `delete` is explicit, resolves only when a second look proves the key gone, and is idempotent.
 * - Only `store-temporary` errors may be tried again; src/store/with-retries.ts does so. It cannot put a part or a pack
 *   whose source has given bytes; only a store that keeps them (GitHub artifacts spool) may try again by itself, and only a
 *   store that knows the byte it reached may resume a broken download.
 * - A store that cannot be used at all (no such folder, no right, no token) says so as a user's error, before any work;
 *   it is never taken for an empty one.
 */
export interface Store {
  /** As a person writes it: `file:///path`, `s3://bucket/prefix`, `artifacts:`, `artifacts:owner/repo`. Never a secret. */
  readonly address: string;

  /** Whether `begin`, `put` and `delete` are refused here: somebody else's artifacts, seen from a terminal. */
  readonly isReadOnly: boolean;

  /** Files that this process may still store; absent where a store has no such limit. */
  filesLeft?(): number;

  /** Names of the sources that have snapshots here; undefined where the store cannot tell (GitHub artifacts). */
  sources(): Promise<readonly string[] | undefined>;

  /** Every committed snapshot of a source, oldest id first, with its snapshot.json as stored, undamaged or not. */
  snapshots(source: string): Promise<SnapshotListing>;

  /**
   * Every committed file below a prefix: one snapshot's (`snapshots/<source>/<id>/`, `evidence/<source>/<id>/`), a
   * source's packs and their marks (`packs/<source>/`), one group of shards (`shards/<source>/<group>/`).
   * To delete a snapshot, list first and delete snapshot.json before the rest: without it, parts may be unlisted.
   */
  files(prefix: string): Promise<readonly ListedFile[]>;

  /**
   * The bytes of a stored file, or of `range` (in bytes; `length` may run past the end and is then cut, and a range
   * behind the end is empty). What is missing or expired is refused before the stream begins.
   */
  read(key: string, range?: ByteRange): Promise<AsyncIterable<Uint8Array>>;

  /**
   * Starts a snapshot: parts put into the draft become visible together when it is committed. Parts may be put at the
   * same time. Refuses a run whose snapshots no reader would count (a pull request's, for GitHub artifacts).
   */
  begin(draft: DraftIdentity): Promise<Draft>;

  /** One small file outside a snapshot (evidence, tombstone, rewrap, mark): atomic, read back, never overwriting. */
  put(key: string, bytes: Uint8Array, lifetime?: Lifetime): Promise<StoredFile>;

  /**
   * Streams one sealed file that stands beside the snapshots: a pack or a shard, by its key of src/snapshot/keys.ts;
   * every other key is refused (`unexpected`). As atomic as `put`, read back, never overwriting; listed once this has
   * resolved. If `bytes` throws, nothing remains and the error passes through unchanged; a process that dies here
   * leaves nothing visible.
   */
  putStream(key: string, bytes: AsyncIterable<Uint8Array>, lifetime?: Lifetime): Promise<StoredFile>;

  delete(key: string): Promise<void>;

  /**
   * Keeps a stored file from being deleted until at least `until`; never shortens. Only stores with Object Lock have
   * it, and it does nothing where no lock is asked for: by the store's address, or by `tiers`, which are those of the
   * snapshot that needs the file.
   */
  extendLock?(key: string, until: Date, tiers?: readonly Tier[]): Promise<void>;

  /**
   * Ids of snapshots of a source that somebody may be writing at this moment; also some whose writer died not long ago.
   * Absent where the store cannot tell (GitHub artifacts).
   */
  drafts?(source: string): Promise<readonly string[]>;

  /**
   * Gives up what is there only for the day on which the store is full, so that a tombstone can be written: whether that
   * freed anything. Absent where the store keeps no such thing.
   */
  freeReserve?(): Promise<boolean>;
  /** Makes it again where there is room; never throws. */
  keepReserve?(): Promise<void>;

  /** The store's own time, asked now; undefined where it does not say. Absent where the store has no clock. */
  serverTime?(): Promise<Date | undefined>;
}

export interface ByteRange {
  readonly offset: number;
  readonly length: number;
}

export interface DraftIdentity {
  readonly source: string;
  readonly id: string;
  readonly lifetime?: Lifetime;
}

/** How long a store that expires files by itself (GitHub artifacts) or locks them (S3) is asked to keep them. */
export interface Lifetime {
  readonly retentionDays: number;
  /** Of the snapshot that is or needs the file, for a store that locks by tier; absent: it belongs to none. */
  readonly tiers?: readonly Tier[];
}

export interface Draft {
  /** Whether a later `begin` of the same id goes on with parts that this draft has stored and left. Absent: no. */
  readonly canBeResumed?: boolean;
  /**
   * Streams one sealed part into the store under `name` (`<part>.zst.age`), reads it back, and says what is stored.
   * If `bytes` throws, nothing of the part remains and the error passes through unchanged.
   */
  put(name: string, bytes: AsyncIterable<Uint8Array>): Promise<StoredFile>;
  /** The commit point: writes snapshot.json, after which the snapshot is visible whole. */
  commit(snapshotJson: Uint8Array): Promise<StoredFile>;
  /** Removes what the draft has stored, as far as the store lets it; never throws over another error. */
  abandon(): Promise<void>;
}

export interface StoredFile {
  readonly key: string;
  /** Bytes. */
  readonly length: number;
  /** Lower-case hex, computed from the bytes read back. */
  readonly sha256: string;
  /** When the store removes a file that `put` stored by itself; absent where it never does, or is not known. */
  readonly expiresAt?: Date;
}

export interface SnapshotListing {
  readonly snapshots: readonly ListedSnapshot[];
  /** What looked like ours but must not count: uploads from forks, unfinished or damaged snapshots. */
  readonly findings: readonly StoreFinding[];
}

export interface ListedSnapshot {
  readonly id: string;
  /** The stored bytes of snapshot.json; unparsed, because a damaged one must not hide the others. */
  readonly snapshotJson: Uint8Array;
  readonly storedAt: Date;
  /** When the store will remove it by itself; absent where it never does. */
  readonly expiresAt?: Date;
}

export interface ListedFile {
  readonly key: string;
  /** Bytes. */
  readonly length: number;
  readonly storedAt: Date;
  /** When the store will remove it, or stop listing it, by itself; absent where it never does. */
  readonly expiresAt?: Date;
}

export interface StoreFinding {
  /** `snapshot-json-missing`: a commit point is gone or unreadable; `id` says whose, where the store can tell. */
  readonly code: "foreign-artifact" | "unfinished-draft" | "snapshot-json-missing";
  readonly id?: string;
  readonly sentence: string;
  readonly remedy: string;
}
