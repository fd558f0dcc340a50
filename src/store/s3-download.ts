/** Bytes of objects: ranges, never of two versions, and going on after a broken connection. */
import type { Readable } from "node:stream";
import { LifeboatError } from "../errors.ts";
import { isConditionFailed, isMissing, refusal } from "./s3-errors.ts";
import { isTemporary, type S3Requests } from "./s3-requests.ts";
import { cutRange, missing } from "./store-key.ts";
import type { ByteRange } from "./store.ts";
import type { Sleep } from "./with-retries.ts";

export interface S3Body {
  /** Bytes of the whole object. */
  readonly length: number;
  readonly etag: string | undefined;
  readonly versionId: string | undefined;
  readonly storedAt: Date;
  /** Exactly the asked range, or an error. */
  readonly bytes: AsyncIterable<Uint8Array>;
}

export interface S3Downloads {
  /** `store-object-missing` before anything is streamed. */
  open(key: string, range?: ByteRange): Promise<S3Body>;
}

export interface S3DownloadSettings {
  readonly requests: S3Requests;
  readonly sleep: Sleep;
  /** Waiting so long for 16 KiB means that the connection is broken. Default 30 s. */
  readonly idleTimeoutMs?: number;
  readonly firstWaitMs?: number;
}

interface Connection {
  readonly length: number;
  readonly etag: string | undefined;
  readonly versionId: string | undefined;
  readonly storedAt: Date;
  /** Where in the object the body's first byte stands. */
  readonly start: number;
  readonly body: AsyncIterable<Uint8Array>;
  readonly close: () => void;
}

interface Span {
  readonly from: number;
  readonly to?: number | undefined;
  readonly etag?: string | undefined;
  readonly whole?: boolean;
}

const act = { right: "s3:GetObject", kind: "read" } as const;
const mostBreaksWithoutProgress = 5;
const progressBytes = 16 * 1024;

export function s3Downloads(settings: S3DownloadSettings): S3Downloads {
  const { requests, sleep, idleTimeoutMs = 30_000, firstWaitMs = 250 } = settings;

  async function connect(key: string, { from, to, etag, whole = false }: Span): Promise<Connection> {
    const controller = new AbortController();
    const output = await requests.open(act, controller, ({ sdk, client, signal }) =>
      client.send(
        new sdk.GetObjectCommand({
          Bucket: requests.bucket,
          Key: requests.full(key),
          // Always a range: its answer says the whole length beside the body's own, so that a cut body shows.
          ...(whole ? {} : { Range: `bytes=${from}-${to === undefined ? "" : to - 1}` }),
          ...(etag === undefined ? {} : { IfMatch: etag }),
        }),
        { abortSignal: signal },
      ),
    );
    const { ContentRange, ContentLength, Body } = output;
    const [, first, total] = /^bytes (\d+)-\d+\/(\d+)$/.exec(ContentRange ?? "") ?? [];
    const length = total === undefined ? ContentLength : Number(total);
    if (length === undefined || Body === undefined) {
      controller.abort();
      throw new LifeboatError("store-temporary", `The store did not say how long ${key} is.`);
    }
    return {
      length,
      etag: output.ETag,
      versionId: output.VersionId,
      storedAt: output.LastModified ?? new Date(0),
      start: Number(first ?? 0),
      body: Body as Readable,
      close: () => (Body as Readable).destroy(new Error("nothing more came")),
    };
  }

  /** `connect`, tried again while the store is busy; undefined where nothing stands in the asked range. */
  async function patiently(work: () => Promise<Connection>, key: string): Promise<Connection | undefined> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await work();
      } catch (thrown) {
        if (isMissing(thrown)) throw missing(key);
        if (statusOf(thrown) === 416) return undefined;
        if (isConditionFailed(thrown)) throw changed(key);
        const error = refusal(thrown, act, requests.bucket);
        if (!isTemporary(error) || attempt === 4) throw error;
        await sleep(firstWaitMs * 2 ** (attempt - 1));
      }
    }
  }

  async function* stream(
    key: string,
    first: Connection,
    { start, end }: { readonly start: number; readonly end: number },
  ): AsyncGenerator<Uint8Array, void, undefined> {
    let position = start;
    let connection: Connection | undefined = first;
    try {
      for (let breaks = 0; position < end;) {
        const before = position;
        try {
          connection ??= await patiently(
            () => connect(key, { from: position, to: end, etag: first.etag }),
            key,
          );
          if (connection?.length !== first.length) throw changed(key);
          for await (const chunk of span(connection, position, end, idleTimeoutMs)) {
            position += chunk.length;
            yield chunk;
          }
          if (position < end) throw new Error(`the connection ended ${end - position} bytes early`);
        } catch (cause) {
          if (cause instanceof LifeboatError && !isTemporary(cause)) throw cause;
          connection?.close();
          connection = undefined;
          breaks = position > before ? 1 : breaks + 1;
          if (breaks > mostBreaksWithoutProgress) throw broken(key, position, end, cause);
          await sleep(firstWaitMs * 2 ** breaks);
        }
      }
    } finally {
      connection?.close();
    }
  }

  /** A range behind the end, of an object that must be there. */
  async function empty(key: string): Promise<S3Body> {
    const connection = await patiently(() => connect(key, { from: 0, whole: true }), key);
    if (connection === undefined) throw missing(key, "is there, but its bytes cannot be asked for");
    connection.close();
    return { ...described(connection), bytes: nothing() };
  }

  return {
    open: async (key, range) => {
      const { start: from, end: to } = cutRange(range, Number.MAX_SAFE_INTEGER);
      if (range?.length === 0) return await empty(key);
      const wanted = range === undefined ? undefined : to;
      const connection = await patiently(() => connect(key, { from, to: wanted }), key);
      if (connection === undefined) return await empty(key);
      const { start, end } = cutRange(range, connection.length);
      if (start >= end) {
        connection.close();
        return { ...described(connection), bytes: nothing() };
      }
      return { ...described(connection), bytes: stream(key, connection, { start, end }) };
    },
  };
}

