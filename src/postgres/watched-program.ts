/** One of PostgreSQL's programs, ended with the reason where its connection has fallen silent. */
import { randomBytes } from "node:crypto";
import type { RunningTool } from "../system/process.ts";
import type { Connection } from "./connection.ts";
import { libpqEnvironment } from "./libpq.ts";
import { type StallWatch, watchForStall } from "./stall-watch.ts";

export interface ProgramWatch extends StallWatch {
  /** What the program needs to be found on the server by. */
  readonly environment: Readonly<Record<string, string>>;
  /** Whoever feeds or reads the program is at work, or waits for somebody else. */
  pause(): void;
}

export interface WatchedProgram {
  readonly stop: () => void;
  readonly process: () => number | undefined;
}

export function watchProgram(connection: Connection, { stop, process }: WatchedProgram): ProgramWatch {
  const name = `${(connection.applicationName ?? "lifeboat").slice(0, 40)} ${randomBytes(6).toString("hex")}`;
  let isWaiting = true;
  const where = { application_name: name };
  const watch = watchForStall({ connection, where, isWaiting: () => isWaiting, stop, process });
  return {
    environment: { PGAPPNAME: name },
    pause: () => (isWaiting = false),
    moved() {
      isWaiting = true;
      watch.moved();
    },
    get failure() {
      return watch.failure;
    },
    [Symbol.dispose]: () => watch[Symbol.dispose](),
  };
}

/** How long it may take to end its own workers, which our signal does not reach. */
const lastWordsMs = 5000;

/** Starts a program that restores, with its environment; `work` resolves when it has ended. */
export async function runWatched(
  connection: Connection,
  start: (env: Record<string, string>) => Promise<RunningTool>,
  work: (program: RunningTool) => Promise<void>,
): Promise<void> {
  const running: { child?: RunningTool["child"] } = {};
  const stop = (): void => {
    running.child?.kill("SIGTERM");
    setTimeout(() => running.child?.kill("SIGKILL"), lastWordsMs).unref();
  };
  using watch = watchProgram(connection, { stop, process: () => running.child?.pid });
  const program = await start({ ...libpqEnvironment(connection), ...watch.environment });
  running.child = program.child;
  try {
    await work({ ...program, passage: watch });
  } catch (cause) {
    throw watch.failure ?? cause;
  }
}
