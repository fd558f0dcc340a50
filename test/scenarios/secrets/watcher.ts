/**
 * Somebody else on the machine, who looks at everything that can be seen from outside while a step runs: the command
 * line of every process, and every file in the folders that the step may write to.
 */
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { Worker } from "node:worker_threads";
import type { Needle } from "./encodings.ts";

export interface Watch {
  /** Looked through all the time, whole. */
  readonly folders: readonly string[];
  readonly needles: readonly Needle[];
}

export interface Seen {
  /** "a row as base64, shifted by 1 in the command line of …" */
  readonly leaks: readonly string[];
  /** Names of programs whose command lines were seen. */
  readonly programs: readonly string[];
  /** Folders of throwaway servers, with their modes; only their owner may look inside, so nobody did. */
  readonly servers: Readonly<Record<string, string>>;
  readonly filesRead: number;
}

/**
 * Looks until `work` has ended, and once more afterwards; `work` begins when the first look is done. `looked` waits until
 * everything has been looked at again.
 */
export async function watching<T>(
  watch: Watch,
  work: (looked: () => Promise<void>) => Promise<T>,
): Promise<readonly [T, Seen]> {
  const stop = new Int32Array(new SharedArrayBuffer(4));
  const looks = new Int32Array(new SharedArrayBuffer(4));
  const looked = async (): Promise<void> => {
    // The look that is under way may have passed by already.
    const wanted = Atomics.load(looks, 0) + 2;
    while (Atomics.load(looks, 0) < wanted) await Promise.race([sleep(5), failed]);
  };
  const thread = new Worker(new URL("watching-thread.ts", import.meta.url), {
    workerData: { ...watch, stop, looks },
  });
  const seen = once(thread, "message") as Promise<[Seen]>;
  const failed = once(thread, "error").then(([cause]: unknown[]) => {
    throw cause;
  });
  let result: T;
  try {
    await looked();
    result = await work(looked);
  } finally {
    Atomics.store(stop, 0, 1);
  }
  const [report] = await Promise.race([seen, failed]);
  return [result, report];
}
