/**
 * Requests to the Storage API: as many at once as the service bears, tried again where that helps, never waiting for
 * ever, never following a redirect (which would carry the key to another host).
 */
import { LifeboatError } from "../errors.ts";
import { realSleep, type Sleep } from "../store/with-retries.ts";
import { AdaptiveLimit, type Slot } from "../system/adaptive-limit.ts";
import { unlessAborted } from "../system/concurrency.ts";
import type { Logger } from "../system/logger.ts";
import { streamOf } from "../system/stream-of.ts";
import { type StorageConnection, storageHeaders } from "./storage-connection.ts";
import { isOverload, isPassing, parseFailure } from "./storage-failures.ts";
import { retryAfter, TemporaryFailure, waitBefore, Watch, watched } from "./watched-request.ts";
import { bytesWithin } from "../system/bounded.ts";
import { sizeLimits } from "../snapshot/size-limits.ts";

export interface StorageOptions {
  readonly logger: Logger;
  readonly signal?: AbortSignal;
  readonly sleep?: Sleep;
  /** From 0 to just below 1. */
  readonly random?: () => number;
  /** Shared by all who ask the same project. Default: 8 at once. */
  readonly limiter?: AdaptiveLimit;
  /** Of one request, the first try included; of a download, tries in a row that brought nothing. Default 5. */
  readonly tries?: number;
  /** How long a body may bring nothing. Default 60 s. */
  readonly idleMs?: number;
  /** How long an answer may take once the request is sent. Default 300 s, as servers join the parts of big uploads. */
  readonly answerMs?: number;
}

export interface StorageRequest {
  readonly method: string;
  /** From the host on, encoded. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array | AsyncIterable<Uint8Array>;
}

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
}

export interface WholeAnswer extends Answer {
  readonly bytes: Buffer;
}

export interface StreamedAnswer extends Answer {
  /** Ends with the body; throws `TemporaryFailure` where the connection or the time does first. */
  readonly body: AsyncIterable<Uint8Array>;
  /** Must be called; breaks off what has not been read. */
  close(): void;
}

/** Of an error's body; of a whole one there is no limit, as listings are pages. */
const errorBodyBytes = 64 * 1024;

export class StorageTransport {
  readonly tries: number;
  /** An object was proven to have a row and no bytes: others that answer alike need fewer tries. */
  hasBytelessRows = false;
  readonly #connection: StorageConnection;
  readonly #options: StorageOptions;
  readonly #limiter: AdaptiveLimit;

  constructor(connection: StorageConnection, options: StorageOptions) {
    this.#connection = connection;
    this.#options = options;
    this.#limiter = options.limiter ?? new AdaptiveLimit(8);
    this.tries = options.tries ?? 5;
  }

