/** Writes a snapshot's objects into a folder; each file is whole, and its bytes are compared, before it gets its name. */
import type { Identities } from "../seal/identities.ts";
import type { SnapshotJson } from "../snapshot/snapshot-json.ts";
import type { StoredObject } from "../storage/objects.ts";
import { foldOf, openRoot } from "../storage/tree-files.ts";
import { takenPaths } from "../storage/tree-path.ts";
import { openTree } from "../storage/write-tree.ts";
import type { Store } from "../store/store.ts";
import { register } from "../system/underway.ts";
import type { Finding } from "../verification/findings.ts";
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
  const taken = await takenPaths(entries(), await foldOf(await openRoot(means.path)));
  const tree = await openTree(means.path, { replace: means.replace, taken });
  const counts = { uploaded: 0, uploadedBytes: 0, kept: 0 };
  const renamed: Renamed[] = [];
  let others = 0;
  register(means.signal, () => ({
    sentence: `${counts.uploaded} files are written, each of them whole; ${counts.kept} were found there already.`,
  }));
  try {
    await forEachObject(entries(), means, async ({ object, open }) => {
      const { outcome, path } = await tree.write(object, open);
      const name = `${object.bucket}/${object.name}`;
      if (path !== name) {
        if (renamed.length < shownNames) renamed.push({ name, path });
        else others += 1;
      }
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
  const findings = renamed.length === 0 ? [] : [renamedFinding(renamed, others)];
  return { ...counts, deleted: 0, compared: counts.uploaded + counts.kept, rowsRepaired: 0, findings };
}

interface Renamed {
  readonly name: string;
  readonly path: string;
}

/** The manifest has all of them. */
const shownNames = 50;

function renamedFinding(renamed: readonly Renamed[], others: number): Finding {
  const count = renamed.length + others;
  const what =
    count === 1
      ? "1 object has a key that no file can have and is written under another name"
      : `${count} objects have keys that no file can have and are written under other names`;
  const names = renamed
    .toSorted((one, other) => (one.path < other.path ? -1 : 1))
    .map(({ name, path }) => `${JSON.stringify(name)} as ${JSON.stringify(path)}`);
  const more = others === 0 ? "" : ` and ${others} more`;
  return {
    level: "warning",
    code: "object-renamed",
    sentence: `${what}: ${names.join(", ")}${more}.`,
    publicSentence: `${what}.`,
    remedy: "manifest.jsonl in the target folder has the true name and the path of every object.",
  };
}
