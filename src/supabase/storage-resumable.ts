/** Uploads by TUS: chunks of exactly 6 MiB, continued from where the server is after a fault. */
import { LifeboatError } from "../errors.ts";
import { failureError, parseFailure } from "./storage-failures.ts";
import { objectInfo } from "./storage-info.ts";
import type { StorageTransport, WholeAnswer } from "./storage-transport.ts";
import { TemporaryFailure } from "./watched-request.ts";

/** What the hosted service asks of every chunk but the last. */
export const chunkBytes = 6 * 1024 * 1024;

const base = "/storage/v1/upload/resumable";
/** An upload that expired, or whose end is not known, is begun again so often. */
const beginnings = 3;

export interface ResumableUpload {
  readonly size: number;
  readonly open: () => AsyncIterable<Uint8Array>;
  /** Seconds of `max-age`, or `no-cache`. */
  readonly cacheControl: string;
}

interface Target {
  readonly bucket: string;
  readonly name: string;
  readonly contentType?: string;
  readonly userMetadata?: Readonly<Record<string, unknown>> | null;
}

export async function uploadResumable(
  transport: StorageTransport,
  object: Target,
  upload: ResumableUpload,
): Promise<void> {
  for (let beginning = 1; beginning <= beginnings; beginning += 1) {
    const versionBefore = (await objectInfo(transport, object.bucket, object.name))?.version;
    const attempt = new Resumable(transport, object, upload, await create(transport, object, upload));
    if (!(await attempt.send())) continue;
    if (attempt.lastAnswerSeen) return;
    // All bytes are there, but the answer that says that they have become the object was lost.
    const now = await objectInfo(transport, object.bucket, object.name);
    if (now?.version !== versionBefore && now?.size === upload.size) return;
  }
  throw new LifeboatError(
    "storage-temporary",
    `"${object.bucket}/${object.name}" could not be uploaded: the upload was lost ${beginnings} times.`,
    { publicSentence: `An object could not be uploaded: the upload was lost ${beginnings} times.` },
  );
}

class Resumable {
  /** Whether the server itself said that the last chunk was the end. */
  lastAnswerSeen = false;
  readonly #transport: StorageTransport;
  readonly #object: Target;
  readonly #upload: ResumableUpload;
  readonly #path: string;

  constructor(transport: StorageTransport, object: Target, upload: ResumableUpload, path: string) {
    this.#transport = transport;
    this.#object = object;
    this.#upload = upload;
    this.#path = path;
  }

  /** False: the server no longer knows the upload, or wants bytes that are gone here. */
  async send(): Promise<boolean> {
    const window = new Window(this.#upload.open());
    try {
      let offset = 0;
      for (let fruitless = 0; offset < this.#upload.size;) {
        const length = Math.min(chunkBytes, this.#upload.size - offset);
        const chunk = await window.from(offset, length);
        if (chunk === undefined) return false;
        if (chunk.length < length) throw this.#sourceEnded(offset + chunk.length);
        // A source says at its end whether it was right: the last chunk, which makes the object, waits for that.
        const isLast = offset + length === this.#upload.size;
        if (isLast && !(await window.endsAt(this.#upload.size))) throw this.#sourceEnded("more");
        const reached = await this.#patch(chunk, offset, fruitless);
        if (reached === "lost") return false;
        fruitless = reached > offset ? 0 : fruitless + 1;
        offset = reached;
      }
      return true;
    } finally {
      await window.close();
    }
  }

  /** The offset that the server has reached, after this try or after asking it. */
  async #patch(chunk: Uint8Array, offset: number, fruitless: number): Promise<number | "lost"> {
    let failed: TemporaryFailure;
    try {
      const answer = await this.#transport.wholeOnce({
        method: "PATCH",
        path: this.#path,
        headers: {
          "tus-resumable": "1.0.0",
          "content-type": "application/offset+octet-stream",
          "upload-offset": String(offset),
          // Each chunk says it: without, the server refuses all of them where the object has a row.
          "x-upsert": "true",
        },
        body: chunk,
      });
      if (answer.status === 204) {
        const reached = Number(answer.headers.get("upload-offset"));
        this.lastAnswerSeen = reached === this.#upload.size;
        return reached;
      }
      if (answer.status === 404 || answer.status === 410) return "lost";
      if (answer.status !== 409) throw refused(this.#object, answer);
      // Another writer is our own earlier request, which the server has not given up yet; or the offset is another.
      failed = new TemporaryFailure("The upload is busy.", {
        failure: parseFailure(answer.status, answer.bytes.toString("utf8")),
      });
    } catch (thrown) {
      if (!(thrown instanceof TemporaryFailure)) throw thrown;
      failed = thrown;
    }
    if (fruitless + 1 >= this.#transport.tries) {
      const { bucket, name } = this.#object;
      throw new LifeboatError(
        "storage-temporary",
        `"${bucket}/${name}" could not be uploaded, also after several tries.`,
        {
          cause: failed,
          publicSentence: "An object could not be uploaded, also after several tries.",
        },
      );
    }
    await this.#transport.pause(fruitless + 1, failed);
    return this.#offset();
  }

  async #offset(): Promise<number | "lost"> {
    const headers = { "tus-resumable": "1.0.0" };
    const answer = await this.#transport.retried(async () => {
      const asked = await this.#transport.wholeOnce({ method: "HEAD", path: this.#path, headers });
      if (asked.status === 409) throw new TemporaryFailure("The upload is busy.");
      return asked;
    });
    if (answer.status === 404 || answer.status === 410) return "lost";
    const offset = Number(answer.headers.get("upload-offset") ?? Number.NaN);
    if (answer.status >= 400 || !Number.isSafeInteger(offset)) throw refused(this.#object, answer);
    return offset;
  }

  #sourceEnded(seen: number | "more"): LifeboatError {
    return new LifeboatError(
      "object-size-wrong",
      `An upload was announced with ${this.#upload.size} bytes and has ${seen}.`,
    );
  }
}

