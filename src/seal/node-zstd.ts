/** zstd by Node's own zlib: for single frames and documents always, for whole streams where the binary is missing. */
import type { Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { promisify } from "node:util";
import {
  constants,
  createZstdCompress,
  createZstdDecompress,
  zstdCompress,
  zstdCompressSync,
  zstdDecompressSync,
} from "node:zlib";
import { damaged } from "./damaged.ts";
import { type FramePiece, frameWalker } from "./frames.ts";

export const compressionLevel = 3;
/** zstd's fastest: hardly more than a copy and a checksum, for bytes that are compressed already. */
export const storingLevel = -131_072;

// Without the checksum, which Node leaves out by default, a changed bit decodes to something else without an error.
const parameters = {
  [constants.ZSTD_c_compressionLevel]: compressionLevel,
  [constants.ZSTD_c_checksumFlag]: 1,
};
const storingParameters = { ...parameters, [constants.ZSTD_c_compressionLevel]: storingLevel };
const compressAside = promisify(zstdCompress);

/** One frame with a checksum. */
export function compressFrame(bytes: Uint8Array): Uint8Array {
  return zstdCompressSync(bytes, { params: parameters, pledgedSrcSize: bytes.length });
}

/** `compressFrame` in Node's thread pool: the event loop goes on, and several frames use several cores. */
export async function compressFrameAside(bytes: Uint8Array): Promise<Uint8Array> {
  return compressAside(bytes, { params: parameters, pledgedSrcSize: bytes.length });
}

/** One frame with a checksum around bytes as they are. */
export function storeFrame(bytes: Uint8Array): Uint8Array {
  return zstdCompressSync(bytes, { params: storingParameters, pledgedSrcSize: bytes.length });
}

/** Frames with checksums around a whole stream (Node ends it with an empty one); the source's errors pass through. */
export function compressStream(
  source: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array, void, undefined> {
  return through(source, createZstdCompress({ params: parameters }));
}

/** What whole frames decode to, all of them; `sealed-file-damaged` for a bad or cut frame and beyond `maxBytes`. */
export function decompressFrames(frames: Uint8Array, maxBytes: number): Uint8Array {
  const walker = frameWalker();
  const pieces = walker.walk(frames);
  if (!walker.isComplete()) throw cutShort();
  const decoded: Uint8Array[] = [];
  let left = maxBytes;
  for (const { bytes } of pieces) {
    const part = decompressFrame(bytes, left, maxBytes);
    left -= part.length;
    decoded.push(part);
  }
  const [only] = decoded;
  return decoded.length === 1 && only !== undefined ? only : Buffer.concat(decoded);
}

function decompressFrame(frame: Uint8Array, left: number, maxBytes: number): Uint8Array {
  try {
    // Node takes no limit below 1, and one byte too many is found all the same.
    const part = zstdDecompressSync(frame, { maxOutputLength: Math.max(1, left) });
    if (part.length <= left) return part;
  } catch (error) {
    if (codeOf(error) !== "ERR_BUFFER_TOO_LARGE") throw asDamage(error);
  }
  throw tooLarge(maxBytes);
}

export function tooLarge(maxBytes: number): Error {
  return damaged(`it decompresses to more than ${maxBytes} bytes`);
}

function cutShort(): Error {
  return damaged("its zstd stream is cut short");
}

/** Decodes a stream of frames of any size, each by a decoder of its own, in constant memory. */
export async function* decompressByFrames(
  source: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array, void, undefined> {
  const pieces = framePieces(source);
  try {
    for (;;) {
      const first = await pieces.next();
      if (first.done === true) return;
      yield* through(oneFrame(first.value, pieces), createZstdDecompress());
    }
  } catch (error) {
    throw asDamage(error);
  } finally {
    await pieces.return();
  }
}

async function* framePieces(source: AsyncIterable<Uint8Array>): AsyncGenerator<FramePiece, void, undefined> {
  const walker = frameWalker();
  for await (const bytes of source) yield* walker.walk(bytes);
  if (!walker.isComplete()) throw cutShort();
}

async function* oneFrame(
  first: FramePiece,
  following: AsyncGenerator<FramePiece, void, undefined>,
): AsyncGenerator<Uint8Array, void, undefined> {
  let piece = first;
  for (;;) {
    yield piece.bytes;
    if (piece.endsFrame) return;
    const step = await following.next();
    if (step.done === true) throw cutShort();
    piece = step.value;
  }
}

async function* through(
  source: AsyncIterable<Uint8Array>,
  transform: Transform,
): AsyncGenerator<Uint8Array, void, undefined> {
  const feeding = pipeline(source, transform);
  // The reader below meets the same error; here it must only not count as unhandled.
  feeding.catch(() => {});
  for await (const bytes of transform as AsyncIterable<Uint8Array>) yield bytes;
  await feeding;
}

/** Errors of Node's decoder as damage; all others come from the source and stay what they are. */
function asDamage(error: unknown): unknown {
  return /^ZSTD_|^Z_/.test(codeOf(error)) ? damaged("its zstd stream does not decode", error) : error;
}

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "";
}
