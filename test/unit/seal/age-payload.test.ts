import { randomBytes } from "node:crypto";
import { describe, expect, it } from "vitest";
import {
  chunkNonce,
  decryptPayload,
  encryptChunks,
  payloadKey,
  sealedChunkBytes,
} from "../../../src/seal/age-payload.ts";
import { collect, failureCode, flipped, inPieces, noise, offsets } from "./streams.ts";

const fileKey = randomBytes(16);
const nonce = randomBytes(16);

async function payloadOf(plain: Uint8Array, pieceBytes = 65536): Promise<Buffer> {
  return Buffer.concat([
    nonce,
    await collect(encryptChunks(inPieces(plain, pieceBytes), payloadKey(fileKey, nonce))),
  ]);
}

const open = (payload: Uint8Array, pieceBytes = 65536): Promise<Buffer> =>
  collect(decryptPayload(inPieces(payload, pieceBytes), fileKey));

describe("the payload", () => {
  it("counts chunks over eleven bytes with carry, and flags the last", () => {
    for (const index of [0, 1, 255, 256, 65_535, 65_536, 16_777_215, 16_777_216, 2 ** 32, 2 ** 40 + 7]) {
      const counter = BigInt(index).toString(16).padStart(22, "0");
      expect(Buffer.from(chunkNonce(index, false)).toString("hex")).toBe(`${counter}00`);
      expect(Buffer.from(chunkNonce(index, true)).toString("hex")).toBe(`${counter}01`);
    }
  });

  it.each([0, 1, 65_535, 65_536, 65_537, 131_071, 131_072, 131_073])(
    "of %i bytes is the same however its stream is cut",
    async (length) => {
      const plain = noise(length);
      const payload = await payloadOf(plain);
      expect(payload.length).toBe(16 + length + 16 * Math.max(1, Math.ceil(length / 65_536)));
      for (const pieceBytes of [1 << 20, 65_552, 65_551, 10_007]) {
        expect((await payloadOf(plain, pieceBytes)).equals(payload)).toBe(true);
        expect((await open(payload, pieceBytes)).equals(plain)).toBe(true);
      }
    },
  );

  it("passes over empty buffers and buffers of one byte", async () => {
    const plain = noise(3000);
    async function* crumbs(): AsyncGenerator<Uint8Array> {
      for await (const crumb of inPieces(await payloadOf(plain), 1)) {
        yield new Uint8Array(0);
        yield crumb;
      }
    }
    expect((await collect(decryptPayload(crumbs(), fileKey))).equals(plain)).toBe(true);
  });

  it("opens for nobody when any byte is flipped, missing or added", async () => {
    const payload = await payloadOf(noise(3 * 65_536));
    for (const at of offsets(payload.length, 60)) {
      expect(await failureCode(open(flipped(payload, at, 1 << (at % 8))))).toBe("sealed-file-damaged");
      expect(await failureCode(open(payload.subarray(0, at)))).toBe("sealed-file-damaged");
    }
    for (const added of [1, 16, 17, sealedChunkBytes]) {
      expect(await failureCode(open(Buffer.concat([payload, Buffer.alloc(added)])))).toBe(
        "sealed-file-damaged",
      );
    }
  });

  it("opens for nobody when whole chunks are removed, repeated or swapped", async () => {
    const payload = await payloadOf(noise(3 * 65_536));
    const chunk = (index: number): Buffer =>
      payload.subarray(16 + index * sealedChunkBytes, 16 + (index + 1) * sealedChunkBytes);
    const head = payload.subarray(0, 16);
    for (const order of [[], [0], [0, 1], [1, 2], [0, 2], [1, 0, 2], [0, 0, 1, 2], [0, 1, 2, 2]]) {
      expect(await failureCode(open(Buffer.concat([head, ...order.map(chunk)])))).toBe("sealed-file-damaged");
    }
  });

  it("yields only what is authentic, before it fails", async () => {
    const plain = noise(3 * 65_536);
    const payload = flipped(await payloadOf(plain), 16 + 2 * sealedChunkBytes + 5);
    const received: Uint8Array[] = [];
    const reading = (async (): Promise<void> => {
      for await (const part of decryptPayload(inPieces(payload, 1 << 20), fileKey)) received.push(part);
    })();
    expect(await failureCode(reading)).toBe("sealed-file-damaged");
    expect(Buffer.concat(received).equals(plain.subarray(0, 2 * 65_536))).toBe(true);
  });
});
