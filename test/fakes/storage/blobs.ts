/** Objects' bytes by version: uploaded ones in memory or in a folder, generated ones nowhere. */
import { createCipheriv, createHash } from "node:crypto";
import { createReadStream, createWriteStream } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";

export interface Blob {
  readonly size: number;
  /** Quoted, as the server gives it. */
  etag(): string;
  /** Bytes from `start` up to `end`, exclusive. */
  read(start: number, end: number): AsyncIterable<Uint8Array>;
  discard(): Promise<void>;
}

const zeros = Buffer.alloc(64 * 1024);
/** Above this a server streams in parts, whose ETag is not the MD5 of the bytes. */
const partBytes = 16 * 1024 * 1024;

/** Bytes that depend on the seed alone and can be read from anywhere: no disk, no memory. */
export function* seededBytes(seed: string, start: number, end: number): Generator<Buffer, void, undefined> {
  const key = createHash("md5").update(seed).digest();
  const counter = Buffer.alloc(16);
  counter.writeBigUInt64BE(BigInt(Math.floor(start / 16)), 8);
  const cipher = createCipheriv("aes-128-ctr", key, counter);
  if (start % 16 > 0) cipher.update(zeros.subarray(0, start % 16));
  for (let at = start; at < end;) {
    const length = Math.min(zeros.length, end - at);
    yield cipher.update(zeros.subarray(0, length));
    at += length;
  }
}

export function seededBlob(seed: string, size: number): Blob {
  let etag: string | undefined;
  return {
    size,
    etag: () => (etag ??= seededEtag(seed, size)),
    read: (start, end) => Readable.from(seededBytes(seed, start, end), { objectMode: true }),
    discard: async () => {},
  };
}

/** The MD5 of small ones; of big ones the form that multipart uploads have, made from the seed. */
function seededEtag(seed: string, size: number): string {
  const hash = createHash("md5");
  if (size > partBytes) {
    return `"${hash.update(`${seed}:${size}`).digest("hex")}-${Math.ceil(size / partBytes)}"`;
  }
  for (const bytes of seededBytes(seed, 0, size)) hash.update(bytes);
  return `"${hash.digest("hex")}"`;
}

/** Where uploads go: `folder` where given, else memory. */
export class BlobKeeper {
  readonly #folder: string | undefined;

  constructor(folder: string | undefined) {
    this.#folder = folder;
  }

  /**
   * Keeps a stream; throws what `tooLong` throws once it exceeds `limit` bytes. `parts`: the ETag has the form of a
   * multipart upload.
   */
  async keep(
    version: string,
    bytes: AsyncIterable<Uint8Array>,
    { limit, tooLong, parts }: { limit: number; tooLong: () => Error; parts: number | undefined },
  ): Promise<Blob> {
    const hash = createHash("md5");
    let size = 0;
    async function* counted(): AsyncGenerator<Uint8Array, void, undefined> {
      for await (const chunk of bytes) {
        size += chunk.length;
        if (size > limit) throw tooLong();
        hash.update(chunk);
        yield chunk;
      }
    }
    const etag = (): string =>
      parts === undefined ? `"${hash.copy().digest("hex")}"` : `"${hash.copy().digest("hex")}-${parts}"`;
    if (this.#folder !== undefined) {
      const path = join(this.#folder, version);
      try {
        await pipeline(counted(), createWriteStream(path));
      } catch (cause) {
        await rm(path, { force: true });
        throw cause;
      }
      return {
        size,
        etag,
        read: (start, end) =>
          end > start ? createReadStream(path, { start, end: end - 1 }) : Readable.from([]),
        discard: () => rm(path, { force: true }),
      };
    }
    const chunks: Uint8Array[] = [];
    for await (const chunk of counted()) chunks.push(chunk);
    const whole = Buffer.concat(chunks);
    return {
      size,
      etag,
      read: (start, end) => Readable.from([whole.subarray(start, end)], { objectMode: true }),
      discard: async () => {},
    };
  }
}
