import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { mergeIndexes, readIndex, writeIndex } from "../../../src/storage/index-file.ts";
import { compareObjects, type StoredObject } from "../../../src/storage/objects.ts";
import { collect, failure, failureCode, inPieces } from "../seal/streams.ts";
import { anyObject } from "./names.ts";
import { packId } from "./packs.ts";

const owner = { id: "20261123T031207Z-000000000001", source: "storage" };

/** JSON has no -0. */
const anyJson = fc.jsonValue().map((value) => JSON.parse(JSON.stringify(value)) as unknown);

const anyStored: fc.Arbitrary<StoredObject> = fc
  .record(
    {
      object: anyObject,
      size: fc.nat(),
      offset: fc.nat(),
      version: fc.string(),
      updatedAt: fc.string(),
      userMetadata: fc.option(fc.dictionary(fc.string(), anyJson), { nil: null }),
      ofALaterVersion: anyJson,
    },
    { requiredKeys: ["object", "size", "offset"] },
  )
  .map(({ object, ...rest }) => ({
    ...object,
    ...rest,
    sha256: "0a".repeat(32),
    pack: packId,
    length: 700,
    skip: 512,
  }));

const anyIndex = fc
  .uniqueArray(anyStored, { comparator: (one, other) => compareObjects(one, other) === 0, maxLength: 30 })
  .map((objects) => objects.toSorted(compareObjects));

// eslint-disable-next-line @typescript-eslint/require-await -- they are there already
async function* each<T>(objects: readonly T[]): AsyncGenerator<T, void, undefined> {
  yield* objects;
}

async function all<T>(objects: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = [];
  for await (const object of objects) list.push(object);
  return list;
}

function read(text: string | Uint8Array, expected = owner): Promise<StoredObject[]> {
  return all(readIndex(inPieces(Buffer.from(text), 1000), expected));
}

function stored(name: string, more: object = {}): StoredObject {
  const place = { pack: packId, offset: 0, length: 700, skip: 512 };
  return { bucket: "photos", name, size: 5, sha256: "0".repeat(64), ...place, ...more };
}

function lines(...objects: readonly object[]): string {
  return objects.map((object) => `${JSON.stringify(object)}\n`).join("");
}

const first = { formatVersion: 1, ...owner };

