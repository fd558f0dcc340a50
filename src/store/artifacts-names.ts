/**
 * Names of our artifacts. They are exact, because GitHub's REST filter knows only whole names; and a file that must be
 * found without knowing its run (a commit, evidence) has a fixed name per family, source and slot.
 */
import { LifeboatError } from "../errors.ts";
import { basicIso } from "../snapshot/ids.ts";
import { isShardGroup, isSourceName, packOfKey, shardOfKey, snapshotJsonName } from "../snapshot/keys.ts";
import { keySegments, snapshotOfKey, type SnapshotPlace } from "./store-key.ts";
import type { Lifetime } from "./store.ts";

const namedOtherwise = new Set(["snapshots", "snapshot", "packs", "pack", "shards", "shard"]);

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
  if (!/^[a-z]+$/.test(family) || namedOtherwise.has(family)) {
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

/**
 * `lifeboat.<source>.pack.<file>` and `lifeboat.<source>.shard.<group>.<file>`, for the key of a pack, of its mark or of
 * a shard; undefined for other keys.
 */
export function sharedName(key: string): string | undefined {
  const place = packOfKey(key) ?? shardOfKey(key);
  return place && sharedNamePrefix(place) + key.slice(key.lastIndexOf("/") + 1);
}

/** What a prefix of such keys means among artifacts. */
export function sharedPrefix(prefix: string): { readonly keyOf: (name: string) => string | undefined } {
  const names = sharedNamePrefix(placeOfPrefix(prefix));
  const keys = `${prefix.replace(/\/$/, "")}/`;
  return {
    keyOf: (name) => {
      const key = keys + name.slice(names.length);
      return sharedName(key) === name ? key : undefined;
    },
  };
}

export function isSharedPrefix(prefix: string): boolean {
  return prefix.startsWith("packs/") || prefix.startsWith("shards/");
}

/** The family in which runs say that they write packs, or shards. */
export function runsFamily(prefix: string): FamilyName {
  return familyOfPrefix(runsPrefix(prefix));
}

/** `packruns/<source>/`, and `shardruns/<source>/<group>.`: keys inside this store only. */
export function runsPrefix(prefix: string): string {
  return runsPrefixOf(placeOfPrefix(prefix));
}

/** One for each run, UTC day and lifetime. */
export function runsKey(key: string, runId: number, moment: Date, lifetime: Lifetime | undefined): string {
  const place = packOfKey(key) ?? shardOfKey(key);
  if (place === undefined) throw new LifeboatError("unexpected", `${JSON.stringify(key)} is not shared.`);
  const day = basicIso(moment).slice(0, 8);
  return `${runsPrefixOf(place)}${runId}-${day}-${lifetime?.retentionDays ?? "longest"}`;
}

interface SharedPlace {
  readonly source: string;
  /** Of shards only. */
  readonly group?: string;
}

function placeOfPrefix(prefix: string): SharedPlace {
  const [root, source = "", group = "", ...more] = prefix.replace(/\/$/, "").split("/");
  if (root === "packs" && isSourceName(source) && group === "") return { source };
  if (root === "shards" && isSourceName(source) && isShardGroup(group) && more.length === 0) {
    return { source, group };
  }
  throw new LifeboatError("unexpected", `${JSON.stringify(prefix)} is the prefix of no packs or shards.`);
}

function sharedNamePrefix({ source, group }: SharedPlace): string {
  return group === undefined ? `lifeboat.${source}.pack.` : `lifeboat.${source}.shard.${group}.`;
}

function runsPrefixOf({ source, group }: SharedPlace): string {
  return group === undefined ? `packruns/${source}/` : `shardruns/${source}/${group}.`;
}
