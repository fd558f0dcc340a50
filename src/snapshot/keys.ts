/** The one module that builds store keys; docs/format.md describes them for people without Lifeboat. */
import { LifeboatError } from "../errors.ts";
import { basicIso, isSnapshotId } from "./ids.ts";

const sourceShape = /^[a-z0-9](?:[a-z0-9_-]{0,38}[a-z0-9])?$/;
const fileShape = /^[a-z0-9][a-z0-9.-]{0,99}$/;

export const snapshotJsonName = "snapshot.json";
export const contentsName = "contents.json.zst.age";
/** Storage snapshots: every object's name, hash and place. */
export const indexName = "index.zst.age";
const packEnding = ".tar.zst.age";
const shardIndexEnding = ".index.zst.age";
const shardContentsEnding = ".contents.json.zst.age";
const shardShape =
  /^([1-9]\d{0,8})-of-([1-9]\d{0,8})\.([^.]+)(\.index\.zst\.age|\.contents\.json\.zst\.age)$/;
const packMarkEnding = ".unreferenced.json";
const rewrapNumberShape = /^[1-9]\d{0,5}$/;

export function isSourceName(text: string): boolean {
  return sourceShape.test(text);
}

export const sourceNameRule =
  "1 to 40 lower-case letters, digits, hyphens and underscores, beginning and ending with a letter or digit";

const beforeSuffix = "-before-restore";
const longestSource = 40;

/** The source under which what stood in a target is kept; the name part is shortened, never the suffix. */
export function sourceBefore(source: string): string {
  const name = isSourceBefore(source) ? source.slice(0, -beforeSuffix.length) : source;
  return `${name.slice(0, longestSource - beforeSuffix.length)}${beforeSuffix}`;
}

export function isSourceBefore(source: string): boolean {
  return source.endsWith(beforeSuffix);
}

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

/** `evidence/<source>/`: of all its snapshots. */
export function evidenceOfSource(source: string): string {
  return `evidence/${checked(source, isSourceName(source))}/`;
}

/** `evidence/<source>/<id>/` */
export function evidencePrefix(source: string, id: string): string {
  return `${evidenceOfSource(source)}${checked(id, isSnapshotId(id))}/`;
}

/** Whose evidence a key holds; undefined for other keys. */
export function evidenceOfKey(key: string): { readonly source: string; readonly id: string } | undefined {
  const [root, source = "", id = "", name = "", ...more] = key.split("/");
  if (root !== "evidence" || more.length > 0 || !isSourceName(source) || !isSnapshotId(id)) return undefined;
  return name.endsWith(".json") ? { source, id } : undefined;
}

export function evidenceKey(source: string, id: string, moment: Date, random: string): string {
  return evidencePrefix(source, id) + momentName(moment, random);
}

const drillEnding = ".drill.json";

/** Evidence of a drill: its name tells it from that of a verification, of which there are thousands. */
export function drillKey(source: string, id: string, moment: Date, random: string): string {
  return evidenceKey(source, id, moment, random).replace(/\.json$/, drillEnding);
}

export function isDrillKey(key: string): boolean {
  return evidenceOfKey(key) !== undefined && key.endsWith(drillEnding);
}

/** `tombstones/<source>/`: what prune has removed, and why. */
export function tombstonePrefix(source: string): string {
  return `tombstones/${checked(source, isSourceName(source))}/`;
}

export function tombstoneKey(source: string, id: string): string {
  return `${tombstonePrefix(source)}${checked(id, isSnapshotId(id))}.json`;
}

/** `holds/<source>/`: what people said about its retention, and when it was frozen. */
export function holdPrefix(source: string): string {
  return `holds/${checked(source, isSourceName(source))}/`;
}

export function holdKey(source: string, moment: Date, random: string): string {
  return holdPrefix(source) + momentName(moment, random);
}

/** `ledger/<yyyy>/`: records, where no branch keeps them. */
export function ledgerPrefix(year: number): string {
  return `ledger/${checked(String(year), /^\d{4}$/.test(String(year)))}/`;
}

