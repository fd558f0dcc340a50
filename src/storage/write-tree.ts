/** Restores objects into a folder: nothing is written outside of it, and nothing that stands there is lost unasked. */
import { createHash } from "node:crypto";
import { type FileHandle, rename } from "node:fs/promises";
import { dirname, join } from "node:path";
import { LifeboatError } from "../errors.ts";
import { syncFolder } from "../store/local-files.ts";
import type { StoredObject } from "./objects.ts";
import {
  checkRealPath,
  createTemporary,
  hashOfFile,
  isNoName,
  type Kind,
  kindOf,
  makeFolder,
  openRoot,
  removeQuietly,
  writing,
} from "./tree-files.ts";
import { manifestName, ownPath, plainPath, type TakenPaths, treePath } from "./tree-path.ts";

export interface TreeOptions {
  /** Existing files with other bytes are replaced instead of refused. */
  readonly replace: boolean;
  /** What `takenPaths` found. */
  readonly taken: TakenPaths;
}

export interface WrittenFile {
  /** Below the folder. */
  readonly path: string;
  /** `identical`: it was there already. */
  readonly outcome: "written" | "replaced" | "identical";
}

/** Several objects may be written at the same time. */
export interface Tree {
  /**
   * Writes an object's bytes, which must have its size and SHA-256 (`snapshot-damaged`), to its place: whole or not at
   * all. `open` is not called for a file that is there already.
   * Throws `restore-name-refused` where a link stands on the way to the place, and `restore-file-exists` where
   * something else stands.
   */
  write(object: StoredObject, open: () => AsyncIterable<Uint8Array>): Promise<WrittenFile>;
  /** Writes what `manifest.jsonl` says of the written and identical files: true names and metadata. */
  finish(): Promise<void>;
  /** Instead of `finish` after a failure: removes what is unfinished, never throws. */
  abandon(): Promise<void>;
}

/** Opens `folder`, which is made if its parent exists; a link to a folder is followed here, and nowhere below. */
export async function openTree(folder: string, options: TreeOptions): Promise<Tree> {
  const root = await openRoot(folder);
  return new FolderTree(root, options, await startManifest(root));
}

interface Manifest {
  readonly file: FileHandle;
  readonly temporary: string;
}

/** What an earlier restore into this folder left is kept: the last line of a path counts. */
async function startManifest(root: string): Promise<Manifest> {
  const path = join(root, manifestName);
  const kind = await kindOf(path, manifestName);
  if (kind === "folder") throw exists(manifestName, "is a folder");
  const { file, temporary } = await createTemporary(root);
  try {
    if (kind !== undefined) {
      await hashOfFile(path, async (bytes) => {
        await writing(file.writeFile(bytes));
      });
    }
    return { file, temporary };
  } catch (error) {
    await file.close().catch(() => {});
    await removeQuietly(temporary);
    throw error;
  }
}

interface Place {
  readonly path: string;
  readonly target: string;
  readonly kind: Kind;
}

class FolderTree implements Tree {
  readonly #root: string;
  readonly #options: TreeOptions;
  readonly #manifest: Manifest;
  /** Lines are appended one after the other. */
  #appending: Promise<unknown> = Promise.resolve();

  constructor(root: string, options: TreeOptions, manifest: Manifest) {
    this.#root = root;
    this.#options = options;
    this.#manifest = manifest;
  }

