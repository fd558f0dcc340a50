/** Which objects of a pack are read together, so that thousands of small neighbours cost a few requests. */
import { LifeboatError } from "../errors.ts";
import type { StoredObject } from "./objects.ts";

/** One range of a pack's zstd stream, and the objects in it by offset. */
export interface PlannedRead {
  readonly offset: number;
  /** Bytes. */
  readonly length: number;
  readonly objects: readonly StoredObject[];
}

export interface ReadLimits {
  /** Bytes between two objects that are rather read and thrown away than paid for by another request. */
  readonly maxGap: number;
  /** Bytes of a range, which is held in memory; an object that is larger is a range by itself and streams. */
  readonly maxBytes: number;
}

/** A request costs about as long as a megabyte takes. */
export const usualReadLimits: ReadLimits = { maxGap: 512 * 1024, maxBytes: 8 * 1024 * 1024 };

/** Plans the reading of objects that lie in one pack, in any order. */
export function planReads(
  objects: readonly StoredObject[],
  { maxGap, maxBytes }: ReadLimits = usualReadLimits,
): readonly PlannedRead[] {
  const planned: { offset: number; length: number; objects: StoredObject[] }[] = [];
  for (const object of objects.toSorted((one, other) => one.offset - other.offset)) {
    if (object.pack !== objects[0]?.pack) {
      throw new LifeboatError("unexpected", "Objects of several packs cannot be read together.");
    }
    const range = planned.at(-1);
    const end = object.offset + object.length;
    if (range !== undefined) {
      const gap = object.offset - (range.offset + range.length);
      const length = Math.max(range.length, end - range.offset);
      if (gap <= maxGap && length <= maxBytes) {
        range.length = length;
        range.objects.push(object);
        continue;
      }
    }
    planned.push({ offset: object.offset, length: object.length, objects: [object] });
  }
  return planned;
}
