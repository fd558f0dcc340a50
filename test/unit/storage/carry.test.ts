import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Carry, carryObjects, isSameMoment, isUnchanged } from "../../../src/storage/carry.ts";
import { compareObjects, type InventoryObject, type StoredObject } from "../../../src/storage/objects.ts";
import { failureCode } from "../seal/streams.ts";
import { packId } from "./packs.ts";

const place = { pack: packId, offset: 0, length: 700, skip: 512, sha256: "0".repeat(64) };

// eslint-disable-next-line @typescript-eslint/require-await -- they are there already
async function* each<T>(objects: readonly T[]): AsyncGenerator<T, void, undefined> {
  yield* objects;
}

async function carried(
  inventory: readonly InventoryObject[],
  previous: readonly StoredObject[],
): Promise<Carry[]> {
  const result: Carry[] = [];
  for await (const one of carryObjects(each(inventory), each(previous))) result.push(one);
  return result;
}

function sortedOnce<T extends InventoryObject>(objects: readonly T[]): T[] {
  const byName = new Map(objects.map((object) => [`${object.bucket}\0${object.name}`, object]));
  return [...byName.values()].toSorted(compareObjects);
}

const moments = ["2026-01-01 00:00:00.123456+00", "2026-01-01T00:00:00.123Z", "2026-01-02T00:00:00Z"];
const anyListed = fc.record(
  {
    bucket: fc.constantFrom("a", "b"),
    name: fc.constantFrom("x", "y", "x/y", "😀", "\uffff"),
    version: fc.constantFrom("v1", "v2"),
    etag: fc.constantFrom('"1"', '"2"'),
    size: fc.constantFrom(1, 2),
    updatedAt: fc.constantFrom(...moments),
    cacheControl: fc.constantFrom("no-cache"),
  },
  { requiredKeys: ["bucket", "name"] },
) as fc.Arbitrary<InventoryObject>;
const anyStored = anyListed.map((object): StoredObject => ({ size: 1, ...object, ...place }));

describe("what a backup carries", () => {
  test("is what a look at everything in memory finds, in order", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(anyListed), fc.array(anyStored), async (some, others) => {
        const inventory = sortedOnce(some);
        const previous = sortedOnce(others);
        const result = await carried(inventory, previous);
        const subject = (one: Carry): InventoryObject =>
          one.kind === "carried" ? one.stored : one.kind === "gone" ? one.previous : one.object;
        expect(result.map(subject)).toEqual(result.map(subject).toSorted(compareObjects));
        const expected = sortedOnce<InventoryObject>([...previous, ...inventory]).map(({ bucket, name }) => {
          const is = (one: InventoryObject): boolean => one.bucket === bucket && one.name === name;
          const now = inventory.find(is);
          const then = previous.find(is);
          if (now === undefined) return "gone";
          if (then === undefined) return "new";
          return isUnchanged(now, then) ? "carried" : "changed";
        });
        expect(result.map(({ kind }) => kind)).toEqual(expected);
        for (const one of result) {
          if (one.kind !== "carried") continue;
          const now = inventory.find((other) => compareObjects(other, one.stored) === 0)!;
          const then = previous.find((other) => compareObjects(other, one.stored) === 0)!;
          expect(one.stored).toMatchObject({ ...place, size: then.size });
          expect(one.stored.cacheControl).toBe(now.cacheControl ?? then.cacheControl);
        }
      }),
      { numRuns: 1000 },
    );
  });

  test("keeps the finer time of the two", async () => {
    const known = { bucket: "a", name: "x", etag: '"1"', size: 1 };
    const [result] = await carried(
      [{ ...known, updatedAt: moments[1]! }],
      [{ ...known, ...place, updatedAt: moments[0]! }],
    );
    expect(result).toMatchObject({ kind: "carried", stored: { updatedAt: moments[0] } });
  });

  test("is not told of a list that is out of order", async () => {
    const [x, y] = [
      { bucket: "a", name: "x" },
      { bucket: "a", name: "y" },
    ] as const;
    expect(await failureCode(carried([y, x], []))).toBe("unexpected");
    expect(await failureCode(carried([x, x], []))).toBe("unexpected");
    expect(
      await failureCode(
        carried(
          [],
          [
            { ...y, ...place, size: 1 },
            { ...x, ...place, size: 1 },
          ],
        ),
      ),
    ).toBe("unexpected");
  });
});

describe("an object is unchanged", () => {
  const object = { bucket: "a", name: "x" };
  const full = { version: "v", etag: '"1"', size: 1, updatedAt: moments[0]! };
  const { version, ...listed } = full;
  test.each([
    ["if all is the same", full, full, true],
    ["if version is, and the rest is not told", { version }, full, true],
    ["if ETag, size and time are, where the listing tells no version", listed, full, true],
    ["if the index knows no version", full, listed, true],
    ["but not by ETag and size alone", { etag: full.etag, size: 1 }, full, false],
    ["but not by size and time alone", { size: 1, updatedAt: full.updatedAt }, full, false],
    ["but not if nothing is told", {}, full, false],
    ["but not with another version", { ...full, version: "w" }, full, false],
    ["but not with another ETag", { ...full, etag: '"2"' }, full, false],
    ["but not with another size", { ...full, size: 2 }, full, false],
    ["but not with another time", { ...full, updatedAt: moments[2]! }, full, false],
    [
      "but not with another time where the version is not told",
      { ...listed, updatedAt: moments[2]! },
      full,
      false,
    ],
  ])("%s", (_, now, then, expected) => {
    expect(isUnchanged({ ...object, ...now }, { ...object, ...place, ...then })).toBe(expected);
  });
});

describe("two times", () => {
  test.each([
    ["2026-01-01T00:00:00.123456+00:00", "2026-01-01T00:00:00.123Z", true],
    ["2026-01-01 00:00:00.123456+00", "2026-01-01T00:00:00.123456Z", true],
    ["2026-01-01T00:00:00Z", "2026-01-01T00:00:00.000Z", true],
    ["2026-01-01T00:00:00.1+00:00", "2026-01-01T00:00:00.100Z", true],
    ["2026-01-01T02:00:00+02", "2026-01-01T00:00:00Z", true],
    ["2026-01-01T00:00:00.123456Z", "2026-01-01T00:00:00.123457Z", false],
    ["2026-01-01T00:00:00.124456Z", "2026-01-01T00:00:00.123Z", false],
    ["2026-01-01T00:00:00.1Z", "2026-01-01T00:00:00.123Z", false],
    ["2026-01-01T00:00:00Z", "2026-01-01T00:00:01Z", false],
    ["yesterday", "yesterday", true],
    ["yesterday", "2026-01-01T00:00:00Z", false],
  ])("%s and %s are the same: %s", (one, other, same) => {
    expect(isSameMoment(one, other)).toBe(same);
    expect(isSameMoment(other, one)).toBe(same);
  });
});
