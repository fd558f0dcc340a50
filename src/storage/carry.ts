/** What a backup must fetch: the inventory of now against the index of the snapshot before, object by object. */
import { LifeboatError } from "../errors.ts";
import { compareObjects, type InventoryObject, type StoredObject } from "./objects.ts";

export type Carry =
  /** Its bytes are those of `stored`, whose metadata are brought up to what the inventory says. */
  | { readonly kind: "carried"; readonly stored: StoredObject }
  | { readonly kind: "changed"; readonly object: InventoryObject; readonly previous: StoredObject }
  | { readonly kind: "new"; readonly object: InventoryObject }
  | { readonly kind: "gone"; readonly previous: StoredObject };

/**
 * Joins two sequences in strictly ascending order, holding one object of each. Every object of either comes out once, in
 * order.
 */
export async function* carryObjects(
  inventory: AsyncIterable<InventoryObject>,
  previous: AsyncIterable<StoredObject>,
): AsyncGenerator<Carry, void, undefined> {
  const now = ascending(inventory);
  const then = ascending(previous);
  try {
    let listed = await now.next();
    let stored = await then.next();
    for (;;) {
      if (listed.done === true && stored.done === true) return;
      const order =
        listed.done === true ? 1 : stored.done === true ? -1 : compareObjects(listed.value, stored.value);
      if (listed.done !== true && stored.done !== true && order === 0) {
        yield isUnchanged(listed.value, stored.value)
          ? { kind: "carried", stored: broughtUpToDate(stored.value, listed.value) }
          : { kind: "changed", object: listed.value, previous: stored.value };
      } else if (listed.done !== true && order < 0) {
        yield { kind: "new", object: listed.value };
      } else if (stored.done !== true) {
        yield { kind: "gone", previous: stored.value };
      }
      if (order <= 0) listed = await now.next();
      if (order >= 0) stored = await then.next();
    }
  } finally {
    await Promise.allSettled([now.return(), then.return()]);
  }
}

/**
 * Whether the bytes listed are surely those stored. What both know must agree: version, ETag, size, time. What only one
 * knows counts neither way, so it takes either the version (it names the stored bytes) or, where a listing does not tell
 * it, ETag, size and time together.
 */
export function isUnchanged(listed: InventoryObject, stored: StoredObject): boolean {
  const known = [
    agree(listed.version, stored.version),
    agree(listed.etag, stored.etag),
    agree(listed.size, stored.size),
    agree(listed.updatedAt, stored.updatedAt, isSameMoment),
  ] as const;
  if (known.includes("different")) return false;
  const [version, ...rest] = known;
  return version === "same" || rest.every((one) => one === "same");
}

function agree<T extends string | number>(
  one: T | undefined,
  other: T | undefined,
  isSame: (one: T, other: T) => boolean = (first, second) => first === second,
): "same" | "different" | "unknown" {
  if (one === undefined || other === undefined) return "unknown";
  return isSame(one, other) ? "same" : "different";
}

const momentShape = /^(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(?:Z|([+-]\d\d)(?::?(\d\d))?)$/;

/**
 * Whether two times are one, as the database (microseconds) and the Storage API (milliseconds, cut) write it: compared
 * as far as both tell. A backup by SQL after one by the API would otherwise fetch everything again.
 */
export function isSameMoment(one: string, other: string): boolean {
  if (one === other) return true;
  const [first, second] = [toMoment(one), toMoment(other)];
  if (first === undefined || second === undefined || first.seconds !== second.seconds) return false;
  // PostgreSQL leaves zeros at the end away, the API never does: below milliseconds only a longer text tells more.
  const digits = Math.max(3, Math.min(first.fraction.length, second.fraction.length));
  return (
    first.fraction.padEnd(digits, "0").slice(0, digits) ===
    second.fraction.padEnd(digits, "0").slice(0, digits)
  );
}

function toMoment(text: string): { readonly seconds: number; readonly fraction: string } | undefined {
  const [, day, time, fraction = "", hours = "+00", minutes = "00"] = momentShape.exec(text) ?? [];
  if (day === undefined || time === undefined) return undefined;
  const milliseconds = Date.parse(`${day}T${time}${hours}:${minutes}`);
  return Number.isNaN(milliseconds) ? undefined : { seconds: milliseconds / 1000, fraction };
}

/** The stored object with what the inventory knows of it now, each time in the finer of its two forms. */
function broughtUpToDate(stored: StoredObject, listed: InventoryObject): StoredObject {
  const both = { ...stored, ...listed };
  for (const field of ["createdAt", "updatedAt"] as const) {
    const [old, now] = [stored[field], listed[field]];
    if (old === undefined || now === undefined) continue;
    if (isSameMoment(old, now) && old.length > now.length) both[field] = old;
  }
  return both;
}

async function* ascending<T extends Pick<InventoryObject, "bucket" | "name">>(
  objects: AsyncIterable<T>,
): AsyncGenerator<T, void, undefined> {
  let before: T | undefined;
  for await (const object of objects) {
    if (before !== undefined && compareObjects(before, object) >= 0) {
      throw new LifeboatError("unexpected", "A list of objects did not come in order, each object once.");
    }
    before = object;
    yield object;
  }
}
