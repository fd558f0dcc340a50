/** The one module that builds store keys; docs/format.md describes them for people without Lifeboat. */
import { LifeboatError } from "../errors.ts";
import { basicIso, isSnapshotId } from "./ids.ts";

const sourceShape = /^[a-z0-9](?:[a-z0-9_-]{0,38}[a-z0-9])?$/;
const fileShape = /^[a-z0-9][a-z0-9.-]{0,99}$/;

export const snapshotJsonName = "snapshot.json";
export const contentsName = "contents.json.zst.age";
/** Storage snapshots: every object's name, hash and place. */
export const indexName = "index.zst.age";
const shardShape = /^([1-9]\d*)-of-([1-9]\d*)\.jsonl\.zst\.age$/;
const packEnding = ".tar.zst.age";
const packMarkEnding = ".unreferenced.json";

export function isSourceName(text: string): boolean {
  return sourceShape.test(text);
}

export const sourceNameRule =
  "1 to 40 lower-case letters, digits, hyphens and underscores, beginning and ending with a letter or digit";

/** `snapshots/<source>/` */
export function sourcePrefix(source: string): string {
  return `snapshots/${checked(source, isSourceName(source))}/`;
}

/** `snapshots/<source>/<id>/` */
export function snapshotPrefix(source: string, id: string): string {
  return `${sourcePrefix(source)}${checked(id, isSnapshotId(id))}/`;
}

/** The key of one file of a snapshot. */
export function snapshotFileKey(source: string, id: string, name: string): string {
  return snapshotPrefix(source, id) + checked(name, isFileName(name));
}

export function snapshotJsonKey(source: string, id: string): string {
  return snapshotFileKey(source, id, snapshotJsonName);
}

/** `evidence/<source>/<id>/` */
export function evidencePrefix(source: string, id: string): string {
  return `evidence/${checked(source, isSourceName(source))}/${checked(id, isSnapshotId(id))}/`;
}

export function evidenceKey(source: string, id: string, moment: Date, random: string): string {
  return `${evidencePrefix(source, id)}${basicIso(moment)}-${checked(random, /^[0-9a-f]{8}$/.test(random))}.json`;
}

/** `packs/<source>/`: object bytes that several snapshots share. */
export function packPrefix(source: string): string {
  return `packs/${checked(source, isSourceName(source))}/`;
}

/** The key of one pack; packs have ids like snapshots, so they sort by time. */
export function packKey(source: string, pack: string): string {
  return `${packPrefix(source)}${checked(pack, isSnapshotId(pack))}${packEnding}`;
}

/** What says that no snapshot used a pack any more when somebody looked; see src/operations/sweep-packs.ts. */
export function packMarkKey(source: string, pack: string): string {
  return `${packPrefix(source)}${checked(pack, isSnapshotId(pack))}${packMarkEnding}`;
}

/** The pack that a key names, and whether it is the pack itself or a mark; undefined for other keys. */
export function packOfKey(
  key: string,
): { readonly source: string; readonly pack: string; readonly kind: "pack" | "mark" } | undefined {
  const [root, source = "", name = "", ...more] = key.split("/");
  const kind = name.endsWith(packEnding) ? "pack" : name.endsWith(packMarkEnding) ? "mark" : undefined;
  if (root !== "packs" || kind === undefined || more.length > 0 || !isSourceName(source)) return undefined;
  const pack = name.slice(0, -(kind === "pack" ? packEnding : packMarkEnding).length);
  return isSnapshotId(pack) ? { source, pack, kind } : undefined;
}

/** `shards/<source>/<group>/`: what the jobs of one backup leave for the job that joins them. */
export function shardPrefix(source: string, group: string): string {
  return `shards/${checked(source, isSourceName(source))}/${checked(group, isShardGroup(group))}/`;
}

/** Shard `number` (from 1) of `count`. */
export function shardKey(source: string, group: string, number: number, count: number): string {
  const numbered = `${number}-of-${count}`;
  const good = Number.isInteger(number) && number >= 1 && number <= count && Number.isInteger(count);
  return `${shardPrefix(source, group)}${checked(numbered, good)}.jsonl.zst.age`;
}

/** The shard that a key names; undefined for other keys. */
export function shardOfKey(key: string): { readonly source: string; readonly group: string } | undefined {
  const [root, source = "", group = "", name = "", ...more] = key.split("/");
  const numbers = shardShape.exec(name)?.slice(1).map(Number) ?? [];
  const [number = 0, count = 0] = numbers;
  if (root !== "shards" || more.length > 0 || !isSourceName(source) || !isShardGroup(group)) return undefined;
  return number >= 1 && number <= count ? { source, group } : undefined;
}

export function isShardGroup(text: string): boolean {
  return /^[a-z0-9](?:[a-z0-9-]{0,58}[a-z0-9])?$/.test(text);
}

/** Names of files in a snapshot: never a path, never a hidden file. */
export function isFileName(name: string): boolean {
  return fileShape.test(name) && !name.includes("..");
}

function checked(text: string, good: boolean): string {
  if (good) return text;
  throw new LifeboatError("unexpected", `${JSON.stringify(text)} cannot be part of a store key.`);
}
