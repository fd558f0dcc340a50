import { describe, expect, test } from "vitest";
import { LifeboatError } from "../../../src/errors.ts";
import { maxFrameBytes } from "../../../src/storage/pack-layout.ts";
import { type DecodedFrame, decodedFrames } from "../../../src/storage/pack-frames.ts";
import { collect, failure, inPieces, noise, sha256 } from "../seal/streams.ts";
import { addTo, memoryStore, mixed, openCounted, packId, writePack, writerInto, zstdOf } from "./packs.ts";

const mebibyte = 1 << 20;

describe("a pack", () => {
  test.each([
    ...[0, 1, 511, 512, 513, 1024, 65_535, 65_536, 65_537],
    ...[mebibyte - 512, mebibyte - 511, 4 * mebibyte - 1, 4 * mebibyte, 4 * mebibyte + 1],
    ...[16 * mebibyte - 1, 16 * mebibyte, 16 * mebibyte + 1],
  ])("gives an object of %i bytes back, squeezed or not", async (length) => {
    const bytes = mixed(length);
    const { sealed, objects, finished } = await writePack([
      { name: "squeezed", bytes },
      { name: "stored", bytes, squeeze: false },
    ]);
    expect(finished).toMatchObject({ id: packId, objects: 2, rawBytes: 2 * length });
    expect(finished.header.length + finished.payload.length).toBe(sealed.length);
    const { pack } = await openCounted(sealed);
    for (const object of objects) {
      expect(object.sha256).toBe(sha256(bytes));
      expect((await collect(pack.readObject(object))).equals(bytes)).toBe(true);
    }
  });

  test("has one frame for a small object, several of bounded size for a larger one, and the end in the last", async () => {
    const { sealed, objects } = await writePack([
      { name: "small", bytes: mixed(20_000) },
      { name: "large", bytes: mixed(9 * mebibyte) },
      { name: "empty", bytes: Buffer.alloc(0) },
    ]);
    const frames: DecodedFrame[] = [];
    for await (const { bytes, offset, length } of decodedFrames(zstdOf(sealed))) {
      expect(bytes.length).toBeLessThanOrEqual(maxFrameBytes);
      frames.push({ bytes, offset, length });
    }
    const inObject = objects.map(({ offset, length }) =>
      frames.filter((frame) => frame.offset >= offset && frame.offset < offset + length),
    );
    expect(inObject.map((some) => some.length)).toEqual([1, 10, 1]);
    for (const [index, { offset, length }] of objects.entries()) {
      expect(inObject[index]![0]!.offset).toBe(offset);
      expect(inObject[index]!.reduce((sum, frame) => sum + frame.length, 0)).toBe(length);
    }
    expect(frames.at(-1)!.bytes).toEqual(Buffer.alloc(1024));
  });

  test("is never put without objects", async () => {
    const writer = writerInto(() => Promise.reject(new Error("It was put.")));
    expect(await writer.finish()).toBeUndefined();
  });

  test("has room up to its limit, and for one object that is larger", async () => {
    const writer = writerInto(memoryStore().put, 1000);
    expect(writer.hasRoomFor(5000)).toBe(true);
    await addTo(writer, { name: "a", bytes: noise(600) });
    expect([writer.hasRoomFor(400), writer.hasRoomFor(401)]).toEqual([true, false]);
    await writer.void();
  });
});

describe("a body of another length than announced", () => {
  test.each([
    ["shorter", 999],
    ["longer", 1001],
  ])("that is %s and small loses only its object", async (_, length) => {
    const store = memoryStore();
    const writer = writerInto(store.put);
    const before = await addTo(writer, { name: "before", bytes: mixed(5000) });
    const body = inPieces(noise(length), 100);
    const error = await failure(writer.add({ bucket: "photos", name: "wrong" }, body, 1000, true));
    expect(error.code).toBe("object-size-wrong");
    const after = await addTo(writer, { name: "after", bytes: mixed(7000) });
    expect(await writer.finish()).toMatchObject({ objects: 2, rawBytes: 12_000 });
    const { pack } = await openCounted(store.packs.get(packId)!);
    expect((await collect(pack.readObject(before))).equals(mixed(5000))).toBe(true);
    expect((await collect(pack.readObject(after))).equals(mixed(7000))).toBe(true);
  });

  test.each([
    ["shorter", 5 * mebibyte - 1],
    ["longer", 5 * mebibyte + 1],
  ])("that is %s and large voids the pack: nothing is stored, no call succeeds", async (_, length) => {
    const store = memoryStore();
    const writer = writerInto(store.put);
    await addTo(writer, { name: "before", bytes: mixed(5000) });
    const body = inPieces(noise(length));
    const error = await failure(writer.add({ bucket: "photos", name: "wrong" }, body, 5 * mebibyte, false));
    expect(error.code).toBe("pack-void");
    expect(error.cause).toMatchObject({ code: "object-size-wrong" });
    expect(store.packs.size).toBe(0);
    expect(await failure(addTo(writer, { name: "after", bytes: mixed(5000) }))).toBe(error);
    expect(await failure(writer.finish())).toBe(error);
    await writer.void();
    expect(store.packs.size).toBe(0);
  });
});