function described({ length, etag, versionId, storedAt }: Connection): Omit<S3Body, "bytes"> {
  return { length, etag, versionId, storedAt };
}

/** The bytes of one connection from `position`, never more than up to `end`; a stalled one is aborted. */
async function* span(
  { start, body, close }: Connection,
  position: number,
  end: number,
  idleTimeoutMs: number,
): AsyncGenerator<Uint8Array, void, undefined> {
  // A server that ignores the range sends everything: what was asked for is cut out of it.
  let skip = position - start;
  let left = end - position;
  if (skip < 0) throw new Error("the store sent another range than asked for");
  let progress = 0;
  let timer = setTimeout(close, idleTimeoutMs);
  try {
    for await (const chunk of body) {
      progress += chunk.length;
      if (progress >= progressBytes) {
        clearTimeout(timer);
        progress = 0;
      }
      const wanted = chunk.subarray(Math.min(skip, chunk.length)).subarray(0, left);
      skip -= Math.min(skip, chunk.length);
      left -= wanted.length;
      if (wanted.length > 0) yield wanted;
      if (left === 0) return;
      // Only now: the reader may take its time, the network may not.
      if (progress === 0) timer = setTimeout(close, idleTimeoutMs);
    }
  } finally {
    clearTimeout(timer);
  }
}

async function* nothing(): AsyncGenerator<Uint8Array, void, undefined> {}

function statusOf(thrown: unknown): number | undefined {
  return (thrown as { $metadata?: { httpStatusCode?: number } } | undefined)?.$metadata?.httpStatusCode;
}

function changed(key: string): LifeboatError {
  return new LifeboatError("store-read-failed", `${key} was replaced in the store while it was read.`);
}

function broken(key: string, position: number, end: number, cause: unknown): LifeboatError {
  const words = cause instanceof Error ? cause.message : String(cause);
  return new LifeboatError(
    "store-read-failed",
    `The download of ${key} broke at byte ${position} of ${end}: ${words}.`,
    { cause },
  );
}
