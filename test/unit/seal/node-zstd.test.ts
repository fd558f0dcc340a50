import { randomBytes } from "node:crypto";
import { constants, zstdCompressSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { frameWalker } from "../../../src/seal/frames.ts";
import {
  compressFrame,
  compressStream,
  decompressByFrames,
  decompressFrames,
} from "../../../src/seal/node-zstd.ts";
import { decompressStream } from "../../../src/seal/zstd.ts";
import { collect, failure, failureCode, flipped, inPieces, noise, offsets, sha256 } from "./streams.ts";

/** A frame whose content size is not in its header, as zstd writes it from a pipe. */
function frameOfUnknownSize(bytes: Uint8Array): Buffer {
  const params = { [constants.ZSTD_c_checksumFlag]: 1, [constants.ZSTD_c_contentSizeFlag]: 0 };
  return zstdCompressSync(bytes, { params });
}

function skippableFrame(content: Buffer, variant = 0): Buffer {
  const head = Buffer.alloc(8);
  head.writeUInt32LE(0x184d2a50 + variant, 0);
  head.writeUInt32LE(content.length, 4);
  return Buffer.concat([head, content]);
}

const sizes = [0, 1, 2, 255, 256, 511, 65_535, 65_536, 65_791, 65_792, 131_072, 131_073, 300_000];

function manyFrames(count: number): { plain: Buffer; frames: Buffer[] } {
  const plains: Buffer[] = [];
  const frames: Buffer[] = [];
  for (let index = 0; index < count; index += 1) {
    if (index % 50 === 7) {
      frames.push(skippableFrame(randomBytes(index % 100 === 7 ? 0 : 1000), index % 16));
      continue;
    }
    const bytes = index % 3 === 0 ? Buffer.alloc(index * 37, index) : noise((index * 61) % 4000, index + 1);
    plains.push(bytes);
    frames.push(
      index % 4 === 1
        ? frameOfUnknownSize(bytes)
        : index % 4 === 2
          ? zstdCompressSync(bytes)
          : Buffer.from(compressFrame(bytes)),
    );
  }
  return { plain: Buffer.concat(plains), frames };
}

describe("the frame walker", () => {
  it("finds every end in 200 frames of all kinds, however the stream is cut", async () => {
    const { frames } = manyFrames(200);
    const stream = Buffer.concat(frames);
    for (const pieceBytes of [stream.length, 65_536, 1009, 1]) {
      const walker = frameWalker();
      const found: Buffer[] = [];
      let open: Uint8Array[] = [];
      for await (const bytes of inPieces(stream, pieceBytes)) {
        for (const piece of walker.walk(bytes)) {
          open.push(piece.bytes);
          if (!piece.endsFrame) continue;
          found.push(Buffer.concat(open));
          open = [];
        }
      }
      expect(walker.isComplete()).toBe(true);
      expect(found.map(sha256)).toEqual(frames.map(sha256));
    }
  });

  it.each(sizes)("knows the header of a frame of %i bytes in all its forms", (size) => {
    const bytes = noise(size);
    for (const checksum of [0, 1]) {
      for (const contentSize of [0, 1]) {
        const params = {
          [constants.ZSTD_c_checksumFlag]: checksum,
          [constants.ZSTD_c_contentSizeFlag]: contentSize,
        };
        const frame = zstdCompressSync(bytes, { params });
        const walker = frameWalker();
        const pieces = walker.walk(frame);
        expect(pieces.map(({ bytes, endsFrame }) => [bytes.length, endsFrame])).toEqual([
          [frame.length, true],
        ]);
        expect(walker.isComplete()).toBe(true);
        expect(walker.walk(Buffer.from([0x28])).at(-1)?.endsFrame).toBe(false);
        expect(walker.isComplete()).toBe(false);
      }
    }
  });

  it("knows the frame header of a dictionary", () => {
    for (const [flag, idBytes] of [
      [1, 1],
      [2, 2],
      [3, 4],
    ] as const) {
      const windowAndId = Buffer.alloc(1 + idBytes, 0x58);
      const block = Buffer.from([(3 << 3) | 1, 0, 0, 1, 2, 3]);
      const frame = Buffer.concat([Buffer.from([0x28, 0xb5, 0x2f, 0xfd, flag]), windowAndId, block]);
      const walker = frameWalker();
      expect(walker.walk(frame)).toEqual([{ bytes: frame, endsFrame: true }]);
    }
  });

  it("refuses what is no frame", () => {
    expect(() => frameWalker().walk(Buffer.from("hello"))).toThrow(/holds no zstd stream/);
    const frame = compressFrame(noise(10));
    expect(() => frameWalker().walk(Buffer.concat([frame, Buffer.from("hello")]))).toThrow(/not another one/);
    // A reserved block type, and a reserved bit of the descriptor.
    const block = Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0x20, 1, 0b111, 0, 0]);
    expect(() => frameWalker().walk(block)).toThrow(/block is malformed/);
    expect(() => frameWalker().walk(flipped(frame, 4, 0b1000))).toThrow(/unknown kind/);
    expect(frameWalker().isComplete()).toBe(false);
  });
});

