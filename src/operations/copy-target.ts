/** A store that snapshots are copied to: what it has, listed once, and whether it still works. */
import type { LifeboatError } from "../errors.ts";
import { type DaysOfTier, longestDays, remainingDays } from "../retention/lifetime.ts";
import { evidenceOfSource, rewrapsPrefix, tombstoneKey, tombstonePrefix } from "../snapshot/keys.ts";
import { readSignedDocument } from "../snapshot/signed-document.ts";
import type { SnapshotJson } from "../snapshot/snapshot-json.ts";
import { tombstoneSchema } from "../snapshot/tombstone.ts";
import type { Lifetime, Store } from "../store/store.ts";
import { wholeOf } from "./whole-of.ts";
import { type PackSurvey, provePacksUsable, surveyPacks } from "./shared-packs.ts";
import { sizeLimits } from "../snapshot/size-limits.ts";

export interface CopyDestination {
  readonly store: Store;
  /** How long after it was made this store keeps a snapshot; default: by its longest tier. */
  readonly days?: number;
  /** Instead, by tier: a snapshot that has none of these tiers is not wanted here. */
  readonly daysOfTier?: DaysOfTier;
  /** No file can be kept longer here, counted from its upload. */
  readonly mostDays?: number;
}

export class CopyTarget {
  readonly store: Store;
  readonly #days: number | undefined;
  readonly #daysOfTier: DaysOfTier | undefined;
  readonly #mostDays: number;
  /** Why nothing more is copied to it. */
  failure: LifeboatError | undefined;
  readonly copied: string[] = [];
  /** Wanted here, and not here. */
  readonly missing: string[] = [];
  already = 0;
  copiedBytes = 0;
  #snapshots: ReadonlyMap<string, Uint8Array> = new Map();
  #packs: PackSurvey = { packs: new Map(), marked: new Map() };
  readonly #newPacks = new Set<string>();
  readonly #smallFiles = new Set<string>();
  #tombstones: ReadonlySet<string> = new Set();

  constructor({ store, days, daysOfTier, mostDays = Number.POSITIVE_INFINITY }: CopyDestination) {
    this.store = store;
    this.#days = days;
    this.#daysOfTier = daysOfTier;
    this.#mostDays = mostDays;
  }

  /** Looks at all that this source has here. */
  async list(source: string, withPacks: boolean): Promise<void> {
    const { snapshots } = await this.store.snapshots(source);
    this.#snapshots = new Map(snapshots.map(({ id, snapshotJson }) => [id, snapshotJson]));
    if (withPacks) this.#packs = await surveyPacks(this.store, source);
    for (const { key } of await smallFiles(this.store, source)) this.#smallFiles.add(key);
    this.#tombstones = new Set((await this.store.files(tombstonePrefix(source))).map(({ key }) => key));
  }

  /** The snapshot.json of this id that is here already. */
  present(id: string): Uint8Array | undefined {
    return this.#snapshots.get(id);
  }

  /** Whether the snapshot's lifetime here has not ended, neither by itself nor by prune, which has its own reasons. */
  async wants(snapshot: SnapshotJson, now: Date): Promise<boolean> {
    return this.#remaining(snapshot, now) > 0 && !(await this.#hasPruned(snapshot));
  }

  #remaining(snapshot: SnapshotJson, now: Date): number {
    const days =
      this.#daysOfTier === undefined ? this.#days : (longestDays(this.#daysOfTier, snapshot.tiers) ?? 0);
    return remainingDays(snapshot, now, days);
  }

  async #hasPruned({ id, source, sha256 }: SnapshotJson): Promise<boolean> {
    const key = tombstoneKey(source, id);
    if (!this.#tombstones.has(key) || this.#snapshots.has(id)) return false;
    const tombstone = readSignedDocument(
      await wholeOf(await this.store.read(key), { document: key, maxBytes: sizeLimits.document }),
      tombstoneSchema,
    );
    return tombstone?.snapshot === id && tombstone.snapshotSha256 === sha256;
  }

  lifetimeOf(snapshot: SnapshotJson, now: Date): Lifetime {
    const days = Math.max(1, this.#remaining(snapshot, now));
    return { retentionDays: Math.min(days, this.#mostDays), tiers: snapshot.tiers };
  }

  hasPack(id: string, length: number): boolean {
    return this.#newPacks.has(id) || this.#packs.packs.get(id)?.length === length;
  }

  /** The key of the mark of a pack that is going to be deleted here. */
  markOf(id: string): string | undefined {
    return this.#packs.marked.get(id)?.key;
  }

  packExpiry(id: string): Date | undefined {
    return this.#packs.packs.get(id)?.expiresAt;
  }

  addPack(id: string): void {
    this.#newPacks.add(id);
  }

  /** After the commit: a sweep may have run since the packs were listed. The next copy brings what is gone. */
  async proveUsable(source: string, ids: readonly string[]): Promise<void> {
    await provePacksUsable(this.store, source, ids);
  }

  hasSmallFile(key: string): boolean {
    return this.#smallFiles.has(key);
  }

  addSmallFile(key: string): void {
    this.#smallFiles.add(key);
  }
}

/** Evidence and rewraps of a source, all at once: one listing instead of one for each snapshot. */
export async function smallFiles(store: Store, source: string): Promise<readonly { readonly key: string }[]> {
  return [...(await store.files(evidenceOfSource(source))), ...(await store.files(rewrapsPrefix(source)))];
}
