/** Cuts a stream of arbitrary buffers into pieces of exactly one size, which is what age's chunks need. */

export interface Piece {
  readonly bytes: Uint8Array;
  /** True for exactly one piece, the one behind which the stream ended. */
  readonly last: boolean;
}

/**
 * Pieces of `size` bytes, after a first one of `lead` bytes. Only the last one may be shorter; it is empty only if
 * the whole stream is. Buffers of the source are passed on as views where they can be, and held until the piece
 * is complete, so the source must not write into a buffer again that it has handed over.
 */
export async function* cutPieces(
  source: AsyncIterable<Uint8Array>,
  size: number,
  lead: number = size,
): AsyncGenerator<Piece, void, undefined> {
  let wanted = lead;
  let held: Uint8Array[] = [];
  let heldBytes = 0;
  for await (const bytes of source) {
    let at = 0;
    // A full piece waits until a byte behind it is seen: only then is it known not to be the last.
    while (heldBytes + bytes.length - at > wanted) {
      const missing = wanted - heldBytes;
      if (missing > 0) held.push(bytes.subarray(at, at + missing));
      yield { bytes: joined(held, wanted), last: false };
      at += missing;
      held = [];
      heldBytes = 0;
      wanted = size;
    }
    if (at < bytes.length) {
      held.push(bytes.subarray(at));
      heldBytes += bytes.length - at;
    }
  }
  yield { bytes: joined(held, heldBytes), last: true };
}

function joined(parts: readonly Uint8Array[], bytes: number): Uint8Array {
  const [only] = parts;
  return parts.length === 1 && only !== undefined ? only : Buffer.concat(parts, bytes);
}
