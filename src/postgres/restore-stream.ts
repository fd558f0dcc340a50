/**
 * Parts on their way into PostgreSQL's programs: authenticated zstd bytes → `zstd -d` → consumer. The consumer is
 * started first and zstd writes into its stdin by a kernel pipe; started the other way round, or with our end of
 * that pipe left open, bytes are lost with both exit codes 0, or nothing ever ends.
 */
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { LifeboatError } from "../errors.ts";
import { exitedWell, type RunningTool, startTool, type ToolExit, toolFailed } from "../system/process.ts";
import { programFailed } from "./program-failures.ts";

/** Where a snapshot's parts come from. */
export interface PartSource {
  /**
   * The part's zstd stream after authenticated decryption, still compressed. It must throw rather than end early;
   * what was yielded before may already have been used, so a caller undoes its work when it throws.
   */
  zstdStream(name: string): AsyncIterable<Uint8Array>;
}

export interface RestoreTools {
  /** Absolute paths, or names on PATH. `pgRestore` is of the archive's own major version or a later one. */
  readonly pgRestore: string;
  readonly zstd: string;
}

export interface PartStream {
  readonly source: PartSource;
  readonly name: string;
  readonly zstd: string;
  /** Ends both children; the first cause is reported by whoever aborted. */
  readonly signal?: AbortSignal;
}

/**
 * Feeds a part to a consumer that was started with a piped stdin, and returns when both programs have ended well.
 * `stopsEarly`: the consumer may have what it came for before the part ends (one table out of many).
 */
export async function feedPart(
  part: PartStream,
  consumer: RunningTool,
  { stopsEarly = false }: { readonly stopsEarly?: boolean } = {},
): Promise<void> {
  const sink = consumer.child.stdin;
  if (sink === null) throw new LifeboatError("unexpected", `${consumer.name} has no stdin.`);
  sink.on("error", () => {});
  let zstd: RunningTool;
  try {
    zstd = await startTool({ program: part.zstd, args: ["-dcq"] }, ["pipe", sink, "pipe"]);
  } catch (error) {
    consumer.child.kill("SIGKILL");
    await consumer.exited;
    throw error;
  }
  sink.destroy();
  const failure = await pump(part, zstd, () => consumer.child.kill("SIGKILL"), consumer.passage);
  const [consumerExit, zstdExit] = await Promise.all([consumer.exited, zstd.exited]);
  if (failure !== undefined) throw asError(failure.cause);
  const consumerFailed = !exitedWell(consumerExit);
  if (!exitedWell(zstdExit) && !(isEcho(zstdExit) && (consumerFailed || stopsEarly))) {
    throw toolFailed("zstd", zstdExit);
  }
  if (consumerFailed) {
    throw programFailed(consumer.name, consumerExit, "tool-failed");
  }
}

/** A whole decompressed part in memory, for the small ones; more than `maxBytes` is an error. */
export async function readPart(part: PartStream, maxBytes: number): Promise<Buffer> {
  const zstd = await startTool({ program: part.zstd, args: ["-dcq"] }, ["pipe", "pipe", "pipe"]);
  const chunks: Buffer[] = [];
  let bytes = 0;
  zstd.child.stdout?.on("data", (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes > maxBytes) zstd.child.kill("SIGKILL");
    else chunks.push(chunk);
  });
  const failure = await pump(part, zstd, () => {});
  const exit = await zstd.exited;
  if (failure !== undefined) throw asError(failure.cause);
  if (bytes > maxBytes) {
    throw new LifeboatError("snapshot-damaged", `The part ${part.name} is larger than ${maxBytes} bytes.`);
  }
  if (!exitedWell(exit)) throw toolFailed("zstd", exit);
  return Buffer.concat(chunks);
}

