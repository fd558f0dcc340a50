/** `lifeboat-1` (content-hash.ts) of rows in COPY's text format. */
import { LifeboatError } from "../errors.ts";
import { columnSeed, nullCell, type TableHash } from "./content-hash.ts";
import { hashBytes, hashHalves } from "./hashtext-extended.ts";

/** Adds up a table's rows. */
export interface RowHasher {
  /** One line of COPY text, `bytes[start, end)` without its newline. */
  add(bytes: Uint8Array, start: number, end: number): void;
  result(): TableHash;
}

const longestCopied = 1024 * 1024;
const tab = 0x09;
const backslash = 0x5c;
const letterN = 0x4e;
const hexDigits = Buffer.from("0123456789abcdef", "latin1");

/** For lines whose cells are these columns, in this order. */
export function createRowHasher(columns: readonly string[]): RowHasher {
  const seeds = columns.map(columnSeed);
  const seedHigh = halves(seeds, 32n);
  const seedLow = halves(seeds, 0n);
  const nulls = seeds.map(nullCell);
  const nullHigh = halves(nulls, 32n);
  const nullLow = halves(nulls, 0n);
  const hex = new Uint8Array(16);
  let unescaped = new Uint8Array(4096);
  let rows = 0;
  let sumHigh = 0;
  let sumLow = 0;

  const add = (bytes: Uint8Array, start: number, end: number): void => {
    rows++;
    if (columns.length === 0) {
      if (end > start) throw damagedRow();
      return;
    }
    let high = 0;
    let low = 0;
    let at = start;
    for (let column = 0; column < columns.length; column++) {
      const cell = at;
      let escaped = false;
      let byte = 0;
      while (at < end && (byte = bytes[at] ?? 0) !== tab) {
        // What follows a backslash belongs to it.
        if (byte === backslash) {
          escaped = true;
          at++;
        }
        at++;
      }
      if (at > end) at = end;
      if (!escaped) {
        hashBytes(bytes, cell, at, seedHigh[column] ?? 0, seedLow[column] ?? 0);
      } else if (at - cell === 2 && bytes[cell + 1] === letterN) {
        hashHalves[0] = nullHigh[column] ?? 0;
        hashHalves[1] = nullLow[column] ?? 0;
      } else {
        // A long cell is undone where it lies: the line is not needed again.
        const long = at - cell > longestCopied;
        if (!long && unescaped.length < at - cell) unescaped = new Uint8Array(2 * (at - cell));
        const target = long ? bytes : unescaped;
        const begin = long ? cell : 0;
        const length = unescapeCell(bytes, cell, at, target, begin);
        hashBytes(target, begin, begin + length, seedHigh[column] ?? 0, seedLow[column] ?? 0);
      }
      high ^= hashHalves[0] ?? 0;
      low ^= hashHalves[1] ?? 0;
      // A tab between cells, the line's end after the last.
      const isLast = column === columns.length - 1;
      if (isLast !== (at === end)) throw damagedRow();
      at++;
    }
    hashBytes(hex, writeHex(hex, high, low), 16, 0, 0);
    const total = (sumLow >>> 0) + ((hashHalves[1] ?? 0) >>> 0);
    sumLow = total | 0;
    sumHigh = (sumHigh + (hashHalves[0] ?? 0) + (total > 0xffffffff ? 1 : 0)) | 0;
  };

  const result = (): TableHash => {
    writeHex(hex, sumHigh, sumLow, 16);
    return { rows, hash: Buffer.from(hex).toString("latin1") };
  };
  return { add, result };
}

function halves(numbers: readonly bigint[], shift: bigint): Int32Array {
  return Int32Array.from(numbers, (number) => Number(BigInt.asIntN(32, number >> shift)));
}

function damagedRow(): LifeboatError {
  return new LifeboatError("snapshot-damaged", "A row in an archive has more or fewer cells than columns.");
}

/** Writes to_hex() of 64 bits at the end of 16 bytes and returns where it begins: at least `digits` long. */
function writeHex(target: Uint8Array, high: number, low: number, digits = 1): number {
  for (let at = 7; at >= 0; at--) {
    const shift = 4 * (7 - at);
    target[at] = hexDigits[(high >>> shift) & 15] ?? 0;
    target[at + 8] = hexDigits[(low >>> shift) & 15] ?? 0;
  }
  let first = 0;
  while (first < 16 - digits && target[first] === 0x30) first++;
  return first;
}

/**
 * Undoes COPY's escapes as COPY FROM does; returns the length written to `target` from `begin` on, which must be long
 * enough. It may be `bytes` itself: what is written is never longer than what was read.
 */
export function unescapeCell(
  bytes: Uint8Array,
  start: number,
  end: number,
  target: Uint8Array,
  begin = 0,
): number {
  let length = 0;
  for (let at = start; at < end; at++) {
    let byte = bytes[at] ?? 0;
    if (byte === backslash) {
      at++;
      if (at >= end) break;
      byte = bytes[at] ?? 0;
      const simple = simpleEscapes[byte] ?? 0;
      if (simple !== 0) byte = simple;
      else if (byte >= 0x30 && byte <= 0x37) {
        byte -= 0x30;
        for (let more = 0; more < 2 && at + 1 < end && isDigit(bytes[at + 1] ?? 0, 8); more++) {
          byte = (byte * 8 + digit(bytes[++at] ?? 0)) & 0xff;
        }
      } else if (byte === 0x78 && at + 1 < end && isDigit(bytes[at + 1] ?? 0, 16)) {
        byte = digit(bytes[++at] ?? 0);
        if (at + 1 < end && isDigit(bytes[at + 1] ?? 0, 16)) byte = byte * 16 + digit(bytes[++at] ?? 0);
      }
    }
    target[begin + length++] = byte;
  }
  return length;
}

/** The byte that b, f, n, r, t, v mean behind a backslash; 0 for all others. */
const simpleEscapes = new Uint8Array(256);
for (const [letter, byte] of Object.entries({ b: 8, f: 12, n: 10, r: 13, t: 9, v: 11 })) {
  simpleEscapes[letter.charCodeAt(0)] = byte;
}

function isDigit(byte: number, base: 8 | 16): boolean {
  return digit(byte) < base;
}

/** Value of a hex digit; 99 for other bytes. */
function digit(byte: number): number {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  const lower = byte | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : 99;
}
