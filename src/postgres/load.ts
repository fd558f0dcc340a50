/**
 * A snapshot's archives into an empty database: what tables need, then all rows side by side, then what needs the
 * rows (indexes, constraints, triggers: so none of them acts while rows load). No plaintext touches a disk.
 */
import { randomBytes } from "node:crypto";
import { close as closeFd, constants, open as openFd } from "node:fs";
import { unlink } from "node:fs/promises";
import { promisify } from "node:util";
import { LifeboatError } from "../errors.ts";
import type { ContentsFile } from "../snapshot/contents.ts";
import type { Clock } from "../system/clock.ts";
import type { Logger } from "../system/logger.ts";
import { exitedWell, startTool, toolFailed } from "../system/process.ts";
import type { Connection } from "./connection.ts";
import { libpqEnvironment } from "./libpq.ts";
import { feedPart, type PartSource, type RestoreTools, writePart } from "./restore-stream.ts";

export interface LoadOptions {
  /** The empty database to load into. */
  readonly connection: Connection;
  readonly source: PartSource;
  /** The contents' files; `globals` is left alone here. */
  readonly files: readonly ContentsFile[];
  readonly tools: RestoreTools;
  /** Connections at once, at least 1. */
  readonly jobs: number;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Folder in memory for the schema archive, unlinked as soon as it is open. Default /dev/shm. */
  readonly memoryFolder?: string;
}

export interface LoadReport {
  readonly seconds: { readonly preData: number; readonly data: number; readonly postData: number };
}

type Section = "pre-data" | "data" | "post-data";

/** Throws the first cause of a failure, after every child has ended; the database is then worth nothing. */
export async function loadArchives(options: LoadOptions): Promise<LoadReport> {
  const { clock, logger } = options;
  const schemaName = onlySchema(options.files).name;
  const parts = options.files
    .filter((file) => file.role === "rest" || file.role === "data")
    .toSorted((a, b) => b.rawBytes - a.rawBytes);
  const times = [clock.elapsedMs()];
  const fd = await holdInMemory(options, schemaName);
  try {
    await restoreSchema(options, schemaName, fd, "pre-data");
    times.push(clock.elapsedMs());
    await loadParts(options, parts);
    times.push(clock.elapsedMs());
    logger.info(`The rows of ${parts.length} parts are loaded.`);
    await restoreSchema(options, schemaName, fd, "post-data");
    times.push(clock.elapsedMs());
  } finally {
    if (fd !== undefined) await promisify(closeFd)(fd);
  }
  const seconds = (phase: number): number => ((times[phase + 1] ?? 0) - (times[phase] ?? 0)) / 1000;
  return { seconds: { preData: seconds(0), data: seconds(1), postData: seconds(2) } };
}

/** Environment for a program that restores: the database's own settings must not decide how rows are read. */
export function restoreEnvironment(connection: Connection): Record<string, string> {
  const environment = libpqEnvironment(connection);
  const overruled =
    "-c default_transaction_read_only=off -c datestyle=ISO -c intervalstyle=postgres " +
    "-c standard_conforming_strings=on -c statement_timeout=0 -c lock_timeout=0 " +
    "-c idle_in_transaction_session_timeout=0";
  return { ...environment, PGOPTIONS: `${environment["PGOPTIONS"] ?? ""} ${overruled}`.trim() };
}

function onlySchema(files: readonly ContentsFile[]): ContentsFile {
  const [schema, ...others] = files.filter((file) => file.role === "schema");
  if (schema !== undefined && others.length === 0) return schema;
  throw new LifeboatError("snapshot-damaged", "The snapshot does not have exactly one schema archive.");
}

function arguments_(section: Section, more: readonly string[] = []): readonly string[] {
  // `--dbname=` without a name takes PGDATABASE: argv is public, a database's name need not be.
  return ["--dbname=", "--no-password", "--exit-on-error", `--section=${section}`, ...more];
}

async function restoreSchema(
  options: LoadOptions,
  schemaName: string,
  fd: number | undefined,
  section: Section,
): Promise<void> {
  const { connection, source, tools } = options;
  const command = { program: tools.pgRestore, env: restoreEnvironment(connection) };
  if (fd === undefined) {
    const restore = await startTool({ ...command, args: arguments_(section) }, ["pipe", "ignore", "pipe"]);
    await feedPart({ source, name: schemaName, zstd: tools.zstd }, restore, { stopsEarly: true });
    return;
  }
  const jobs = section === "post-data" ? [`--jobs=${options.jobs}`] : [];
  const args = arguments_(section, [...jobs, "/dev/fd/3"]);
  const restore = await startTool({ ...command, args }, ["ignore", "ignore", "pipe", fd]);
  const exit = await restore.exited;
  if (!exitedWell(exit)) throw toolFailed(restore.name, exit);
}

/** At most `jobs` at once, largest first; the first failure ends the others, and is the one reported. */
async function loadParts(options: LoadOptions, parts: readonly ContentsFile[]): Promise<void> {
  const abort = new AbortController();
  const waiting = [...parts];
  let failure: { readonly cause: unknown } | undefined;
  const worker = async (): Promise<void> => {
    for (let part = waiting.shift(); part !== undefined && failure === undefined; part = waiting.shift()) {
      try {
        await loadPart(options, part, abort.signal);
      } catch (cause) {
        failure ??= { cause };
        abort.abort(cause);
      }
    }
  };
  await Promise.all(Array.from({ length: Math.max(1, options.jobs) }, worker));
  if (failure !== undefined) throw failure.cause;
}

async function loadPart(options: LoadOptions, part: ContentsFile, signal: AbortSignal): Promise<void> {
  const { connection, source, tools } = options;
  const restore = await startTool(
    { program: tools.pgRestore, args: arguments_("data"), env: restoreEnvironment(connection) },
    ["pipe", "ignore", "pipe"],
  );
  await feedPart({ source, name: part.name, zstd: tools.zstd, signal }, restore);
}

/**
 * The schema archive in memory, where `pg_restore --jobs` can read it from the start more than once: a file in
 * tmpfs that has no name any more. undefined where there is no such folder or no room (then it is streamed twice).
 */
async function holdInMemory(options: LoadOptions, name: string): Promise<number | undefined> {
  const { source, tools } = options;
  const path = `${options.memoryFolder ?? "/dev/shm"}/lifeboat-${randomBytes(8).toString("hex")}`;
  const flags = constants.O_RDWR | constants.O_CREAT | constants.O_EXCL;
  let fd: number;
  try {
    fd = await promisify(openFd)(path, flags, 0o600);
  } catch {
    return undefined;
  }
  try {
    await unlink(path);
    await writePart({ source, name, zstd: tools.zstd }, fd);
    return fd;
  } catch (error) {
    await promisify(closeFd)(fd);
    if (error instanceof LifeboatError && /no space left/i.test(error.message)) return undefined;
    throw error;
  }
}
