/** pg_dump into zstd by a kernel pipe, and the archive's own table of contents read as it passes. */
import type { Readable } from "node:stream";
import { LifeboatError } from "../errors.ts";
import { describeExit, exitedWell, type RunningTool, startTool, type ToolExit } from "../system/process.ts";
import { type ClientTools, toolPath } from "./client-tools.ts";

export interface Compressor {
  /** The zstd binary. */
  readonly program: string;
  readonly args: readonly string[];
  /** Bytes that went in, from what it said on stderr. */
  rawBytes(stderr: string): number | undefined;
  /** Arguments for the same binary to decompress stdin to stdout. */
  readonly decompressArgs: readonly string[];
}

export interface DumpCommand {
  readonly tools: ClientTools;
  readonly program: "pg_dump" | "pg_dumpall";
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly compressor: Compressor;
  /** Whether to read the archive's table of contents on the way (custom format only). */
  readonly listArchive: boolean;
}

export interface DumpStream {
  /** The zstd stream. Ends only if pg_dump and zstd both exited with 0; otherwise it throws `dump-failed`. */
  readonly compressed: AsyncIterable<Uint8Array>;
  /** Once `compressed` has ended. */
  result(): DumpResult;
}

export interface DumpResult {
  /** Bytes that pg_dump wrote. */
  readonly rawBytes: number;
  /** What `pg_restore -l` prints for the archive; empty unless it was asked for. */
  readonly listing: string;
}

/**
 * Starts both programs and resolves once they run, consumer first: started the other way round, Node swallows the
 * first 90 KB of the dump and both exit codes are 0.
 */
export async function startDump(command: DumpCommand): Promise<DumpStream> {
  const { compressor } = command;
  const zstd = await startTool({ program: compressor.program, args: compressor.args }, [
    "pipe",
    "pipe",
    "pipe",
  ]);
  const { stdin, stdout } = zstd.child;
  if (stdin === null || stdout === null) throw new LifeboatError("unexpected", "zstd has no pipes.");
  let dump: RunningTool;
  try {
    dump = await startTool(
      { program: toolPath(command.tools, command.program), args: command.args, env: command.env },
      ["ignore", stdin, "pipe"],
    );
  } catch (cause) {
    zstd.child.kill("SIGKILL");
    throw cause;
  }
  // Our own handle on the pipe between them; while it stays open, neither learns that the other has ended.
  stdin.destroy();
  const listing = command.listArchive ? await startListing(command) : undefined;
  let result: DumpResult | undefined;
  return {
    compressed: read(dump, zstd, stdout, listing, (exits) => {
      const rawBytes = compressor.rawBytes(exits.zstd.stderr);
      if (rawBytes === undefined)
        throw new LifeboatError("dump-failed", "zstd did not say how much it compressed.");
      result = { rawBytes, listing: exits.listing };
    }),
    result() {
      if (result === undefined) throw new LifeboatError("unexpected", "The dump has not ended.");
      return result;
    },
  };
}

interface Exits {
  readonly zstd: ToolExit;
  readonly listing: string;
}

async function* read(
  dump: RunningTool,
  zstd: RunningTool,
  stdout: Readable,
  listing: Listing | undefined,
  onSuccess: (exits: Exits) => void,
): AsyncGenerator<Uint8Array> {
  try {
    for await (const chunk of stdout as AsyncIterable<Buffer>) {
      await listing?.write(chunk);
      yield chunk;
    }
    const [dumpExit, zstdExit] = await Promise.all([dump.exited, zstd.exited]);
    // zstd ends well also when pg_dump was killed, so the producer's code is judged first.
    if (!exitedWell(dumpExit)) throw dumpFailed(dump.name, dumpExit);
    if (!exitedWell(zstdExit)) throw dumpFailed(zstd.name, zstdExit);
    onSuccess({ zstd: zstdExit, listing: (await listing?.finish()) ?? "" });
  } finally {
    // Does nothing to processes that have ended; after an error or an early stop nobody may go on writing.
    for (const tool of [dump, zstd]) tool.child.kill("SIGKILL");
    listing?.stop();
  }
}

function dumpFailed(name: string, exit: ToolExit): LifeboatError {
  return new LifeboatError("dump-failed", `${describeExit(name, exit)}.`, { inside: exit.stderr });
}

interface Listing {
  write(chunk: Uint8Array): Promise<void>;
  finish(): Promise<string>;
  stop(): void;
}

/** `zstd -dc | pg_restore -l`, fed with a copy of the stream until pg_restore has seen enough. */
async function startListing(command: DumpCommand): Promise<Listing> {
  const restore = await startTool(
    { program: toolPath(command.tools, "pg_restore"), args: ["--list"] },
    "pipe",
  );
  const zstd = await startTool(
    { program: command.compressor.program, args: command.compressor.decompressArgs },
    ["pipe", restore.child.stdin, "pipe"],
  );
  restore.child.stdin?.destroy();
  const stdin = zstd.child.stdin;
  if (stdin === null) throw new LifeboatError("unexpected", "zstd has no pipes.");
  let open = true;
  stdin.on("error", () => (open = false)).on("close", () => (open = false));
  const text: Buffer[] = [];
  restore.child.stdout?.on("data", (chunk: Buffer) => text.push(chunk));
  return {
    async write(chunk) {
      if (!open || stdin.write(chunk)) return;
      await new Promise<void>((resolve) => {
        stdin.once("drain", resolve).once("close", resolve);
      });
    },
    async finish() {
      if (open) stdin.end();
      const exit = await restore.exited;
      zstd.child.kill("SIGKILL");
      if (!exitedWell(exit)) throw dumpFailed("pg_restore --list", exit);
      return Buffer.concat(text).toString("utf8");
    },
    stop() {
      restore.child.kill("SIGKILL");
      zstd.child.kill("SIGKILL");
    },
  };
}
