/** What lies in a folder, read back and held against the tar that it was written from. */
import { createHash } from "node:crypto";
import { constants } from "node:fs";
import { chmod, lstat, open, readdir, readlink } from "node:fs/promises";
import type { Header as Headers } from "tar-stream";
import { LifeboatError } from "../errors.ts";
import { checkedName, entriesOf } from "./extract-tree.ts";
import { bytesOf, rawOf } from "./raw-names.ts";
import { factsOf } from "./tar-entry.ts";

/** Throws `restore-not-verified` unless names, kinds, sizes, bytes, modes, owners (as root) and links are the tar's. */
export async function compareTar(tar: AsyncIterable<Uint8Array>, folder: string): Promise<void> {
  const root = rawOf(folder);
  let wanted = 0;
  for await (const { header, body } of entriesOf(tar)) {
    const path = `${root}/${checkedName(header.name, factsOf(header).name)}`;
    if (header.type !== "directory") wanted += 1;
    const hash = createHash("sha256");
    for await (const bytes of body) hash.update(bytes);
    const difference = await differenceOf(path, header, hash.digest("hex")).catch(
      (cause: unknown) =>
        `cannot be read back (${(cause as { code?: string }).code ?? "for an unknown reason"})`,
    );
    if (difference !== undefined) throw differs(header.name, difference);
  }
  const found = await countBelow(root);
  if (found !== wanted) throw differs("the folder", `has ${found} files and links instead of ${wanted}`);
}

/** SHA-256, lower-case hex, of a file as the disk has it now. */
export async function hashBack(path: string): Promise<string> {
  const bytes = bytesOf(path);
  const { mode } = await lstat(bytes);
  // Who may not read a file of their own may still give themselves the right to.
  const isClosed = process.getuid?.() !== 0 && (mode & 0o400) === 0;
  if (isClosed) await chmod(bytes, (mode & 0o777) | 0o400);
  try {
    const file = await open(bytes, constants.O_RDONLY | constants.O_NOFOLLOW);
    try {
      const hash = createHash("sha256");
      for await (const chunk of file.createReadStream({ autoClose: false }) as AsyncIterable<Buffer>) {
        hash.update(chunk);
      }
      return hash.digest("hex");
    } finally {
      await file.close();
    }
  } finally {
    if (isClosed) await chmod(bytes, mode & 0o777);
  }
}

async function differenceOf(path: string, header: Headers, sha256: string): Promise<string | undefined> {
  const facts = factsOf(header);
  const there = await lstat(bytesOf(path));
  const { uid, gid } = there;
  if (process.getuid?.() === 0 && (uid !== facts.uid || gid !== facts.gid)) {
    return `belongs to ${uid}:${gid} instead of ${facts.uid}:${facts.gid}`;
  }
  if (header.type === "symlink") {
    if (!there.isSymbolicLink()) return "is no link";
    const link = await readlink(bytesOf(path), { encoding: "buffer" });
    return link.toString("latin1") === facts.link ? undefined : "is a link to something else";
  }
  if (header.type === "directory" ? !there.isDirectory() : !there.isFile()) return `is no ${header.type}`;
  const mode = there.mode & 0o7777;
  if (mode !== facts.mode) return `has mode ${mode.toString(8)} instead of ${facts.mode.toString(8)}`;
  if (header.type === "directory") return undefined;
  if (there.size !== header.size) return `has ${there.size} bytes instead of ${header.size}`;
  return (await hashBack(path)) === sha256 ? undefined : "has other bytes";
}

/** Files and links; a folder that only root could look into has none that could be compared. */
async function countBelow(path: string): Promise<number> {
  let count = 0;
  for (const entry of await readdir(bytesOf(path), { encoding: "buffer", withFileTypes: true })) {
    count += entry.isDirectory() ? await countBelow(`${path}/${entry.name.toString("latin1")}`) : 1;
  }
  return count;
}

export function differs(name: string, what: string): LifeboatError {
  return new LifeboatError("restore-not-verified", `What was restored as ${JSON.stringify(name)} ${what}.`, {
    publicSentence: "What was restored is not what the backup has.",
    hint: "What stood there before is there again. Restore into another folder, on another disk, and compare.",
  });
}
