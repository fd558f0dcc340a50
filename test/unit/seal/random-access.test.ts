import { Stanza } from "age-encryption";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { headerLength, makeHeader } from "../../../src/seal/age-header.ts";
import { type OpenedSealedFile, openSealed } from "../../../src/seal/random-access.ts";
import { parseRecipients, type Recipients } from "../../../src/seal/recipients.ts";
import { sealStream } from "../../../src/seal/seal.ts";
import { collect, failure, failureCode, flipped, inPieces, keyPair, noise, offsets } from "./streams.ts";

const alice = await keyPair();
const stranger = await keyPair();

interface Counted {
  readonly opened: OpenedSealedFile;
  readonly requests: { offset: number; length: number }[];
}

async function openCounted(stored: Buffer, identities = alice.identities): Promise<Counted> {
  const requests: { offset: number; length: number }[] = [];
  const opened = await openSealed(
    (offset, length) => {
      requests.push({ offset, length });
      return Promise.resolve(stored.subarray(offset, offset + length));
    },
    stored.length,
    identities,
  );
  return { opened, requests };
}

async function sealed(plain: Buffer, recipients = alice.recipients): Promise<Buffer> {
  return collect(sealStream(inPieces(plain), recipients).bytes);
}

describe("random access", () => {
  it.each([0, 1, 65_535, 65_536, 65_537, 131_072, 500_000])(
    "into %i bytes gives the same as the slice, for one request of at most two chunks more",
    async (length) => {
      const plain = noise(length);
      const stored = await sealed(plain);
      const { opened, requests } = await openCounted(stored);
      expect(opened.length).toBe(length);
      expect(requests).toEqual([{ offset: 0, length: Math.min(4096, stored.length) }]);
      const range = fc
        .tuple(fc.nat(length), fc.nat(length))
        .map(([a, b]) => ({ offset: Math.min(a, b), length: Math.abs(a - b) }));
      await fc.assert(
        fc.asyncProperty(range, async ({ offset, length: wanted }) => {
          requests.length = 0;
          const part = await opened.read(offset, wanted);
          expect(Buffer.from(part).equals(plain.subarray(offset, offset + wanted))).toBe(true);
          expect(requests).toHaveLength(wanted === 0 ? 0 : 1);
          expect(requests[0]?.length ?? 0).toBeLessThanOrEqual(wanted + 2 * 65_552 + wanted / 4096);
        }),
        { numRuns: 60 },
      );
      expect(Buffer.from(await opened.read(0, length)).equals(plain)).toBe(true);
    },
  );

  it("reads a long header in a few requests, and a nonce that lies just behind the first", async () => {
    const hybrids = await Promise.all(Array.from({ length: 5 }, () => keyPair(true)));
    const stored = await sealed(noise(100_000), parseRecipients(hybrids.map(({ recipient }) => recipient)));
    const { opened, requests } = await openCounted(stored, hybrids[4]?.identities);
    expect(headerLength(stored)).toBeGreaterThan(4096);
    expect(requests).toEqual([
      { offset: 0, length: 4096 },
      { offset: 4096, length: 4096 },
    ]);
    expect(Buffer.from(await opened.read(70_000, 10)).equals(noise(100_000).subarray(70_000, 70_010))).toBe(
      true,
    );

    // A foreign stanza pads the header so that its end is in the first request and the nonce's is not.
    const { header } = await makeHeader(alice.recipients);
    const padding = new Stanza(
      ["grease", "x".repeat(4090 - header.length - "-> grease \n\n".length)],
      new Uint8Array(0),
    );
    const padded: Recipients = {
      ...alice.recipients,
      encrypter: (first) => {
        const encrypter = alice.recipients.encrypter(first);
        encrypter.addRecipient({ wrapFileKey: () => [padding] });
        return encrypter;
      },
    };
    const long = await openCounted(await sealed(noise(10_000), padded));
    expect(long.requests).toEqual([
      { offset: 0, length: 4096 },
      { offset: 4090, length: 16 },
    ]);
    expect(Buffer.from(await long.opened.read(1, 9)).equals(noise(10_000).subarray(1, 10))).toBe(true);
  });

  it("authenticates every chunk that it reads", async () => {
    const plain = noise(200_000);
    const stored = await sealed(plain);
    const nonceAt = headerLength(stored) ?? 0;
    for (const at of offsets(stored.length - nonceAt, 40)) {
      const changed = flipped(stored, nonceAt + at);
      const reading = openCounted(changed).then(({ opened }) => opened.read(0, plain.length));
      expect(await failureCode(reading)).toBe("sealed-file-damaged");
    }
  });

  it("detects a file that lost its tail or gained one", async () => {
    const plain = noise(200_000);
    const stored = await sealed(plain);
    const nonceEnd = (headerLength(stored) ?? 0) + 16;
    const readTail = async (bytes: Buffer): Promise<Uint8Array> =>
      (await openCounted(bytes)).opened.read(plain.length - 10, 10);
    for (const length of [
      0,
      50,
      nonceEnd - 1,
      nonceEnd,
      nonceEnd + 15,
      nonceEnd + 65_552,
      stored.length - 1,
    ]) {
      expect(await failureCode(readTail(stored.subarray(0, length)))).toBe("sealed-file-damaged");
    }
    expect(await failureCode(readTail(Buffer.concat([stored, Buffer.alloc(70_000)])))).toBe(
      "sealed-file-damaged",
    );
    // Nothing would ever read an empty last chunk, so the length itself must be refused.
    const emptyChunk = openCounted(stored.subarray(0, nonceEnd + 65_552 + 16));
    expect((await failure(emptyChunk)).message).toMatch(/its length is none/);
    // The listing says more bytes than the store gives.
    const short = openSealed(() => Promise.resolve(stored.subarray(0, 100)), stored.length, alice.identities);
    expect((await failure(short)).message).toMatch(/100 of 4096 bytes/);
  });

  it("refuses ranges outside the stream and identities of others", async () => {
    const stored = await sealed(noise(1000));
    const { opened } = await openCounted(stored);
    for (const [offset, length] of [
      [-1, 2],
      [0, 1001],
      [1000, 1],
      [0.5, 1],
      [0, -1],
      [0, Number.NaN],
    ] as const) {
      expect(await failureCode(opened.read(offset, length))).toBe("sealed-file-damaged");
    }
    expect(await failureCode(openCounted(stored, stranger.identities))).toBe("identity-does-not-open");
    expect(await failureCode(openCounted(noise(10_000)))).toBe("sealed-file-damaged");
    const endless = Buffer.concat([Buffer.from("age-encryption.org/v1\n"), Buffer.alloc(200_000, "a")]);
    expect((await failure(openCounted(endless))).message).toMatch(/does not end within/);
  });
});