/** `ledger/<yyyy>/<mm>/<time>-<hash>.json` */
export function ledgerKey(moment: Date, hash: string): string {
  const month = moment.toISOString().slice(5, 7);
  return `${ledgerPrefix(moment.getUTCFullYear())}${month}/${momentName(moment, hash.slice(0, 8))}`;
}

/** Whether a key of evidence or of a hold carries this moment: a document that was moved does not fit its place. */
export function isOfMoment(key: string, moment: Date): boolean {
  return key.slice(key.lastIndexOf("/") + 1).startsWith(`${basicIso(moment)}-`);
}

/** What tells a store from others wherever it is moved to. */
export const storeIdKey = "store/id.json";

function momentName(moment: Date, random: string): string {
  return `${basicIso(moment)}-${checked(random, /^[0-9a-f]{8}$/.test(random))}.json`;
}

/** `rewraps/<source>/`: new headers of sealed files, for other keys than they were sealed for. */
export function rewrapsPrefix(source: string): string {
  return `rewraps/${checked(source, isSourceName(source))}/`;
}

/** `rewraps/<source>/<id>/`, of a snapshot or of a pack: a pack's serve every snapshot that uses it. */
export function rewrapPrefix(source: string, id: string): string {
  return `${rewrapsPrefix(source)}${checked(id, isSnapshotId(id))}/`;
}

/** The newest one has the highest number, from 1. */
export function rewrapKey(source: string, id: string, number: number): string {
  return `${rewrapPrefix(source, id)}${checked(String(number), rewrapNumberShape.test(String(number)))}.json`;
}

/** What the key of a rewrap names; undefined for other keys. */
export function rewrapOfKey(
  key: string,
): { readonly source: string; readonly id: string; readonly number: number } | undefined {
  const [root, source = "", id = "", name = "", ...more] = key.split("/");
  const number = name.replace(/\.json$/, "");
  if (root !== "rewraps" || more.length > 0 || !isSourceName(source) || !isSnapshotId(id)) return undefined;
  if (!name.endsWith(".json") || !rewrapNumberShape.test(number)) return undefined;
  return { source, id, number: Number(number) };
}

/** `packs/<source>/`: object bytes that several snapshots share. */
export function packPrefix(source: string): string {
  return `packs/${checked(source, isSourceName(source))}/`;
}

/** The key of one pack; packs have ids like snapshots, so they sort by time. */
export function packKey(source: string, pack: string): string {
  return `${packPrefix(source)}${checked(pack, isSnapshotId(pack))}${packEnding}`;
}

/** A pack's file name, as its rewraps call it. */
export function packFileName(pack: string): string {
  return `${checked(pack, isSnapshotId(pack))}${packEnding}`;
}

export function isPackFileName(name: string): boolean {
  return name.endsWith(packEnding) && isSnapshotId(name.slice(0, -packEnding.length));
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

export interface ShardName {
  /** From 1. */
  readonly number: number;
  readonly count: number;
  /** Like a snapshot's: a job that runs again stores its shard beside the first. */
  readonly id: string;
}

/** `index`: its part of the index. `contents`: what else it knows, written last, so a shard without it is none. */
export function shardKey(
  source: string,
  group: string,
  { number, count, id }: ShardName,
  part: "index" | "contents",
): string {
  const good = Number.isInteger(number) && number >= 1 && number <= count && Number.isInteger(count);
  const name = checked(`${number}-of-${count}.${id}`, good && isSnapshotId(id));
  return `${shardPrefix(source, group)}${name}${part === "index" ? shardIndexEnding : shardContentsEnding}`;
}

/** What a key of a shard names; undefined for other keys. */
export function shardOfKey(
  key: string,
):
  | (ShardName & { readonly source: string; readonly group: string; readonly part: "index" | "contents" })
  | undefined {
  const [root, source = "", group = "", name = "", ...more] = key.split("/");
  const [, of, over, id = "", ending] = shardShape.exec(name) ?? [];
  const [number, count] = [Number(of), Number(over)];
  if (root !== "shards" || more.length > 0 || !isSourceName(source) || !isShardGroup(group)) return undefined;
  if (!(number <= count) || !isSnapshotId(id)) return undefined;
  return { source, group, number, count, id, part: ending === shardContentsEnding ? "contents" : "index" };
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
