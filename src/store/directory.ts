/** A folder as a store: `file:///path`. docs/format.md describes the same folders for people without Lifeboat. */
import { constants } from "node:fs";
import { access, lstat, open, readdir, rmdir, stat, unlink } from "node:fs/promises";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { LifeboatError } from "../errors.ts";
import { isSnapshotId } from "../snapshot/ids.ts";
import { beginningBytes, sizeLimits } from "../snapshot/size-limits.ts";
import { isSourceName, snapshotJsonName, sourcePrefix } from "../snapshot/keys.ts";
import type { Clock } from "../system/clock.ts";
import type { Logger } from "../system/logger.ts";
import { streamOf } from "../system/stream-of.ts";
import { beginDirectoryDraft, putDirectoryFile } from "./directory-draft.ts";
import { absent, readFileAt, refuseLinks, syncFolder, wordsOf, writing } from "./local-files.ts";
import { freeReserve, keepReserve } from "./directory-reserve.ts";
import { stagedDrafts, sweep } from "./directory-staging.ts";
import { checkStreamedKey, keySegments } from "./store-key.ts";
import type { ListedFile, ListedSnapshot, SnapshotListing, Store, StoreFinding } from "./store.ts";

export interface DirectoryStoreSettings {
  /** Absolute. It must exist: making it would fill the wrong disk on the day the right one is not mounted. */
  readonly path: string;
  readonly clock: Clock;
  readonly logger: Logger;
}

export function directoryStore({ path: root, clock, logger }: DirectoryStoreSettings): Store {
  return {
    address: pathToFileURL(root).href,
    isReadOnly: false,
    sources: async () => await listing(root, () => listSources(root)),
    snapshots: async (source) => await listing(root, () => listSnapshots(root, source, clock)),
    files: async (prefix) => await listing(root, () => listFiles(root, prefix)),
    read: async (key, range) => {
      await checkRoot(root, constants.R_OK);
      const segments = keySegments(key);
      await refuseLinks(root, segments);
      return await readFileAt(join(root, ...segments), key, range);
    },
    begin: async (draft) => {
      await checkRoot(root, constants.R_OK | constants.W_OK);
      await sweep(root, clock, logger);
      return await beginDirectoryDraft(root, draft);
    },
    put: async (key, bytes) => {
      await checkRoot(root, constants.R_OK | constants.W_OK);
      return await putDirectoryFile(root, key, streamOf(bytes));
    },
    putStream: async (key, bytes) => {
      checkStreamedKey(key);
      await checkRoot(root, constants.R_OK | constants.W_OK);
      return await putDirectoryFile(root, key, bytes);
    },
    drafts: async (source) => await listing(root, () => stagedDrafts(root, source, clock, false)),
    delete: async (key) => {
      await checkRoot(root, constants.R_OK | constants.W_OK);
      await deleteFile(root, key);
    },
    freeReserve: async () => {
      await checkRoot(root, constants.R_OK | constants.W_OK);
      return await freeReserve(root, clock, logger);
    },
    keepReserve: async () => await keepReserve(root),
    serverTime: async () => await clock.ofFolder?.(root),
  };
}

async function checkRoot(root: string, mode: number): Promise<void> {
  const entry = await stat(root).catch((cause: unknown) => {
    throw unusable(`The store's folder ${root} cannot be used: ${wordsOf(cause)}.`, cause);
  });
  if (!entry.isDirectory()) throw unusable(`The store's path ${root} is not a folder.`);
  await access(root, mode).catch((cause: unknown) => {
    throw unusable(`The store's folder ${root} cannot be used: ${wordsOf(cause)}.`, cause);
  });
}

function unusable(sentence: string, cause?: unknown): LifeboatError {
  const hint = "Make the folder, mount its disk, or give this user the right to use it; then run again.";
  return new LifeboatError("input-invalid", sentence, { hint, cause });
}

/** What the file system refuses to list is never an empty listing. */
async function listing<T>(root: string, list: () => Promise<T>): Promise<T> {
  await checkRoot(root, constants.R_OK | constants.X_OK);
  try {
    return await list();
  } catch (cause) {
    if (cause instanceof LifeboatError) throw cause;
    throw new LifeboatError("store-list-failed", `The store cannot be listed: ${wordsOf(cause)}.`, { cause });
  }
}

