/** Reads parts of a sealed file without the rest: one table's or one object's frame for a ranged read or two. */
import {
  checkHeaderStart,
  headerLength,
  maxHeaderBytes,
  openHeader,
  type OpenOptions,
} from "./age-header.ts";
import {
  chunkBytes,
  decryptChunk,
  nonceBytes,
  payloadKey,
  sealedChunkBytes,
  tagBytes,
} from "./age-payload.ts";
import { damaged } from "./damaged.ts";
import type { Identities } from "./identities.ts";

/** Exactly `length` bytes of the stored file from `offset` on. */
export type ReadRange = (offset: number, length: number) => Promise<Uint8Array>;

export interface OpenedSealedFile {
  /** Length of the zstd stream inside. */
  readonly length: number;
  /** Authenticated bytes of the zstd stream; offsets count in it, never in the file, whose header may change. */
  read(offset: number, length: number): Promise<Uint8Array>;
}

const firstReadBytes = 4096;

/** Opens a stored file of `sealedLength` bytes by its header alone, in one small read for up to two hybrid stanzas. */
export async function openSealed(
  readRange: ReadRange,
  sealedLength: number,
  identities: Identities,
  options: OpenOptions = {},
): Promise<OpenedSealedFile> {
  const exactly = async (offset: number, length: number): Promise<Uint8Array> => {
    const bytes = await readRange(offset, length);
    if (bytes.length === length) return bytes;
    throw damaged(`${bytes.length} of ${length} bytes are there at ${offset}`);
  };
  const { start, header } = await readHeader(exactly, sealedLength);
  const fileKey = await openHeader(header, identities, options);
  const nonceEnd = header.length + nonceBytes;
  const payload = layOut(sealedLength - nonceEnd);
  const nonce =
    start.length >= nonceEnd
      ? start.subarray(header.length, nonceEnd)
      : await exactly(header.length, nonceBytes);
  const key = payloadKey(fileKey, nonce);
  return {
    length: payload.plainBytes,
    read: async (offset, length) => {
      checkRange(offset, length, payload.plainBytes);
      if (length === 0) return new Uint8Array(0);
      const firstChunk = Math.floor(offset / chunkBytes);
      const from = firstChunk * sealedChunkBytes;
      const lastChunk = Math.floor((offset + length - 1) / chunkBytes);
      const to = Math.min((lastChunk + 1) * sealedChunkBytes, payload.sealedBytes);
      const sealed = await exactly(nonceEnd + from, to - from);
      const plain: Uint8Array[] = [];
      for (let index = firstChunk; index <= lastChunk; index += 1) {
        const at = (index - firstChunk) * sealedChunkBytes;
        const chunk = sealed.subarray(at, at + sealedChunkBytes);
        plain.push(decryptChunk(chunk, index, index === payload.chunks - 1, key));
      }
      const skipped = offset - firstChunk * chunkBytes;
      return Buffer.concat(plain).subarray(skipped, skipped + length);
    },
  };
}

interface StartOfFile {
  readonly start: Uint8Array;
  readonly header: Uint8Array;
}

async function readHeader(exactly: ReadRange, sealedLength: number): Promise<StartOfFile> {
  const bound = Math.min(sealedLength, maxHeaderBytes);
  let start = await exactly(0, Math.min(firstReadBytes, bound));
  for (;;) {
    const length = headerLength(start);
    if (length !== undefined) return { start, header: start.subarray(0, length) };
    checkHeaderStart(start);
    if (start.length === sealedLength) throw damaged("it ends within its header");
    const more = Math.min(start.length, bound - start.length);
    start = Buffer.concat([start, await exactly(start.length, more)]);
  }
}

interface PayloadLayout {
  readonly sealedBytes: number;
  readonly plainBytes: number;
  readonly chunks: number;
}

/** Where the chunks of a payload lie, which its length alone decides. */
function layOut(sealedBytes: number): PayloadLayout {
  const chunks = Math.ceil(sealedBytes / sealedChunkBytes);
  const lastBytes = sealedBytes - (chunks - 1) * sealedChunkBytes;
  if (sealedBytes < tagBytes || (lastBytes <= tagBytes && chunks > 1)) {
    throw damaged("its length is none that a sealed file can have");
  }
  return { sealedBytes, plainBytes: sealedBytes - chunks * tagBytes, chunks };
}

function checkRange(offset: number, length: number, available: number): void {
  const isRange = Number.isSafeInteger(offset) && Number.isSafeInteger(length) && offset >= 0 && length >= 0;
  // Offsets come from an authenticated index: if they point past the end, the file lost its tail.
  if (!isRange || offset + length > available) {
    throw damaged(`${length} bytes at ${offset} were asked of a zstd stream of ${available}`);
  }
}
