/** pg_dump as a zstd stream that ends only if every program in it ended well. */
import type { Readable } from "node:stream";
import { LifeboatError } from "../errors.ts";
import { exitedWell, holdOutput, type RunningTool, startTool, type ToolExit } from "../system/process.ts";
import { type ArchiveListing, startArchiveListing } from "./archive-listing.ts";
import { type ClientTools, toolPath } from "./client-tools.ts";
import { programFailed } from "./program-failures.ts";
import { dumpWarnings } from "./dump-warnings.ts";
import type { Connection } from "./connection.ts";
import { type ProgramWatch, watchProgram } from "./watched-program.ts";

/** How a dump is compressed: by a program behind a kernel pipe or, where it is missing, in this process. */
export type Compressor =
  | {
      readonly kind: "program";
      readonly program: string;
      readonly args: readonly string[];
      /** The same program from stdin to stdout, backwards. */
      readonly decompressArgs: readonly string[];
      /** Bytes that went in and came out, from what it said on stderr. */
      report(stderr: string): { readonly rawBytes: number; readonly compressedBytes: number } | undefined;
    }
  | { readonly kind: "library"; compress(raw: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> };

export interface DumpCommand {
  readonly tools: ClientTools;
  readonly program: "pg_dump" | "pg_dumpall";
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly compressor: Compressor;
  /** Whether to read the archive's table of contents on the way (custom format only). */
  readonly listArchive: boolean;
  /** Ends the programs: another part has failed. */
  readonly signal: AbortSignal;
  /** Where the program connects to. */
  readonly connection: Connection;
}

export interface DumpStream {
  /** The zstd stream; throws `dump-failed` at its end unless all programs exited with 0. */
  readonly compressed: AsyncIterable<Uint8Array>;
  /** Once `compressed` has ended. */
  result(): DumpResult;
}

export interface DumpResult {
  /** Bytes that pg_dump wrote. */
  readonly rawBytes: number;
  /** What `pg_restore --list` prints for the archive; empty unless it was asked for. */
  readonly listing: string;
  /** What it warned of. */
  readonly warnings: readonly string[];
}

/** Starts the programs and resolves once they run. */
export async function startDump(asked: DumpCommand): Promise<DumpStream> {
  let started: StartedDump | undefined;
  const stop = (): void => started?.tools.forEach((tool) => tool.child.kill("SIGKILL"));
  const stall = watchProgram(asked.connection, { stop, process: () => started?.tools[0]?.child.pid });
  const command = { ...asked, env: { ...asked.env, ...stall.environment } };
  try {
    started = command.compressor.kind === "program" ? await startPiped(command) : await startUnpiped(command);
  } catch (cause) {
    stall[Symbol.dispose]();
    throw cause;
  }
  return streamOf(started, stall, stop, command.signal);
}

function streamOf(
  started: StartedDump,
  stall: ProgramWatch,
  stop: () => void,
  signal: AbortSignal,
): DumpStream {
  signal.addEventListener("abort", stop, { once: true });
  if (signal.aborted) stop();
  let result: DumpResult | undefined;
  async function* compressed(): AsyncGenerator<Uint8Array> {
    let seenBytes = 0;
    try {
      for await (const chunk of started.compressed) {
        seenBytes += chunk.length;
        // Whoever stores it may take its time.
        stall.pause();
        yield chunk;
        stall.moved();
      }
      const exits = await Promise.all(started.tools.map((tool) => tool.exited));
      if (stall.failure !== undefined) throw stall.failure;
      // zstd ends well also when pg_dump was killed, so the producer, first in the list, is judged first.
      exits.forEach((exit, index) => refuseBadExit(started.tools[index]?.name ?? "", exit));
      result = {
        rawBytes: started.rawBytes(exits, seenBytes),
        listing: (await started.listing?.finish()) ?? "",
        warnings: dumpWarnings(exits[0]?.stderr ?? ""),
      };
    } finally {
      // Does nothing to programs that have ended; after an error or an early stop nobody may go on writing.
      stop();
      started.listing?.stop();
      stall[Symbol.dispose]();
      signal.removeEventListener("abort", stop);
    }
  }
  return {
    compressed: compressed(),
    result() {
      if (result === undefined) throw new LifeboatError("unexpected", "The dump has not ended.");
      return result;
    },
  };
}

interface StartedDump {
  readonly compressed: AsyncIterable<Uint8Array>;
  /** Producer first. */
  readonly tools: readonly RunningTool[];
  readonly listing: ArchiveListing | undefined;
  rawBytes(exits: readonly ToolExit[], seenBytes: number): number;
}

/**
 * `pg_dump | zstd` by a kernel pipe, the consumer started first: started the other way round, Node swallows the first
 * 90 KB of the dump and both exit codes are 0.
 */
async function startPiped(command: DumpCommand): Promise<StartedDump> {
  const { compressor } = command;
  if (compressor.kind !== "program")
    throw new LifeboatError("unexpected", "No program compresses this dump.");
  const zstd = await startTool({ program: compressor.program, args: compressor.args }, [
    "pipe",
    "pipe",
    "pipe",
  ]);
  const { stdin, stdout } = pipesOf(zstd);
  holdOutput(stdout);
  const dump = await startProducer(command, stdin).catch((cause: unknown) => {
    zstd.child.kill("SIGKILL");
    throw cause;
  });
  // Our own handle on the pipe between them; while it stays open, neither learns that the other has ended.
  stdin.destroy();
  const listing = command.listArchive ? await startArchiveListing(command.tools, compressor) : undefined;
  return {
    compressed: listing === undefined ? stdout : copyTo(stdout, listing),
    tools: [dump, zstd],
    listing,
    rawBytes(exits, seenBytes) {
      const report = compressor.report(exits[1]?.stderr ?? "");
      if (report === undefined)
        throw new LifeboatError("dump-failed", "zstd did not say how much it compressed.");
      if (report.compressedBytes === seenBytes) return report.rawBytes;
      // Exit codes say nothing about bytes that were lost between two programs.
      const sentence = `zstd wrote ${report.compressedBytes} bytes, of which ${seenBytes} arrived.`;
      throw new LifeboatError("dump-failed", sentence);
    },
  };
}

async function startUnpiped(command: DumpCommand): Promise<StartedDump> {
  const { compressor } = command;
  if (compressor.kind !== "library")
    throw new LifeboatError("unexpected", "No library compresses this dump.");
  const dump = await startProducer(command, "pipe");
  const { stdout } = dump.child;
  if (stdout === null) throw new LifeboatError("unexpected", "pg_dump has no pipe.");
  holdOutput(stdout);
  const listing = command.listArchive ? await startArchiveListing(command.tools) : undefined;
  let rawBytes = 0;
  async function* counted(): AsyncGenerator<Uint8Array> {
    for await (const chunk of listing === undefined
      ? (stdout as Readable)
      : copyTo(stdout as Readable, listing)) {
      rawBytes += (chunk as Uint8Array).length;
      yield chunk as Uint8Array;
    }
  }
  return { compressed: compressor.compress(counted()), tools: [dump], listing, rawBytes: () => rawBytes };
}

function startProducer(
  command: DumpCommand,
  stdout: Readable | NodeJS.WritableStream | "pipe",
): Promise<RunningTool> {
  const program = toolPath(command.tools, command.program);
  return startTool({ program, args: command.args, env: command.env }, ["ignore", stdout as "pipe", "pipe"]);
}

async function* copyTo(source: Readable, listing: ArchiveListing): AsyncGenerator<Uint8Array> {
  for await (const chunk of source as AsyncIterable<Uint8Array>) {
    await listing.write(chunk);
    yield chunk;
  }
}

function pipesOf(tool: RunningTool): { stdin: NonNullable<RunningTool["child"]["stdin"]>; stdout: Readable } {
  const { stdin, stdout } = tool.child;
  if (stdin === null || stdout === null) throw new LifeboatError("unexpected", `${tool.name} has no pipes.`);
  return { stdin, stdout };
}

function refuseBadExit(name: string, exit: ToolExit): void {
  if (!exitedWell(exit)) throw programFailed(name, exit, "dump-failed");
}
