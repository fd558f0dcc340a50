/** Paths and configuration folders as one tar: links as links, modes and owners kept, nothing that was not named. */
import { constants, type Stats } from "node:fs";
import { type FileHandle, lstat, open, readdir, readlink } from "node:fs/promises";
import { relative, resolve, sep } from "node:path";
import { pack as tarPack } from "tar-stream";
import { LifeboatError } from "../errors.ts";
import { bytesOf, rawOf, tarTextOf } from "./raw-names.ts";
import { headerOf } from "./tar-entry.ts";

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
  /** The same by kind, and what a restore does not bring back, by kind. */
  readonly kinds: Record<string, number>;
}

export function noTotals(): TreeTotals {
  return { files: 0, folders: 0, links: 0, bytes: 0, skipped: [], kinds: {} };
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
    for (const path of request.paths) {
      const whole = resolve(request.base, path);
      await addPath({ path: rawOf(whole), name: rawOf(nameOf(whole, request.base)) }, request, pack, totals);
    }
    pack.finalize();
  })();
  writing.catch((cause: unknown) => pack.destroy(cause as Error));
  for await (const bytes of pack as AsyncIterable<Buffer>) yield bytes;
  await writing;
}

type Pack = ReturnType<typeof tarPack>;

/** Both raw: where it stands, and its name in the tar. */
interface Place {
  readonly path: string;
  readonly name: string;
}

async function addPath(place: Place, request: TreeRequest, pack: Pack, totals: TreeTotals): Promise<void> {
  const { path, name } = place;
  const { text } = tarTextOf(name);
  if (name !== "" && request.isExcluded(text)) return;
  const stats = await reading(lstat(bytesOf(path)), text);
  countKinds(stats, totals);
  if (stats.isSymbolicLink()) {
    totals.links += 1;
    const link = await reading(readlink(bytesOf(path), { encoding: "buffer" }), text);
    await addEntry(pack, { ...headerOf(name, stats, link.toString("latin1")), type: "symlink" });
  } else if (stats.isDirectory()) {
    totals.folders += 1;
    if (name !== "") await addEntry(pack, { ...headerOf(`${name}/`, stats), type: "directory" });
    const names = await reading(readdir(bytesOf(path), { encoding: "buffer" }), text);
    for (const child of names.map((bytes) => bytes.toString("latin1")).sort()) {
      const below = { path: `${path}/${child}`, name: name === "" ? child : `${name}/${child}` };
      await addPath(below, request, pack, totals);
    }
  } else if (stats.isFile()) await addFile(place, pack, totals);
  else totals.skipped.push(text);
}

function countKinds(stats: Stats, { kinds }: TreeTotals): void {
  const count = (kind: string, is: boolean): void => {
    if (is) kinds[kind] = (kinds[kind] ?? 0) + 1;
  };
  count("socket", stats.isSocket());
  count("pipe", stats.isFIFO());
  count("device", stats.isBlockDevice() || stats.isCharacterDevice());
  if (!stats.isFile() && !stats.isDirectory()) return;
  count("setuid", (stats.mode & 0o4000) !== 0);
  count("setgid", (stats.mode & 0o2000) !== 0);
  count("sticky", (stats.mode & 0o1000) !== 0);
  count("hard-link", stats.isFile() && stats.nlink > 1);
}

/** As many bytes as the file has when it is opened: what a log gains meanwhile is left out, what goes missing throws. */
async function addFile({ path, name }: Place, pack: Pack, totals: TreeTotals): Promise<void> {
  const { text } = tarTextOf(name);
  // Somebody may put a link where a file was seen.
  const file = await reading(open(bytesOf(path), constants.O_RDONLY | constants.O_NOFOLLOW), text);
  try {
    const stats = await file.stat();
    const entry = pack.entry({ ...headerOf(name, stats), type: "file", size: stats.size });
    const ended = new Promise<void>((done, fail) => {
      entry.on("error", fail).on("close", done).on("finish", done);
    });
    ended.catch(() => {});
    for await (const bytes of firstBytes(file, stats.size, text)) {
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
    const { bytesRead, buffer } = await reading(
      file.read(Buffer.allocUnsafe(Math.min(256 * 1024, size - at)), 0, undefined, at),
      name,
    );
    if (bytesRead === 0) throw changed(name, "became shorter");
    at += bytesRead;
    yield buffer.subarray(0, bytesRead);
  }
}

function addEntry(pack: Pack, header: Parameters<Pack["entry"]>[0]): Promise<void> {
  return new Promise((done, fail) => {
    pack.entry(header, (error) => (error ? fail(error) : done()));
  });
}

/** The work's result, or what the file system said, with a code that tells what to do. */
async function reading<T>(work: Promise<T>, name: string): Promise<T> {
  try {
    return await work;
  } catch (cause) {
    const { code = "for an unknown reason" } = cause as { code?: string };
    if (code === "ENOENT" || code === "ELOOP") throw changed(name, "went away");
    if (code === "ENAMETOOLONG") {
      throw new LifeboatError("path-too-long", `A path is too long for this system: …${name.slice(-200)}.`, {
        publicSentence: "A path below those to back up is too long for this system.",
        cause,
      });
    }
    throw new LifeboatError("path-unreadable", `${JSON.stringify(name)} cannot be read: ${code}.`, {
      publicSentence: `Something below the paths to back up cannot be read: ${code}.`,
      cause,
    });
  }
}

function changed(name: string, what: string): LifeboatError {
  return new LifeboatError("file-changed", `${JSON.stringify(name)} ${what} while it was read.`, {
    publicSentence: `A file ${what} while it was read.`,
  });
}

/** Below the base without it, elsewhere the whole path; never absolute, never with `..`. */
function nameOf(path: string, base: string): string {
  const below = relative(base, path);
  const name = below === "" || (!below.startsWith(`..${sep}`) && below !== "..") ? below : path.slice(1);
  return name.split(sep).join("/");
}
