/** A tar of ours back into a folder: every name hostile until proven otherwise, links made last and never followed. */
import { constants } from "node:fs";
import { chmod, lchown, lstat, mkdir, open, symlink, utimes } from "node:fs/promises";
import { dirname, join } from "node:path";
import { extract, type Header as Headers } from "tar-stream";
import { LifeboatError } from "../errors.ts";

export interface ExtractReport {
  files: number;
  folders: number;
  links: number;
  bytes: number;
}

/**
 * Throws `restore-name-refused` for a name that leads out of `folder` (nothing of it is written), and
 * `restore-file-exists` where something stands that must not be replaced.
 */
export async function extractTar(tar: AsyncIterable<Uint8Array>, folder: string): Promise<ExtractReport> {
  const report = { files: 0, folders: 0, links: 0, bytes: 0 };
  const folders: { readonly path: string; readonly header: Headers }[] = [];
  const links: { readonly path: string; readonly header: Headers }[] = [];
  for await (const { header, body } of entriesOf(tar)) {
    const path = join(folder, checkedName(header.name));
    if (header.type === "directory") {
      await makeFolders(folder, path);
      folders.push({ path, header });
    } else if (header.type === "symlink") links.push({ path, header });
    else if (header.type === "file") {
      await makeFolders(folder, dirname(path));
      await writeFile(path, header, body);
      report.files += 1;
      report.bytes += header.size;
    } else throw refused(header.name, `is a ${header.type}`);
  }
  // As long as there are no links, no path can lead through one.
  for (const { path, header } of links) {
    await makeFolders(folder, dirname(path));
    if (await isThere(path)) throw exists(header.name);
    await symlink(header.linkname, path);
    await own(path, header);
  }
  for (const { path, header } of folders.toReversed()) {
    await own(path, header);
    await chmod(path, header.mode & 0o7777);
    await utimes(path, header.mtime, header.mtime);
  }
  return { ...report, folders: folders.length, links: links.length };
}

/** Reads a tar to its end; what it lists, for a check without a folder. */
export async function listTar(tar: AsyncIterable<Uint8Array>): Promise<ExtractReport> {
  const report = { files: 0, folders: 0, links: 0, bytes: 0 };
  for await (const { header, body } of entriesOf(tar)) {
    checkedName(header.name);
    for await (const bytes of body) report.bytes += bytes.length;
    if (header.type === "directory") report.folders += 1;
    else if (header.type === "symlink") report.links += 1;
    else report.files += 1;
  }
  return report;
}

export interface TarEntry {
  readonly header: Headers;
  readonly body: AsyncIterable<Uint8Array>;
}

/** Entries in their order; each body must be read to its end before the next one. Names are not checked. */
export async function* entriesOf(tar: AsyncIterable<Uint8Array>): AsyncGenerator<TarEntry, void, undefined> {
  const extracting = extract();
  const feeding = (async () => {
    for await (const bytes of tar) {
      if (!extracting.write(bytes))
        await new Promise<void>((drained) => extracting.once("drain", () => drained()));
    }
    extracting.end(undefined);
  })();
  feeding.catch((cause: unknown) => extracting.destroy(cause as Error));
  try {
    for await (const entry of extracting)
      yield { header: entry.header, body: entry as AsyncIterable<Uint8Array> };
  } catch (cause) {
    if (cause instanceof LifeboatError) throw cause;
    throw new LifeboatError("snapshot-damaged", "A tar of the snapshot cannot be read.", { cause });
  }
  await feeding;
}

/** What Linux takes: of one part of a path, and of a whole one. */
const longestSegment = 255;
const longestName = 4095;

function checkedName(name: string): string {
  const segments = name.replace(/\/$/, "").split("/");
  const bad = segments.some((segment) => segment === "" || segment === "." || segment === "..");
  if (bad || name.includes("\0")) throw refused(name, "leads out of the folder");
  const isTooLong = segments.some((segment) => Buffer.byteLength(segment) > longestSegment);
  if (isTooLong || Buffer.byteLength(name) > longestName) {
    throw refused(name, "has a name that is too long for a file system");
  }
  return segments.join("/");
}

async function makeFolders(root: string, path: string): Promise<void> {
  if (path === root) return;
  await makeFolders(root, dirname(path));
  const there = await lstat(path).catch(() => undefined);
  if (there === undefined) await mkdir(path, { mode: 0o700 });
  else if (!there.isDirectory()) throw exists(path.slice(root.length + 1));
}

async function writeFile(path: string, header: Headers, body: AsyncIterable<Uint8Array>): Promise<void> {
  if (await isThere(path)) throw exists(header.name);
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
  const file = await open(path, flags, 0o600);
  try {
    for await (const bytes of body) await file.writeFile(bytes);
    if (process.getuid?.() === 0) await file.chown(header.uid, header.gid);
    await file.chmod(header.mode & 0o7777);
    await file.utimes(header.mtime, header.mtime);
    await file.sync();
  } finally {
    await file.close();
  }
}

async function isThere(path: string): Promise<boolean> {
  return (await lstat(path).catch(() => undefined)) !== undefined;
}

/** Only root may give files away; everybody else gets their own. */
async function own(path: string, { uid, gid }: Headers): Promise<void> {
  if (process.getuid?.() === 0) await lchown(path, uid, gid);
}

function refused(name: string, why: string): LifeboatError {
  return new LifeboatError(
    "restore-name-refused",
    `The entry ${JSON.stringify(name.length > 300 ? `${name.slice(0, 300)}…` : name)} ${why}: it is refused.`,
    { publicSentence: `An entry of a tar ${why} and is refused.` },
  );
}

function exists(name: string): LifeboatError {
  return new LifeboatError("restore-file-exists", `${JSON.stringify(name)} is there already.`, {
    publicSentence: "Something stands in the target folder where a file would be written.",
  });
}
