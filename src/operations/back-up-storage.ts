/** Backs up buckets: unchanged objects carried, changed ones fetched into sealed packs, every object accounted for. */
import { agreeOnTime, recordedClocks } from "./agree-on-time.ts";
import { expectationError, sizeFindings } from "./compare-with-previous.ts";
import { newestHeads } from "./history.ts";
import { commitStorageSnapshot } from "./commit-storage.ts";
import { collectObjects } from "./collect-objects.ts";
import type { StorageBackupReport, StorageBackupRequest, StorageSurroundings } from "./storage-backup.ts";
import { storageClocks } from "./storage-clocks.ts";
import { indexRecipients } from "./storage-index.ts";

export async function backUpStorage(
  request: StorageBackupRequest,
  surroundings: StorageSurroundings,
): Promise<StorageBackupReport> {
  const { store } = surroundings;
  const startedMs = surroundings.clock.elapsedMs();
  const others = storageClocks(request, surroundings);
  const readClocks = async () => await agreeOnTime(surroundings.clock, store, others);
  const time = await readClocks();
  const { clock, now: started } = time;
  const clocks = recordedClocks(time, surroundings.clock);
  const means = { ...surroundings, clock };
  // A key of another class would only be refused once everything is fetched.
  await indexRecipients(request);
  const history = await newestHeads(store, request.source);
  await using collection = await collectObjects({ ...request, started, shard: undefined }, means);
  const { snapshot, account, end } = await commitStorageSnapshot(
    { ...request, started, clocks, history, readClocks },
    collection,
    means,
  );
  const error = expectationError(snapshot, request.expect);
  return {
    snapshot,
    account,
    findings: [
      ...(time.findings.length > 0 ? time.findings : (end?.findings ?? [])),
      ...history.findings,
      ...collection.findings(),
      ...sizeFindings(snapshot, history.newestWhole(started)),
    ],
    seconds: (clock.elapsedMs() - startedMs) / 1000,
    ...(error === undefined ? {} : { error }),
  };
}
