/**
 * Finds where zstd frames end, without decoding them. Node's decoder stops at the end of the first frame that it is
 * given and drops the rest without an error, so nothing may reach it but exactly one frame.
 */
import { damaged } from "./damaged.ts";

export interface FramePiece {
  readonly bytes: Uint8Array;
  /** The frame ends with these bytes; the next piece begins another. */
  readonly endsFrame: boolean;
}

export interface FrameWalker {
  /** Cuts the next bytes of a stream where frames end. Throws `sealed-file-damaged` where no frame can be. */
  walk(bytes: Uint8Array): FramePiece[];
  /** Whether all bytes so far are whole frames, and at least one. */
  isComplete(): boolean;
}

type Part = "magic" | "skippable size" | "descriptor" | "header rest" | "block header" | "block" | "trailer";

const zstdMagic = 0xfd2fb528;
const skippableMagic = 0x184d2a5;
const dictionaryIdBytes = [0, 1, 2, 4] as const;
const contentSizeBytes = [0, 2, 4, 8] as const;
const maxBlockBytes = 128 * 1024;
const rleBlock = 1;
const reservedBlock = 3;
/** Parts whose bytes say what follows; none is longer than four, the others are walked over unseen. */
const telling: ReadonlySet<Part> = new Set<Part>(["magic", "skippable size", "descriptor", "block header"]);

/** Walks RFC 8878's structure: frames of known and unknown content size, with and without checksum, skippable ones. */
export function frameWalker(): FrameWalker {
  let part: Part = "magic";
  /** Bytes that `part` still lacks. */
  let missing = 4;
  /** The bytes of a telling part, as a little-endian number. */
  let seen = 0;
  let seenBytes = 0;
  let checksumBytes = 0;
  let isLastBlock = false;
  let frames = 0;

  const enter = (next: Part, bytes: number): void => {
    part = next;
    missing = bytes;
    seen = 0;
    seenBytes = 0;
  };

  const enterFrame = (): void => {
    if (seen === zstdMagic) enter("descriptor", 1);
    else if (seen >>> 4 === skippableMagic) enter("skippable size", 4);
    else
      throw damaged(
        frames === 0 ? "it holds no zstd stream" : "what follows a zstd frame is not another one",
      );
  };

  const enterHeaderRest = (): void => {
    if ((seen & 0b1000) !== 0) throw damaged("a zstd frame is of an unknown kind");
    checksumBytes = (seen & 0b100) === 0 ? 0 : 4;
    enter("header rest", headerRestBytes(seen));
  };

  const enterBlock = (): void => {
    isLastBlock = (seen & 1) === 1;
    const type = (seen >>> 1) & 0b11;
    const size = seen >>> 3;
    if (type === reservedBlock || size > maxBlockBytes) throw damaged("a zstd block is malformed");
    enter("block", type === rleBlock ? 1 : size);
  };

  /** To the next part, all bytes of this one being there; true where the frame ends. */
  const advance = (): boolean => {
    switch (part) {
      case "magic":
        enterFrame();
        break;
      case "skippable size":
        enter("trailer", seen);
        break;
      case "descriptor":
        enterHeaderRest();
        break;
      case "header rest":
        enter("block header", 3);
        break;
      case "block header":
        enterBlock();
        break;
      case "block":
        if (isLastBlock) enter("trailer", checksumBytes);
        else enter("block header", 3);
        break;
      case "trailer":
        enter("magic", 4);
        frames += 1;
        return true;
    }
    return false;
  };

  const take = (bytes: Uint8Array, at: number): number => {
    const taken = Math.min(missing, bytes.length - at);
    if (telling.has(part)) {
      for (const byte of bytes.subarray(at, at + taken)) {
        seen = (seen | (byte << (8 * seenBytes))) >>> 0;
        seenBytes += 1;
      }
    }
    missing -= taken;
    return taken;
  };

  return {
    walk: (bytes) => {
      const pieces: FramePiece[] = [];
      let start = 0;
      let at = 0;
      for (;;) {
        at += take(bytes, at);
        if (missing > 0) break;
        if (!advance()) continue;
        pieces.push({ bytes: bytes.subarray(start, at), endsFrame: true });
        start = at;
      }
      if (start < at) pieces.push({ bytes: bytes.subarray(start, at), endsFrame: false });
      return pieces;
    },
    isComplete: () => frames > 0 && part === "magic" && missing === 4,
  };
}

/** What stands between a frame's descriptor byte and its first block. */
function headerRestBytes(descriptor: number): number {
  const isSingleSegment = (descriptor & 0b100000) !== 0;
  const contentSize = contentSizeBytes[((descriptor >>> 6) & 0b11) as 0 | 1 | 2 | 3];
  const dictionaryId = dictionaryIdBytes[(descriptor & 0b11) as 0 | 1 | 2 | 3];
  // A frame has a window size or is a single segment, whose content size then has at least one byte.
  return dictionaryId + (isSingleSegment ? Math.max(1, contentSize) : 1 + contentSize);
}
