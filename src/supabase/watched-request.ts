/** What keeps a request from waiting for ever: a time limit for each thing that it waits for. */
import type { Failure } from "./storage-failures.ts";

/** An attempt that may go well the next time. It never leaves the files of the Storage API. */
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
  readonly #abort = new AbortController();
  #timer: NodeJS.Timeout | undefined;

  constructor(outer: AbortSignal | undefined) {
    this.signal = outer === undefined ? this.#abort.signal : AbortSignal.any([outer, this.#abort.signal]);
  }

  expectWithin(milliseconds: number, what: string): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.reason = `The Storage API gave ${what} within ${milliseconds} ms.`;
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
    throw new TemporaryFailure(watch.reason ?? "The connection to the Storage API broke.", { cause });
  }
}
