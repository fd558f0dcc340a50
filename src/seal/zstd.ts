/** zstd streams by the `zstd` binary, which is faster than Node's own and reads every frame of a stream. */
import type { Readable, Writable } from "node:stream";
import { LifeboatError } from "../errors.ts";
import {
  describeExit,
  exitedWell,
  feed,
  type RunningTool,
  runTool,
  startTool,
  toolFailed,
} from "../system/process.ts";
import { damaged } from "./damaged.ts";
import { compressionLevel, decompressByFrames, tooLarge } from "./node-zstd.ts";

/** The program itself if it can be run, else undefined: then streams go through Node's zlib. */
export async function findZstd(program = "zstd"): Promise<string | undefined> {
  try {
    await runTool({ program, args: ["--version"] });
    return program;
  } catch (error) {
    if (error instanceof LifeboatError && error.code === "tool-missing") return undefined;
    throw error;
  }
}

/**
 * Arguments that compress stdin to stdout, each frame with its checksum. `-vvv` makes zstd end its report with exact
 * byte counts (`readZstdReport`), which is how a plaintext is counted that never passes through this process.
 */
export function compressArguments(threads: number): readonly string[] {
  return [`-${compressionLevel}`, `-T${threads}`, "--check", "-c", "-vvv", "--no-progress"];
}

export interface ZstdReport {
  readonly rawBytes: number;
  readonly compressedBytes: number;
}

/** How many bytes zstd says it has read and written, from stderr; undefined if it did not come to its report. */
export function readZstdReport(stderr: string): ZstdReport | undefined {
  const [, raw, compressed] = [...stderr.matchAll(/\(\s*(\d+) B =>\s*(\d+) B,/g)].at(-1) ?? [];
  return raw === undefined ? undefined : { rawBytes: Number(raw), compressedBytes: Number(compressed) };
}

export interface DecompressOptions {
  /** More output than this is `sealed-file-damaged`: what was backed up is known, so more is a bomb. */
  readonly maxBytes: number;
  /** What `findZstd` found; undefined decodes by Node's zlib. */
  readonly zstd?: string | undefined;
}

/**
 * Decodes all frames of a zstd stream; a cut, changed or empty one is `sealed-file-damaged`, and errors of the source
 * pass through unchanged. What it yields before it throws is not proven: the consumer must read to the end.
 */
export async function* decompressStream(
  source: AsyncIterable<Uint8Array>,
  { maxBytes, zstd }: DecompressOptions,
): AsyncGenerator<Uint8Array, void, undefined> {
  let bytes = 0;
  const decoded = zstd === undefined ? decompressByFrames(source) : decompressByTool(source, zstd);
  for await (const part of decoded) {
    bytes += part.length;
    if (bytes > maxBytes) throw tooLarge(maxBytes);
    yield part;
  }
}

async function* decompressByTool(
  source: AsyncIterable<Uint8Array>,
  program: string,
): AsyncGenerator<Uint8Array, void, undefined> {
  const tool = await startTool({ program, args: ["-d", "-c", "-q"] }, ["pipe", "pipe", "pipe"]);
  try {
    const { stdin, stdout } = pipesOf(tool);
    const feeding = feed(source, stdin);
    // Without its source the tool would wait for ever, or take what it has for the whole.
    feeding.catch(() => tool.child.kill("SIGKILL"));
    for await (const bytes of stdout as AsyncIterable<Uint8Array>) yield bytes;
    // The source's error comes first: the tool's exit is then only its echo.
    const fed = await feeding;
    const exit = await tool.exited;
    if (exit.signal !== null) throw toolFailed(tool.name, exit);
    if (!exitedWell(exit)) throw damaged(describeExit(tool.name, exit));
    if (fed === "refused") throw damaged(`${tool.name} did not read its zstd stream to the end`);
  } finally {
    tool.child.kill("SIGKILL");
    tool.child.stdin?.destroy();
    await tool.exited;
  }
}

function pipesOf(tool: RunningTool): { readonly stdin: Writable; readonly stdout: Readable } {
  const { stdin, stdout } = tool.child;
  if (stdin === null || stdout === null) throw new LifeboatError("unexpected", `${tool.name} has no pipes.`);
  return { stdin, stdout };
}
