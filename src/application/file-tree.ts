/** Paths and configuration folders as one tar: links as links, modes and owners kept, nothing that was not named. */
import { constants, type Stats } from "node:fs";
import { type FileHandle, lstat, open, readdir, readlink } from "node:fs/promises";
import { join, relative, resolve, sep } from "node:path";
import { pack as tarPack } from "tar-stream";
import { LifeboatError } from "../errors.ts";

export interface TreeRequest {
  /** What relative paths stand on, and what names in the tar leave out. Absolute. */
  readonly base: string;
  /** Files and folders; absolute ones keep their whole path in the tar, without the slash in front. */
  readonly paths: readonly string[];
  /** By the entry's name in the tar. */
  readonly isExcluded: (name: string) => boolean;
}

export interface TreeTotals {
  files: number;
  folders: number;
  links: number;
  /** Bytes of files. */
  bytes: number;
  /** Sockets, pipes and devices: they are no content. */
  readonly skipped: string[];
}

/** Throws `path-missing` with every path that is not there, before anything is read. */
export async function requirePaths({ base, paths }: TreeRequest): Promise<void> {
  const missing: string[] = [];
  for (const path of paths) {
    if ((await lstat(resolve(base, path)).catch(() => undefined)) === undefined) missing.push(path);
  }
  if (missing.length === 0) return;
  throw new LifeboatError(
    "path-missing",
    `There is no ${missing.map((path) => JSON.stringify(path)).join(", ")}.`,
  );
}

/** The tar's bytes; `totals` is filled on the way. Throws `file-changed` where a file shrinks while it is read. */
export async function* tarOf(
  request: TreeRequest,
  totals: TreeTotals,
): AsyncGenerator<Uint8Array, void, undefined> {
  const pack = tarPack();
  const writing = (async () => {
    for (const path of request.paths) await addPath(resolve(request.base, path), request, pack, totals);
    pack.finalize();
  })();
  writing.catch((cause: unknown) => pack.destroy(cause as Error));
  for await (const bytes of pack as AsyncIterable<Buffer>) yield bytes;
  await writing;
}

type Pack = ReturnType<typeof tarPack>;

async function addPath(path: string, request: TreeRequest, pack: Pack, totals: TreeTotals): Promise<void> {
  const name = nameOf(path, request.base);
  if (name !== "" && request.isExcluded(name)) return;
  const stats = await lstat(path);
  if (stats.isSymbolicLink()) {
    totals.links += 1;
    await addEntry(pack, { ...headerOf(name, stats), type: "symlink", linkname: await readlink(path) });
  } else if (stats.isDirectory()) {
    totals.folders += 1;
    if (name !== "") await addEntry(pack, { ...headerOf(`${name}/`, stats), type: "directory" });
    const names = (await readdir(path)).sort();
    for (const child of names) await addPath(join(path, child), request, pack, totals);
  } else if (stats.isFile()) await addFile(path, name, pack, totals);
  else totals.skipped.push(name);
}

/** As many bytes as the file has when it is opened: what a log gains meanwhile is left out, what goes missing throws. */
async function addFile(path: string, name: string, pack: Pack, totals: TreeTotals): Promise<void> {
  // Somebody may put a link where a file was seen.
  const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW);
  try {
    const stats = await file.stat();
    const entry = pack.entry({ ...headerOf(name, stats), type: "file", size: stats.size });
    const ended = new Promise<void>((done, fail) => {
      entry.on("error", fail).on("close", done).on("finish", done);
    });
    ended.catch(() => {});
    for await (const bytes of firstBytes(file, stats.size, name)) {
      if (!entry.write(bytes)) await new Promise<void>((drained) => entry.once("drain", () => drained()));
    }
    entry.end(undefined);
    await ended;
    totals.files += 1;
    totals.bytes += stats.size;
  } finally {
    await file.close();
  }
}

async function* firstBytes(file: FileHandle, size: number, name: string): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < size;) {
    const { bytesRead, buffer } = await file.read(
      Buffer.allocUnsafe(Math.min(256 * 1024, size - at)),
      0,
      undefined,
      at,
    );
    if (bytesRead === 0) {
      throw new LifeboatError("file-changed", `${JSON.stringify(name)} became shorter while it was read.`, {
        publicSentence: "A file became shorter while it was read.",
      });
    }
    at += bytesRead;
    yield buffer.subarray(0, bytesRead);
  }
}

function addEntry(pack: Pack, header: Parameters<Pack["entry"]>[0]): Promise<void> {
  return new Promise((done, fail) => {
    pack.entry(header, (error) => (error ? fail(error) : done()));
  });
}

function headerOf(name: string, { mode, uid, gid, mtime }: Stats) {
  return { name, mode: mode & 0o7777, uid, gid, mtime, size: 0 };
}

/** Below the base without it, elsewhere the whole path; never absolute, never with `..`. */
function nameOf(path: string, base: string): string {
  const below = relative(base, path);
  const name = below === "" || (!below.startsWith(`..${sep}`) && below !== "..") ? below : path.slice(1);
  return name.split(sep).join("/");
}
