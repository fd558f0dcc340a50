/** Which machine's an object is, where several back up one project: decided by its name alone, the same everywhere. */
import { createHash } from "node:crypto";
import type { InventoryObject } from "./objects.ts";

/** `number` counts from 1 to `count`. */
export function isOfShard(
  { bucket, name }: Pick<InventoryObject, "bucket" | "name">,
  { number, count }: { readonly number: number; readonly count: number },
): boolean {
  const hash = createHash("sha256").update(`${bucket}/${name}`).digest();
  return hash.readUInt32BE(0) % count === number - 1;
}
