/** Installs system packages on a runner. */
import { exec } from "@actions/exec";
import type { PackageInstaller } from "../postgres/install-programs.ts";

/**
 * By apt, as root or by sudo without a password. What is installed comes from a signed index and never from a folder that
 * others fill: apt compares only the size of a package that it finds in its archives (docs/decisions/0010).
 */
export function runnerPackageInstaller(): PackageInstaller {
  const isRoot = process.getuid?.() === 0;
  const quietly = { silent: true, ignoreReturnCode: true };
  return {
    mayInstall: async () => isRoot || (await exec("sudo", ["-n", "true"], quietly).catch(() => 1)) === 0,
    runAsRoot: async (program, args) => {
      const [command, rest] = isRoot ? [program, [...args]] : ["sudo", ["-n", program, ...args]];
      return (await exec(command, rest, quietly)) === 0;
    },
  };
}
