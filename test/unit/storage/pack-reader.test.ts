import { pack as tarPack } from "tar-stream";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { compressFrame, storeFrame } from "../../../src/seal/node-zstd.ts";
import { sealStream } from "../../../src/seal/seal.ts";
import type { StoredObject } from "../../../src/storage/objects.ts";
import { planReads } from "../../../src/storage/plan-reads.ts";
import { makeTarHeader } from "../../../src/storage/tar-header.ts";
import { type WalkedEntry, walkPack } from "../../../src/storage/walk-pack.ts";
import { collect, failure, failureCode, flipped, inPieces, noise, sha256 } from "../seal/streams.ts";
import { anyObject } from "./names.ts";
import { alice, type Given, mixed, openCounted, packId, writePack, zstdOf } from "./packs.ts";

const end = Buffer.alloc(1024);

async function walked(zstd: AsyncIterable<Uint8Array>): Promise<WalkedEntry[]> {
  const entries: WalkedEntry[] = [];
  for await (const entry of walkPack(packId, zstd)) entries.push(entry);
  return entries;
}

/** A pack's zstd stream of these frames, as somebody could seal it who is not Lifeboat. */
function framesOf(...decoded: readonly Uint8Array[]): AsyncIterable<Uint8Array> {
  return inPieces(Buffer.concat(decoded.map(compressFrame)));
}

async function sealedFrames(...frames: readonly Uint8Array[]): Promise<Buffer> {
  return collect(sealStream(inPieces(Buffer.concat(frames)), alice.recipients).bytes);
}

async function tarOf(header: Parameters<ReturnType<typeof tarPack>["entry"]>[0], body = ""): Promise<Buffer> {
  const tar = tarPack();
  tar.entry(header, body);
  tar.finalize();
  return (await collect(tar as AsyncIterable<Uint8Array>)).subarray(0, -1024);
}

describe("one object", () => {
  const given: Given[] = Array.from({ length: 200 }, (_, index) => ({
    name: `n/${index}`,
    bytes: mixed(100_000 + index, index + 1),
  }));

  test("out of many costs one read of its frames and at most two chunks more", async () => {
    const { sealed, objects } = await writePack(given);
    const { pack, requests } = await openCounted(sealed);
    for (const [index, object] of [...objects.entries()].filter(([at]) => at % 17 === 0)) {
      requests.length = 0;
      expect((await collect(pack.readObject(object))).equals(given[index]!.bytes)).toBe(true);
      expect(requests).toHaveLength(1);
      expect(requests[0]!.length).toBeLessThanOrEqual(object.length + 2 * 65_552 + object.length / 4096);
    }
  });

  test("that is large is read in pieces", async () => {
    const bytes = noise(30 << 20);
    const { sealed, objects } = await writePack([{ name: "large", bytes, squeeze: false }]);
    const { pack, requests } = await openCounted(sealed);
    let longest = 0;
    for await (const part of pack.readObject(objects[0]!)) longest = Math.max(longest, part.length);
    expect(longest).toBeLessThanOrEqual(4 << 20);
    expect(requests.length).toBeGreaterThan(6);
    expect(Math.max(...requests.map(({ length }) => length))).toBeLessThan((4 << 20) + 200_000);
  });

  const wrong: readonly [string, (object: StoredObject) => StoredObject][] = [
    ["another name", (object) => ({ ...object, name: "n/other" })],
    ["another bucket", (object) => ({ ...object, bucket: "other" })],
    ["a larger size", (object) => ({ ...object, size: object.size + 1 })],
    ["a smaller size", (object) => ({ ...object, size: object.size - 1 })],
    ["a size of another block", (object) => ({ ...object, size: object.size + 512 })],
    ["another hash", (object) => ({ ...object, sha256: sha256(Buffer.from("x")) })],
    ["a longer header", (object) => ({ ...object, skip: object.skip + 512 })],
    ["no header", (object) => ({ ...object, skip: 0 })],
    ["a header like a body", (object) => ({ ...object, skip: 1 << 30 })],
    ["another offset", (object) => ({ ...object, offset: object.offset + 1 })],
    ["a cut length", (object) => ({ ...object, length: object.length - 1 })],
    ["a neighbour too", (object) => ({ ...object, length: object.length * 2 })],
    ["a place behind the end", (object) => ({ ...object, offset: 1 << 40 })],
  ];
  test.each(wrong)(
    "of which the index says %s is refused by its name, but not in public",
    async (_, change) => {
      const { sealed, objects } = await writePack(given.slice(0, 3));
      const { pack } = await openCounted(sealed);
      const object = change(objects[1]!);
      const error = await failure(collect(pack.readObject(object)));
      expect(error.code).toBe("snapshot-damaged");
      expect(error.message).toContain(`${object.bucket}/${object.name}`);
      expect(error.publicly.sentence).not.toContain(object.name);
      expect(error.publicly.sentence).toContain(String(object.size));
    },
  );

  test("whose frame claims ten gigabytes is refused without memory for them", async () => {
    // 16 MiB of zeros are half a kilobyte; a frame of 10 GB would be as quick to write.
    const bomb = compressFrame(Buffer.alloc(16 << 20));
    const sealed = await sealedFrames(bomb, compressFrame(end));
    const { pack } = await openCounted(sealed);
    const small = { bucket: "b", name: "x", pack: packId, offset: 0, length: bomb.length, skip: 512 };
    for (const size of [10, 10 * 2 ** 30]) {
      const error = await failure(collect(pack.readObject({ ...small, size, sha256: "0".repeat(64) })));
      expect(error.message).toContain("b/x");
      expect((error.cause as Error).message).toContain("decompresses to more than");
    }
    expect(await failureCode(walked(zstdOf(sealed)))).toBe("snapshot-damaged");
  });

  test("whose frame has more than its entry is refused although the rest would fit into a frame", async () => {
    const body = await makeTarHeader({ name: "b/x", size: 10 }, new Date(0));
    const frame = compressFrame(Buffer.concat([body, Buffer.alloc(2 << 20)]));
    const { pack } = await openCounted(await sealedFrames(frame, compressFrame(end)));
    const place = { pack: packId, offset: 0, length: frame.length, skip: 512 };
    const object = { bucket: "b", name: "x", size: 10, sha256: sha256(Buffer.alloc(10)), ...place };
    const error = await failure(collect(pack.readObject(object)));
    expect((error.cause as Error).message).toContain("decompresses to more than 1024 bytes");
  });

  test.each([
    ["another size in its header", 11, 512, "it has 11 bytes"],
    ["no padding", 10, 10, "has 10 bytes in its pack"],
  ])("with %s is refused although its bytes are right", async (_, size, length, why) => {
    const bytes = Buffer.alloc(length);
    bytes.fill("x", 0, 10);
    const frame = compressFrame(
      Buffer.concat([await makeTarHeader({ name: "b/x", size }, new Date(0)), bytes]),
    );
    const { pack } = await openCounted(await sealedFrames(frame, compressFrame(end)));
    const place = { pack: packId, offset: 0, length: frame.length, skip: 512 };
    const object = { bucket: "b", name: "x", size: 10, sha256: sha256(bytes.subarray(0, 10)), ...place };
    expect((await failure(collect(pack.readObject(object)))).message).toContain(why);
  });

  test("is refused whatever byte of it changed", async () => {
    const { sealed, objects, finished } = await writePack([{ name: "x", bytes: noise(3000) }]);
    for (let at = finished.header.length; at < finished.header.length + 3000; at += 97) {
      const { pack } = await openCounted(flipped(sealed, at));
      expect(await failureCode(collect(pack.readObject(objects[0]!)))).toBe("snapshot-damaged");
    }
  });
});