  /** Runs `work` until it does not throw `TemporaryFailure`, at most `tries` times; then throws what `lastly` makes of it. */
  async retried<T>(
    work: () => Promise<T>,
    lastly: (last: TemporaryFailure) => LifeboatError | Promise<LifeboatError> = stillBusy,
  ): Promise<T> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await work();
      } catch (thrown) {
        if (!(thrown instanceof TemporaryFailure)) throw thrown;
        if (attempt >= this.tries) throw await lastly(thrown);
        await this.pause(attempt, thrown);
      }
    }
  }

  async pause(attempt: number, after: TemporaryFailure): Promise<void> {
    const { sleep = realSleep, random = Math.random, signal, logger } = this.#options;
    const { failure, retryAfterMs } = after;
    const wait = waitBefore(attempt, { random, retryAfterMs });
    logger.debug(
      `Storage API, try ${attempt}: ${failure === undefined ? "connection broke" : `status ${failure.status}`}; again in ${Math.round(wait)} ms.`,
    );
    await (signal === undefined ? sleep(wait) : unlessAborted(sleep(wait), signal));
  }

  /** One request with its tries, its answer read whole. Answers that another try would not change are returned. */
  whole(request: StorageRequest): Promise<WholeAnswer> {
    return this.retried(() => this.wholeOnce(request));
  }

  async wholeOnce(request: StorageRequest): Promise<WholeAnswer> {
    const answer = await this.stream(request);
    try {
      const limit = { document: "that the Storage API answered", maxBytes: sizeLimits.answer };
      const bytes = await bytesWithin(answer.body, limit);
      refuseHalfJson(answer, bytes);
      return { status: answer.status, headers: answer.headers, bytes };
    } finally {
      answer.close();
    }
  }

  /** One try whose body the caller reads. Throws `TemporaryFailure` for answers that are worth another. */
  async stream(request: StorageRequest): Promise<StreamedAnswer> {
    const { signal, idleMs = 60_000, answerMs = 300_000 } = this.#options;
    const slot = await this.#limiter.acquire(signal);
    const watch = new Watch(signal);
    try {
      watch.expectWithin(answerMs, "no answer");
      const response = await this.#fetch(request, watch, answerMs);
      if (response.status >= 300 && response.status < 400 && response.status !== 304) {
        throw new LifeboatError("storage-request-refused", "The Storage API's address redirects elsewhere.", {
          hint: "Give the project's own URL.",
        });
      }
      const arriving = watched(response, watch, { idleMs, sends: isStream(request.body) });
      const body = response.status >= 400 ? await errorBody(response, arriving, slot) : arriving;
      return {
        status: response.status,
        headers: response.headers,
        body: endingSlot(body, slot),
        close: () => {
          slot.end("failed");
          watch.end();
        },
      };
    } catch (thrown) {
      slot.end("failed");
      watch.end();
      signal?.throwIfAborted();
      throw thrown;
    }
  }

  /** For storage-js: the same tries, limits and headers under its own requests. */
  readonly fetch = async (input: unknown, init: RequestInit = {}): Promise<Response> => {
    const url = new URL(String(input));
    const headers = Object.fromEntries(new Headers(init.headers));
    const {
      status,
      headers: answered,
      bytes,
    } = await this.whole({
      method: init.method ?? "GET",
      path: url.pathname + url.search,
      headers,
      ...(typeof init.body === "string" ? { body: init.body } : {}),
    });
    const isEmpty = status === 204 || status === 304;
    return new Response(isEmpty ? null : (bytes as Uint8Array<ArrayBuffer>), { status, headers: answered });
  };

  async #fetch(request: StorageRequest, watch: Watch, answerMs: number): Promise<Response> {
    const { method, path, headers, body } = request;
    const streams = isStream(body);
    // What fails while a source is read is the source's own failure, not the network's.
    let sourceFailed: { readonly cause: unknown } | undefined;
    async function* touched(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
      try {
        for await (const chunk of source) {
          yield chunk;
          watch.expectWithin(answerMs, "no answer");
        }
      } catch (cause) {
        sourceFailed ??= { cause };
        throw cause;
      }
    }
    try {
      return await fetch(this.#connection.url + path, {
        method,
        // Object bytes must come as they are stored, and a range of them must be a range of those.
        headers: { "accept-encoding": "identity", ...headers, ...storageHeaders(this.#connection) },
        redirect: "manual",
        signal: watch.signal,
        ...(body === undefined
          ? {}
          : { body: (streams ? touched(body) : body) as NonNullable<RequestInit["body"]> }),
        ...(streams ? { duplex: "half" } : {}),
      });
    } catch (cause) {
      if (sourceFailed !== undefined) throw (sourceFailed as { cause: unknown }).cause;
      throw new TemporaryFailure(watch.reason ?? "The connection to the Storage API broke.", { cause });
    }
  }
}

function isStream(body: StorageRequest["body"]): body is AsyncIterable<Uint8Array> {
  return body !== undefined && typeof body !== "string" && !(body instanceof Uint8Array);
}

async function* endingSlot(
  body: AsyncIterable<Uint8Array>,
  slot: Slot,
): AsyncGenerator<Uint8Array, void, undefined> {
  yield* body;
  slot.end("succeeded");
}

/** An error's body, read here to tell whether another try may help: then it throws. */
async function errorBody(
  response: Response,
  arriving: AsyncIterable<Uint8Array>,
  slot: Slot,
): Promise<AsyncIterable<Uint8Array>> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of arriving) {
    chunks.push(chunk);
    size += chunk.length;
    if (size > errorBodyBytes) break;
  }
  const bytes = Buffer.concat(chunks);
  const failure = parseFailure(response.status, bytes.toString("utf8"));
  if (!isPassing(failure)) return streamOf(bytes);
  slot.end(isOverload(failure) ? "overloaded" : "failed");
  throw new TemporaryFailure(`The Storage API answered status ${failure.status}.`, {
    failure,
    retryAfterMs: retryAfter(response.headers),
  });
}

/** A listing that was cut where chunked framing does not show it is no answer. */
function refuseHalfJson({ status, headers }: Answer, bytes: Buffer): void {
  if (status >= 400 || bytes.length === 0 || headers.get("content-type")?.includes("json") !== true) return;
  try {
    JSON.parse(bytes.toString("utf8"));
  } catch (cause) {
    throw new TemporaryFailure("The Storage API's answer is not whole.", { cause });
  }
}

function stillBusy(last: TemporaryFailure): LifeboatError {
  return new LifeboatError(
    "storage-temporary",
    `${last.message.replace(/\.$/, "")}, also after several tries.`,
    {
      cause: last,
    },
  );
}
