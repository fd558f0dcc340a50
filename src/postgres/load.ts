/**
 * A snapshot's archives into an empty database: what tables need, then all rows side by side, then what needs the
 * rows (indexes, constraints, triggers: so none of them acts while rows load). No plaintext touches a disk.
 */
import type { StdioOptions } from "node:child_process";
import { fstat, read } from "node:fs";
import { promisify } from "node:util";
import { LifeboatError } from "../errors.ts";
import type { ContentsFile } from "../snapshot/contents.ts";
import { exitedWell, type RunningTool, startTool } from "../system/process.ts";
import { rowsWithout } from "./missing-extensions.ts";
import { keptAlive } from "./libpq.ts";
import {
  type Loading,
  loadingOf,
  type LoadOptions,
  type LoadReport,
  onlySchema,
  partsOf,
} from "./load-options.ts";
import { ownerStages } from "./owner-stages.ts";
import { entriesOf, postDataStages } from "./post-data-stages.ts";
import { programFailed } from "./program-failures.ts";
import { SecondTry } from "./second-try.ts";
import { tolerant, tolerantArguments } from "./tolerant-restore.ts";
import { readPartToc } from "./restore-rows.ts";
import { type ArchiveToc, readArchiveToc, type TocEntry } from "./restore-toc.ts";
import { feedPart, writePart } from "./restore-stream.ts";
import { runWatched } from "./watched-program.ts";
import { closeFile, memoryFolder, openUnnamed, tocListFile } from "./unnamed-file.ts";

/** Throws the first cause of a failure, after every child has ended; the database is then worth nothing. */
export async function loadArchives(given: LoadOptions): Promise<LoadReport> {
  const { clock, logger } = given;
  const schemaName = onlySchema(given.files).name;
  const parts = partsOf(given);
  const options = loadingOf(given);
  const second = new SecondTry(options, schemaName);
  const times = [clock.elapsedMs()];
  const fd = await holdInMemory(options, schemaName);
  try {
    if (fd === undefined) await streamSchema(options, schemaName, "pre-data");
    else await restorePreData(options, fd);
    await second.afterDefinitions();
    times.push(clock.elapsedMs());
    await loadParts(options, parts);
    await second.afterRows();
    times.push(clock.elapsedMs());
    logger.info(`The rows of ${parts.length} parts are loaded.`);
    if (fd === undefined) await streamSchema(options, schemaName, "post-data");
    else await restorePostData(options, fd);
    await second.afterDefinitions();
    times.push(clock.elapsedMs());
  } finally {
    if (fd !== undefined) await closeFile(fd);
  }
  const seconds = (phase: number): number => ((times[phase + 1] ?? 0) - (times[phase] ?? 0)) / 1000;
  return {
    seconds: { preData: seconds(0), data: seconds(1), postData: seconds(2) },
    refusals: await second.refusals(),
  };
}

function alwaysGiven({ isAtomic, isOwnerless, isUnplaced }: LoadOptions): readonly string[] {
  return [
    ...[keptAlive, "--no-password"],
    ...(isAtomic === true ? ["--exit-on-error"] : tolerantArguments),
    ...(isOwnerless === true ? ["--no-owner"] : []),
    ...(isUnplaced === true ? ["--no-tablespaces"] : []),
  ];
}

async function streamSchema(
  options: Loading,
  name: string,
  section: "pre-data" | "post-data",
): Promise<void> {
  const { source, tools, withoutOwner } = options;
  const feed = (restore: RunningTool): Promise<void> =>
    feedPart({ source, name, zstd: tools.zstd }, restore, { stopsEarly: true });
  if (withoutOwner !== undefined) {
    const toc = withoutSkipped(options, await readPartToc(source, tools, name));
    for (const { entries, withOwner } of ownerStages(entriesOf(toc, section), withoutOwner)) {
      await restoreStreamed(options, ownerArguments(withOwner), entries, feed);
    }
    return;
  }
  const args = [`--section=${section}`];
  const kept = await keptOfPart(options, name, (toc) => skippedOf(options, toc));
  await restoreStreamed(options, args, kept, feed);
}

function ownerArguments(withOwner: boolean): readonly string[] {
  return withOwner ? [] : ["--no-owner"];
}

/** pg_restore fed by a stream; `kept` names the only entries to restore. */
export async function restoreStreamed(
  options: Loading,
  args: readonly string[],
  kept: readonly TocEntry[] | undefined,
  feed: (restore: RunningTool) => Promise<void>,
  refused: Set<number> = options.refused,
): Promise<void> {
  const { connection, tools } = options;
  const list = kept === undefined ? undefined : await tocListFile(kept);
  try {
    const command = {
      program: tools.pgRestore,
      args: [...alwaysGiven(options), ...args, ...(list === undefined ? [] : ["--use-list=/dev/fd/3"])],
    };
    const stdio: StdioOptions = ["pipe", "ignore", "pipe", ...(list === undefined ? [] : [list])];
    await runWatched(
      connection,
      (env) => startTool({ ...command, env }, stdio),
      async (restore) => await feed(options.isAtomic === true ? restore : tolerant(restore, refused)),
    );
  } finally {
    if (list !== undefined) await closeFile(list);
  }
}

