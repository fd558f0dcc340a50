/** Bytes of artifacts: a signed URL that lives a minute, ranges, and going on after a broken connection. */
import { LifeboatError } from "../errors.ts";
import type { Clock } from "../system/clock.ts";
import type { ArtifactsRest } from "./artifacts-rest.ts";
import { cutRange } from "./store-key.ts";
import type { ByteRange } from "./store.ts";
import type { Sleep } from "./with-retries.ts";

export interface ArtifactDownloads {
  /**
   * Exactly the bytes of the range, of an artifact that is `length` bytes long. What has expired or was deleted is
   * refused before anything is streamed.
   */
  read(
    artifact: { readonly id: number; readonly length: number },
    range?: ByteRange,
  ): Promise<AsyncIterable<Uint8Array>>;
}

export interface DownloadSettings {
  readonly clock: Clock;
  readonly sleep: Sleep;
  /** A connection that gives nothing for so long is broken. Default 30 s. */
  readonly idleTimeoutMs?: number;
}

const urlLivesMs = 45_000;
const mostBreaksWithoutProgress = 5;

export function artifactDownloads(rest: ArtifactsRest, settings: DownloadSettings): ArtifactDownloads {
  const { clock, sleep, idleTimeoutMs = 30_000 } = settings;
  const urls = new Map<number, { readonly url: string; readonly until: number }>();

  async function urlOf(id: number): Promise<string> {
    const known = urls.get(id);
    if (known !== undefined && known.until > clock.elapsedMs()) return known.url;
    const url = await rest.signedUrl(id);
    urls.set(id, { url, until: clock.elapsedMs() + urlLivesMs });
    return url;
  }

  async function* stream(
    id: number,
    span: { readonly start: number; readonly end: number; readonly length: number },
  ): AsyncGenerator<Uint8Array, void, undefined> {
    let position = span.start;
    for (let breaks = 0; position < span.end;) {
      const before = position;
      try {
        for await (const chunk of body(await urlOf(id), { ...span, start: position }, idleTimeoutMs)) {
          position += chunk.length;
          yield chunk;
        }
        if (position < span.end) throw new Error(`the connection ended ${span.end - position} bytes early`);
      } catch (cause) {
        if (cause instanceof LifeboatError && cause.code !== "store-temporary") throw cause;
        urls.delete(id);
        breaks = position > before ? 1 : breaks + 1;
        if (breaks > mostBreaksWithoutProgress) throw broken(id, position, span.end, cause);
        await sleep(500 * 2 ** breaks);
      }
    }
  }

  return {
    read: async ({ id, length }, range) => {
      await urlOf(id);
      return stream(id, { ...cutRange(range, length), length });
    },
  };
}

/** One connection's bytes from `start`, never more than asked for. */
async function* body(
  url: string,
  { start, end, length }: { readonly start: number; readonly end: number; readonly length: number },
  idleTimeoutMs: number,
): AsyncGenerator<Uint8Array, void, undefined> {
  const idle = new AbortController();
  const stop = (): void => idle.abort(new Error(`nothing came for ${idleTimeoutMs} ms`));
  let timer = setTimeout(stop, idleTimeoutMs);
  try {
    const response = await fetch(url, {
      headers: { range: `bytes=${start}-${end - 1}` },
      signal: idle.signal,
    });
    if (response.status !== 206 && response.status !== 200) {
      await response.body?.cancel();
      throw new Error(`the download answered with status ${response.status}`);
    }
    const total =
      response.headers.get("content-range")?.split("/")[1] ?? response.headers.get("content-length");
    if (total !== null && Number(total) !== length) {
      await response.body?.cancel();
      throw new LifeboatError(
        "store-read-failed",
        `GitHub holds ${total} bytes of an artifact that was recorded with ${length}.`,
      );
    }
    // A server that ignores the range sends everything: what was asked for is cut out of it.
    let skip = response.status === 206 ? 0 : start;
    let left = end - start;
    for await (const chunk of (response.body ?? []) as AsyncIterable<Uint8Array>) {
      clearTimeout(timer);
      const wanted = chunk.subarray(Math.min(skip, chunk.length)).subarray(0, left);
      skip -= Math.min(skip, chunk.length);
      left -= wanted.length;
      if (wanted.length > 0) yield wanted;
      if (left === 0) return;
      // Only now: the reader may take its time, the network may not.
      timer = setTimeout(stop, idleTimeoutMs);
    }
  } finally {
    clearTimeout(timer);
    idle.abort();
  }
}

function broken(id: number, position: number, end: number, cause: unknown): LifeboatError {
  const words = cause instanceof Error ? cause.message : String(cause);
  return new LifeboatError(
    "store-read-failed",
    `The download of artifact ${id} broke at byte ${position} of ${end}: ${words}.`,
    { cause },
  );
}
