import { zstdCompressSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { headerLength, makeHeader, maxHeaderBytes } from "../../../src/seal/age-header.ts";
import { passphraseIdentity } from "../../../src/seal/identities.ts";
import { maxRecipients, parseRecipients } from "../../../src/seal/recipients.ts";
import { rewrapHeader } from "../../../src/seal/rewrap.ts";
import {
  measureSealed,
  sealDocument,
  sealStream,
  unsealDocument,
  unsealStream,
} from "../../../src/seal/seal.ts";
import {
  collect,
  failure,
  failureCode,
  flipped,
  inPieces,
  keyPair,
  noise,
  offsets,
  sha256,
} from "./streams.ts";

const alice = await keyPair();
const bob = await keyPair();
const hybrid = await keyPair(true);
const stranger = await keyPair();

describe("a sealed stream", () => {
  it("opens for each recipient alone, and for nobody else", async () => {
    const both = parseRecipients([alice.recipient, bob.recipient]);
    const plain = noise(200_000);
    const stored = await collect(sealStream(inPieces(plain), both).bytes);
    for (const { identities } of [alice, bob]) {
      expect((await collect(unsealStream(inPieces(stored), identities))).equals(plain)).toBe(true);
    }
    const error = await failure(
      collect(unsealStream(inPieces(stored), stranger.identities, { sealedFor: both.fingerprints })),
    );
    expect([error.code, error.exitCode]).toEqual(["identity-does-not-open", 2]);
    expect(error.message).toContain((await stranger.identities.fingerprints())[0]);
    expect(error.hint).toContain(both.fingerprints.join(", "));
  });

  it("is measured in its two parts, while sealing and again without a key", async () => {
    const sealing = sealStream(inPieces(noise(100_000)), alice.recipients);
    expect(() => sealing.extents()).toThrow(/before it was complete/);
    const stored = await collect(sealing.bytes);
    const length = headerLength(stored) ?? 0;
    expect(sealing.extents()).toEqual({
      header: { length, sha256: sha256(stored.subarray(0, length)) },
      payload: { length: stored.length - length, sha256: sha256(stored.subarray(length)) },
    });
    expect(await measureSealed(inPieces(stored, 100))).toEqual(sealing.extents());
  });

  it("is never the same twice", async () => {
    const plain = noise(100);
    const [once, again] = await Promise.all(
      [1, 2].map(() => collect(sealStream(inPieces(plain), alice.recipients).bytes)),
    );
    for (const [from, to] of [
      [-116, -16],
      [-132, -116],
    ]) {
      expect(once?.subarray(from, to).equals(again?.subarray(from, to) ?? Buffer.alloc(0))).toBe(false);
    }
  });

  it("passes its source's error on unchanged and then has no extents", async () => {
    const broken = new Error("pg_dump ended");
    async function* source(): AsyncGenerator<Uint8Array> {
      yield* inPieces(noise(100_000));
      throw broken;
    }
    const sealing = sealStream(source(), alice.recipients);
    await expect(collect(sealing.bytes)).rejects.toBe(broken);
    expect(() => sealing.extents()).toThrow(/before it was complete/);
    const stored = await collect(sealStream(inPieces(noise(10)), alice.recipients).bytes);
    async function* dying(): AsyncGenerator<Uint8Array> {
      yield* inPieces(stored.subarray(0, stored.length - 1));
      throw broken;
    }
    await expect(collect(unsealStream(dying(), alice.identities))).rejects.toBe(broken);
  });

  it("lets go of its source when it is not read to the end, does not open or is none", async () => {
    const stored = await collect(sealStream(inPieces(noise(300_000)), alice.recipients).bytes);
    for (const [identities, expected] of [
      [alice.identities, "read"],
      [stranger.identities, "refused"],
      [undefined, "refused"],
    ] as const) {
      let released = false;
      async function* source(): AsyncGenerator<Uint8Array> {
        try {
          yield* inPieces(identities === undefined ? noise(100) : stored);
        } finally {
          released = true;
        }
      }
      let met = "refused";
      try {
        for await (const part of unsealStream(source(), identities ?? alice.identities)) {
          met = part.length > 0 ? "read" : "empty";
          break;
        }
      } catch {
        // The stranger's: what counts is the source.
      }
      expect([met, released]).toEqual([expected, true]);
    }
  });

  it("has every flipped and missing byte detected, in header, nonce and chunks", async () => {
    const stored = await collect(sealStream(inPieces(noise(140_000)), alice.recipients).bytes);
    const open = (bytes: Uint8Array): Promise<Buffer> =>
      collect(unsealStream(inPieces(bytes), alice.identities));
    const header = headerLength(stored) ?? 0;
    const everyHeaderByte = Array.from({ length: header + 16 }, (_, at) => at);
    for (const at of [...everyHeaderByte, ...offsets(stored.length, 50)]) {
      // A changed stanza cannot be told from one for somebody else: the hint says so.
      expect(["sealed-file-damaged", "identity-does-not-open"]).toContain(
        await failureCode(open(flipped(stored, at))),
      );
      expect(await failureCode(open(stored.subarray(0, at)))).toBe("sealed-file-damaged");
    }
  });

  it("is not read further than a header may be long", async () => {
    let read = 0;
    async function* endless(): AsyncGenerator<Uint8Array> {
      yield Buffer.from("age-encryption.org/v1\n");
      for (;;) {
        read += 1000;
        yield await Promise.resolve(Buffer.from(`-> X25519 ${"a".repeat(989)}\n`));
      }
    }
    const error = await failure(collect(unsealStream(endless(), alice.identities)));
    expect(error.message).toMatch(/does not end within/);
    expect(read).toBeLessThan(maxHeaderBytes + 2000);
    expect((await failure(collect(unsealStream(inPieces(noise(100)), alice.identities)))).message).toMatch(
      /does not begin as an age file/,
    );
  });

  it("has a header within the bound for as many recipients as are allowed", async () => {
    const many = await Promise.all(Array.from({ length: maxRecipients }, () => keyPair(true)));
    const { header } = await makeHeader(parseRecipients(many.map(({ recipient }) => recipient)));
    expect(header.length).toBeLessThan(maxHeaderBytes);
    expect(headerLength(header)).toBe(header.length);
  });
});

/** A zstd frame of a few bytes per MiB of zeros: a window size, then blocks of one repeated byte. */
function zerosFrame(mebibytes: number): Buffer {
  const head = Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0, 0x58]);
  const blocks = Buffer.alloc(mebibytes * 8 * 4);
  for (let at = 0; at < blocks.length; at += 4) {
    const isLast = at === blocks.length - 4;
    blocks.writeUIntLE(((128 * 1024) << 3) | 0b010 | (isLast ? 1 : 0), at, 3);
  }
  return Buffer.concat([head, blocks]);
}

