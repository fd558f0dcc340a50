/** Files of a directory store and of spools: private modes, flushed, read back, no link ever followed. */
import { createHash } from "node:crypto";
import { constants } from "node:fs";
import { type FileHandle, lstat, mkdir, open } from "node:fs/promises";
import { join } from "node:path";
import { LifeboatError } from "../errors.ts";
import { type Proof, proofOf, sameBytes } from "./proof.ts";
import { cutRange, missing } from "./store-key.ts";
import type { ByteRange } from "./store.ts";

export const folderMode = 0o700;
const fileMode = 0o600;
const createNew = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
const readOnly = constants.O_RDONLY | constants.O_NOFOLLOW;
const transferBytes = 1024 * 1024;

/**
 * Streams into a new file and, unless it is a spool that need not outlive a crash, flushes it. An error of `bytes`
 * passes through unchanged; the caller removes the file. One buffer carries everything: small chunks share a write,
 * and memory stays constant.
 */
export async function writeNewFile(
  path: string,
  bytes: AsyncIterable<Uint8Array>,
  { durable = true } = {},
): Promise<Proof> {
  const file = await writing(open(path, createNew, fileMode));
  const hash = createHash("sha256");
  const buffer = Buffer.allocUnsafeSlow(transferBytes);
  let length = 0;
  let filled = 0;
  const flush = async (): Promise<void> => {
    const ready = buffer.subarray(0, filled);
    hash.update(ready);
    await writing(writeWhole(file, ready));
    length += filled;
    filled = 0;
  };
  try {
    for await (const chunk of bytes) {
      for (let at = 0; at < chunk.length;) {
        const taken = Math.min(buffer.length - filled, chunk.length - at);
        buffer.set(chunk.subarray(at, at + taken), filled);
        filled += taken;
        at += taken;
        if (filled === buffer.length) await flush();
      }
    }
    await flush();
    if (durable) await writing(file.sync());
  } finally {
    await file.close();
  }
  return { length, sha256: hash.digest("hex") };
}

/** A single write may take less than it was given. */
async function writeWhole(file: FileHandle, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length;) {
    at += (await file.write(bytes, at, bytes.length - at)).bytesWritten;
  }
}

/** Reads what the disk holds now; throws unless it is what was written. */
export async function proveFile(path: string, key: string, written: Proof): Promise<Proof> {
  // Hashed and forgotten, so that one buffer serves the whole file.
  const stored = await proofOf(await readFileAt(path, key, undefined, Buffer.allocUnsafeSlow(transferBytes)));
  if (sameBytes(stored, written)) return stored;
  throw new LifeboatError("store-write-unproven", `${key} was written, but the disk gives back other bytes.`);
}

/** A rename or link counts only once the folder that holds the name is on the disk too. */
export async function syncFolder(path: string): Promise<void> {
  const folder = await writing(open(path, constants.O_RDONLY | constants.O_DIRECTORY));
  try {
    await writing(folder.sync());
  } finally {
    await folder.close();
  }
}

/** Makes the folders `segments` below `root`, each private and flushed; refuses links on the way. */
export async function makeFolders(root: string, segments: readonly string[]): Promise<string> {
  let path = root;
  for (const segment of segments) {
    const parent = path;
    path = join(path, segment);
    try {
      await mkdir(path, { mode: folderMode });
      await syncFolder(parent);
    } catch (thrown) {
      if (codeOf(thrown) !== "EEXIST") throw writeFailure(thrown);
      // Before the next folder is made in it: what stands here may be a link to elsewhere.
      if ((await writing(lstat(path))).isSymbolicLink()) throw linkRefused(path);
    }
  }
  return path;
}

/** Throws if any part of the way below `root` is a symbolic link; what does not exist is no link. */
export async function refuseLinks(root: string, segments: readonly string[]): Promise<void> {
  let path = root;
  for (const segment of segments) {
    path = join(path, segment);
    const entry = await lstat(path).catch(absent);
    if (entry === undefined) return;
    if (entry.isSymbolicLink()) throw linkRefused(path);
  }
}

