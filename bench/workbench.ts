/** What every database bench works in: a throwaway server, a folder, a key and the built bundle; all of it goes away. */
import { execFile, spawnSync } from "node:child_process";
import { cp, mkdir, mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { builtBundle } from "../test/support/bundle.ts";
import { clientBinDir, startServer, type TestServer } from "../test/support/servers.ts";
import { measure, type Measurement } from "./measured-process.ts";
import { quietServer } from "./shop-database.ts";

const major = 15;

export interface Workbench extends AsyncDisposable {
  readonly server: TestServer;
  readonly folder: string;
  readonly store: string;
  readonly recipient: string;
  readonly identityFile: string;
  /** The built bundle's `lifeboat`. */
  readonly cli: string;
  /** For libpq programs: the socket, without a password, and the programs of the server's own version. */
  readonly env: Readonly<Record<string, string>>;
  url(database: string): string;
  backUp(database: string, flags: readonly string[]): Promise<Measurement>;
  /** Removes every snapshot. */
  emptyStore(): Promise<void>;
}

export async function openWorkbench(): Promise<Workbench> {
  const folder = await mkdtemp(join(tmpdir(), "lifeboat-bench-"));
  const gnupgHome = join(folder, "gnupg");
  await mkdir(gnupgHome, { mode: 0o700 });
  let server: TestServer | undefined;
  const close = async (): Promise<void> => {
    await server?.stop();
    spawnSync("gpgconf", ["--homedir", gnupgHome, "--kill", "gpg-agent"], { stdio: "ignore" });
    await rm(folder, { recursive: true, force: true });
  };
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.once(signal, () => void close().finally(() => process.exit(1)));
  }
  try {
    const cli = await copyBundle(folder);
    const store = join(folder, "store");
    await mkdir(store);
    const identityFile = join(folder, "identity.txt");
    const keygen = [cli, "keygen", "--json", "--out", identityFile];
    const { stdout } = await promisify(execFile)(process.execPath, keygen);
    const { recipient } = JSON.parse(stdout) as { recipient: string };
    const started = await startServer(major, { settings: quietServer });
    server = started;
    const bin = await clientBinDir(major);
    if (bin === undefined) throw new Error(`There are no client programs of PostgreSQL ${major}.`);
    const url = (database: string): string =>
      `postgresql://${started.superuser}@/${database}?host=${encodeURIComponent(started.socketDir)}&port=${started.port}`;
    const env = {
      PATH: `${bin}:${process.env["PATH"] ?? ""}`,
      PGHOST: started.socketDir,
      PGPORT: String(started.port),
      PGUSER: started.superuser,
      GNUPGHOME: gnupgHome,
      NODE_COMPILE_CACHE: join(folder, "compile-cache"),
    };
    return {
      server: started,
      folder,
      store,
      recipient,
      identityFile,
      cli,
      env,
      url,
      backUp: async (database, flags) =>
        await measure({
          program: process.execPath,
          args: [
            ...[cli, "backup", "database", "--json", "--database-url", "env:BENCH_URL"],
            ...["--store", `file://${store}`, "--recipient", recipient, ...flags],
          ],
          env: { ...env, BENCH_URL: url(database) },
        }),
      emptyStore: async () => {
        for (const entry of await readdir(store)) await rm(join(store, entry), { recursive: true });
      },
      [Symbol.asyncDispose]: close,
    };
  } catch (cause) {
    await close();
    throw cause;
  }
}

/** A build of the present sources; a copy, because a later build may remove it from the cache. */
export async function copyBundle(folder: string): Promise<string> {
  const { cli } = await builtBundle();
  const built = resolve(cli, "../..");
  for (const entry of ["dist", "bin", "package.json"]) {
    await cp(join(built, entry), join(folder, entry), { recursive: true });
  }
  return join(folder, "bin/lifeboat.js");
}
