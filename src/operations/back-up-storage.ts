/** Backs up buckets: unchanged objects carried, changed ones fetched into sealed packs, every object accounted for. */
import { newestHeads } from "./history.ts";
import { commitStorageSnapshot } from "./commit-storage.ts";
import { collectObjects } from "./collect-objects.ts";
import type { StorageBackupReport, StorageBackupRequest, StorageSurroundings } from "./storage-backup.ts";
import { indexRecipients } from "./storage-index.ts";

export async function backUpStorage(
  request: StorageBackupRequest,
  surroundings: StorageSurroundings,
): Promise<StorageBackupReport> {
  const { clock, store } = surroundings;
  const startedMs = clock.elapsedMs();
  const started = clock.now();
  // A key of another class would only be refused once everything is fetched.
  await indexRecipients(request);
  const history = await newestHeads(store, request.source);
  await using collection = await collectObjects({ ...request, started, shard: undefined }, surroundings);
  const { snapshot, account } = await commitStorageSnapshot(
    { ...request, started, history },
    collection,
    surroundings,
  );
  return {
    snapshot,
    account,
    findings: [...history.findings, ...collection.findings()],
    seconds: (clock.elapsedMs() - startedMs) / 1000,
  };
}
