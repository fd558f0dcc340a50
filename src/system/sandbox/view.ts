/** What of the machine's file system an isolated program sees: programs and libraries, read-only, and nothing of people. */
import { existsSync, lstatSync, readlinkSync, realpathSync } from "node:fs";
import { dirname, isAbsolute, join } from "node:path";
import { childEnvironment } from "../environment.ts";

/** Where programs and libraries lie; on most machines all but /usr are links into it. */
const systemFolders = ["/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32"];

/** The loader's index, links to chosen programs, Perl's and OpenSSL's settings, PostgreSQL's dictionaries. */
const singlePaths = [
  "/etc/ld.so.cache",
  "/etc/alternatives",
  "/etc/localtime",
  "/etc/perl",
  "/etc/ssl/openssl.cnf",
  "/var/cache/postgresql/dicts",
];

/** Package managers whose programs find their libraries all over a tree of their own, which holds packages only. */
const packageTrees = ["/nix/store", "/gnu/store", "/home/linuxbrew/.linuxbrew", "/opt/homebrew"];

/** As bubblewrap's arguments: a folder or file, or a link, and how it is called inside. */
export type Shown = readonly ["--ro-bind" | "--symlink", string, string];

export function systemView(): readonly Shown[] {
  return [
    ...systemFolders.flatMap((folder): readonly Shown[] => {
      const stat = lstatSync(folder, { throwIfNoEntry: false });
      if (stat === undefined) return [];
      return stat.isSymbolicLink()
        ? [["--symlink", readlinkSync(folder), folder]]
        : [["--ro-bind", folder, folder]];
    }),
    ...singlePaths.flatMap(readOnly),
  ];
}

/**
 * The folder of a program (links followed), with the libraries and PostgreSQL's shared files beside it. Never the parent
 * as a whole: of `~/bin` that would be a person's home.
 */
export function programView(program: string): readonly Shown[] {
  const binDir = dirname(realpathSync(program));
  if (isBelow(binDir, "/usr")) return [];
  const tree = packageTrees.find((folder) => isBelow(binDir, folder));
  if (tree !== undefined) return readOnly(tree);
  const parent = dirname(binDir);
  const shared = ["share", "share/postgresql", "share/pgsql"]
    .map((folder) => join(parent, folder))
    .filter((folder) => existsSync(join(folder, "postgres.bki")));
  return [binDir, join(parent, "lib"), join(parent, "lib64"), ...shared].flatMap(readOnly);
}

/** Where a program lies, among the folders of packages before those of people. */
export function programPath(name: string): string | undefined {
  const folders = ["/usr/bin", "/bin", "/usr/local/bin", ...(childEnvironment()["PATH"] ?? "").split(":")];
  return folders.map((folder) => join(folder, name)).find((path) => isAbsolute(path) && existsSync(path));
}

function readOnly(path: string): readonly Shown[] {
  return existsSync(path) ? [["--ro-bind", path, path]] : [];
}

function isBelow(path: string, folder: string): boolean {
  return path === folder || path.startsWith(`${folder}/`);
}
