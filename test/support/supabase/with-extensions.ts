/** A server's programs beside more extensions than it came with: links to the original, but for what is added. */
import { chmod, copyFile, mkdir, mkdtemp, readdir, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { type Major, serverBinDir } from "../postgres-programs.ts";

export interface TestExtension {
  readonly name: string;
  /** Lines of its control file besides the version. */
  readonly control: string;
  readonly sql: string;
}

/** Folders as the programs were built with them; they find each other by the way from one to the next. */
function layoutOf(binDir: string, major: Major): { root: string; bin: string; lib: string; share: string } {
  if (binDir.startsWith("/usr/")) {
    const version = `lib/postgresql/${major}`;
    return { root: "/usr", bin: `${version}/bin`, lib: `${version}/lib`, share: `share/postgresql/${major}` };
  }
  return { root: dirname(binDir), bin: "bin", lib: "lib", share: "share/postgresql" };
}

/**
 * Returns the folder to remove afterwards and the programs' folder in it. `without`: extensions that this machine may
 * have, and a test must not find.
 */
export async function serverWithExtensions(
  major: Major,
  extensions: readonly TestExtension[],
  without: readonly string[] = [],
): Promise<{ readonly folder: string; readonly binDir: string }> {
  const original = await serverBinDir(major);
  if (original === undefined) throw new Error(`There is no PostgreSQL ${major} server for this machine.`);
  const { root, bin, lib, share } = layoutOf(original, major);
  const folder = await mkdtemp(join(tmpdir(), `lifeboat-programs-${major}-`));
  // The server runs as another user where the tests run as root.
  await chmod(folder, 0o755);
  for (const path of [bin, dirname(lib), join(share, "extension")]) {
    await mkdir(join(folder, path), { recursive: true });
  }
  // Programs look for their companions from where they really are, so these two are copies.
  for (const program of ["initdb", "postgres"]) {
    await copyFile(join(root, bin, program), join(folder, bin, program));
  }
  await symlink(join(root, lib), join(folder, lib));
  for (const path of [share, join(share, "extension")]) {
    for (const entry of await readdir(join(root, path))) {
      const isHidden = without.some((name) => entry === `${name}.control` || entry.startsWith(`${name}--`));
      if (basename(entry) !== "extension" && !isHidden)
        await symlink(join(root, path, entry), join(folder, path, entry));
    }
  }
  for (const { name, control, sql } of extensions) {
    const at = join(folder, share, "extension", name);
    await writeFile(`${at}.control`, `default_version = '1.0'\nrelocatable = false\n${control}\n`);
    await writeFile(`${at}--1.0.sql`, sql);
  }
  return { folder, binDir: join(folder, bin) };
}
