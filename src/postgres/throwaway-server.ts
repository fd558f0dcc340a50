/**
 * A PostgreSQL server that lives for one check: in a 0700 folder of its own, reachable only through a socket inside
 * that folder, gone with us. Its folder's name says who owns it, so that the next start sweeps what a kill left.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { chown, type FileHandle, mkdir, open, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { asLifeboatError, LifeboatError } from "../errors.ts";
import type { Clock } from "../system/clock.ts";
import { childEnvironment } from "../system/environment.ts";
import type { Logger } from "../system/logger.ts";
import { runTool } from "../system/process.ts";
import { openClient } from "./client.ts";
import type { Connection } from "./connection.ts";
import { folderNameOfThisProcess, sweepThrowawayFolders } from "./throwaway-server-folders.ts";

export interface ThrowawayOptions {
  /** Where `initdb` and `postgres` are. */
  readonly binDir: string;
  /** The major version that the binaries must have. */
  readonly major: number;
  /** The cluster's encoding and locale; a restored database brings its own. Default UTF8 and C. */
  readonly encoding?: string;
  readonly locale?: string;
  /** Name of the first role. Default `postgres`. */
  readonly superuser?: string;
  /** Existing folder in which the server's own is made; short, because a socket's path has at most 107 bytes. */
  readonly folder: string;
  /** More lines of postgresql.conf. */
  readonly settings?: Readonly<Record<string, string>>;
  readonly clock: Clock;
  readonly logger: Logger;
}

export interface ThrowawayServer extends AsyncDisposable {
  /** As superuser, to the database `postgres`. */
  readonly connection: Connection;
  readonly major: number;
  readonly folder: string;
  /** Ends the server at once and removes its folder; may be called twice. */
  stop(): Promise<void>;
}

interface Account {
  readonly uid: number;
  readonly gid: number;
}

const port = 5432;
const socketName = `.s.PGSQL.${port}`;
const maxSocketPathBytes = 107;
const startTimeoutMs = 60_000;

/** Nothing here must survive a power failure, so nothing waits for a disk. */
const fastAndPrivate: Readonly<Record<string, string>> = {
  listen_addresses: "",
  unix_socket_permissions: "0700",
  // Parallel workers would otherwise put rows into /dev/shm, outside of the folder that is removed.
  dynamic_shared_memory_type: "mmap",
  fsync: "off",
  full_page_writes: "off",
  synchronous_commit: "off",
  wal_level: "minimal",
  max_wal_senders: "0",
  max_wal_size: "1GB",
  autovacuum: "off",
  max_connections: "50",
  maintenance_work_mem: "128MB",
  log_min_messages: "warning",
};

/**
 * PostgreSQL does not die with its parent, and a SIGKILL leaves nobody else to stop it: a background shell waits for
 * the end of our pipe, stops the server (which took over the shell's own pid) and removes what it held.
 */
const watchdog = `
trap '' HUP INT TERM
exec 3<&0
(
  while read -r line <&3; do :; done
  kill -QUIT $$ 2>/dev/null
  tries=0
  while [ -e "$LIFEBOAT_FOLDER/data/postmaster.pid" ] && [ $tries -lt 100 ]; do sleep 0.1; tries=$((tries+1)); done
  rm -rf "$LIFEBOAT_FOLDER"/*
) &
exec "$@" 3<&- </dev/null
`;

export async function startThrowawayServer(options: ThrowawayOptions): Promise<ThrowawayServer> {
  await sweepThrowawayFolders(options.folder, options.logger);
  await checkMajor(options);
  const folder = join(options.folder, await folderNameOfThisProcess(randomBytes(3).toString("hex")));
  if (Buffer.byteLength(join(folder, socketName)) > maxSocketPathBytes) {
    throw new LifeboatError(
      "input-invalid",
      `The temporary folder "${options.folder}" has too long a path.`,
      {
        hint: `A server's socket needs a path of at most ${maxSocketPathBytes} bytes; choose a shorter folder.`,
      },
    );
  }
  const account = await unprivilegedAccount();
  await mkdir(folder, { mode: 0o700 });
  try {
    if (account !== undefined) await chown(folder, account.uid, account.gid);
    await initialise(options, folder, account);
    return await start(options, folder, account);
  } catch (error) {
    await rm(folder, { recursive: true, force: true });
    throw error;
  }
}

async function checkMajor({ binDir, major }: ThrowawayOptions): Promise<void> {
  const { stdout } = await runTool({ program: join(binDir, "postgres"), args: ["--version"] });
  const found = /\(PostgreSQL\) (\d+)/.exec(stdout.toString())?.[1];
  if (found === String(major)) return;
  throw new LifeboatError(
    "tool-missing",
    `PostgreSQL ${major} was wanted; ${binDir} has ${stdout.toString().trim()}.`,
  );
}

