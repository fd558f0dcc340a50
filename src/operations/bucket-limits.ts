/** Limits of buckets bind a restore too: they are set after the objects, on whatever way the restore ends. */
import type { Bucket } from "../storage/objects.ts";
import type { StorageApi } from "../supabase/storage-api.ts";
import type { StorageRestorePlan } from "./plan-storage-restore.ts";

export class BucketLimits {
  /** Buckets that the restore has made. */
  created = 0;
  readonly #api: StorageApi;
  readonly #lifted: readonly Bucket[];
  readonly #after: Bucket[];

  constructor(
    { buckets: { lifted, limited } }: StorageRestorePlan,
    {
      api,
      buckets,
      present,
    }: {
      readonly api: StorageApi;
      /** Of the backup. */
      readonly buckets: readonly Bucket[];
      /** Of the target. */
      readonly present: readonly Bucket[];
    },
  ) {
    this.#api = api;
    this.#lifted = present.filter(({ id }) => lifted.includes(id));
    this.#after = present.flatMap((bucket) => {
      const own = limited.includes(bucket.id) ? buckets.find(({ id }) => id === bucket.id) : undefined;
      if (own === undefined) return [];
      const { fileSizeLimit, allowedMimeTypes } = own;
      return [{ ...bucket, fileSizeLimit, allowedMimeTypes }];
    });
  }

  /** Of a bucket that was made without its limits. */
  mustSet(bucket: Bucket): void {
    this.created += 1;
    this.#after.push(bucket);
  }

  /** A run that is killed from here on leaves buckets without limits: the next one's plan sets the backup's. */
  async lift(): Promise<void> {
    for (const bucket of this.#lifted) {
      await this.#api.updateBucket({ ...bucket, fileSizeLimit: null, allowedMimeTypes: null });
    }
  }

  /** Every one of them is tried. */
  async set(): Promise<void> {
    const failures: unknown[] = [];
    for (const bucket of [...this.#lifted, ...this.#after]) {
      await this.#api.updateBucket(bucket).catch((cause: unknown) => void failures.push(cause));
    }
    if (failures.length > 0) throw failures[0];
  }
}