  async write(object: StoredObject, bytes: () => AsyncIterable<Uint8Array>): Promise<WrittenFile> {
    const { path, target, kind } = await this.#placeOf(object).catch((error: unknown) => {
      if (!isNoName(error)) throw error;
      return this.#lookAt(plainPath(object));
    });
    if (kind === "folder") throw exists(path, "is a folder");
    if (kind !== undefined) {
      const isSame = kind.size === object.size && (await hashOfFile(target)) === object.sha256;
      if (isSame) return await this.#noted(object, { path, outcome: "identical" });
      if (!this.#options.replace) throw exists(path, "is there with other bytes");
    }
    const temporary = await writeProven(dirname(target), object, bytes());
    try {
      await checkRealPath(dirname(target), path);
      if ((await hashOfFile(temporary)) !== object.sha256) throw otherBytes(object);
      await writing(rename(temporary, target));
    } catch (error) {
      await removeQuietly(temporary);
      throw error;
    }
    await writing(syncFolder(dirname(target)));
    return await this.#noted(object, { path, outcome: kind === undefined ? "written" : "replaced" });
  }

  async finish(): Promise<void> {
    await this.#appending;
    const { file, temporary } = this.#manifest;
    await writing(file.sync());
    await file.close();
    await writing(rename(temporary, join(this.#root, manifestName)));
    await writing(syncFolder(this.#root));
  }

  async abandon(): Promise<void> {
    await this.#appending.catch(() => {});
    await this.#manifest.file.close().catch(() => {});
    await removeQuietly(this.#manifest.temporary);
  }

  /** Where the object goes, and what stands there. */
  async #placeOf(object: StoredObject): Promise<Place> {
    const plain = treePath(object);
    const { byFolders, byOthers, fold } = this.#options.taken;
    if (byOthers.has(plain)) return await this.#lookAt(ownPath(object, plain));
    if (byFolders.has(fold(plain))) return await this.#lookAt(`${plain}%`);
    const place = await this.#lookAt(plain);
    return place.kind === "folder" ? await this.#lookAt(`${plain}%`) : place;
  }

  /** All folders to the path are made, and none of them is a link. */
  async #lookAt(path: string): Promise<Place> {
    let folder = this.#root;
    for (const segment of path.split("/").slice(0, -1)) {
      folder = join(folder, segment);
      if ((await makeFolder(folder, path)) !== "folder") {
        throw exists(path, "needs a folder where a file stands");
      }
    }
    await checkRealPath(folder, path);
    const target = join(this.#root, path);
    return { path, target, kind: await kindOf(target, path) };
  }

  async #noted(object: StoredObject, file: WrittenFile): Promise<WrittenFile> {
    const elsewhere = { pack: undefined, offset: undefined, length: undefined, skip: undefined };
    const line = `${JSON.stringify({ path: file.path, ...object, ...elsewhere })}\n`;
    const appended = this.#appending.then(() => writing(this.#manifest.file.writeFile(line)));
    this.#appending = appended;
    await appended;
    return file;
  }
}

/** The object's bytes in a new file in `folder`, all of them and on the disk. */
async function writeProven(
  folder: string,
  object: StoredObject,
  bytes: AsyncIterable<Uint8Array>,
): Promise<string> {
  const { file, temporary } = await createTemporary(folder);
  try {
    const hash = createHash("sha256");
    let size = 0;
    for await (const part of bytes) {
      hash.update(part);
      size += part.length;
      if (size > object.size) break;
      await writing(file.writeFile(part));
    }
    if (size !== object.size || hash.digest("hex") !== object.sha256) throw damagedBytes(object);
    await writing(file.sync());
    await file.close();
    return temporary;
  } catch (error) {
    await file.close().catch(() => {});
    await removeQuietly(temporary);
    throw error;
  }
}

function exists(path: string, what: string): LifeboatError {
  return new LifeboatError("restore-file-exists", `${JSON.stringify(path)} ${what}.`, {
    publicSentence: "Something else stands in the target folder where an object would be written.",
  });
}

function otherBytes({ bucket, name, size }: StoredObject): LifeboatError {
  return new LifeboatError(
    "restore-not-verified",
    `The disk gives back other bytes than were written of ${JSON.stringify(`${bucket}/${name}`)}.`,
    { publicSentence: `The disk gives back other bytes than the ${size} that were written of an object.` },
  );
}

function damagedBytes({ bucket, name, size }: StoredObject): LifeboatError {
  return new LifeboatError(
    "snapshot-damaged",
    `The bytes of ${JSON.stringify(`${bucket}/${name}`)} are not the ${size} that were stored.`,
    { publicSentence: `The bytes of an object are not the ${size} that were stored.` },
  );
}
