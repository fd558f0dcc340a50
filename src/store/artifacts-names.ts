/**
 * Names of our artifacts. They are exact, because GitHub's REST filter knows only whole names; and a file that must be
 * found without knowing its run (a commit, evidence) has a fixed name per family, source and slot.
 */
import { LifeboatError } from "../errors.ts";
import { isSourceName, snapshotJsonName } from "../snapshot/keys.ts";
import { keySegments, snapshotOfKey, type SnapshotPlace } from "./store-key.ts";

/** `lifeboat.<source>.snapshot`: everything of one family and source stands under this and a slot's number. */
export type FamilyName = string;

/** `lifeboat.<source>.<id>.<part>`, for example `lifeboat.database.20261123T031207Z-9f2c51e0a7b4.data.zst.age` */
export function partName({ source, id }: SnapshotPlace, name: string): string {
  return partPrefix({ source, id }) + name;
}

export function partPrefix({ source, id }: SnapshotPlace): string {
  return `lifeboat.${source}.${id}.`;
}

export function snapshotFamily(source: string): FamilyName {
  return `lifeboat.${source}.snapshot`;
}

/** The family of a file that `put` or `commit` stores; undefined for parts, which have names of their own. */
export function familyOfKey(key: string): FamilyName | undefined {
  const place = snapshotOfKey(key);
  if (place !== undefined) return place.name === snapshotJsonName ? snapshotFamily(place.source) : undefined;
  return familyOfPrefix(key);
}

/** The family that holds everything below `evidence/<source>/…` and its like; a ledger belongs to no source. */
export function familyOfPrefix(prefix: string): FamilyName {
  const [family = "", source = ""] = keySegments(prefix.replace(/\/$/, ""));
  if (!/^[a-z]+$/.test(family) || family === "snapshots" || family === "snapshot") {
    throw new LifeboatError("unexpected", `${JSON.stringify(prefix)} has no place among artifacts.`);
  }
  if (family === "ledger") return "lifeboat.ledger";
  if (!isSourceName(source)) {
    throw new LifeboatError("unexpected", `${JSON.stringify(prefix)} names no source.`);
  }
  return `lifeboat.${source}.${family}`;
}

/** Two jobs or attempts of one run cannot use the same name: the next one takes the next slot. */
export function slotName(family: FamilyName, slot: number): string {
  return `${family}.${slot}.json`;
}
