/**
 * `.reserve`: a little space of a directory store that is given up on the day on which its disk is full. Deleting
 * needs room for the tombstone that must be written before, and without it a full store could never be pruned.
 */
import { randomBytes } from "node:crypto";
import { link, lstat, rm, statfs, unlink } from "node:fs/promises";
import { join } from "node:path";
import type { Clock } from "../system/clock.ts";
import type { Logger } from "../system/logger.ts";
import { streamOf } from "../system/stream-of.ts";
import { newStagingFolder, sweep } from "./directory-staging.ts";
import { absent, writeNewFile, writing } from "./local-files.ts";

const name = ".reserve";
/** Tombstones of dozens of snapshots: each has a few kilobytes, and what it allows to be deleted has more. */
const reserveBytes = 256 * 1024;
/** A disk that is nearly full is not filled further by what is for that day. */
const roomyBytes = 16 * reserveBytes;

/** What nobody could use anyway: it must take no backup's place, and no backup must fail for it. */
export async function keepReserve(root: string): Promise<void> {
  const staging = await reserveStaging(root).catch(() => undefined);
  if (staging === undefined) return;
  try {
    // Not compressible, so that it takes its space on every file system.
    await writeNewFile(join(staging, name), streamOf(randomBytes(reserveBytes)));
    await link(join(staging, name), join(root, name));
  } catch {
    // No room, or another process was faster.
  } finally {
    await rm(staging, { recursive: true, force: true }).catch(() => {});
  }
}

async function reserveStaging(root: string): Promise<string | undefined> {
  if ((await reserved(root)) !== undefined) return undefined;
  const { bavail, bsize } = await statfs(root);
  return bavail * bsize < roomyBytes ? undefined : await newStagingFolder(root);
}

/** The reserve, and what dead backups have left. */
export async function freeReserve(root: string, clock: Clock, logger: Logger): Promise<boolean> {
  const before = await statfs(root);
  await sweep(root, clock, logger);
  const there = await reserved(root);
  if (there !== undefined) await writing(unlink(join(root, name)));
  const after = await statfs(root);
  return there !== undefined || after.bavail > before.bavail;
}

async function reserved(root: string): Promise<unknown> {
  return await lstat(join(root, name)).catch(absent);
}
