/** The one module that builds store keys; docs/format.md describes them for people without Lifeboat. */
import { LifeboatError } from "../errors.ts";
import { basicIso, isSnapshotId } from "./ids.ts";

const sourceShape = /^[a-z0-9](?:[a-z0-9_-]{0,38}[a-z0-9])?$/;
const fileShape = /^[a-z0-9][a-z0-9.-]{0,99}$/;

export const snapshotJsonName = "snapshot.json";
export const contentsName = "contents.json.zst.age";

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

/** Names of files in a snapshot: never a path, never a hidden file. */
export function isFileName(name: string): boolean {
  return fileShape.test(name) && !name.includes("..");
}

function checked(text: string, good: boolean): string {
  if (good) return text;
  throw new LifeboatError("unexpected", `${JSON.stringify(text)} cannot be part of a store key.`);
}
