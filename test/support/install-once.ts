/** Downloads for tests: made once, whoever asks first, and only whole things count. */
import { mkdir, mkdtemp, readFile, rename, rm, writeFile } from "node:fs/promises";
import { existsSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

/** Git-ignored. Several clones on one machine may share one folder through the variable. */
export const cacheFolder = process.env["LIFEBOAT_TEST_CACHE"] ?? resolve(import.meta.dirname, "../../.cache");

/**
 * The folder `name` of the cache, filled by `install` if it is not there yet. `install` fills a folder beside it
 * that is renamed when complete, so that a killed run leaves nothing half. Undefined, with a warning, where it fails.
 */
export async function installOnce(
  name: string,
  install: (folder: string, final: string) => Promise<void>,
): Promise<string | undefined> {
  const final = join(cacheFolder, name);
  if (existsSync(final)) return final;
  await mkdir(dirname(final), { recursive: true });
  const release = await lock(`${final}.lock`);
  try {
    if (existsSync(final)) return final;
    const folder = await mkdtemp(`${final}.new-`);
    try {
      await install(folder, final);
      await rename(folder, final);
      return final;
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  } catch (cause) {
    console.warn(`SKIPPED: ${name} could not be installed, tests that need it do not run.`, cause);
    return undefined;
  } finally {
    await release();
  }
}

/** A folder as a lock; one whose owner died is taken over. */
async function lock(path: string): Promise<() => Promise<void>> {
  for (;;) {
    try {
      await mkdir(path);
      await writeFile(join(path, "pid"), String(process.pid));
      return () => rm(path, { recursive: true, force: true });
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code !== "EEXIST") throw cause;
    }
    await sleep(300);
    const pid = Number(await readFile(join(path, "pid"), "utf8").catch(() => ""));
    if (pid > 0 && !isRunning(pid)) await rm(path, { recursive: true, force: true });
  }
}

export function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (cause) {
    return (cause as NodeJS.ErrnoException).code === "EPERM";
  }
}
