/** What keeps a request from waiting for ever: a time limit for each thing that it waits for. */
import type { Failure } from "./storage-failures.ts";

/** An attempt that may go well the next time. It never leaves the files of the API that was asked. */
export class TemporaryFailure extends Error {
  readonly failure: Failure | undefined;
  readonly retryAfterMs: number | undefined;

  constructor(
    message: string,
    details: { failure?: Failure; retryAfterMs?: number | undefined; cause?: unknown } = {},
  ) {
    super(message, { cause: details.cause });
    this.failure = details.failure;
    this.retryAfterMs = details.retryAfterMs;
  }
}

/** Ends a request that has waited too long, or that the caller gave up. */
export class Watch {
  reason: string | undefined;
  /** Nothing is sent or received any more: breaking it off would only cost an exception and its stack. */
  isOver = false;
  readonly signal: AbortSignal;
  /** "Storage API", for sentences. */
  readonly service: string;
  readonly #abort = new AbortController();
  #timer: NodeJS.Timeout | undefined;

  constructor(outer: AbortSignal | undefined, service = "Storage API") {
    this.service = service;
    this.signal = outer === undefined ? this.#abort.signal : AbortSignal.any([outer, this.#abort.signal]);
  }

  expectWithin(milliseconds: number, what: string): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.reason = `The ${this.service} gave ${what} within ${milliseconds} ms.`;
      this.#abort.abort();
    }, milliseconds);
  }

  rest(): void {
    clearTimeout(this.#timer);
  }

  end(): void {
    clearTimeout(this.#timer);
    if (!this.isOver) this.#abort.abort();
  }
}

/** The body with its idle limit, which runs only while we wait for the network. `sends`: a body may still go the other way. */
export async function* watched(
  response: Response,
  watch: Watch,
  { idleMs, sends }: { readonly idleMs: number; readonly sends: boolean },
): AsyncGenerator<Uint8Array, void, undefined> {
  const reader = response.body?.getReader();
  try {
    for (;;) {
      watch.expectWithin(idleMs, "no bytes");
      const next = await reader?.read();
      watch.rest();
      if (next === undefined || next.done) {
        watch.isOver = !sends;
        return;
      }
      yield next.value;
    }
  } catch (cause) {
    throw new TemporaryFailure(watch.reason ?? `The connection to the ${watch.service} broke.`, { cause });
  }
}

const longestRetryAfterMs = 120_000;

/** Seconds, or a date, which counts from the server's own. */
export function retryAfter(headers: Headers): number | undefined {
  const value = headers.get("retry-after");
  if (value === null) return undefined;
  const wait = /^\d+$/.test(value)
    ? Number(value) * 1000
    : Date.parse(value) - Date.parse(headers.get("date") ?? "");
  return Number.isFinite(wait) ? Math.min(longestRetryAfterMs, Math.max(0, wait)) : undefined;
}

export interface Patience {
  /** From 0 to just below 1. */
  readonly random: () => number;
  readonly retryAfterMs: number | undefined;
}

const firstWaitMs = 1000;
const longestWaitMs = 30_000;

/** Milliseconds before the next try: twice as long each time, spread by chance, never shorter than the server asks for. */
export function waitBefore(attempt: number, { random, retryAfterMs }: Patience): number {
  const longest = Math.min(longestWaitMs, firstWaitMs * 2 ** (attempt - 1));
  return Math.max(longest / 2 + (random() * longest) / 2, retryAfterMs ?? 0);
}
