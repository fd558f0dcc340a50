/** The file system under a restore: no link below the target is followed, and its words are said without names. */
import { createHash, randomBytes } from "node:crypto";
import { constants } from "node:fs";
import { type FileHandle, lstat, mkdir, open, realpath, rm } from "node:fs/promises";
import { join } from "node:path";
import { LifeboatError } from "../errors.ts";
import { absent, codeOf, wordsOf } from "../store/local-files.ts";
import { type Fold, foldAll, refusedName } from "./tree-path.ts";

const createNew = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
const readOnly = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
const fileMode = 0o600;
const folderMode = 0o700;
const readBytes = 256 * 1024;

/** The true path of the target folder, made if it is not there. */
export async function openRoot(folder: string): Promise<string> {
  try {
    await mkdir(folder, { mode: folderMode }).catch(unlessThere);
    const root = await realpath(folder);
    if ((await lstat(root)).isDirectory()) return root;
  } catch (cause) {
    throw noFolder(cause);
  }
  throw noFolder();
}

function noFolder(cause?: unknown): LifeboatError {
  return new LifeboatError("input-invalid", "The target of the restore is not a folder that can be used.", {
    hint: "Name a folder whose parent exists and where this user may write.",
    cause,
  });
}

export type Kind = "folder" | { readonly size: number } | undefined;

/** What stands there; `name` is said where it is a link (`restore-name-refused`). */
export async function kindOf(path: string, name: string): Promise<Kind> {
  const found = await writing(lstat(path).catch(absent));
  if (found === undefined) return undefined;
  if (found.isDirectory()) return "folder";
  if (found.isFile()) return { size: found.size };
  throw refusedName(
    name,
    found.isSymbolicLink() ? "is a symbolic link in the target" : "is no file in the target",
  );
}

export async function makeFolder(path: string, name: string): Promise<Kind> {
  await writing(mkdir(path, { mode: folderMode }).catch(unlessThere));
  return await kindOf(path, name);
}

/** That the folder is where its path says, no part of which has become a link meanwhile. */
export async function checkRealPath(folder: string, name: string): Promise<void> {
  if ((await writing(realpath(folder))) === folder) return;
  throw refusedName(name, "would be written through a symbolic link");
}

/** SHA-256 (lower-case hex) of a file that is no link. */
export async function hashOfFile(
  path: string,
  each: (bytes: Uint8Array) => Promise<void> = () => Promise.resolve(),
): Promise<string> {
  const hash = createHash("sha256");
  const file = await writing(open(path, readOnly));
  try {
    const buffer = Buffer.allocUnsafe(readBytes);
    for (;;) {
      const { bytesRead } = await writing(file.read(buffer, 0, readBytes));
      if (bytesRead === 0) return hash.digest("hex");
      const bytes = buffer.subarray(0, bytesRead);
      hash.update(bytes);
      await each(bytes);
    }
  } finally {
    await file.close();
  }
}

/** A new file beside those of objects; no object is ever called like it. */
export async function createTemporary(
  folder: string,
): Promise<{ readonly file: FileHandle; readonly temporary: string }> {
  const temporary = join(folder, `%~unfinished-${randomBytes(6).toString("hex")}`);
  return { file: await writing(open(temporary, createNew, fileMode)), temporary };
}

/** What the file system below `root` makes of names where it takes several for the same one; undefined where it does not. */
export async function foldOf(root: string): Promise<Fold | undefined> {
  const name = `%~unfinished-${randomBytes(6).toString("hex")}-\u00e9`;
  const path = join(root, name);
  await (await writing(open(path, createNew, fileMode))).close();
  try {
    for (const other of [name.toUpperCase(), name.normalize("NFD")]) {
      if ((await lstat(join(root, other)).catch(() => undefined)) !== undefined) return foldAll;
    }
    return undefined;
  } finally {
    await removeQuietly(path);
  }
}

/** Whether the file system cannot have such a name at all. */
export function isNoName(error: unknown): boolean {
  const system = error instanceof LifeboatError ? error.cause : error;
  return ["ENAMETOOLONG", "EINVAL", "EILSEQ"].includes(codeOf(system) ?? "");
}

export async function removeQuietly(path: string): Promise<void> {
  await rm(path, { force: true }).catch(() => {});
}

/** The work's result, or what the file system said: in public without the path. */
export async function writing<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (cause) {
    if (cause instanceof LifeboatError && !isOfStore(cause)) throw cause;
    const system = cause instanceof LifeboatError ? cause.cause : cause;
    throw new LifeboatError(
      "restore-write-failed",
      `The target folder cannot be written: ${wordsOf(system)}.`,
      {
        cause: system,
        publicSentence: `The target folder cannot be written: ${codeOf(system) ?? "for an unknown reason"}.`,
      },
    );
  }
}

/** Files of a store and restored ones are written by the same functions. */
function isOfStore({ code }: LifeboatError): boolean {
  return code === "store-write-failed" || code === "store-full";
}

function unlessThere(thrown: unknown): void {
  if (codeOf(thrown) !== "EEXIST") throw thrown;
}
