/** Files without a name, for what PostgreSQL's programs want to read by a path: gone with the last descriptor. */
import { randomBytes } from "node:crypto";
import { close, constants, open, write } from "node:fs";
import { unlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { promisify } from "node:util";
import { LifeboatError } from "../errors.ts";
import type { TocEntry } from "./restore-toc.ts";

export const memoryFolder = "/dev/shm";
export const closeFile = promisify(close);

/** Descriptor of a new file in `folder`, readable as /dev/fd/N by children; throws where the folder does not take it. */
export async function openUnnamed(folder: string): Promise<number> {
  const path = `${folder}/lifeboat-${randomBytes(8).toString("hex")}`;
  const fd = await promisify(open)(path, constants.O_RDWR | constants.O_CREAT | constants.O_EXCL, 0o600);
  await unlink(path);
  return fd;
}

/** A list for `pg_restore --use-list`: numbers only, so any folder may hold it. The caller closes it. */
export async function tocListFile(entries: readonly TocEntry[]): Promise<number> {
  const list = Buffer.from(entries.map(({ dumpId }) => `${dumpId};\n`).join(""));
  for (const folder of [memoryFolder, tmpdir()]) {
    const fd = await openUnnamed(folder).catch(() => undefined);
    if (fd === undefined) continue;
    try {
      await promisify(write)(fd, list, 0, list.length, 0);
      return fd;
    } catch {
      // No room in this folder: the next one.
      await closeFile(fd);
    }
  }
  throw new LifeboatError("unexpected", "No temporary file could be written.");
}
