/** A tar of ours back into a folder: every name hostile until proven otherwise, links made last and never followed. */
import { constants } from "node:fs";
import { chmod, lchown, lstat, mkdir, open, symlink, utimes } from "node:fs/promises";
import { dirname } from "node:path";
import { extract, type Header as Headers } from "tar-stream";
import { LifeboatError } from "../errors.ts";
import { writing } from "../storage/tree-files.ts";
import { bytesOf, rawOf } from "./raw-names.ts";
import { type EntryFacts, factsOf } from "./tar-entry.ts";

export interface ExtractReport {
  files: number;
  folders: number;
  links: number;
  bytes: number;
  /** What entries have and restored files do not, by kind: `setuid`, `setgid`, `sticky`, `owner`. */
  readonly dropped: Record<string, number>;
}

/**
 * Throws `restore-name-refused` for a name that leads out of `folder` (nothing of it is written), and
 * `restore-file-exists` where something stands that must not be replaced.
 */
export async function extractTar(tar: AsyncIterable<Uint8Array>, folder: string): Promise<ExtractReport> {
  const report: ExtractReport = { files: 0, folders: 0, links: 0, bytes: 0, dropped: {} };
  const root = rawOf(folder);
  const folders: { readonly path: string; readonly facts: EntryFacts }[] = [];
  const links: { readonly path: string; readonly facts: EntryFacts }[] = [];
  for await (const { header, body } of entriesOf(tar)) {
    const facts = factsOf(header);
    const path = `${root}/${checkedName(header.name, facts.name)}`;
    countDropped(header, facts, report.dropped);
    if (header.type === "directory") {
      await makeFolders(root, path);
      folders.push({ path, facts });
    } else if (header.type === "symlink") links.push({ path, facts });
    else if (header.type === "file") {
      await makeFolders(root, dirname(path));
      await writeFile(path, facts, header.name, body);
      report.files += 1;
      report.bytes += header.size;
    } else throw refused(header.name, `is a ${header.type}`);
  }
  // As long as there are no links, no path can lead through one.
  for (const { path, facts } of links) {
    await makeFolders(root, dirname(path));
    if (await isThere(path)) throw exists(path.slice(root.length + 1));
    await writing(symlink(bytesOf(facts.link ?? ""), bytesOf(path)));
    await own(path, facts);
  }
  for (const { path, facts } of folders.toReversed()) {
    await own(path, facts);
    await writing(chmod(bytesOf(path), facts.mode));
    await writing(utimes(bytesOf(path), facts.mtime, facts.mtime));
  }
  return { ...report, folders: folders.length, links: links.length };
}

/** As tar does for whoever does not ask: a restored file makes nobody another user. */
function countDropped(
  { mode, type }: Headers,
  { uid, gid }: EntryFacts,
  dropped: Record<string, number>,
): void {
  const count = (kind: string, is: boolean): void => {
    if (is) dropped[kind] = (dropped[kind] ?? 0) + 1;
  };
  const special = type === "symlink" ? 0 : mode;
  count("setuid", (special & 0o4000) !== 0);
  count("setgid", (special & 0o2000) !== 0);
  count("sticky", (special & 0o1000) !== 0);
  const us = process.getuid?.();
  count("owner", us !== 0 && (uid !== us || gid !== process.getgid?.()));
}

/** Reads a tar to its end; what it lists, for a check without a folder. */
export async function listTar(tar: AsyncIterable<Uint8Array>): Promise<ExtractReport> {
  const report: ExtractReport = { files: 0, folders: 0, links: 0, bytes: 0, dropped: {} };
  for await (const { header, body } of entriesOf(tar)) {
    checkedName(header.name, factsOf(header).name);
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

/** The raw name, which stays inside; `text` is what is said of it. */
export function checkedName(text: string, raw: string | undefined): string {
  const segments = (raw ?? "..").replace(/\/$/, "").split("/");
  const bad = segments.some((segment) => segment === "" || segment === "." || segment === "..");
  if (bad || raw === undefined || raw.includes("\0")) throw refused(text, "leads out of the folder");
  const isTooLong = segments.some((segment) => Buffer.byteLength(segment, "latin1") > longestSegment);
  if (isTooLong || Buffer.byteLength(raw, "latin1") > longestName) {
    throw refused(text, "has a name that is too long for a file system");
  }
  return segments.join("/");
}

async function makeFolders(root: string, path: string): Promise<void> {
  if (path === root) return;
  await makeFolders(root, dirname(path));
  const there = await lstat(bytesOf(path)).catch(() => undefined);
  if (there === undefined) await writing(mkdir(bytesOf(path), { mode: 0o700 }));
  else if (!there.isDirectory()) throw exists(path.slice(root.length + 1));
}

async function writeFile(
  path: string,
  { mode, uid, gid, mtime }: EntryFacts,
  name: string,
  body: AsyncIterable<Uint8Array>,
): Promise<void> {
  if (await isThere(path)) throw exists(name);
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
  const file = await writing(open(bytesOf(path), flags, 0o600));
  try {
    for await (const bytes of body) await writing(file.writeFile(bytes));
    if (process.getuid?.() === 0) await writing(file.chown(uid, gid));
    await writing(file.chmod(mode));
    await writing(file.utimes(mtime, mtime));
    await writing(file.sync());
  } finally {
    await file.close();
  }
}

async function isThere(path: string): Promise<boolean> {
  return (await lstat(bytesOf(path)).catch(() => undefined)) !== undefined;
}

/** Only root may give files away; everybody else gets their own. */
async function own(path: string, { uid, gid }: EntryFacts): Promise<void> {
  if (process.getuid?.() === 0) await writing(lchown(bytesOf(path), uid, gid));
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