describe("Node's zstd, frame by frame", () => {
  it("gives back the whole of 200 frames, skippable ones among them", async () => {
    const { plain, frames } = manyFrames(200);
    const stream = Buffer.concat(frames);
    for (const pieceBytes of [stream.length, 4099, 17]) {
      expect((await collect(decompressByFrames(inPieces(stream, pieceBytes)))).equals(plain)).toBe(true);
    }
    expect(Buffer.from(decompressFrames(stream, plain.length)).equals(plain)).toBe(true);
  });

  it("writes frames with a checksum, so that a flipped byte never decodes to something else", async () => {
    const plain = Buffer.concat([noise(5000), Buffer.alloc(100_000, 3)]);
    for (const stream of [
      Buffer.from(compressFrame(plain)),
      await collect(compressStream(inPieces(plain))),
    ]) {
      expect((stream[4] ?? 0) & 0b100).toBe(0b100);
      expect(Buffer.from(decompressFrames(stream, plain.length)).equals(plain)).toBe(true);
    }
  });

  it("detects every cut and every change", async () => {
    const plains = Array.from({ length: 20 }, (_, index) => noise(1500, index + 1));
    const frames = plains.map((plain) => Buffer.from(compressFrame(plain)));
    const stream = Buffer.concat(frames);
    const plain = Buffer.concat(plains);
    let end = 0;
    const ends = new Set(frames.map((frame) => (end += frame.length)));
    for (const at of offsets(stream.length, 120)) {
      // A cut between two frames leaves a whole stream: that one the encryption around it detects.
      if (!ends.has(at)) await expectDamage(stream.subarray(0, at));
      await expectDamageOrSame(flipped(stream, at, 1 << (at % 8)), plain);
    }
    await expectDamage(Buffer.concat([stream, Buffer.from([0])]));
    await expectDamage(Buffer.alloc(0));
  });

  it("passes the source's error on unchanged", async () => {
    const broken = Object.assign(new Error("the store broke off"), { code: "ECONNRESET" });
    async function* source(): AsyncGenerator<Uint8Array> {
      yield compressFrame(noise(10));
      await Promise.resolve();
      throw broken;
    }
    await expect(collect(decompressByFrames(source()))).rejects.toBe(broken);
    await expect(collect(compressStream(source()))).rejects.toBe(broken);
  });

  it("lets go of its source when its consumer stops", async () => {
    const released = Promise.withResolvers<undefined>();
    async function* source(): AsyncGenerator<Uint8Array> {
      try {
        for (;;) yield await Promise.resolve(compressFrame(noise(70_000)));
      } finally {
        released.resolve(undefined);
      }
    }
    for await (const part of decompressByFrames(source())) {
      expect(part.length).toBeGreaterThan(0);
      break;
    }
    await released.promise;
  });

  it("stops a bomb, of known size, of unknown size and of many frames", async () => {
    const zeros = Buffer.alloc(64 << 20);
    const unknown = frameOfUnknownSize(zeros);
    const known = zstdCompressSync(zeros);
    const many = Buffer.concat(Array<Buffer>(200).fill(zstdCompressSync(Buffer.alloc(100_000))));
    for (const bomb of [unknown, known, many]) {
      const streamed = await failure(collect(decompressStream(inPieces(bomb), { maxBytes: 1 << 20 })));
      expect(streamed.message).toMatch(/more than 1048576 bytes/);
      expect(() => decompressFrames(bomb, 1 << 20)).toThrow(/more than 1048576 bytes/);
    }
  });

  it("holds to its limit exactly", async () => {
    const frames = Buffer.concat([
      compressFrame(noise(1000)),
      compressFrame(Buffer.alloc(0)),
      compressFrame(noise(1)),
    ]);
    expect(decompressFrames(frames, 1001).length).toBe(1001);
    expect(() => decompressFrames(frames, 1000)).toThrow(/more than 1000 bytes/);
    expect(await collect(decompressStream(inPieces(frames), { maxBytes: 1001 }))).toHaveLength(1001);
    const beyond = collect(decompressStream(inPieces(frames), { maxBytes: 1000 }));
    expect(await failureCode(beyond)).toBe("sealed-file-damaged");
  });
});

async function expectDamage(stream: Buffer): Promise<void> {
  expect(await failureCode(collect(decompressByFrames(inPieces(stream, 5000))))).toBe("sealed-file-damaged");
  expect(() => decompressFrames(stream, 1e9)).toThrow(/damaged/);
}

/** Some header bits (an unused one, a larger window) change nothing of what a frame decodes to. */
async function expectDamageOrSame(stream: Buffer, plain: Buffer): Promise<void> {
  const streamed = await collect(decompressByFrames(inPieces(stream, 5000))).catch(() => undefined);
  if (streamed !== undefined) expect(streamed.equals(plain)).toBe(true);
  else expect(() => decompressFrames(stream, 1e9)).toThrow(/damaged/);
}