/**
 * The bytes of a regular file, lazily; refused with `store-object-missing` before anything is streamed. With a
 * `buffer`, every chunk is a view of it and holds only until the next one is asked for.
 */
export async function readFileAt(
  path: string,
  key: string,
  range?: ByteRange,
  buffer?: Buffer,
): Promise<AsyncIterable<Uint8Array>> {
  const entry = await lstat(path).catch(absent);
  if (entry === undefined) throw missing(key);
  if (entry.isSymbolicLink()) throw linkRefused(path);
  if (!entry.isFile()) throw missing(key, "is not a file");
  const { start, end } = cutRange(range, entry.size);
  return readSpan(path, key, { start, end }, buffer);
}

async function* readSpan(
  path: string,
  key: string,
  { start, end }: { readonly start: number; readonly end: number },
  shared?: Buffer,
): AsyncGenerator<Uint8Array, void, undefined> {
  let file: FileHandle | undefined;
  try {
    file = await reading(open(path, readOnly), key);
    for (let position = start; position < end;) {
      const wanted = Math.min(transferBytes, end - position);
      const buffer = shared ?? Buffer.allocUnsafe(wanted);
      const { bytesRead } = await reading(file.read(buffer, 0, wanted, position), key);
      if (bytesRead === 0) {
        throw new LifeboatError("store-read-failed", `${key} ended ${end - position} bytes early.`);
      }
      position += bytesRead;
      yield buffer.subarray(0, bytesRead);
    }
  } finally {
    await file?.close();
  }
}

async function reading<T>(work: Promise<T>, key: string): Promise<T> {
  try {
    return await work;
  } catch (cause) {
    if (codeOf(cause) === "ENOENT") throw missing(key);
    if (codeOf(cause) === "ELOOP") throw linkRefused(key);
    throw new LifeboatError("store-read-failed", `${key} cannot be read: ${wordsOf(cause)}.`, { cause });
  }
}

/** The work's result, or what the file system said as an error with a cure. */
export async function writing<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (cause) {
    throw writeFailure(cause);
  }
}

export function writeFailure(cause: unknown): LifeboatError {
  if (cause instanceof LifeboatError) return cause;
  const cures: Partial<Record<string, string>> = {
    ENOSPC: "The disk is full: run `lifeboat prune`, free space or use another store, then run again.",
    EDQUOT: "The disk quota is used up: run `lifeboat prune`, free space or raise the quota, then run again.",
    EACCES: "Give this user write access to the store's folder and everything below it.",
    EPERM: "Give this user write access; the file system must also support hard links.",
    EROFS: "The file system is mounted read-only: mount it read-write.",
  };
  const hint = cures[codeOf(cause) ?? ""];
  const isFull = codeOf(cause) === "ENOSPC" || codeOf(cause) === "EDQUOT";
  return new LifeboatError(
    isFull ? "store-full" : "store-write-failed",
    `The store cannot be written: ${wordsOf(cause)}.`,
    {
      ...(hint === undefined ? {} : { hint }),
      cause,
    },
  );
}

function linkRefused(path: string): LifeboatError {
  return new LifeboatError(
    "store-link-refused",
    `${path.split("/").slice(-3).join("/")} is a symbolic link; nothing in a store may lead elsewhere.`,
  );
}

export function codeOf(thrown: unknown): string | undefined {
  return thrown instanceof Error && "code" in thrown && typeof thrown.code === "string"
    ? thrown.code
    : undefined;
}

export function wordsOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}

/** For `.catch`: a missing file becomes undefined; everything else stays an error. */
export function absent(thrown: unknown): undefined {
  if (codeOf(thrown) === "ENOENT" || codeOf(thrown) === "ENOTDIR") return undefined;
  throw thrown;
}