async function listSources(root: string): Promise<readonly string[]> {
  const sources: string[] = [];
  for (const name of await namesIn(root, ["snapshots"])) {
    if (!isSourceName(name)) continue;
    if ((await namesIn(root, ["snapshots", name])).some(isSnapshotId)) sources.push(name);
  }
  return sources;
}

async function listSnapshots(root: string, source: string, clock: Clock): Promise<SnapshotListing> {
  const segments = keySegments(sourcePrefix(source).slice(0, -1));
  const ids = (await namesIn(root, segments)).filter(isSnapshotId);
  const snapshots: ListedSnapshot[] = [];
  const findings: StoreFinding[] = [];
  for (const id of ids) {
    await refuseLinks(root, [...segments, id]);
    const snapshot = await readCommitPoint(join(root, ...segments, id), id);
    if (snapshot !== undefined) snapshots.push(snapshot);
    // Gone altogether since the folder was listed: somebody deleted it, which is no damage.
    else if ((await namesIn(root, [...segments, id])).length > 0) findings.push(commitPointMissing(id));
  }
  for (const id of await stagedDrafts(root, source, clock, true)) {
    if (!ids.includes(id)) findings.push(unfinished(id));
  }
  return { snapshots, findings };
}

async function readCommitPoint(folder: string, id: string): Promise<ListedSnapshot | undefined> {
  const path = join(folder, snapshotJsonName);
  const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW).catch(absent);
  if (file === undefined) return undefined;
  try {
    const { mtime, size } = await file.stat();
    const buffer = Buffer.alloc(size > sizeLimits.snapshotJson ? beginningBytes : size);
    const { bytesRead } = await file.read(buffer, 0, buffer.length, 0);
    return { id, snapshotJson: buffer.subarray(0, bytesRead), storedAt: mtime };
  } finally {
    await file.close();
  }
}

function commitPointMissing(id: string): StoreFinding {
  return {
    code: "snapshot-json-missing",
    id,
    sentence: `Snapshot ${id} has no snapshot.json: it was damaged, or its deletion was interrupted.`,
    remedy: "If nobody pruned it, find out who removed the file; then delete what is left of the snapshot.",
  };
}

function unfinished(id: string): StoreFinding {
  return {
    code: "unfinished-draft",
    id,
    sentence: `The backup ${id} was interrupted and will never be finished.`,
    remedy: "Nothing to do: the next backup into this store removes what it left.",
  };
}

async function listFiles(root: string, prefix: string): Promise<readonly ListedFile[]> {
  return await filesBelow(root, keySegments(prefix.replace(/\/$/, "")));
}

/** Folders are no keys of ours, but what somebody hid in one must not pass unseen. */
async function filesBelow(root: string, segments: readonly string[]): Promise<readonly ListedFile[]> {
  const files: ListedFile[] = [];
  for (const name of await namesIn(root, segments)) {
    const own = [...segments, name];
    const entry = await lstat(join(root, ...own)).catch(absent);
    if (entry?.isSymbolicLink() === true) await refuseLinks(root, own);
    if (entry?.isDirectory() === true) files.push(...(await filesBelow(root, own)));
    if (entry?.isFile() !== true) continue;
    files.push({ key: own.join("/"), length: entry.size, storedAt: entry.mtime });
  }
  return files;
}

async function namesIn(root: string, segments: readonly string[]): Promise<readonly string[]> {
  await refuseLinks(root, segments);
  return ((await readdir(join(root, ...segments)).catch(absent)) ?? []).sort();
}

async function deleteFile(root: string, key: string): Promise<void> {
  const segments = keySegments(key);
  await refuseLinks(root, segments.slice(0, -1));
  const path = join(root, ...segments);
  await writing(unlink(path).catch(absent));
  const folder = join(path, "..");
  if ((await lstat(folder).catch(absent)) === undefined) return;
  await syncFolder(folder);
  if ((await lstat(path).catch(absent)) !== undefined) {
    throw new LifeboatError("store-write-failed", `${key} is still there after it was deleted.`);
  }
  // An emptied snapshot folder would look like a snapshot without its commit point; a filled one stays.
  if (segments.length > 3) await rmdir(folder).catch(() => {});
}
