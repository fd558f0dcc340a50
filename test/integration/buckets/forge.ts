/** Snapshots as somebody with the recipients could make them: sealed properly, with an index that lies. */
import { commitStorageSnapshot } from "../../../src/operations/commit-storage.ts";
import type { StorageBackupReport } from "../../../src/operations/storage-backup.ts";
import type { SnapshotJson } from "../../../src/snapshot/snapshot-json.ts";
import { objectFilter } from "../../../src/storage/object-filter.ts";
import { compareObjects, type StoredObject } from "../../../src/storage/objects.ts";
import { type BucketSafe, movableClock } from "./safe.ts";

export async function forge(
  safe: BucketSafe,
  report: StorageBackupReport,
  change: (entries: readonly StoredObject[]) => readonly StoredObject[],
): Promise<SnapshotJson> {
  const entries = change(await safe.entries(report)).toSorted(compareObjects);
  const ids = [...new Set(entries.map(({ bucket }) => bucket))].toSorted();
  const rawBytes = entries.reduce((sum, { size }) => sum + size, 0);
  const numbers = { objects: entries.length, rawBytes, fetchedBytes: 0, newPacks: 0, copiedPacks: 0 };
  const account = { stored: 0, carried: entries.length, vanished: [], failed: [] };
  const { snapshot } = await commitStorageSnapshot(
    {
      ...{
        source: report.snapshot.source,
        tiers: ["daily"],
        recipients: safe.recipients,
        indexIdentities: safe.indexIdentities,
      },
      ...{
        signingKey: undefined,
        filter: objectFilter({}),
        started: new Date(),
        history: { heads: [], seen: [] },
      },
    },
    {
      buckets: ids.map((id) => ({
        ...{ id, name: id, public: false, fileSizeLimit: null, allowedMimeTypes: null },
      })),
      entries: streamOfAll(entries),
      packs: () => report.snapshot.packs,
      contents: () => ({ listing: "sql", account, notCovered: [] }),
      numbers: () => numbers,
      findings: () => [],
      keep: () => {},
      [Symbol.asyncDispose]: () => Promise.resolve(),
    },
    { clock: movableClock(), lifeboatVersion: "0.0.0-test", store: safe.store },
  );
  return snapshot;
}

async function* streamOfAll(entries: readonly StoredObject[]): AsyncGenerator<StoredObject> {
  for (const entry of entries) yield await Promise.resolve(entry);
}
