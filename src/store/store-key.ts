/** What a store may be asked for: keys that cannot leave it, and ranges cut to what is there. */
import { LifeboatError } from "../errors.ts";
import { isSnapshotId } from "../snapshot/ids.ts";
import { isSourceName, packOfKey, shardOfKey } from "../snapshot/keys.ts";
import type { ByteRange } from "./store.ts";

const segmentShape = /^[A-Za-z0-9_-][A-Za-z0-9._-]*$/;

/** The segments of a key; refuses everything that could name something outside the store. */
export function keySegments(key: string): readonly string[] {
  const segments = key.split("/");
  if (segments.length > 1 && segments.every((segment) => segmentShape.test(segment))) return segments;
  throw new LifeboatError("unexpected", `${JSON.stringify(key)} is not a store key.`);
}

export interface SnapshotPlace {
  readonly source: string;
  readonly id: string;
}

/** The snapshot that a key (`snapshots/<source>/<id>/<name>`) or its prefix belongs to. */
export function snapshotOfKey(key: string): (SnapshotPlace & { readonly name: string }) | undefined {
  const [family, source, id, name, ...more] = key.split("/");
  if (family !== "snapshots" || source === undefined || id === undefined || name === undefined)
    return undefined;
  if (!isSourceName(source) || !isSnapshotId(id) || more.length > 0) return undefined;
  return { source, id, name };
}

/** Refuses everything but packs and shards: other files have their own way into the store. */
export function checkStreamedKey(key: string): void {
  if (packOfKey(key)?.kind === "pack" || shardOfKey(key) !== undefined) return;
  throw new LifeboatError("unexpected", `${JSON.stringify(key)} is neither a pack nor a shard.`);
}

/** First byte and the byte after the last one, both inside a file of `length` bytes. */
export function cutRange(range: ByteRange | undefined, length: number): { start: number; end: number } {
  if (range === undefined) return { start: 0, end: length };
  if (!(range.offset >= 0 && range.length >= 0)) {
    throw new LifeboatError("unexpected", `The range ${range.offset}+${range.length} is not one.`);
  }
  const start = Math.min(range.offset, length);
  return { start, end: Math.min(start + range.length, length) };
}

export function missing(key: string, why = "is not in the store"): LifeboatError {
  return new LifeboatError("store-object-missing", `${key} ${why}.`);
}
