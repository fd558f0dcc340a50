/** Child processes: started without a shell, their exit code, signal and stderr always read. */
import { type ChildProcess, spawn, type StdioOptions } from "node:child_process";
import { once } from "node:events";
import type { Writable } from "node:stream";
import { type ErrorCode, LifeboatError } from "../errors.ts";
import { childEnvironment } from "./environment.ts";

export interface ToolCommand {
  /** Absolute path, or a name looked up on PATH. */
  readonly program: string;
  /** Readable by every process of the machine: no secret, no name from inside a database. */
  readonly args: readonly string[];
  /** On top of `childEnvironment`'s few. */
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  readonly uid?: number;
  readonly gid?: number;
  /** In a session of its own, which a terminal's Ctrl-C does not reach. */
  readonly detached?: boolean;
}

export interface ToolExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** The last 16 KiB that the program wrote to stderr (empty where stderr was not piped). */
  readonly stderr: string;
}

export interface RunningTool {
  readonly name: string;
  readonly child: ChildProcess;
  /** Settles when the process has ended and its pipes are closed; never rejects. */
  readonly exited: Promise<ToolExit>;
  /** Told when whoever feeds the program waits for what to feed it, and when that has come. */
  readonly passage?: { pause(): void; moved(): void };
}

const stderrTailBytes = 16 * 1024;

/** Starts a program; resolves once it runs, so that a missing consumer is known before its producer starts. */
export async function startTool(command: ToolCommand, stdio: StdioOptions): Promise<RunningTool> {
  const name = command.program.split("/").at(-1) ?? command.program;
  const child = spawn(command.program, [...command.args], {
    env: childEnvironment(command.env),
    stdio,
    ...(command.cwd === undefined ? {} : { cwd: command.cwd }),
    ...(command.uid === undefined ? {} : { uid: command.uid }),
    ...(command.gid === undefined ? {} : { gid: command.gid }),
    ...(command.detached === undefined ? {} : { detached: command.detached }),
  });
  let stderr = "";
  child.stderr?.setEncoding("utf8").on("data", (text: string) => {
    stderr = (stderr + text).slice(-stderrTailBytes);
  });
  const exited = new Promise<ToolExit>((resolve) => {
    child.once("close", (code, signal) => resolve({ code, signal, stderr: stderr.trim() }));
  });
  try {
    await once(child, "spawn");
  } catch (cause) {
    throw new LifeboatError("tool-missing", `The program "${command.program}" could not be started.`, {
      cause,
    });
  }
  return { name, child, exited };
}

/**
 * Keeps a child's output until somebody reads it. Without this Node throws away what nobody has begun to read when the
 * child exits, silently: call it right after `startTool` wherever the reading begins later.
 */
export function holdOutput<T extends NodeJS.ReadableStream>(output: T): T {
  return output.on("readable", () => {});
}

/** Signals a program that was started with `detached`, and everything that it has started. */
export function endGroup({ child }: RunningTool, signal: NodeJS.Signals): void {
  try {
    if (child.pid !== undefined) process.kill(-child.pid, signal);
  } catch {
    // All of them are gone.
  }
}

export function exitedWell(exit: ToolExit): boolean {
  return exit.code === 0 && exit.signal === null;
}

/** "pg_dump ended with exit code 1"; its words on stderr may name tables and travel as an error's `inside`. */
export function describeExit(name: string, exit: ToolExit): string {
  const how = exit.signal === null ? `exit code ${String(exit.code)}` : `signal ${exit.signal}`;
  return `${name} ended with ${how}`;
}

