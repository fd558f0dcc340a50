/**
 * PostgreSQL's hashtextextended() outside the server: Bob Jenkins's lookup3 with a 64-bit seed, as little-endian
 * servers compute it. Partition routing depends on the function, so PostgreSQL cannot change it; `content-hash.ts`
 * asks each server nevertheless.
 *
 * Results are two int32 halves in one shared array: a BigInt per cell would cost more than the hash.
 */

/** The halves of the last `hashBytes`: [0] is the high one, [1] the low one. Overwritten by the next call. */
export const hashHalves = new Int32Array(2);

/** Hashes `bytes[start, end)` under a seed given as two int32 halves; the result is in `hashHalves`. */
export function hashBytes(
  bytes: Uint8Array,
  start: number,
  end: number,
  seedHigh: number,
  seedLow: number,
): void {
  let a = (0x9e3779b9 + (end - start) + 3923095) | 0;
  let b = a;
  let c = a;
  // The rounds below are lookup3's mix() and final(), written out: V8 does not inline them with three results.
  if ((seedHigh | seedLow) !== 0) {
    a = (a + seedHigh) | 0;
    b = (b + seedLow) | 0;
    a = (a - c) ^ ((c << 4) | (c >>> 28));
    c = (c + b) | 0;
    b = (b - a) ^ ((a << 6) | (a >>> 26));
    a = (a + c) | 0;
    c = (c - b) ^ ((b << 8) | (b >>> 24));
    b = (b + a) | 0;
    a = (a - c) ^ ((c << 16) | (c >>> 16));
    c = (c + b) | 0;
    b = (b - a) ^ ((a << 19) | (a >>> 13));
    a = (a + c) | 0;
    c = (c - b) ^ ((b << 4) | (b >>> 28));
    b = (b + a) | 0;
  }
  let at = start;
  for (const last = end - 12; at <= last; at += 12) {
    a = (a + word(bytes, at)) | 0;
    b = (b + word(bytes, at + 4)) | 0;
    c = (c + word(bytes, at + 8)) | 0;
    a = (a - c) ^ ((c << 4) | (c >>> 28));
    c = (c + b) | 0;
    b = (b - a) ^ ((a << 6) | (a >>> 26));
    a = (a + c) | 0;
    c = (c - b) ^ ((b << 8) | (b >>> 24));
    b = (b + a) | 0;
    a = (a - c) ^ ((c << 16) | (c >>> 16));
    c = (c + b) | 0;
    b = (b - a) ^ ((a << 19) | (a >>> 13));
    a = (a + c) | 0;
    c = (c - b) ^ ((b << 4) | (b >>> 28));
    b = (b + a) | 0;
  }
  // The last 0 to 11 bytes; the lowest byte of c is the length's.
  const rest = end - at;
  if (rest >= 8) {
    a = (a + word(bytes, at)) | 0;
    b = (b + word(bytes, at + 4)) | 0;
    c = (c + (tail(bytes, at + 8, rest - 8) << 8)) | 0;
  } else if (rest >= 4) {
    a = (a + word(bytes, at)) | 0;
    b = (b + tail(bytes, at + 4, rest - 4)) | 0;
  } else if (rest > 0) {
    a = (a + tail(bytes, at, rest)) | 0;
  }
  c = ((c ^ b) - ((b << 14) | (b >>> 18))) | 0;
  a = ((a ^ c) - ((c << 11) | (c >>> 21))) | 0;
  b = ((b ^ a) - ((a << 25) | (a >>> 7))) | 0;
  c = ((c ^ b) - ((b << 16) | (b >>> 16))) | 0;
  a = ((a ^ c) - ((c << 4) | (c >>> 28))) | 0;
  b = ((b ^ a) - ((a << 14) | (a >>> 18))) | 0;
  c = ((c ^ b) - ((b << 24) | (b >>> 8))) | 0;
  hashHalves[0] = b;
  hashHalves[1] = c;
}

/** hashtextextended(text, seed) as the signed 64-bit number that PostgreSQL shows. */
export function hashTextExtended(text: string, seed: bigint): bigint {
  const bytes = Buffer.from(text, "utf8");
  hashBytes(bytes, 0, bytes.length, Number(BigInt.asIntN(32, seed >> 32n)), Number(BigInt.asIntN(32, seed)));
  const [high = 0, low = 0] = hashHalves;
  return (BigInt(high) << 32n) | BigInt.asUintN(32, BigInt(low));
}

/** Callers stay inside the array: the `?? 0` only satisfies the type checker. */
function word(bytes: Uint8Array, at: number): number {
  return (
    (bytes[at] ?? 0) |
    ((bytes[at + 1] ?? 0) << 8) |
    ((bytes[at + 2] ?? 0) << 16) |
    ((bytes[at + 3] ?? 0) << 24)
  );
}

/** Up to three bytes as a number. */
function tail(bytes: Uint8Array, at: number, count: number): number {
  return (
    (count > 0 ? (bytes[at] ?? 0) : 0) |
    (count > 1 ? (bytes[at + 1] ?? 0) << 8 : 0) |
    (count > 2 ? (bytes[at + 2] ?? 0) << 16 : 0)
  );
}
