/**
 * An object's bytes, whole and of one version. A body that breaks off is continued by a range, and only where the
 * ETag says that it is still the same object: the Storage API itself ignores If-Match, so the answer's own ETag and
 * size are compared.
 */
import { LifeboatError } from "../errors.ts";
import { failureError, isMissingObject, mayLackBytes, parseFailure } from "./storage-failures.ts";
import { objectInfo } from "./storage-info.ts";
import { declaredSize, sameEtag, skip } from "./storage-body.ts";
import { objectPath } from "./storage-paths.ts";
import type { StorageTransport, StreamedAnswer } from "./storage-transport.ts";
import { TemporaryFailure } from "./watched-request.ts";
import { bytesWithin } from "../system/bounded.ts";
import { sizeLimits } from "../snapshot/size-limits.ts";

export interface ObjectBody extends AsyncDisposable {
  /** Bytes that will come. */
  readonly size: number;
  /** As the server writes it, with quotes. */
  readonly etag?: string;
  /**
   * To be read once, to its end or not at all. Ends after exactly `size` bytes; throws `storage-object-changed`,
   * `storage-object-missing` or `storage-read-failed`.
   */
  readonly bytes: AsyncIterable<Uint8Array>;
}

/** What an inventory said of the object; where the download disagrees it is `storage-object-changed`. */
export interface Expected {
  readonly size?: number | undefined;
  readonly etag?: string | undefined;
}

/** However long a download has gone well between: breaks of one body. */
const mostBreaks = 50;
/** Answers that a row without bytes would give, until they are believed where nothing is lost by believing them. */
const fewWithoutBytes = 3;

/**
 * Resolves once the headers are there; one slot of the limiter is held until the body is read or disposed of.
 * Throws `storage-object-unreadable` where the row is there and its bytes are not.
 */
export async function openDownload(
  transport: StorageTransport,
  bucket: string,
  name: string,
  expected: Expected = {},
): Promise<ObjectBody> {
  return new Download(transport, bucket, name).open(expected);
}

/** Whether the object's bytes begin to come: rows, listings and HEAD are answered without them. */
export async function hasBytes(
  transport: StorageTransport,
  { bucket, name, size }: { readonly bucket: string; readonly name: string; readonly size?: number },
  surely: boolean,
): Promise<boolean> {
  return await new Download(transport, bucket, name).hasBytes(size, surely);
}

class Download {
  readonly #transport: StorageTransport;
  readonly #bucket: string;
  readonly #name: string;
  /** Answers so far that a row without bytes would give. */
  #withoutBytes = 0;

  constructor(transport: StorageTransport, bucket: string, name: string) {
    this.#transport = transport;
    this.#bucket = bucket;
    this.#name = name;
  }

  async open(expected: Expected): Promise<ObjectBody> {
    const first = await this.#transport.retried(
      () => this.#first(),
      (last) => this.#giveUp(last),
    );
    if (declaredSize(first) === undefined && expected.size === undefined) {
      // Asked with the body closed: it holds a slot, and the question needs one.
      first.close();
      return await this.open({ ...expected, size: await this.#askSize() });
    }
    try {
      const size = this.#sizeOf(first, expected);
      const etag = first.headers.get("etag") ?? undefined;
      if (expected.etag !== undefined && etag !== undefined && !sameEtag(etag, expected.etag))
        throw this.#changed();
      return {
        size,
        ...(etag === undefined ? {} : { etag }),
        bytes: this.#bytes(first, size, etag),
        // eslint-disable-next-line @typescript-eslint/require-await -- closing is immediate, disposing of bodies may not be.
        [Symbol.asyncDispose]: async () => first.close(),
      };
    } catch (thrown) {
      first.close();
      throw thrown;
    }
  }

  async hasBytes(size: number | undefined, surely: boolean): Promise<boolean> {
    const most = surely || !this.#transport.hasBytelessRows ? fewWithoutBytes : 1;
    // A range of no bytes is refused by new servers, and never answered by old ones.
    const range = size === undefined || size === 0 ? undefined : { range: "bytes=0-0" };
    try {
      await this.#transport.retried(
        async () => {
          const answer = await this.#believing(most, () => this.#get(range ?? {}));
          try {
            for await (const chunk of answer.body) if (chunk.length > 1 || range === undefined) break;
          } finally {
            answer.close();
          }
        },
        (last) => this.#giveUp(last),
      );
      return true;
    } catch (thrown) {
      if (!(thrown instanceof LifeboatError) || !noBytes.has(thrown.code)) throw thrown;
      return false;
    }
  }