describe("neighbours", () => {
  const given: Given[] = Array.from({ length: 3000 }, (_, index) => ({
    name: `n/${index}`,
    bytes: noise((index * 37) % 4000, index + 1),
  }));

  test("are read together in a few requests of bounded size", async () => {
    const { sealed, objects } = await writePack([...given, { name: "large", bytes: noise(12 << 20) }]);
    const { pack, requests } = await openCounted(sealed);
    requests.length = 0;
    const maxBytes = 2 << 20;
    const planned = planReads(objects.toReversed(), { maxGap: 65_536, maxBytes });
    let count = 0;
    for (const range of planned) {
      for await (const { object, open } of pack.readTogether(range)) {
        const bytes = await collect(open());
        expect(sha256(bytes)).toBe(object.sha256);
        expect((await collect(open())).equals(bytes)).toBe(true);
        count += 1;
      }
    }
    expect(count).toBe(3001);
    // 6 MB of neighbours in 2 MiB each, the large one twice in four pieces.
    expect(requests.length).toBeLessThanOrEqual(4 + 8);
  });

  test("are planned so that each object is in exactly one range, within the limits, for every pack", () => {
    const places = fc.array(fc.tuple(fc.nat(2000), fc.integer({ min: 1, max: 900 })), { maxLength: 40 });
    const limits = fc.record({ maxGap: fc.nat(500), maxBytes: fc.integer({ min: 1, max: 3000 }) });
    fc.assert(
      fc.property(places, limits, (gaps, { maxGap, maxBytes }) => {
        let at = 0;
        const objects = gaps.map(([gap, length], index) => {
          const offset = at + gap;
          at = offset + length;
          return {
            bucket: "b",
            name: `${index}`,
            pack: packId,
            offset,
            length,
            skip: 512,
            size: 1,
            sha256: "",
          };
        });
        const planned = planReads(objects, { maxGap, maxBytes });
        expect(planned.flatMap((range) => range.objects)).toEqual(objects);
        for (const range of planned) {
          if (range.objects.length > 1) expect(range.length).toBeLessThanOrEqual(maxBytes);
          let reached = range.offset;
          for (const { offset, length } of range.objects) {
            expect(offset - reached).toBeLessThanOrEqual(maxGap);
            reached = offset + length;
          }
          expect(reached).toBe(range.offset + range.length);
        }
        for (const [index, range] of planned.slice(1).entries()) {
          const before = planned[index]!;
          const gap = range.offset - before.offset - before.length;
          const first = range.objects[0]!;
          const joined = first.offset + first.length - before.offset;
          expect(gap > maxGap || joined > maxBytes).toBe(true);
        }
      }),
      { numRuns: 1000 },
    );
  });
});

