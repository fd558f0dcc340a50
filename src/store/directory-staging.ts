/**
 * `incoming/`, where a directory store prepares what is not visible yet: `new.<owner>.<random>` while a folder is being
 * made, `<source>.<id>` once it is a draft. A crash leaves things only here, and `sweep` removes them.
 */
import { randomBytes } from "node:crypto";
import { lstat, mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { LifeboatError } from "../errors.ts";
import { isSnapshotId } from "../snapshot/ids.ts";
import type { Clock } from "../system/clock.ts";
import type { Logger } from "../system/logger.ts";
import { absent, codeOf, folderMode, makeFolders, refuseLinks, writing } from "./local-files.ts";
import {
  type DraftOwner,
  ownerIsGone,
  ownerMark,
  ownerOfMark,
  parseOwner,
  thisProcess,
} from "./directory-owner.ts";
import type { SnapshotPlace } from "./store-key.ts";

const incoming = "incoming";
const ownerFile = "owner.json";
/** The folder that a commit renames, so that the owner file stays behind. */
export const stagedSnapshot = "snapshot";
const strangerPatienceMs = 7 * 24 * 3600 * 1000;

/** A private folder that belongs to this process; the caller renames or removes it. */
export async function newStagingFolder(root: string): Promise<string> {
  const parent = await makeFolders(root, [incoming]);
  const path = join(parent, `new.${ownerMark(thisProcess())}.${randomBytes(6).toString("hex")}`);
  await writing(mkdir(path, { mode: folderMode }));
  return path;
}

/** The folder of a new draft. The same process may begin an empty draft again, as it does when it tries twice. */
export async function newDraftFolder(root: string, { source, id }: SnapshotPlace): Promise<string> {
  const prepared = await newStagingFolder(root);
  const draft = join(root, incoming, `${source}.${id}`);
  try {
    await writing(mkdir(join(prepared, stagedSnapshot), { mode: folderMode }));
    await writing(writeFile(join(prepared, ownerFile), JSON.stringify(thisProcess()), { mode: 0o600 }));
    await rename(prepared, draft);
    return draft;
  } catch (thrown) {
    await rm(prepared, { recursive: true, force: true });
    const taken = codeOf(thrown) === "ENOTEMPTY" || codeOf(thrown) === "EEXIST";
    if (!taken) return await writing(Promise.reject(thrown as Error));
    if (await isOurEmptyDraft(draft)) return draft;
    throw new LifeboatError("store-key-exists", `Snapshot ${id} is being written by another process.`, {
      cause: thrown,
    });
  }
}

async function isOurEmptyDraft(draft: string): Promise<boolean> {
  const owner = await ownerOf(draft);
  if (owner === undefined || ownerMark(owner) !== ownerMark(thisProcess())) return false;
  return (await readdir(join(draft, stagedSnapshot))).length === 0;
}

/** Removes what processes left behind that are gone; other machines' leftovers after seven days. */
export async function sweep(root: string, clock: Clock, logger: Logger): Promise<void> {
  for (const path of await stagedFolders(root)) {
    if (!(await isAbandoned(path, clock))) continue;
    await writing(rm(path, { recursive: true, force: true }));
    logger.info(`Removed what an interrupted backup had left in the store: ${path.slice(root.length + 1)}`);
  }
}

/** Ids of drafts of a source that nobody will finish, or, with `abandoned` false, that somebody may. */
export async function stagedDrafts(
  root: string,
  source: string,
  clock: Clock,
  abandoned: boolean,
): Promise<readonly string[]> {
  const ids: string[] = [];
  for (const path of await stagedFolders(root)) {
    const place = draftOfName(path);
    if (place?.source === source && (await isAbandoned(path, clock)) === abandoned) ids.push(place.id);
  }
  return ids.sort();
}

async function stagedFolders(root: string): Promise<readonly string[]> {
  await refuseLinks(root, [incoming]);
  const folder = join(root, incoming);
  const entries = (await readdir(folder, { withFileTypes: true }).catch(absent)) ?? [];
  return entries.filter((entry) => entry.isDirectory()).map((entry) => join(folder, entry.name));
}

async function isAbandoned(path: string, clock: Clock): Promise<boolean> {
  if (await isHalfRemoved(path)) return true;
  const owner = await ownerOf(path);
  const gone = owner === undefined ? undefined : await ownerIsGone(owner);
  if (gone !== undefined) return gone;
  const touched = [path, join(path, stagedSnapshot)].map(
    async (place) => (await lstat(place).catch(absent))?.mtimeMs,
  );
  const latest = Math.max(0, ...(await Promise.all(touched)).map((moment) => moment ?? 0));
  return latest > 0 && clock.now().getTime() - latest > strangerPatienceMs;
}

/** A folder becomes a draft with its owner file inside: one without was being removed when its remover was killed. */
async function isHalfRemoved(path: string): Promise<boolean> {
  return draftOfName(path) !== undefined && (await lstat(join(path, ownerFile)).catch(absent)) === undefined;
}

function draftOfName(path: string): SnapshotPlace | undefined {
  const [source, id, ...more] = (path.split("/").at(-1) ?? "").split(".");
  if (source === undefined || id === undefined || more.length > 0 || !isSnapshotId(id)) return undefined;
  return { source, id };
}

async function ownerOf(path: string): Promise<DraftOwner | undefined> {
  const [kind, mark] = (path.split("/").at(-1) ?? "").split(".");
  if (kind === "new" && mark !== undefined) return ownerOfMark(mark);
  const text = await readFile(join(path, ownerFile), "utf8").catch(absent);
  return text === undefined ? undefined : parseOwner(text);
}
