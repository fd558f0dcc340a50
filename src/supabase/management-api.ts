/**
 * Requests to Supabase's Management API about one project: tried again where that helps, never waiting for ever, never
 * reading without end, never following a redirect (which would carry the token to another host).
 */
import { LifeboatError } from "../errors.ts";
import { realSleep, type Sleep } from "../store/with-retries.ts";
import { unlessAborted } from "../system/concurrency.ts";
import type { Logger } from "../system/logger.ts";
import type { ManagementConnection } from "./management-connection.ts";
import { type Failure, isPassing, parseFailure } from "./storage-failures.ts";
import { retryAfter, TemporaryFailure, waitBefore, Watch, watched } from "./watched-request.ts";

export interface ManagementOptions {
  readonly logger: Logger;
  readonly signal?: AbortSignal;
  readonly sleep?: Sleep;
  /** From 0 to just below 1. */
  readonly random?: () => number;
  /** Of one request, the first try included. Default 5. */
  readonly tries?: number;
  /** How long a body may bring nothing. Default 60 s. */
  readonly idleMs?: number;
  /** How long an answer may take: some settings restart a service first. Default 180 s. */
  readonly answerMs?: number;
}

export interface ManagementRequest {
  readonly method: "GET" | "PATCH" | "PUT" | "POST";
  /** Below `/v1/projects/{ref}`, encoded. */
  readonly path: string;
  /** What is asked for, for sentences that everybody reads: "the auth settings". */
  readonly what: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
  /** false: after a broken connection or a 5xx nobody knows whether it was done, and doing it twice is wrong. */
  readonly isRepeatable?: boolean;
  readonly maxBytes: number;
}

export interface ManagementAnswer {
  readonly status: number;
  readonly contentType: string | undefined;
  readonly bytes: Buffer;
}

export type Reply =
  | { readonly value: unknown }
  /** Refused for good: 400, 402, 403, 404 and the like. */
  | { readonly failure: Failure };

/** The largest settings are e-mail templates and SAML metadata; a list of functions may be long. */
const jsonBytes = 16 * 1024 * 1024;
const errorBodyBytes = 64 * 1024;

export class ManagementApi {
  readonly project: string;
  readonly #connection: ManagementConnection;
  readonly #options: ManagementOptions;

  constructor(connection: ManagementConnection, options: ManagementOptions) {
    this.project = connection.project;
    this.#connection = connection;
    this.#options = options;
  }

  async read(path: string, what: string): Promise<Reply> {
    const headers = { accept: "application/json" };
    return asReply(await this.ask({ method: "GET", path, what, headers, maxBytes: jsonBytes }), what);
  }

  async write(
    request: Pick<ManagementRequest, "path" | "what" | "isRepeatable"> & {
      readonly method: "PATCH" | "PUT" | "POST";
      readonly value: unknown;
    },
  ): Promise<Reply> {
    const { value, ...rest } = request;
    const headers = { accept: "application/json", "content-type": "application/json" };
    const answer = await this.ask({ ...rest, headers, body: JSON.stringify(value), maxBytes: jsonBytes });
    return asReply(answer, request.what);
  }

  /**
   * The answer that another try would not change. Throws `access-token-refused` for 401, `project-api-unreachable` after
   * the last try, and `project-api-unusable` for a redirect or a body above `maxBytes`.
   */
  async ask(request: ManagementRequest): Promise<ManagementAnswer> {
    const { tries = 5, sleep = realSleep, random = Math.random, signal, logger } = this.#options;
    for (let attempt = 1; ; attempt += 1) {
      try {
        const answer = await this.#once(request);
        if (answer.status !== 401) return answer;
        throw new LifeboatError("access-token-refused", "The Management API does not know the access token.");
      } catch (thrown) {
        if (!(thrown instanceof TemporaryFailure)) throw thrown;
        const { retryAfterMs, failure } = thrown;
        const isUndone = failure?.status === 429;
        if (attempt >= tries || (request.isRepeatable === false && !isUndone)) throw gaveUp(request, thrown);
        const wait = waitBefore(attempt, { random, retryAfterMs });
        logger.debug(`Management API, try ${attempt}: ${thrown.message} Again in ${Math.round(wait)} ms.`);
        await (signal === undefined ? sleep(wait) : unlessAborted(sleep(wait), signal));
      }
    }
  }

  async #once(request: ManagementRequest): Promise<ManagementAnswer> {
    const { signal, idleMs = 60_000, answerMs = 180_000 } = this.#options;
    const watch = new Watch(signal, "Management API");
    try {
      watch.expectWithin(answerMs, "no answer");
      const response = await this.#fetch(request, watch);
      const { status, headers } = response;
      if (status >= 300 && status < 400) throw unusable(request, "redirects elsewhere");
      const arriving = watched(response, watch, { idleMs, sends: false });
      if (status < 400) {
        const bytes = await bounded(arriving, request.maxBytes);
        if (bytes === undefined) throw unusable(request, `has more than ${request.maxBytes} bytes`);
        return { status, contentType: headers.get("content-type") ?? undefined, bytes };
      }
      // What comes after so much of an error is no part of its sentence.
      const bytes = (await bounded(arriving, errorBodyBytes)) ?? Buffer.alloc(0);
      const failure = parseFailure(status, bytes.toString("utf8"));
      if (!isPassing(failure)) return { status, contentType: undefined, bytes };
      const retryAfterMs = retryAfter(headers);
      throw new TemporaryFailure(`The Management API answered status ${status}.`, { failure, retryAfterMs });
    } catch (thrown) {
      signal?.throwIfAborted();
      throw thrown;
    } finally {
      watch.end();
    }
  }

  async #fetch({ method, path, headers, body }: ManagementRequest, watch: Watch): Promise<Response> {
    const { apiUrl, project, token } = this.#connection;
    try {
      return await fetch(`${apiUrl}/v1/projects/${project}${path}`, {
        method,
        headers: {
          // A function's body must come as it is stored.
          "accept-encoding": "identity",
          ...headers,
          authorization: `Bearer ${token}`,
          "user-agent": "lifeboat",
        },
        redirect: "manual",
        signal: watch.signal,
        ...(body === undefined ? {} : { body: body as NonNullable<RequestInit["body"]> }),
      });
    } catch (cause) {
      throw new TemporaryFailure(watch.reason ?? "The connection to the Management API broke.", { cause });
    }
  }
}

/** Undefined where there is more. */
async function bounded(arriving: AsyncIterable<Uint8Array>, maxBytes: number): Promise<Buffer | undefined> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of arriving) {
    size += chunk.length;
    if (size > maxBytes) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

export function asReply({ status, bytes }: ManagementAnswer, what: string): Reply {
  if (status >= 400) return { failure: parseFailure(status, bytes.toString("utf8")) };
  if (bytes.length === 0) return { value: undefined };
  try {
    return { value: JSON.parse(bytes.toString("utf8")) as unknown };
  } catch {
    throw unusable({ what }, "is not whole JSON");
  }
}

function gaveUp({ what }: Pick<ManagementRequest, "what">, last: TemporaryFailure): LifeboatError {
  return new LifeboatError(
    "project-api-unreachable",
    `Asked for ${what}: ${last.message.replace(/\.$/, "")}, and so to the last try.`,
    { cause: last },
  );
}

/** `why` goes on after "the answer". */
export function unusable({ what }: Pick<ManagementRequest, "what">, why: string): LifeboatError {
  return new LifeboatError("project-api-unusable", `Asked for ${what}: the Management API's answer ${why}.`);
}