/** The error of a program that did not end well; what it said may name tables, so it travels as `inside`. */
export function toolFailed(name: string, exit: ToolExit, code: ErrorCode = "tool-failed"): LifeboatError {
  // A setting's name is the same in every language of the server.
  if (/max_locks_per_transaction/.test(exit.stderr)) {
    const sentence = `${name} found no more room for locks on the server (max_locks_per_transaction).`;
    return new LifeboatError("locks-exhausted", sentence, { inside: exit.stderr });
  }
  const [, encoding] = /invalid byte sequence for encoding "(\w+)"/.exec(exit.stderr) ?? [];
  if (encoding !== undefined && name === "pg_restore") {
    const sentence = `The source held bytes that are not valid in the encoding ${encoding}, and so does its backup.`;
    return new LifeboatError("source-bytes-invalid", sentence, { inside: exit.stderr });
  }
  return new LifeboatError(code, `${describeExit(name, exit)}.`, { inside: exit.stderr });
}

/**
 * Writes a source into a program's stdin and closes it. Rejects with the source's own error only; a program that stops
 * reading (or was killed) makes it "refused", and the program's exit code says whether that was right. With `toTheEnd`
 * the source is read to its end all the same: what proves a sealed file whole is its last byte.
 */
export async function feed(
  source: AsyncIterable<Uint8Array>,
  stdin: Writable,
  { toTheEnd = false } = {},
): Promise<"whole" | "refused"> {
  let broken = false as boolean;
  stdin.on("error", () => (broken = true));
  for await (const bytes of source) {
    if (stdin.destroyed && !toTheEnd) return "refused";
    if (!stdin.destroyed && !stdin.write(bytes)) await drainedOrClosed(stdin);
  }
  // A stdin that is gone already will not tell us so again.
  if (stdin.destroyed) return "refused";
  const ended = new Promise<void>((resolve) => {
    stdin.once("finish", resolve).once("close", resolve);
  });
  stdin.end();
  await ended;
  return broken || !stdin.writableFinished ? "refused" : "whole";
}

/** Resolves when a stdin takes more, or never will. */
export function drainedOrClosed(stdin: Writable): Promise<void> {
  return new Promise((resolve) => {
    const settle = (): void => {
      stdin.off("drain", settle).off("close", settle);
      resolve();
    };
    stdin.on("drain", settle).on("close", settle);
  });
}

export interface FinishedTool {
  readonly stdout: Buffer;
  readonly stderr: string;
}

export interface RunLimits {
  /** Written to the program's stdin, which is then closed. */
  readonly input?: string | Uint8Array;
  /** More output than this is an error. Default 64 MiB. */
  readonly maxOutputBytes?: number;
  readonly timeoutMs?: number;
}

/** Runs a program to its end and returns what it wrote; throws `tool-failed` unless it exits with 0. */
export async function runTool(command: ToolCommand, limits: RunLimits = {}): Promise<FinishedTool> {
  const tool = await startTool(command, ["pipe", "pipe", "pipe"]);
  const { stdin, stdout } = tool.child;
  if (stdin === null || stdout === null) throw new LifeboatError("unexpected", `${tool.name} has no pipes.`);
  // A program may end without reading its input (pg_restore -l does); its exit code is what counts.
  stdin.on("error", () => {});
  stdin.end(limits.input ?? "");
  const maxOutputBytes = limits.maxOutputBytes ?? 64 * 1024 * 1024;
  const chunks: Buffer[] = [];
  let bytes = 0;
  let problem: string | undefined;
  const stop = (reason: string): void => {
    problem ??= reason;
    tool.child.kill("SIGKILL");
  };
  stdout.on("data", (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes > maxOutputBytes) stop(`wrote more than ${maxOutputBytes} bytes`);
    else chunks.push(chunk);
  });
  const timer =
    limits.timeoutMs === undefined
      ? undefined
      : setTimeout(() => stop(`did not finish within ${limits.timeoutMs ?? 0} ms`), limits.timeoutMs);
  const exit = await tool.exited;
  clearTimeout(timer);
  if (problem !== undefined) throw new LifeboatError("tool-failed", `${tool.name} ${problem} and was ended.`);
  if (!exitedWell(exit)) throw toolFailed(tool.name, exit);
  return { stdout: Buffer.concat(chunks), stderr: exit.stderr };
}