async function initialise(options: ThrowawayOptions, folder: string, account?: Account): Promise<void> {
  const args = [
    `--pgdata=${join(folder, "data")}`,
    `--username=${options.superuser ?? "postgres"}`,
    "--auth-local=trust",
    "--auth-host=reject",
    `--encoding=${options.encoding ?? "UTF8"}`,
    `--locale=${options.locale ?? "C"}`,
    "--no-sync",
  ];
  try {
    await runTool({ program: join(options.binDir, "initdb"), args, cwd: folder, ...account });
  } catch (cause) {
    const { inside = "" } = asLifeboatError(cause);
    throw new LifeboatError("throwaway-server-failed", "A throwaway PostgreSQL could not be initialised.", {
      inside,
      cause,
    });
  }
}

async function start(
  options: ThrowawayOptions,
  folder: string,
  account: Account | undefined,
): Promise<ThrowawayServer> {
  // Held open: when the server ends, the watchdog removes the file at once.
  const log = await open(join(folder, "log"), "wx+", 0o600);
  const child = await spawnServer(options, folder, log.fd, account);
  const exited = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  const stop = onlyOnce(async () => {
    child.kill("SIGQUIT");
    child.stdin?.destroy();
    await exited;
    await rm(folder, { recursive: true, force: true, maxRetries: 5 });
  });
  const connection: Connection = {
    host: folder,
    port,
    user: options.superuser ?? "postgres",
    database: "postgres",
    sslMode: "disable",
    sslModeChosen: true,
  };
  try {
    await ready(connection, child, options.clock);
  } catch (cause) {
    const tail = await lastWords(log);
    await stop();
    throw new LifeboatError(
      "throwaway-server-failed",
      `A throwaway PostgreSQL ${options.major} did not start${tail === "" ? "." : `; its log: ${tail}`}`,
      { cause },
    );
  } finally {
    await log.close();
  }
  options.logger.debug(`A throwaway PostgreSQL ${options.major} runs in ${folder}.`);
  return { connection, major: options.major, folder, stop, [Symbol.asyncDispose]: stop };
}

/** In a session of its own: a Ctrl-C meant for us must not reach the server before we have ended our work with it. */
async function spawnServer(
  options: ThrowawayOptions,
  folder: string,
  log: number,
  account: Account | undefined,
): Promise<ChildProcess> {
  const settings = { ...fastAndPrivate, unix_socket_directories: folder, ...options.settings };
  const child = spawn(
    "/bin/sh",
    [
      ...["-c", watchdog, "lifeboat-watchdog"],
      ...[join(options.binDir, "postgres"), "-D", join(folder, "data"), "-p", String(port)],
      ...Object.entries(settings).flatMap(([name, value]) => ["-c", `${name}=${value}`]),
    ],
    {
      env: childEnvironment({ LIFEBOAT_FOLDER: folder }),
      stdio: ["pipe", log, log],
      cwd: folder,
      detached: true,
      ...account,
    },
  );
  child.stdin?.on("error", () => {});
  await once(child, "spawn");
  return child;
}

async function lastWords(log: FileHandle): Promise<string> {
  const { size } = await log.stat();
  const { buffer, bytesRead } = await log.read({
    buffer: Buffer.alloc(4000),
    position: Math.max(0, size - 4000),
  });
  return buffer.subarray(0, bytesRead).toString("utf8").trim();
}

async function ready(connection: Connection, child: ChildProcess, clock: Clock): Promise<void> {
  const deadline = clock.elapsedMs() + startTimeoutMs;
  for (;;) {
    try {
      await (await openClient(connection)).end();
      return;
    } catch (error) {
      const ended = child.exitCode !== null || child.signalCode !== null;
      if (ended || clock.elapsedMs() > deadline) throw error;
    }
    await delay(50);
  }
}

/** PostgreSQL refuses to run as root: an account for it, or undefined where we are not root. */
async function unprivilegedAccount(): Promise<Account | undefined> {
  if (process.getuid?.() !== 0) return undefined;
  const passwd = await readFile("/etc/passwd", "utf8");
  for (const name of ["postgres", "nobody"]) {
    const fields = passwd
      .split("\n")
      .find((line) => line.startsWith(`${name}:`))
      ?.split(":");
    if (fields !== undefined) return { uid: Number(fields[2]), gid: Number(fields[3]) };
  }
  throw new LifeboatError("throwaway-server-failed", "PostgreSQL does not run as root.", {
    hint: "Add a user called postgres, or run as a user that is not root.",
  });
}

function onlyOnce(work: () => Promise<void>): () => Promise<void> {
  let done: Promise<void> | undefined;
  return () => (done ??= work());
}