/** The entries of a part to restore, where some must be left out; undefined where all are restored. */
export async function keptOfPart(
  { source, tools, without }: LoadOptions,
  name: string,
  leaveOut: (toc: ArchiveToc) => readonly TocEntry[],
): Promise<readonly TocEntry[] | undefined> {
  if (without === undefined) return undefined;
  const toc = await readPartToc(source, tools, name);
  const left = new Set(leaveOut(toc));
  return left.size === 0 ? undefined : toc.entries.filter((entry) => !left.has(entry));
}

export function skippedOf({ without }: LoadOptions, toc: ArchiveToc): readonly TocEntry[] {
  const ids = new Set(without?.skipped.map(({ entry }) => entry.dumpId));
  return toc.entries.filter(({ dumpId }) => ids.has(dumpId));
}

async function restorePreData(options: Loading, fd: number): Promise<void> {
  const section = ["--section=pre-data"];
  if (options.withoutOwner !== undefined) {
    await restoreStages(options, fd, entriesOf(await keptToc(options, fd), "pre-data"), []);
  } else if (options.without === undefined) await restoreSchema(options, fd, section);
  else await restoreListed(options, fd, (await keptToc(options, fd)).entries, section);
}

async function restorePostData(options: Loading, fd: number): Promise<void> {
  const jobs = `--jobs=${options.jobs}`;
  const toc = await keptToc(options, fd);
  const stages = postDataStages(toc);
  const whole = ["--section=post-data", jobs];
  if (stages.length === 0 && options.withoutOwner !== undefined) {
    await restoreStages(options, fd, entriesOf(toc, "post-data"), [jobs]);
  } else if (stages.length === 0 && options.without === undefined) await restoreSchema(options, fd, whole);
  else if (stages.length === 0) await restoreListed(options, fd, toc.entries, whole);
  for (const { entries, atOnce } of stages) await restoreStages(options, fd, entries, atOnce ? [jobs] : []);
}

async function restoreStages(
  options: Loading,
  fd: number,
  chosen: readonly TocEntry[],
  args: readonly string[],
): Promise<void> {
  for (const { entries, withOwner } of ownerStages(chosen, options.withoutOwner ?? new Set())) {
    await restoreListed(options, fd, entries, [...args, ...ownerArguments(withOwner)]);
  }
}

/** The table of contents of the archive in memory, without what is left out. */
export async function keptToc(options: LoadOptions, fd: number): Promise<ArchiveToc> {
  const { size } = await promisify(fstat)(fd);
  const { buffer } = await promisify(read)(fd, Buffer.alloc(size), 0, size, 0);
  const toc = readArchiveToc(buffer);
  if (toc === undefined) throw new LifeboatError("snapshot-damaged", "The schema archive is cut short.");
  return withoutSkipped(options, toc);
}

function withoutSkipped(options: LoadOptions, toc: ArchiveToc): ArchiveToc {
  const left = new Set(skippedOf(options, toc));
  return { ...toc, entries: toc.entries.filter((entry) => !left.has(entry)) };
}

export async function restoreListed(
  options: Loading,
  fd: number,
  entries: readonly TocEntry[],
  args: readonly string[],
): Promise<void> {
  const list = await tocListFile(entries);
  try {
    await restoreSchema(options, fd, ["--use-list=/dev/fd/4", ...args], [list]);
  } finally {
    await closeFile(list);
  }
}

/** pg_restore with the archive as descriptor 3, and `more` from 4 on. */
async function restoreSchema(
  options: Loading,
  fd: number,
  args: readonly string[],
  more: readonly number[] = [],
): Promise<void> {
  const { connection, tools, isAtomic, refused } = options;
  const command = { program: tools.pgRestore, args: [...alwaysGiven(options), ...args, "/dev/fd/3"] };
  const stdio: StdioOptions = ["ignore", "ignore", "pipe", fd, ...more];
  const untilEnded = async (restore: RunningTool): Promise<void> => {
    const exit = await (isAtomic === true ? restore : tolerant(restore, refused)).exited;
    if (!exitedWell(exit)) throw programFailed(restore.name, exit, "tool-failed");
  };
  await runWatched(connection, (env) => startTool({ ...command, env }, stdio), untilEnded);
}

/** At most `jobs` at once, largest first; the first failure ends the others, and is the one reported. */
export async function loadParts(options: Loading, parts: readonly ContentsFile[]): Promise<void> {
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

async function loadPart(options: Loading, part: ContentsFile, signal: AbortSignal): Promise<void> {
  const { source, tools, without } = options;
  const kept = await keptOfPart(options, part.name, (toc) =>
    without === undefined ? [] : rowsWithout(toc, without.database, without.missing, without.skipped),
  );
  await restoreStreamed(
    options,
    ["--section=data"],
    kept,
    (restore) => feedPart({ source, name: part.name, zstd: tools.zstd, signal }, restore),
    options.refusedRows.get(part.name),
  );
}

/**
 * The schema archive in memory, where `pg_restore --jobs` can read it from the start more than once: a file in
 * tmpfs that has no name any more. undefined where there is no such folder or no room (then it is streamed twice).
 */
export async function holdInMemory(options: LoadOptions, name: string): Promise<number | undefined> {
  const { source, tools } = options;
  const fd = await openUnnamed(options.memoryFolder ?? memoryFolder).catch(() => undefined);
  if (fd === undefined) return undefined;
  try {
    await writePart({ source, name, zstd: tools.zstd }, fd);
    return fd;
  } catch (error) {
    await closeFile(fd);
    if (error instanceof LifeboatError && /no space left/i.test(error.message)) return undefined;
    throw error;
  }
}
