/** The frames of a pack, decoded one by one within what the format allows a frame to be. */
import { damaged } from "../seal/damaged.ts";
import { frameWalker } from "../seal/frames.ts";
import { decompressFrames } from "../seal/node-zstd.ts";
import { maxFrameBytes } from "./pack-layout.ts";

export interface DecodedFrame {
  readonly bytes: Uint8Array;
  /** Of the frame, in what was decoded so far. */
  readonly offset: number;
  /** Bytes of the frame itself. */
  readonly length: number;
}

/** What zstd can make of `maxFrameBytes` that do not compress, and some. */
const maxSealedFrameBytes = maxFrameBytes + maxFrameBytes / 128;

/**
 * Decodes whole frames. Together they may have at most `maxBytes`; one that claims more, or more than
 * `maxFrameBytes`, is `sealed-file-damaged` before it takes more memory than that.
 */
export async function* decodedFrames(
  zstd: AsyncIterable<Uint8Array>,
  maxBytes = Number.POSITIVE_INFINITY,
): AsyncGenerator<DecodedFrame, void, undefined> {
  const walker = frameWalker();
  let held: Uint8Array[] = [];
  let length = 0;
  let offset = 0;
  let left = maxBytes;
  for await (const part of zstd) {
    for (const { bytes, endsFrame } of walker.walk(part)) {
      held.push(bytes);
      length += bytes.length;
      if (length > maxSealedFrameBytes) throw damaged(`a frame has more than ${maxSealedFrameBytes} bytes`);
      if (!endsFrame) continue;
      const decoded = decompressFrames(Buffer.concat(held), Math.min(left, maxFrameBytes));
      left -= decoded.length;
      yield { bytes: decoded, offset, length };
      offset += length;
      held = [];
      length = 0;
    }
  }
  if (length > 0) throw damaged("its last frame is cut short");
}
