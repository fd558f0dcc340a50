/** The actions and the command line as users get them: built from the present sources, once for all tests. */
import { createHash } from "node:crypto";
import { cp, mkdir, readdir, readFile, rm, stat } from "node:fs/promises";
import { join, resolve } from "node:path";
import { buildBundle } from "../../scripts/build.ts";
import { cacheFolder, installOnce } from "./install-once.ts";

const root = resolve(import.meta.dirname, "../..");
const dayMs = 24 * 3600 * 1000;

export type BuiltAction =
  | "app-backup"
  | "db-backup"
  | "monitor"
  | "plan"
  | "prune"
  | "restore"
  | "rotate-keys"
  | "storage-backup"
  | "verify"
  | "witness";

export interface BuiltBundle {
  /** `actions/<name>/main.js`, to be started as the runner does. */
  readonly action: (name: BuiltAction) => string;
  /** The script behind `lifeboat`. */
  readonly cli: string;
}

export async function builtBundle(): Promise<BuiltBundle> {
  const name = `bundles/${await fingerprint()}`;
  const folder = await installOnce(name, async (fresh) => {
    await removeOld(name);
    buildBundle(join(fresh, "dist"));
    await cp(join(root, "actions"), join(fresh, "actions"), { recursive: true });
    await cp(join(root, "bin"), join(fresh, "bin"), { recursive: true });
    // The entry files are ES modules by their package's word.
    await cp(join(root, "package.json"), join(fresh, "package.json"));
  });
  if (folder === undefined) throw new Error("The bundle could not be built; the warning above says why.");
  return {
    action: (action) => join(folder, "actions", action, "main.js"),
    cli: join(folder, "bin/lifeboat.js"),
  };
}

/** Of everything that goes into the bundle: a change of sources must never be tested against an old build. */
async function fingerprint(): Promise<string> {
  const hash = createHash("sha256");
  const sources = await readdir(join(root, "src"), { recursive: true, withFileTypes: true });
  const files = sources.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  for (const file of ["package-lock.json", "package.json", "scripts/build.ts", ...files.sort()]) {
    hash.update(file).update(await readFile(resolve(root, file)));
  }
  return hash.digest("hex").slice(0, 16);
}

/** Not the others': another clone with the same cache may be running its tests with one of them. */
async function removeOld(name: string): Promise<void> {
  const folder = join(cacheFolder, "bundles");
  await mkdir(folder, { recursive: true });
  for (const entry of await readdir(folder)) {
    if (!/^[0-9a-f]{16}$/.test(entry) || name.endsWith(entry)) continue;
    const { mtimeMs } = await stat(join(folder, entry));
    if (Date.now() - mtimeMs > dayMs) await rm(join(folder, entry), { recursive: true, force: true });
  }
}
