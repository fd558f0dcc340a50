/**
 * The guard around a whole process: exit code 0 means that the work has ended and ended well, nothing else does.
 *
 * Node ends with 0 when nothing is left to wait for, also while a promise is still unsettled; a client that misses a
 * broken connection thereby turns a failed upload into a green step. So the code is 1 from the first line, and every
 * way in which a process can end passes through here: return, throw, stray rejection, signal, time limit, drained
 * event loop, and a dependency that calls process.exit.
 */
import { asLifeboatError, LifeboatError } from "../errors.ts";
import { formatDuration } from "../duration.ts";
import { endOf } from "../system/underway.ts";

/** `interruption`: somebody asked to stop, too late, or a defect showed beside work that was done all the same. */
export type Ending<T> =
  { readonly value: T; readonly interruption?: LifeboatError } | { readonly error: LifeboatError };
export type ExitCode = 0 | 1 | 2 | 3 | 4;

export interface GuardedWork<T> {
  /** `signal` aborts with a LifeboatError: stop, clean up, and settle soon. */
  readonly work: (signal: AbortSignal) => Promise<T>;
  /** Tells the world how it ended, once, and returns the exit code. Synchronous: there may be no later turn. */
  readonly conclude: (ending: Ending<T>) => ExitCode;
  /** Asked before the work begins; it throws where an input that holds it is not valid. Infinity for no limit. */
  readonly timeLimitMs: () => number;
  /**
   * How long the work may take to settle after an abort. GitHub's runner sends a second signal 7.5 seconds after the
   * first, and kills 2.5 seconds later. Default 7 s.
   */
  readonly graceMs?: number;
}

/** What is left after a second signal: the work must say how it stands, also to somebody who has no patience. */
const lastWordsMs = 1500;
/** What setTimeout takes, almost 25 days; a longer one would fire at once. */
const longestTimerMs = 2 ** 31 - 1;

/** Runs the work and ends the process; the returned promise never resolves. */
export function guardProcess<T>(guarded: GuardedWork<T>): Promise<never> {
  process.exitCode = 1;
  const controller = new AbortController();
  let interruption: LifeboatError | undefined;
  let isConcluded = false;

  const conclude = (ending: Ending<T>): void => {
    if (isConcluded) return;
    isConcluded = true;
    process.exitCode = concludeOrExplain(guarded, ending);
  };
  const finish = (ending: Ending<T>): void => {
    if (isConcluded) return;
    conclude(ending);
    // Sockets that a client keeps open must not hold a job that is done.
    flushThenExit();
  };
  const interrupt = (error: LifeboatError): void => {
    if (interruption !== undefined) return;
    interruption = error;
    controller.abort(error);
    setTimeout(giveUp, guarded.graceMs ?? 7000).unref();
  };
  /** The work hangs: what it has done so far is told in its place. */
  const giveUp = (): void => finish({ error: endOf(undefined, controller.signal) });
  let signals = 0;

  process.on("unhandledRejection", (reason) => interrupt(asLifeboatError(reason)));
  process.on("uncaughtException", (error) => interrupt(asLifeboatError(error)));
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.on(signal, () => {
      signals += 1;
      if (interruption === undefined) interrupt(cancelled(signal));
      else if (signals === 2) setTimeout(giveUp, lastWordsMs).unref();
      else if (signals > 2) giveUp();
    });
  }
  process.on("beforeExit", () => {
    if (isConcluded) return;
    if (interruption !== undefined) {
      giveUp();
      return;
    }
    // Clean-ups that take turns of their own bring the loop back here; without any, "exit" comes next.
    interrupt(stopped());
  });
  process.on("exit", () => {
    if (isConcluded) return;
    conclude({ error: interruption === undefined ? leftEarly() : endOf(undefined, controller.signal) });
  });

  const begin = async (): Promise<T> => {
    const limitMs = guarded.timeLimitMs();
    // Unref'd on purpose: whatever hangs keeps the loop, and so this timer, alive, and a drained loop is to be told
    // now, by beforeExit, not when the limit is over.
    if (limitMs <= longestTimerMs) setTimeout(() => interrupt(tooLong(limitMs)), limitMs).unref();
    return await guarded.work(controller.signal);
  };
  void begin().then(
    (value) => finish(interruption === undefined ? { value } : { value, interruption }),
    (thrown: unknown) => finish({ error: endOf(thrown, controller.signal) }),
  );
  return new Promise<never>(() => {});
}

/** The error that decides the exit code. What was done although somebody asked to stop is done; a defect stays one. */
export function errorOf(
  ending: Ending<{ readonly error?: LifeboatError } | undefined>,
): LifeboatError | undefined {
  if ("error" in ending) return ending.error;
  const { value, interruption } = ending;
  return value?.error ?? (tooLate(ending) === undefined ? interruption : undefined);
}

/** What is to be said of work that was done although somebody had asked to stop. */
export function tooLate(ending: Ending<unknown>): string | undefined {
  if ("error" in ending || ending.interruption === undefined) return undefined;
  const { code, message } = ending.interruption;
  if (code !== "run-cancelled" && code !== "run-too-long") return undefined;
  return `${message} It was too late to stop the work: it is done, as reported.`;
}

function concludeOrExplain<T>(guarded: GuardedWork<T>, ending: Ending<T>): ExitCode {
  try {
    return guarded.conclude(ending);
  } catch (first) {
    try {
      // Work that cannot be reported is not proven done.
      return guarded.conclude({ error: asLifeboatError(first) }) || 1;
    } catch {
      process.stderr.write("Lifeboat could not report how it ended; it counts as failed.\n");
      return 1;
    }
  }
}

function flushThenExit(): void {
  process.stderr.write("", () => process.stdout.write("", () => process.exit()));
}

function cancelled(signal: string): LifeboatError {
  return new LifeboatError("run-cancelled", `The run was cancelled (${signal}).`);
}

function tooLong(limitMs: number): LifeboatError {
  return new LifeboatError(
    "run-too-long",
    `The work did not end within its limit of ${formatDuration(limitMs)}.`,
  );
}

function stopped(): LifeboatError {
  return new LifeboatError(
    "run-stopped",
    "The work stopped without an end: it waits for an answer that can no longer come.",
  );
}

function leftEarly(): LifeboatError {
  return new LifeboatError(
    "run-stopped",
    "The process was ended from inside, by a part of the program that had no right to.",
  );
}