/** Where the upload goes: the server's Location by its last part alone, because the key must reach no other host. */
async function create(transport: StorageTransport, object: Target, upload: ResumableUpload): Promise<string> {
  const metadata = {
    bucketName: object.bucket,
    objectName: object.name,
    contentType: object.contentType ?? "application/octet-stream",
    cacheControl: upload.cacheControl,
    ...(object.userMetadata === undefined || object.userMetadata === null
      ? {}
      : { metadata: JSON.stringify(object.userMetadata) }),
  };
  const answer = await transport.whole({
    method: "POST",
    path: base,
    headers: {
      "tus-resumable": "1.0.0",
      "upload-length": String(upload.size),
      "upload-metadata": Object.entries(metadata)
        .map(([name, value]) => `${name} ${Buffer.from(value).toString("base64")}`)
        .join(","),
      "x-upsert": "true",
    },
  });
  const id = /([^/]+)\/?$/.exec(answer.headers.get("location") ?? "")?.[1];
  if (answer.status !== 201 || id === undefined) throw refused(object, answer);
  return `${base}/${id}`;
}

/** TUS answers with the true status and plain text. */
function refused({ bucket, name }: Target, { status, bytes }: WholeAnswer): LifeboatError {
  const failure = parseFailure(status, bytes.toString("utf8"));
  return failureError(
    failure,
    `"${bucket}/${name}" could not be uploaded`,
    "An object could not be uploaded",
  );
}

/** The last chunk and what has been read beyond it, so that a chunk can be sent again, or from its middle. */
class Window {
  readonly #source: AsyncIterator<Uint8Array>;
  #start = 0;
  #held: Uint8Array = new Uint8Array();
  #atEnd = false;

  constructor(source: AsyncIterable<Uint8Array>) {
    this.#source = source[Symbol.asyncIterator]();
  }

  /** Bytes from `offset` on, fewer where the source ends; undefined where they have gone by. */
  async from(offset: number, length: number): Promise<Uint8Array | undefined> {
    if (offset < this.#start || offset > this.#start + this.#held.length) return undefined;
    const pieces = [this.#held.subarray(offset - this.#start)];
    let there = pieces[0]?.length ?? 0;
    while (there < length && !this.#atEnd) {
      const next = await this.#source.next();
      if (next.done === true) this.#atEnd = true;
      else {
        pieces.push(next.value);
        there += next.value.length;
      }
    }
    this.#held = Buffer.concat(pieces);
    this.#start = offset;
    return this.#held.subarray(0, length);
  }

  /** Whether the source has no bytes from `offset` on; reads it to its end. */
  async endsAt(offset: number): Promise<boolean> {
    if (this.#start + this.#held.length > offset) return false;
    while (!this.#atEnd) {
      const next = await this.#source.next();
      if (next.done === true) this.#atEnd = true;
      else if (next.value.length > 0) return false;
    }
    return true;
  }

  async close(): Promise<void> {
    if (!this.#atEnd) await this.#source.return?.();
  }
}