describe("a sealed document", () => {
  const text = JSON.stringify({ tables: ["ünï", "😀"], rows: Array.from({ length: 5000 }, (_, row) => row) });

  it.each([
    ["an X25519 key", alice],
    ["a post-quantum key", hybrid],
    [
      "a passphrase",
      { recipients: parseRecipients([], "correct horse"), identities: passphraseIdentity("correct horse") },
    ],
  ])("comes back for %s", async (_what, { recipients, identities }) => {
    const { bytes, extents } = await sealDocument(text, recipients);
    expect(extents.header.length + extents.payload.length).toBe(bytes.length);
    const back = await unsealDocument(bytes, identities, Buffer.byteLength(text));
    expect(Buffer.from(back).toString("utf8")).toBe(text);
    expect(
      (await unsealDocument((await sealDocument("", alice.recipients)).bytes, alice.identities, 0)).length,
    ).toBe(0);
  });

  it("is stopped at its limit, a bomb long before it fills the memory", async () => {
    const { bytes } = await sealDocument(text, alice.recipients);
    const short = unsealDocument(bytes, alice.identities, Buffer.byteLength(text) - 1);
    expect(await failureCode(short)).toBe("sealed-file-damaged");
    const bomb = await collect(sealStream(inPieces(zerosFrame(4096)), alice.recipients).bytes);
    const before = process.resourceUsage().maxRSS;
    const error = await failure(unsealDocument(bomb, alice.identities, 1 << 20));
    expect(error.message).toMatch(/more than 1048576/);
    // KiB, for a bomb of 4 GiB.
    expect(process.resourceUsage().maxRSS - before).toBeLessThan(100 * 1024);
  });

  it("is refused if what is sealed is no zstd stream, a cut one or one with something behind it", async () => {
    const frame = zstdCompressSync(Buffer.from(text));
    for (const inside of [
      Buffer.from(text),
      frame.subarray(0, -1),
      Buffer.concat([frame, Buffer.from("x")]),
      Buffer.alloc(0),
    ]) {
      const bytes = await collect(sealStream(inPieces(inside), alice.recipients).bytes);
      expect(await failureCode(unsealDocument(bytes, alice.identities, 1e6))).toBe("sealed-file-damaged");
    }
  });
});

describe("a rewrapped header", () => {
  it.each([
    ["X25519 to X25519", alice, bob],
    ["X25519 to post-quantum", alice, hybrid],
    ["post-quantum to X25519", hybrid, bob],
  ])("opens the same payload for others: %s", async (_what, from, to) => {
    const plain = noise(70_000);
    const stored = await collect(sealStream(inPieces(plain), from.recipients).bytes);
    const length = headerLength(stored) ?? 0;
    const header = await rewrapHeader(stored.subarray(0, length), from.identities, to.recipients);
    const rotated = Buffer.concat([header, stored.subarray(length)]);
    expect((await collect(unsealStream(inPieces(rotated), to.identities))).equals(plain)).toBe(true);
    expect(await failureCode(collect(unsealStream(inPieces(rotated), from.identities)))).toBe(
      "identity-does-not-open",
    );
  });

  it("is not made for a passphrase, nor by a stranger", async () => {
    const { header } = await makeHeader(alice.recipients);
    const passphrase = rewrapHeader(header, alice.identities, parseRecipients([], "secret"));
    expect(await failureCode(passphrase)).toBe("input-invalid");
    const stolen = rewrapHeader(header, stranger.identities, bob.recipients);
    expect(await failureCode(stolen)).toBe("identity-does-not-open");
  });
});