describe("walking a whole pack", () => {
  test("finds every object where the index says it is", async () => {
    const anyGiven = fc.record({
      object: anyObject,
      length: fc.oneof(fc.nat(3000), fc.constantFrom(0, 512, 65_536, (1 << 20) - 512, 1 << 20, 2_500_000)),
      squeeze: fc.boolean(),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(anyGiven, { minLength: 1, maxLength: 8 }), async (some) => {
        const given = some.map(({ object, length, squeeze }) => ({
          ...object,
          bytes: mixed(length, length + 1),
          squeeze,
        }));
        const { sealed, objects } = await writePack(given);
        expect(await walked(zstdOf(sealed))).toEqual(objects);
      }),
      { numRuns: 60 },
    );
  });

  test.each([
    ["a symbolic link", { name: "photos/x", type: "symlink", linkname: "/etc/passwd" }],
    ["a hard link", { name: "photos/x", type: "link", linkname: "photos/y" }],
    ["a folder", { name: "photos/x", type: "directory" }],
    ["a device", { name: "photos/x", type: "character-device" }],
    ["a pipe", { name: "photos/x", type: "fifo" }],
    ["a name that", { name: "../../x", type: "file" }],
    ["a name that", { name: "/etc/passwd", type: "file" }],
    ["a name that", { name: "photos/../../x", type: "file" }],
    ["a name that", { name: "photos/./x", type: "file" }],
    ["a name that", { name: "photos/x\0y", type: "file", pax: {} }],
    ["malformed", { name: "photos/x", type: "file", pax: { "GNU.sparse.size": "5" } }],
    ["malformed", { name: "photos/x", type: "file", pax: { linkpath: "/etc/passwd" } }],
    ["no number", { name: "photos/é", type: "file", pax: { size: "-5" } }],
  ] as const)("refuses %s by its name: %j", async (what, header) => {
    const error = await failure(walked(framesOf(await tarOf({ ...header }), end)));
    expect(error.code).toBe("snapshot-damaged");
    expect(error.message).toContain(what);
    if (what !== "malformed") expect(error.message).toContain(JSON.stringify(header.name));
    expect(error.publicly.sentence).not.toContain("photos");
  });

  const file = async (name: string, bytes: Buffer): Promise<Buffer> =>
    Buffer.concat([
      await makeTarHeader({ name, size: bytes.length }, new Date(0)),
      bytes,
      Buffer.alloc(bytes.length % 512 === 0 ? 0 : 512 - (bytes.length % 512)),
    ]);

  test("refuses a missing end, half an end, and whatever follows it", async () => {
    const one = await file("b/x", noise(700));
    expect(await walked(framesOf(one, end))).toHaveLength(1);
    for (const frames of [
      [one],
      [one, end.subarray(512)],
      [one, end, Buffer.from("x")],
      [one, end, Buffer.alloc(512)],
      [one, end, one, end],
      [one.subarray(0, -512), end],
      [one.subarray(0, 300)],
    ]) {
      expect(await failureCode(walked(framesOf(...frames)))).toBe("snapshot-damaged");
    }
    const trailing = Buffer.concat([compressFrame(one), compressFrame(end), Buffer.from("garbage")]);
    expect(await failureCode(walked(inPieces(trailing)))).toBe("snapshot-damaged");
    const cut = Buffer.concat([compressFrame(one), storeFrame(end).subarray(0, -3)]);
    expect(await failureCode(walked(inPieces(cut)))).toBe("snapshot-damaged");
    expect(await failureCode(walked(inPieces(Buffer.alloc(0))))).toBe("snapshot-damaged");
  });

  test("refuses objects that share a frame, dirt in the padding, and a claim of ten gigabytes", async () => {
    const one = await file("b/x", noise(700));
    const two = await file("b/y", noise(700));
    const shared = await failure(walked(framesOf(Buffer.concat([one, two]), end)));
    expect(shared.message).toContain("shares a frame");
    const dirty = Buffer.from(one);
    dirty[dirty.length - 1] = 1;
    expect((await failure(walked(framesOf(dirty, end)))).message).toContain("padding");
    const huge = Buffer.from(await makeTarHeader({ name: "b/x", size: 10 * 2 ** 30 }, new Date(0)));
    expect((await failure(walked(framesOf(huge, noise(1000), end)))).message).toContain(
      "ends before its end",
    );
  });
});
