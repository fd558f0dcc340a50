/** A snapshot being written into a directory store: prepared in `incoming/`, visible by one rename. */
import { streamOf } from "../system/stream-of.ts";
import { randomBytes } from "node:crypto";
import { link, lstat, rename, rm, unlink } from "node:fs/promises";
import { dirname, join } from "node:path";
import { LifeboatError } from "../errors.ts";
import { snapshotFileKey, snapshotJsonName } from "../snapshot/keys.ts";
import {
  absent,
  codeOf,
  makeFolders,
  proveFile,
  readFileAt,
  syncFolder,
  writeFailure,
  writeNewFile,
  writing,
} from "./local-files.ts";
import { keepReserve } from "./directory-reserve.ts";
import { newDraftFolder, newStagingFolder, stagedSnapshot } from "./directory-staging.ts";
import { type Proof, proofOf, proofOfBytes, sameBytes } from "./proof.ts";
import { keySegments, type SnapshotPlace } from "./store-key.ts";
import type { Draft, StoredFile } from "./store.ts";

export async function beginDirectoryDraft(root: string, place: SnapshotPlace): Promise<Draft> {
  const target = ["snapshots", place.source, place.id];
  await refuseExisting(join(root, ...target), place.id);
  return new DirectoryDraft(root, place, await newDraftFolder(root, place));
}

class DirectoryDraft implements Draft {
  readonly #root: string;
  readonly #place: SnapshotPlace;
  readonly #draft: string;
  #committed: StoredFile | undefined;

  constructor(root: string, place: SnapshotPlace, draft: string) {
    this.#root = root;
    this.#place = place;
    this.#draft = draft;
  }

  async put(name: string, bytes: AsyncIterable<Uint8Array>): Promise<StoredFile> {
    const key = snapshotFileKey(this.#place.source, this.#place.id, name);
    if (this.#committed !== undefined)
      throw new LifeboatError("unexpected", `${key} comes after the commit.`);
    const temporary = join(this.#draft, randomBytes(6).toString("hex"));
    return await placeFile({ bytes, key, temporary, target: join(this.#draft, stagedSnapshot, name) });
  }

  async commit(snapshotJson: Uint8Array): Promise<StoredFile> {
    const { source, id } = this.#place;
    const proof = proofOfBytes(snapshotJson);
    if (this.#committed !== undefined) {
      if (sameBytes(this.#committed, proof)) return this.#committed;
      throw new LifeboatError("store-key-exists", `Snapshot ${id} was committed with another snapshot.json.`);
    }
    const stored = await this.put(snapshotJsonName, streamOf(snapshotJson));
    const staged = join(this.#draft, stagedSnapshot);
    await syncFolder(staged);
    const parent = await makeFolders(this.#root, ["snapshots", source]);
    await refuseExisting(join(parent, id), id);
    try {
      await rename(staged, join(parent, id));
    } catch (thrown) {
      if (codeOf(thrown) === "ENOTEMPTY" || codeOf(thrown) === "EEXIST") throw exists(id, thrown);
      throw writeFailure(thrown);
    }
    this.#committed = stored;
    await syncFolder(parent);
    // The snapshot is safe: what is left of the draft is swept by a later begin if it cannot be removed now.
    await rm(this.#draft, { recursive: true, force: true }).catch(() => {});
    await keepReserve(this.#root);
    return stored;
  }

  async abandon(): Promise<void> {
    // The error that led here matters more; a later begin sweeps what stays.
    await rm(this.#draft, { recursive: true, force: true }).catch(() => {});
  }
}

/** One file outside a snapshot, prepared in a folder of its own and linked into place. */
export async function putDirectoryFile(
  root: string,
  key: string,
  bytes: AsyncIterable<Uint8Array>,
): Promise<StoredFile> {
  const segments = keySegments(key);
  const staging = await newStagingFolder(root);
  try {
    const parent = await makeFolders(root, segments.slice(0, -1));
    const target = join(parent, segments.at(-1) ?? "");
    return await placeFile({ bytes, key, temporary: join(staging, "file"), target });
  } finally {
    await rm(staging, { recursive: true, force: true }).catch(() => {});
  }
}

interface Placing {
  readonly bytes: AsyncIterable<Uint8Array>;
  readonly key: string;
  readonly temporary: string;
  readonly target: string;
}

/** A rename would replace what stands there; a hard link refuses, whatever another process does meanwhile. */
async function placeFile({ bytes, key, temporary, target }: Placing): Promise<StoredFile> {
  try {
    const proof = await proveFile(temporary, key, await writeNewFile(temporary, bytes));
    const placed = await writing(linkUnlessTaken(temporary, target));
    if (!placed) await refuseOtherBytes(target, key, proof);
    await syncFolder(dirname(target));
    return { key, ...proof };
  } finally {
    await unlink(temporary).catch(() => {});
  }
}

async function linkUnlessTaken(temporary: string, target: string): Promise<boolean> {
  try {
    await link(temporary, target);
    return true;
  } catch (thrown) {
    if (codeOf(thrown) === "EEXIST") return false;
    throw thrown;
  }
}

async function refuseOtherBytes(target: string, key: string, proof: Proof): Promise<void> {
  if (sameBytes(await proofOf(await readFileAt(target, key)), proof)) return;
  throw new LifeboatError("store-key-exists", `${key} is already in the store with other bytes.`);
}

async function refuseExisting(folder: string, id: string): Promise<void> {
  if ((await lstat(folder).catch(absent)) !== undefined) throw exists(id);
}

function exists(id: string, cause?: unknown): LifeboatError {
  return new LifeboatError("store-key-exists", `Snapshot ${id} is already in the store.`, { cause });
}