describe("a body that breaks", () => {
  async function* broken(good: number): AsyncGenerator<Uint8Array, void, undefined> {
    yield* inPieces(noise(good));
    throw new LifeboatError("store-temporary", "The connection broke.");
  }

  test("early on loses only its object, with its own error", async () => {
    const store = memoryStore();
    const writer = writerInto(store.put);
    const error = await failure(writer.add({ bucket: "b", name: "x" }, broken(100_000), 200_000, true));
    expect(error.code).toBe("store-temporary");
    await addTo(writer, { name: "after", bytes: mixed(5000) });
    expect(await writer.finish()).toMatchObject({ objects: 1 });
  });

  test("later voids the pack, which waits until put has ended", async () => {
    const store = memoryStore();
    const ended: unknown[] = [];
    const writer = writerInto(async (pack, bytes) => {
      try {
        return await store.put(pack, bytes);
      } catch (error) {
        await new Promise((resolve) => setImmediate(resolve));
        ended.push(error);
        throw error;
      }
    });
    const error = await failure(
      writer.add({ bucket: "b", name: "x" }, broken(3 * mebibyte), 4 * mebibyte, true),
    );
    expect(error.code).toBe("pack-void");
    expect(error.cause).toMatchObject({ code: "store-temporary" });
    expect(ended).toEqual([error]);
    expect(store.packs.size).toBe(0);
  });
});

describe("a put that fails", () => {
  const full = new LifeboatError("store-write-failed", "The disk is full.");

  async function afterReading(bytes: AsyncIterable<Uint8Array>, wanted: number): Promise<never> {
    let read = 0;
    if (wanted === 0) throw full;
    for await (const part of bytes) {
      read += part.length;
      if (read >= wanted) throw full;
    }
    throw full;
  }

  test.each([0, 1, 3 * mebibyte])("after %i bytes rejects the add that waits for it", async (wanted) => {
    const writer = writerInto((_, bytes) => afterReading(bytes, wanted));
    const bytes = noise(20 * mebibyte);
    expect(await failure(addTo(writer, { name: "x", bytes, squeeze: false }))).toBe(full);
    expect(await failure(addTo(writer, { name: "y", bytes: noise(5) }))).toBe(full);
    expect(await failure(writer.finish())).toBe(full);
    await writer.void();
  });

  test("at the end rejects finish", async () => {
    const writer = writerInto((_, bytes) => afterReading(bytes, Infinity));
    await addTo(writer, { name: "x", bytes: noise(5) });
    expect(await failure(writer.finish())).toBe(full);
  });

  test("while nobody waits rejects the next call and nothing else", async () => {
    const writer = writerInto(() => Promise.reject(full));
    await addTo(writer, { name: "x", bytes: noise(5) }).catch(() => {});
    await new Promise((resolve) => setImmediate(resolve));
    expect(await failure(addTo(writer, { name: "y", bytes: noise(5) }))).toBe(full);
  });

  test("by succeeding too early is no success", async () => {
    const writer = writerInto(async (pack, bytes) => {
      await bytes[Symbol.asyncIterator]().next();
      return { key: pack, length: 5, sha256: "" };
    });
    await addTo(writer, { name: "x", bytes: noise(5) });
    expect((await failure(writer.finish())).code).toBe("unexpected");
  });
});

describe("backpressure", () => {
  test("lets a slow store hold the body back", async () => {
    const gate = Promise.withResolvers<undefined>();
    const store = memoryStore();
    const writer = writerInto(async (pack, bytes) => {
      await gate.promise;
      return store.put(pack, bytes);
    });
    const bytes = noise(40 * mebibyte);
    let pulled = 0;
    async function* body(): AsyncGenerator<Uint8Array, void, undefined> {
      for await (const part of inPieces(bytes)) {
        pulled += part.length;
        yield part;
      }
    }
    const adding = writer.add({ bucket: "b", name: "x" }, body(), bytes.length, false);
    while (pulled < mebibyte) await new Promise((resolve) => setImmediate(resolve));
    for (let turn = 0; turn < 200; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    expect(pulled).toBeLessThanOrEqual(4 * mebibyte);
    gate.resolve(undefined);
    expect((await adding).sha256).toBe(sha256(bytes));
    await writer.finish();
    expect(store.packs.size).toBe(1);
  });

  test("ends when the pack is given up meanwhile", async () => {
    const never = new Promise<never>(() => {});
    const source: AsyncIterable<Uint8Array>[] = [];
    const store = memoryStore();
    const gate = Promise.withResolvers<undefined>();
    const writer = writerInto(async (pack, bytes) => {
      source.push(bytes);
      await Promise.race([gate.promise, never]);
      return store.put(pack, bytes);
    });
    const adding = failure(addTo(writer, { name: "x", bytes: noise(9 * mebibyte), squeeze: false }));
    while (source.length === 0) await new Promise((resolve) => setImmediate(resolve));
    const voiding = writer.void();
    gate.resolve(undefined);
    await voiding;
    expect((await adding).code).toBe("pack-void");
    expect(store.packs.size).toBe(0);
  });
});
