/**
 * A PostgreSQL server that lives for one check: in a 0700 folder of its own, reachable only through a socket inside
 * that folder, gone with us. Its folder's name says who owns it, so that the next start sweeps what a kill left.
 */
import type { ChildProcess } from "node:child_process";
import { randomBytes } from "node:crypto";
import { type FileHandle, mkdir, open, rm } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { asLifeboatError, LifeboatError } from "../errors.ts";
import type { Clock } from "../system/clock.ts";
import type { Logger } from "../system/logger.ts";
import { runTool } from "../system/process.ts";
import type { Isolation } from "../system/sandbox/way.ts";
import type { SandboxLimits } from "../system/sandbox/limits.ts";
import { openClient } from "./client.ts";
import type { Connection } from "./connection.ts";
import { isolatedPlace, ordinaryPlace, type ThrowawayPlace } from "./throwaway-place.ts";
import { folderNameOfThisProcess, sweepThrowawayFolders } from "./throwaway-server-folders.ts";

export interface ThrowawayOptions {
  /** Where `initdb` and `postgres` are. */
  readonly binDir: string;
  /** The major version that the binaries must have. */
  readonly major: number;
  /** The cluster's encoding and locale; a restored database brings its own. Default UTF8 and C. */
  readonly encoding?: string;
  readonly locale?: string;
  /** The first role, a superuser. Default `postgres`. */
  readonly superuser?: string;
  /** How to keep it away from everything else. Absent: it runs with our own rights, for contents that are trusted. */
  readonly isolation?: Isolation | undefined;
  readonly limits?: Partial<SandboxLimits>;
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

const port = 5432;
const socketName = `.s.PGSQL.${port}`;
const maxSocketPathBytes = 107;
const startTimeoutMs = 60_000;

export const throwawayConnections = 50;
export const usualLocks = 512;

/** Nothing here must survive a power failure, so nothing waits for a disk. */
const fastAndPrivate: Readonly<Record<string, string>> = {
  listen_addresses: "",
  // Parallel workers would otherwise put rows into /dev/shm, outside of the folder that is removed.
  dynamic_shared_memory_type: "mmap",
  fsync: "off",
  full_page_writes: "off",
  synchronous_commit: "off",
  wal_level: "minimal",
  max_wal_senders: "0",
  archive_mode: "off",
  archive_command: "",
  shared_preload_libraries: "",
  // Nothing that a backup describes may begin to run by itself.
  max_logical_replication_workers: "0",
  max_wal_size: "1GB",
  autovacuum: "off",
  max_connections: String(throwawayConnections),
  // A restore may lock all that one role owns, or what a schema holds, at once.
  max_locks_per_transaction: String(usualLocks),
  maintenance_work_mem: "128MB",
  log_min_messages: "warning",
};

export async function startThrowawayServer(options: ThrowawayOptions): Promise<ThrowawayServer> {
  await sweepThrowawayFolders(options.folder, options.logger);
  await checkMajor(options);
  const folder = join(options.folder, await folderNameOfThisProcess(randomBytes(3).toString("hex")));
  if (Buffer.byteLength(join(folder, "inside", socketName)) > maxSocketPathBytes) {
    throw new LifeboatError(
      "input-invalid",
      `The temporary folder "${options.folder}" has too long a path.`,
      {
        hint: `A server's socket needs a path of at most ${maxSocketPathBytes} bytes; choose a shorter folder.`,
      },
    );
  }
  await mkdir(folder, { mode: 0o700 });
  const { isolation, limits } = options;
  let place: ThrowawayPlace | undefined;
  try {
    place =
      isolation === undefined ? await ordinaryPlace(folder) : await isolatedPlace(isolation, folder, limits);
    await initialise(options, place);
    return await start(options, folder, place);
  } catch (error) {
    await (place?.remove() ?? rm(folder, { recursive: true, force: true }));
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

async function initialise(options: ThrowawayOptions, place: ThrowawayPlace): Promise<void> {
  const args = [
    `--pgdata=${join(place.own, "data")}`,
    `--username=${options.superuser ?? "postgres"}`,
    "--auth-local=trust",
    "--auth-host=reject",
    `--encoding=${options.encoding ?? "UTF8"}`,
    `--locale=${options.locale ?? "C"}`,
    "--no-sync",
  ];
  try {
    await place.run(join(options.binDir, "initdb"), args);
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
  place: ThrowawayPlace,
): Promise<ThrowawayServer> {
  // Held open: when the server ends, its watchdog removes the file at once.
  const log = await open(join(folder, "log"), "wx+", 0o600);
  const settings = {
    ...fastAndPrivate,
    unix_socket_permissions: place.socketMode,
    unix_socket_directories: place.own,
    ...options.settings,
  };
  const child = await place.start(
    join(options.binDir, "postgres"),
    [
      ...["-D", join(place.own, "data"), "-p", String(port)],
      ...Object.entries(settings).flatMap(([name, value]) => ["-c", `${name}=${value}`]),
    ],
    log.fd,
  );
  const exited = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  const stop = onlyOnce(async () => {
    place.end(child);
    await exited;
    await place.remove();
  });
  const connection: Connection = {
    host: place.socketFolder,
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

function onlyOnce(work: () => Promise<void>): () => Promise<void> {
  let done: Promise<void> | undefined;
  return () => (done ??= work());
}