describe("an index", () => {
  test("comes back as it was written, unknown fields too, in whatever pieces its bytes come", async () => {
    await fc.assert(
      fc.asyncProperty(anyIndex, fc.integer({ min: 1, max: 5000 }), async (objects, piece) => {
        const bytes = await collect(writeIndex(owner, each(objects)));
        expect(await all(readIndex(inPieces(bytes, piece), owner))).toEqual(objects);
      }),
      { numRuns: 200 },
    );
  });

  test("is one line for each object between its owner and its count", async () => {
    const objects = [stored("a"), stored("b", { size: 7 })];
    const text = (await collect(writeIndex(owner, each(objects)))).toString();
    expect(text).toBe(lines(first, ...objects, { end: 2, bytes: 12 }));
    expect(await read(text)).toEqual(objects);
  });

  test("is not written out of order, nor with an object twice", async () => {
    for (const names of [
      ["b", "a"],
      ["a", "a"],
    ]) {
      const objects = names.map((name) => stored(name));
      expect(await failureCode(collect(writeIndex(owner, each(objects))))).toBe("unexpected");
    }
    // UTF-8's order, which is not JavaScript's.
    const odd = ["\uffff", "😀"].map((name) => stored(name));
    expect(await read(await collect(writeIndex(owner, each(odd))))).toEqual(odd);
  });

  const whole = lines(first, stored("a"), stored("b"), { end: 2, bytes: 10 });

  test.each([
    ["nothing", ""],
    ["no end", lines(first, stored("a"))],
    ["half a line", whole.slice(0, -10)],
    ["no line break at the end", whole.slice(0, -1)],
    ["a wrong count", lines(first, stored("a"), { end: 2, bytes: 5 })],
    ["a wrong sum", lines(first, stored("a"), { end: 1, bytes: 6 })],
    ["an object behind the end", lines(first, { end: 0, bytes: 0 }, stored("a"))],
    ["another end", lines(first, { end: 0, bytes: 0 }, { end: 0, bytes: 0 })],
    ["an object twice", lines(first, stored("a"), stored("a"), { end: 2, bytes: 10 })],
    ["objects out of order", lines(first, stored("b"), stored("a"), { end: 2, bytes: 10 })],
    ["no first line", lines(stored("a"), { end: 1, bytes: 5 })],
    ["two first lines", lines(first, first, { end: 0, bytes: 0 })],
    ["an empty line", whole.replace("\n", "\n\n")],
    ["something that is not JSON", whole.replace("{", "(")],
    ["a list", lines(first, [], { end: 0, bytes: 0 })],
    ["another snapshot", lines({ ...first, id: packId }, { end: 0, bytes: 0 })],
    ["another source", lines({ ...first, source: "other" }, { end: 0, bytes: 0 })],
    ["format version 0", lines({ ...first, formatVersion: 0 }, { end: 0, bytes: 0 })],
  ])("with %s is damaged", async (_, text) => expect(await failureCode(read(text))).toBe("snapshot-damaged"));

  test.each([
    { bucket: "" },
    { bucket: 5 },
    { name: "" },
    { name: undefined },
    { name: "\ud800" },
    { size: -1 },
    { size: 1.5 },
    { size: "5" },
    { size: 2 ** 60 },
    { sha256: "x" },
    { sha256: "A".repeat(64) },
    { pack: "../x" },
    { offset: -1 },
    { offset: undefined },
    { length: 0 },
    { skip: 0 },
    { etag: 5 },
    { userMetadata: [] },
    { owner: {} },
  ])("with an object that has %j is damaged, and names nothing in public", async (change) => {
    const error = await failure(read(lines(first, stored("secret-name", change), { end: 1, bytes: 5 })));
    expect(error.code).toBe("snapshot-damaged");
    expect(error.publicly.sentence).not.toContain("secret-name");
  });

  test("that is not UTF-8 is damaged", async () => {
    const bytes = Buffer.from(whole);
    bytes[bytes.indexOf("photos")] = 0xff;
    expect(await failureCode(read(bytes))).toBe("snapshot-damaged");
  });

  test("with a line that never ends is refused before it is all in memory", async () => {
    let given = 0;
    // eslint-disable-next-line @typescript-eslint/require-await -- a source of bytes
    async function* endless(): AsyncGenerator<Uint8Array, void, undefined> {
      for (;;) {
        given += 1 << 20;
        yield Buffer.alloc(1 << 20, "x");
      }
    }
    expect(await failureCode(all(readIndex(endless(), owner)))).toBe("snapshot-damaged");
    expect(given).toBeLessThan(20 << 20);
  });

  test("of a later format says so", async () => {
    const text = lines({ ...first, formatVersion: 2 }, { anything: 1 });
    expect(await failureCode(read(text))).toBe("snapshot-too-new");
  });
});

describe("joined indexes", () => {
  test("are one in order, however the objects were spread", async () => {
    await fc.assert(
      fc.asyncProperty(
        anyIndex,
        fc.array(fc.nat(4), { minLength: 30, maxLength: 30 }),
        async (objects, shard) => {
          const readers = [0, 1, 2, 3, 4].map((number) =>
            each(objects.filter((_, at) => shard[at] === number)),
          );
          expect(await all(mergeIndexes(readers))).toEqual(objects);
        },
      ),
      { numRuns: 200 },
    );
    expect(await all(mergeIndexes([]))).toEqual([]);
  });

  test("must not name an object twice, nor come out of order", async () => {
    const twice = [each([stored("a"), stored("b")]), each([stored("b")])];
    expect(await failureCode(all(mergeIndexes(twice)))).toBe("snapshot-damaged");
    const unordered = [each([stored("b"), stored("a")])];
    expect(await failureCode(all(mergeIndexes(unordered)))).toBe("snapshot-damaged");
  });

  test("end their readers when nobody wants more", async () => {
    let ended = 0;
    async function* watched(): AsyncGenerator<StoredObject, void, undefined> {
      try {
        yield* each([stored("a"), stored("b")]);
      } finally {
        ended += 1;
      }
    }
    for await (const object of mergeIndexes([watched(), each([stored("c")]), watched()].slice(0, 2))) {
      expect(object.name).toBe("a");
      break;
    }
    expect(ended).toBe(1);
  });
});
