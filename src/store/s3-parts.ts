/** A stream cut into the parts of a multipart upload. */

const mebibyte = 1024 * 1024;
const firstPartBytes = 8 * mebibyte;
/** S3 takes no more parts than this. */
export const mostParts = 10_000;

/** Part sizes by number, from 1; each part but the last has exactly its size. */
export type PartSizes = (number: number) => number;

export function partSizes(fixed: number | undefined, endpoint: string | undefined): PartSizes {
  if (fixed !== undefined) return () => fixed;
  // R2 wants all parts alike.
  if (endpoint?.endsWith(".r2.cloudflarestorage.com") === true) return () => firstPartBytes;
  // Nobody knows how long a dump will be: 20 GB in parts of 8 MiB, 300 GB before the parts are used up.
  return (number) => firstPartBytes * 2 ** Math.floor((number - 1) / (mostParts / 4));
}

/** Each part in a buffer of its own, which the reader may keep. The last one may be empty only if it is the first. */
export async function* partsOf(
  bytes: AsyncIterable<Uint8Array>,
  sizeOf: PartSizes,
): AsyncGenerator<
  { readonly number: number; readonly bytes: Buffer; readonly isLast: boolean },
  void,
  undefined
> {
  let number = 1;
  let buffer: Buffer = Buffer.allocUnsafeSlow(64 * 1024);
  let filled = 0;
  for await (const chunk of bytes) {
    for (let at = 0; at < chunk.length;) {
      if (filled === sizeOf(number)) {
        yield { number, bytes: buffer.subarray(0, filled), isLast: false };
        number += 1;
        buffer = Buffer.allocUnsafeSlow(sizeOf(number));
        filled = 0;
      }
      const taken = Math.min(sizeOf(number) - filled, chunk.length - at);
      buffer = withRoom(buffer, filled, filled + taken, sizeOf(number));
      buffer.set(chunk.subarray(at, at + taken), filled);
      filled += taken;
      at += taken;
    }
  }
  yield { number, bytes: buffer.subarray(0, filled), isLast: true };
}

/** Most files are small: the first buffer grows only as far as it is needed. */
function withRoom(buffer: Buffer, filled: number, wanted: number, most: number): Buffer {
  if (wanted <= buffer.length) return buffer;
  const larger = Buffer.allocUnsafeSlow(Math.min(most, Math.max(wanted, buffer.length * 2)));
  larger.set(buffer.subarray(0, filled));
  return larger;
}