  async *#bytes(
    first: StreamedAnswer,
    size: number,
    etag: string | undefined,
  ): AsyncGenerator<Uint8Array, void, undefined> {
    let answer = first;
    let received = 0;
    let fruitless = 0;
    try {
      for (let breaks = 1; ; breaks += 1) {
        const before = received;
        let broken: TemporaryFailure | undefined;
        try {
          for await (const chunk of answer.body) {
            received += chunk.length;
            if (received > size) throw this.#readFailed(`more than the ${size} bytes that were announced`);
            yield chunk;
          }
        } catch (thrown) {
          if (!(thrown instanceof TemporaryFailure)) throw thrown;
          broken = thrown;
        }
        if (received === size) return;
        broken ??= new TemporaryFailure("The body ended early.");
        answer.close();
        fruitless = received > before ? 1 : fruitless + 1;
        const got = `${received} of ${size} bytes`;
        if (etag === undefined) throw this.#readFailed(`${got}, and no ETag to continue with`, broken);
        if (fruitless >= this.#transport.tries || breaks >= mostBreaks) {
          throw this.#readFailed(`${got} after several tries`, broken);
        }
        await this.#transport.pause(fruitless, broken);
        answer = await this.#transport.retried(
          () => this.#rest(received, size, etag),
          (last) => this.#readFailed(`${got} after several tries`, last),
        );
      }
    } finally {
      answer.close();
    }
  }

  async #first(): Promise<StreamedAnswer> {
    const most = this.#transport.hasBytelessRows ? fewWithoutBytes : this.#transport.tries;
    const answer = await this.#believing(most, () => this.#get({}));
    if (answer.status !== 200) {
      answer.close();
      throw this.#readFailed(`status ${answer.status} instead of a body`);
    }
    return answer;
  }

  /** Ends the tries early where the answer is what a row without bytes gives. */
  async #believing(most: number, work: () => Promise<StreamedAnswer>): Promise<StreamedAnswer> {
    try {
      return await work();
    } catch (thrown) {
      if (!(thrown instanceof TemporaryFailure) || thrown.failure === undefined) throw thrown;
      if (!mayLackBytes(thrown.failure)) throw thrown;
      this.#withoutBytes += 1;
      if (this.#withoutBytes < most) throw thrown;
      throw await this.#giveUp(thrown);
    }
  }

  /** The bytes from `offset` on, of the same object. */
  async #rest(offset: number, size: number, etag: string): Promise<StreamedAnswer> {
    const answer = await this.#get({ range: `bytes=${offset}-`, "if-match": etag });
    try {
      const now = answer.headers.get("etag");
      if (now === null || !sameEtag(now, etag)) throw this.#changed();
      if (answer.status === 200) {
        if (declaredSize(answer) !== size) throw this.#changed();
        return { ...answer, body: skip(answer.body, offset) };
      }
      if (answer.headers.get("content-range") !== `bytes ${offset}-${size - 1}/${size}`)
        throw this.#changed();
      return answer;
    } catch (thrown) {
      answer.close();
      throw thrown;
    }
  }

  async #get(headers: Readonly<Record<string, string>>): Promise<StreamedAnswer> {
    const path = objectPath("object/authenticated", this.#bucket, this.#name);
    const answer = await this.#transport.stream({ method: "GET", path, headers });
    if (answer.status < 400) {
      const encoding = answer.headers.get("content-encoding");
      if (encoding === null || encoding === "identity") return answer;
      answer.close();
      throw this.#readFailed("bytes that were re-encoded on the way");
    }
    const limit = { document: "that the Storage API answered", maxBytes: sizeLimits.answer };
    const words = await bytesWithin(answer.body, limit).finally(() => answer.close());
    const failure = parseFailure(answer.status, words.toString("utf8"));
    if (failure.status === 412 || failure.status === 416) throw this.#changed();
    if (!isMissingObject(failure)) {
      throw failureError(
        failure,
        `"${this.#bucket}/${this.#name}" could not be read`,
        "An object could not be read",
      );
    }
    if (!(await this.#hasRow())) throw this.#missing();
    // On S3 bytes that are gone are "not found" like a missing row; an overwrite meanwhile looks the same for a moment.
    throw new TemporaryFailure("The row is there, its bytes are not.", { failure });
  }

  /** After all tries: a row without bytes is answered by status 500 on a file backend, by 404 on S3. */
  async #giveUp(last: TemporaryFailure): Promise<LifeboatError> {
    const { failure } = last;
    if (failure === undefined || !mayLackBytes(failure)) {
      return new LifeboatError(
        "storage-temporary",
        `"${this.#bucket}/${this.#name}" could not be read, also after several tries.`,
        { cause: last, publicSentence: "An object could not be read, also after several tries." },
      );
    }
    if (!(await this.#hasRow())) return this.#missing();
    this.#transport.hasBytelessRows = true;
    return new LifeboatError(
      "storage-object-unreadable",
      `"${this.#bucket}/${this.#name}" has a row, but the Storage API does not find its bytes.`,
      { cause: last, publicSentence: "An object has a row, but the Storage API does not find its bytes." },
    );
  }

  async #hasRow(): Promise<boolean> {
    return (await objectInfo(this.#transport, this.#bucket, this.#name)) !== undefined;
  }

  async #askSize(): Promise<number> {
    const info = await objectInfo(this.#transport, this.#bucket, this.#name);
    if (info?.size !== undefined) return info.size;
    throw info === undefined ? this.#missing() : this.#readFailed("a body whose size nobody knows");
  }

  #sizeOf(answer: StreamedAnswer, expected: Expected): number {
    const known = declaredSize(answer) ?? expected.size;
    if (known === undefined) throw this.#readFailed("a body whose size nobody knows");
    if (expected.size !== undefined && known !== expected.size) throw this.#changed();
    return known;
  }

  #changed(): LifeboatError {
    return new LifeboatError(
      "storage-object-changed",
      `"${this.#bucket}/${this.#name}" changed while it was read.`,
      {
        publicSentence: "An object changed while it was read.",
      },
    );
  }

  #missing(): LifeboatError {
    return new LifeboatError(
      "storage-object-missing",
      `There is no object "${this.#bucket}/${this.#name}".`,
      {
        publicSentence: "An object is not there.",
      },
    );
  }

  #readFailed(why: string, cause?: unknown): LifeboatError {
    return new LifeboatError(
      "storage-read-failed",
      `"${this.#bucket}/${this.#name}" could not be read whole: the Storage API gave ${why}.`,
      { cause, publicSentence: `An object could not be read whole: the Storage API gave ${why}.` },
    );
  }
}

/** A server that has fewer bytes than the row says answers that the range is wrong. */
const noBytes = new Set<string>([
  "storage-object-changed",
  "storage-object-missing",
  "storage-object-unreadable",
]);
