/**
 * Installs what is missing of PostgreSQL in one major version: client tools, server programs, packaged extensions.
 * By the distribution's own packages first, then by PGDG's: its script and the one key that may sign there (`Signed-By`)
 * are part of postgresql-common, which the distribution has signed.
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { LifeboatError } from "../errors.ts";
import type { Logger } from "../system/logger.ts";
import { bubblewrapPath, findIsolation } from "../system/sandbox/isolation.ts";
import type { Isolation, NoIsolation } from "../system/sandbox/way.ts";
import { type ClientTools, findClientTools, olderThanServer } from "./client-tools.ts";
import { packageOf } from "./extension-packages.ts";

const pgdgScript = "/usr/share/postgresql-common/pgdg/apt.postgresql.org.sh";

export interface PackageInstaller {
  /** Whether packages may be installed here without asking: root, or sudo without a password. */
  mayInstall(): Promise<boolean>;
  /** Runs one command as root and returns whether it succeeded; its output goes to the log. */
  runAsRoot(program: string, args: readonly string[]): Promise<boolean>;
}

/** Whatever the machine's own configuration allows: no package without a signed index. */
const signedOnly = [
  ...["-o", "APT::Get::AllowUnauthenticated=false"],
  ...["-o", "Acquire::AllowInsecureRepositories=false"],
  ...["-o", "Acquire::AllowDowngradeToInsecureRepositories=false"],
];

export interface InstallChoices {
  /** A folder that a person named: then nothing is installed. */
  readonly chosenFolder?: string;
  /** Absent where nothing may be installed. */
  readonly installer?: PackageInstaller;
  readonly logger: Logger;
}

/** The tools of the server's major, installed if missing and updated if older; says aloud what it installs. */
export async function ensureClientTools(
  major: number,
  choices: InstallChoices,
  serverVersion = "",
): Promise<ClientTools> {
  const found = await findClientTools(major, choices.chosenFolder);
  if (found !== undefined) {
    const outdated = choices.chosenFolder === undefined && olderThanServer(found, serverVersion);
    if (!outdated || !(await install(`postgresql-client-${major}`, choices))) return found;
    return (await findClientTools(major)) ?? found;
  }
  if (await install(`postgresql-client-${major}`, choices)) {
    const installed = await findClientTools(major);
    if (installed !== undefined) return installed;
  }
  throw new LifeboatError("client-tools-missing", `The PostgreSQL ${major} client tools are not installed.`, {
    hint:
      `On Debian or Ubuntu run: ${byHand(`postgresql-client-${major}`)}. Elsewhere install them and name their ` +
      "folder with `postgres-bin` (--postgres-bin).",
  });
}

/** Makes sure that `initdb` and `postgres` stand beside the client tools, for a throwaway server. */
export async function ensureServerPrograms(tools: ClientTools, choices: InstallChoices): Promise<void> {
  const areThere = (): boolean =>
    ["initdb", "postgres"].every((program) => existsSync(join(tools.binDir, program)));
  if (areThere()) return;
  const installable =
    choices.chosenFolder === undefined && (await install(`postgresql-${tools.major}`, choices));
  if (installable && areThere()) return;
  throw new LifeboatError(
    "server-programs-missing",
    `A real restore needs a PostgreSQL ${tools.major} server, and none is installed in ${tools.binDir}.`,
    {
      hint:
        `On Debian or Ubuntu run: ${byHand(`postgresql-${tools.major}`)}. Or name a server to restore into with ` +
        "`server-url` (--server-url).",
    },
  );
}

/** Tries to install extensions as packages; what has no package stays missing, and the check says so. */
export async function installExtensions(
  major: number,
  extensions: readonly string[],
  choices: InstallChoices,
): Promise<void> {
  const packages = new Set(extensions.flatMap((extension) => packageOf(extension, major) ?? []));
  for (const name of packages) await install(name, choices);
}

/** What runs a backup's contents isolated, installed where it is missing and may be. */
export async function ensureIsolation(
  temporaryFolder: string,
  choices: InstallChoices,
): Promise<Isolation | NoIsolation> {
  if (process.platform === "linux" && bubblewrapPath() === undefined) await install("bubblewrap", choices);
  return await findIsolation(temporaryFolder);
}

async function install(packageName: string, { installer, logger }: InstallChoices): Promise<boolean> {
  if (installer === undefined || !existsSync("/usr/bin/apt-get") || !(await installer.mayInstall()))
    return false;
  logger.info(`Installing the package ${packageName}, which is missing or outdated.`);
  const aptInstall = (name: string): Promise<boolean> =>
    installer.runAsRoot("apt-get", [...signedOnly, "install", "-y", "--no-install-recommends", name]);
  // What lies in apt's archives is used if it has the right size: it is fetched anew, and then compared with the index.
  await installer.runAsRoot("apt-get", ["clean"]);
  await installer.runAsRoot("apt-get", [...signedOnly, "update"]);
  if (!(await aptInstall(packageName))) {
    await aptInstall("postgresql-common");
    await installer.runAsRoot(pgdgScript, ["-y"]);
    return await aptInstall(packageName);
  }
  return true;
}

function byHand(packageName: string): string {
  return (
    `sudo apt-get install -y postgresql-common && sudo ${pgdgScript} -y && ` +
    `sudo apt-get install -y ${packageName}`
  );
}