/** Hands over growing heads of a decompressed part until `enough` says so, then ends. */
export async function writeHead(
  part: PartStream,
  maxBytes: number,
  enough: (head: Buffer) => boolean,
): Promise<void> {
  const zstd = await startTool({ program: part.zstd, args: ["-dcq"] }, ["pipe", "pipe", "pipe"]);
  const state: { head: Buffer[]; bytes: number; lookAt: number; done: boolean; refusal?: unknown } = {
    head: [],
    bytes: 0,
    // Doubled at each look, so that all looks together stay linear.
    lookAt: 64 * 1024,
    done: false,
  };
  const look = (): boolean => {
    const head = Buffer.concat(state.head);
    state.head = [head];
    try {
      state.done = enough(head) || head.length > maxBytes;
    } catch (cause) {
      state.done = true;
      state.refusal = cause;
    }
    return state.done;
  };
  zstd.child.stdout?.on("data", (chunk: Buffer) => {
    if (state.done) return;
    state.head.push(chunk);
    state.bytes += chunk.length;
    if (state.bytes < state.lookAt) return;
    state.lookAt = state.bytes * 2;
    if (look()) zstd.child.kill("SIGKILL");
  });
  const failure = await pump(part, zstd, () => {});
  const exit = await zstd.exited;
  if (!state.done && failure === undefined && exitedWell(exit)) look();
  if (state.refusal !== undefined) throw asError(state.refusal);
  if (state.done) return;
  if (failure !== undefined) throw asError(failure.cause);
  if (!exitedWell(exit)) throw toolFailed("zstd", exit);
}

/** A part decompressed straight into an open file descriptor. */
export async function writePart(part: PartStream, fd: number): Promise<void> {
  const zstd = await startTool({ program: part.zstd, args: ["-dcq"] }, ["pipe", fd, "pipe"]);
  const failure = await pump(part, zstd, () => {});
  const exit = await zstd.exited;
  if (failure !== undefined) throw asError(failure.cause);
  if (!exitedWell(exit)) throw toolFailed("zstd", exit);
}

/**
 * Writes the part into zstd. A failing source or an abort kills the children at once: zstd must not see a tidy end.
 * Returns what failed on our side; a broken pipe is only an echo of a child's own end and is left to exit codes.
 */
async function pump(
  part: PartStream,
  zstd: RunningTool,
  killConsumer: () => void,
  passage?: RunningTool["passage"],
): Promise<{ readonly cause: unknown } | undefined> {
  let failure: { readonly cause: unknown } | undefined;
  const kill = (cause: unknown): void => {
    failure ??= { cause };
    zstd.child.kill("SIGKILL");
    killConsumer();
  };
  const onAbort = (): void => kill(part.signal?.reason);
  part.signal?.addEventListener("abort", onAbort, { once: true });
  if (part.signal?.aborted === true) onAbort();
  // Only the source's own errors are caught: a broken pipe is thrown into this generator at its `yield`.
  async function* guarded(): AsyncGenerator<Uint8Array> {
    const chunks = part.source.zstdStream(part.name)[Symbol.asyncIterator]();
    try {
      for (;;) {
        passage?.pause();
        const next = await chunks.next().catch((cause: unknown) => {
          kill(cause);
          throw cause;
        });
        passage?.moved();
        if (next.done === true) return;
        yield next.value;
      }
    } finally {
      await chunks.return?.();
    }
  }
  try {
    if (zstd.child.stdin === null) throw new LifeboatError("unexpected", "zstd has no stdin.");
    await pipeline(Readable.from(guarded()), zstd.child.stdin);
  } catch {
    // Either `failure` is set, or a child went away and its exit code says why.
  } finally {
    part.signal?.removeEventListener("abort", onAbort);
  }
  return failure;
}

/** zstd could not write because its reader had ended: the reader's exit is the cause. */
function isEcho(exit: ToolExit): boolean {
  return exit.signal === "SIGPIPE" || /broken pipe|connection reset/i.test(exit.stderr);
}

function asError(cause: unknown): Error {
  return cause instanceof Error ? cause : new LifeboatError("unexpected", String(cause), { cause });
}
