/**
 * New files into the place of old ones by renames alone: until all of them stand there the old ones are only set aside,
 * and a failure puts everything back. A mount cannot be renamed, so nothing below one is ever lost.
 */
import { randomBytes } from "node:crypto";
import { lstat, mkdir, readdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { LifeboatError } from "../errors.ts";
import { lives, startTime } from "../system/process-life.ts";

/** With the number and the start time of the process that made it, so that there is no instant without an owner. */
const unfinished = /^\.lifeboat-(?:(\d+)-(?:(\d+)-)?)?[0-9a-f]{12}$/;
const setAside = /^\.lifeboat-before-(\d+)-(?:(\d+)-)?[0-9a-f]{12}$/;

/** A new folder for plaintext that is not in its place yet. */
export async function stageIn(folder: string): Promise<string> {
  return await newFolder(folder, "");
}

/** Puts back what a killed run had set aside, and removes the plaintext that it left. */
export async function clearLeftovers(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    const before = setAside.exec(name);
    const killed = before ?? unfinished.exec(name);
    if (killed === null || (await isAtWork(killed[1], killed[2]))) continue;
    if (before !== null) await putBack(join(folder, name), folder);
    await rm(join(folder, name), { recursive: true, force: true });
  }
}

/**
 * Moves `names` from `staged` into `folder`, where `prove` looks at them before what stood there goes. Throws
 * `restore-write-failed`, or what `prove` throws, with everything as it was.
 */
export async function replaceParts(
  folder: string,
  staged: string,
  names: readonly string[],
  prove: () => Promise<void>,
): Promise<void> {
  const before = await newFolder(folder, "before-");
  const moved: string[] = [];
  try {
    for (const name of names) {
      if (await isThere(join(folder, name))) await rename(join(folder, name), join(before, name));
      await rename(join(staged, name), join(folder, name));
      moved.push(name);
    }
    await prove();
  } catch (cause) {
    for (const name of moved) await rename(join(folder, name), join(staged, name));
    await putBack(before, folder);
    await rm(before, { recursive: true, force: true });
    throw cause instanceof LifeboatError ? cause : unmovable(cause);
  }
  await rm(before, { recursive: true });
}

async function putBack(before: string, folder: string): Promise<void> {
  for (const name of await readdir(before)) {
    if (!(await isThere(join(folder, name)))) await rename(join(before, name), join(folder, name));
  }
}

async function newFolder(folder: string, kind: string): Promise<string> {
  const owner = `${process.pid}-${(await startTime(process.pid)) ?? "0"}`;
  const path = join(folder, `.lifeboat-${kind}${owner}-${randomBytes(6).toString("hex")}`);
  await mkdir(path, { mode: 0o700 });
  return path;
}

/** In containers a killed run's number is often that of a living one, or our own: its start time tells them apart. */
async function isAtWork(pid: string | undefined, start: string | undefined): Promise<boolean> {
  return pid !== undefined && start !== undefined && (await lives(Number(pid), start));
}

async function isThere(path: string): Promise<boolean> {
  return (await lstat(path).catch(() => undefined)) !== undefined;
}

function unmovable(cause: unknown): LifeboatError {
  const { code = "for an unknown reason" } = cause as { code?: string };
  return new LifeboatError(
    "restore-write-failed",
    `The old files cannot be moved out of the way (${code}): everything is as it was.`,
    {
      cause,
      hint: "A mount cannot be replaced. Restore into another folder, compare, and copy from there; or unmount it first.",
    },
  );
}
