/** The file system under a restore: no link below the target is followed, and its words are said without names. */
import { createHash, randomBytes } from "node:crypto";
import { constants } from "node:fs";
import { type FileHandle, lstat, mkdir, open, realpath, rm } from "node:fs/promises";
import { join } from "node:path";
import { LifeboatError } from "../errors.ts";
import { absent, codeOf, wordsOf } from "../store/local-files.ts";
import { refusedName } from "./tree-path.ts";

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

export async function removeQuietly(path: string): Promise<void> {
  await rm(path, { force: true }).catch(() => {});
}

/** The work's result, or what the file system said: in public without the path. */
export async function writing<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (cause) {
    if (cause instanceof LifeboatError && cause.code !== "store-write-failed") throw cause;
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

function unlessThere(thrown: unknown): void {
  if (codeOf(thrown) !== "EEXIST") throw thrown;
}
