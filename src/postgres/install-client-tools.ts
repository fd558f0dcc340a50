/** Installs PostgreSQL's client tools of one major: the distribution's own package, then PGDG's by its script. */
import { existsSync } from "node:fs";
import { LifeboatError } from "../errors.ts";
import type { Logger } from "../system/logger.ts";
import type { ClientTools } from "./client-tools.ts";
import { findClientTools } from "./client-tools.ts";

const pgdgScript = "/usr/share/postgresql-common/pgdg/apt.postgresql.org.sh";

export interface PackageInstaller {
  /** Whether packages may be installed here without asking: root, or sudo without a password. */
  mayInstall(): Promise<boolean>;
  /** Runs one command as root and returns whether it succeeded; its output goes to the log. */
  runAsRoot(program: string, args: readonly string[]): Promise<boolean>;
  /** Packages kept from an earlier run, checked against the distribution's signed hashes before use. */
  readonly cache?: PackageCache;
}

export interface PackageCache {
  restore(packageName: string): Promise<void>;
  save(packageName: string): Promise<void>;
}

/** The tools of the server's major, installed if missing; says aloud what it installs. */
export async function ensureClientTools(
  major: number,
  choices: { readonly chosenFolder?: string; readonly installer?: PackageInstaller; readonly logger: Logger },
): Promise<ClientTools> {
  const found = await findClientTools(major, choices.chosenFolder);
  if (found !== undefined) return found;
  const { installer, logger } = choices;
  if (installer !== undefined && existsSync("/usr/bin/apt-get") && (await installer.mayInstall())) {
    logger.info(`PostgreSQL ${major} client tools are missing: installing postgresql-client-${major}.`);
    await install(major, installer);
    const installed = await findClientTools(major);
    if (installed !== undefined) return installed;
  }
  throw new LifeboatError("client-tools-missing", `The PostgreSQL ${major} client tools are not installed.`, {
    hint:
      `On Debian or Ubuntu run: sudo apt-get install -y postgresql-common && sudo ${pgdgScript} -y && ` +
      `sudo apt-get install -y postgresql-client-${major}. Elsewhere install them and name their folder with ` +
      "`postgres-bin` (--postgres-bin).",
  });
}

async function install(major: number, installer: PackageInstaller): Promise<void> {
  const packageName = `postgresql-client-${major}`;
  const aptInstall = (name: string): Promise<boolean> =>
    installer.runAsRoot("apt-get", ["install", "-y", "--no-install-recommends", name]);
  await installer.cache?.restore(packageName);
  await installer.runAsRoot("apt-get", ["update"]);
  if (!(await aptInstall(packageName))) {
    await aptInstall("postgresql-common");
    await installer.runAsRoot(pgdgScript, ["-y"]);
    if (!(await aptInstall(packageName))) return;
  }
  await installer.cache?.save(packageName);
}
