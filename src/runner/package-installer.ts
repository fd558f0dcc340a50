/** Installs system packages on a runner, and keeps them for the next run. */
import { readdir } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import * as cache from "@actions/cache";
import { exec } from "@actions/exec";
import { mkdirP } from "@actions/io";
import type { PackageInstaller } from "../postgres/install-programs.ts";
import type { Logger } from "../system/logger.ts";

/**
 * By apt, as root or by sudo without a password. Packages come from apt's own archive folder, restored from the cache
 * under the package's name: apt checks every file there against the distribution's signed hashes before it uses it, so
 * a poisoned cache costs time and nothing else.
 */
export function runnerPackageInstaller(logger: Logger): PackageInstaller {
  const isRoot = process.getuid?.() === 0;
  const quietly = { silent: true, ignoreReturnCode: true };
  const archives = join(homedir(), ".cache", "lifeboat-packages");
  const run = async (program: string, args: readonly string[]): Promise<boolean> => {
    const own = program === "apt-get" ? ["-o", `Dir::Cache::archives=${archives}`, ...args] : [...args];
    const [command, rest] = isRoot ? [program, own] : ["sudo", ["-n", program, ...own]];
    return (await exec(command, rest, quietly)) === 0;
  };
  const keyOf = (name: string): string => `lifeboat-${process.platform}-${process.arch}-${name}`;
  return {
    mayInstall: async () => isRoot || (await exec("sudo", ["-n", "true"], quietly).catch(() => 1)) === 0,
    runAsRoot: run,
    cache: {
      async restore(name) {
        // apt wants this folder below any archive folder of its own.
        await mkdirP(join(archives, "partial"));
        // Losing the cache costs time, never data: whatever goes wrong here, apt downloads.
        const hit = await cache.restoreCache([archives], keyOf(name)).catch(() => undefined);
        if (hit !== undefined) logger.debug(`Packages of ${name} come from the cache.`);
      },
      async save(name) {
        const packages = (await readdir(archives)).filter((file) => file.endsWith(".deb"));
        if (packages.length > 0) await cache.saveCache([archives], keyOf(name)).catch(() => undefined);
      },
    },
  };
}
