import fc from "fast-check";
import { expect, it } from "vitest";
import { mostParts, partSizes, partsOf } from "../../../src/store/s3-parts.ts";

async function* chunked(chunks: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  // One buffer for all, as our sources do: a chunk holds only until the next one is asked for.
  const shared = Buffer.alloc(1000);
  for (const chunk of chunks) {
    shared.set(chunk);
    yield await Promise.resolve(shared.subarray(0, chunk.length));
  }
}

it("cuts any stream into full parts and a last one, and loses no byte", async () => {
  const sizes = (number: number): number => (number <= 2 ? 70 : 130);
  await fc.assert(
    fc.asyncProperty(fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 8 }), async (chunks) => {
      const parts = [];
      for await (const part of partsOf(chunked(chunks), sizes)) parts.push(part);
      expect(Buffer.concat(parts.map(({ bytes }) => bytes))).toEqual(Buffer.concat(chunks));
      expect(parts.map(({ number }) => number)).toEqual(parts.map((_, index) => index + 1));
      for (const { number, bytes, isLast } of parts) {
        expect(isLast).toBe(number === parts.length);
        if (!isLast) expect(bytes.length).toBe(sizes(number));
        else if (number > 1) expect(bytes.length).toBeGreaterThan(0);
      }
    }),
  );
});

it("grows parts so that hundreds of gigabytes fit, but keeps them alike where that was asked or R2 needs it", () => {
  const total = (sizes: (number: number) => number): number =>
    Array.from({ length: mostParts }, (_, index) => sizes(index + 1)).reduce((sum, size) => sum + size, 0);
  expect(total(partSizes(undefined, undefined))).toBeGreaterThan(300e9);
  for (const same of [
    partSizes(5 * 1024 * 1024, undefined),
    partSizes(undefined, "https://0a1b.r2.cloudflarestorage.com"),
  ]) {
    expect(same(mostParts)).toBe(same(1));
  }
});
