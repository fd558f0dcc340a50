/** Writes a snapshot's objects into a folder; each file is whole, and its bytes are compared, before it gets its name. */
import type { Identities } from "../seal/identities.ts";
import type { SnapshotJson } from "../snapshot/snapshot-json.ts";
import type { StoredObject } from "../storage/objects.ts";
import { pathsTakenByFolders } from "../storage/tree-path.ts";
import { openTree } from "../storage/write-tree.ts";
import type { Store } from "../store/store.ts";
import { register } from "../system/underway.ts";
import { forEachObject } from "./read-objects.ts";
import type { StorageRestoreReport } from "./restore-storage.ts";

export interface DirectoryRestoreMeans {
  readonly path: string;
  /** Existing files with other bytes are replaced instead of refused. */
  readonly replace: boolean;
  readonly store: Store;
  readonly snapshot: SnapshotJson;
  readonly identities: Identities;
  readonly jobs: number;
  readonly signal: AbortSignal;
}

export async function restoreIntoDirectory(
  /** A fresh reading of the chosen entries. */
  entries: () => AsyncIterable<StoredObject>,
  means: DirectoryRestoreMeans,
): Promise<StorageRestoreReport> {
  const taken = await pathsTakenByFolders(entries());
  const tree = await openTree(means.path, { replace: means.replace, taken });
  const counts = { uploaded: 0, uploadedBytes: 0, kept: 0 };
  register(means.signal, () => ({
    sentence: `${counts.uploaded} files are written, each of them whole; ${counts.kept} were found there already.`,
  }));
  try {
    await forEachObject(entries(), means, async ({ object, open }) => {
      const { outcome } = await tree.write(object, open);
      if (outcome === "identical") counts.kept += 1;
      else {
        counts.uploaded += 1;
        counts.uploadedBytes += object.size;
      }
    });
    await tree.finish();
  } catch (cause) {
    await tree.abandon();
    throw cause;
  }
  return { ...counts, deleted: 0, compared: counts.uploaded + counts.kept, rowsRepaired: 0, findings: [] };
}
