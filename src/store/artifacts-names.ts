/**
 * Names of our artifacts. They are exact, because GitHub's REST filter knows only whole names; and a file that must be
 * found without knowing its run (a commit, evidence) has a fixed name per family, source and slot.
 */
import { LifeboatError } from "../errors.ts";
import { basicIso, isSnapshotId } from "../snapshot/ids.ts";
import {
  isShardGroup,
  isSourceName,
  packOfKey,
  rewrapOfKey,
  shardOfKey,
  snapshotJsonName,
} from "../snapshot/keys.ts";
import { keySegments, snapshotOfKey, type SnapshotPlace } from "./store-key.ts";
import type { Lifetime } from "./store.ts";

const namedOtherwise = new Set([
  "snapshots",
  "snapshot",
  "packs",
  "pack",
  "shards",
  "shard",
  "rewraps",
  "rewrap",
]);

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
 * `lifeboat.<source>.pack.<file>`, `lifeboat.<source>.shard.<group>.<file>` and `lifeboat.<source>.rewrap.<id>.<n>.json`,
 * for the key of a pack, of its mark, of a shard or of a rewrap; undefined for other keys.
 */
export function sharedName(key: string): string | undefined {
  const place = placeOfKey(key);
  if (place === undefined) return undefined;
  const rewrap = rewrapOfKey(key);
  const file = key.slice(key.lastIndexOf("/") + 1);
  return sharedNamePrefix(place) + (rewrap === undefined ? file : `${rewrap.id}.${file}`);
}

/** What a prefix of such keys means among artifacts. */
export function sharedPrefix(prefix: string): { readonly keyOf: (name: string) => string | undefined } {
  const place = placeOfPrefix(prefix);
  const names = sharedNamePrefix(place);
  const below = `${prefix.replace(/\/$/, "")}/`;
  return {
    keyOf: (name) => {
      const file = name.slice(names.length);
      // A rewrap's id is a folder among keys; ids have no dots.
      const key =
        place.family === "rewrap" ? `rewraps/${place.source}/${file.replace(".", "/")}` : below + file;
      return sharedName(key) === name && key.startsWith(below) ? key : undefined;
    },
  };
}

export function isSharedPrefix(prefix: string): boolean {
  return /^(?:packs|shards|rewraps)\//.test(prefix);
}

/** The family in which runs say that they write packs, shards or rewraps. */
export function runsFamily(prefix: string): FamilyName {
  return familyOfPrefix(runsPrefix(prefix));
}

/** `packruns/<source>/`, `rewrapruns/<source>/`, and `shardruns/<source>/<group>.`: keys inside this store only. */
export function runsPrefix(prefix: string): string {
  return runsPrefixOf(placeOfPrefix(prefix));
}

/** One for each run, UTC day and lifetime. */
export function runsKey(key: string, runId: number, moment: Date, lifetime: Lifetime | undefined): string {
  const place = placeOfKey(key);
  if (place === undefined) throw new LifeboatError("unexpected", `${JSON.stringify(key)} is not shared.`);
  const day = basicIso(moment).slice(0, 8);
  return `${runsPrefixOf(place)}${runId}-${day}-${lifetime?.retentionDays ?? "longest"}`;
}

interface SharedPlace {
  readonly family: "pack" | "shard" | "rewrap";
  readonly source: string;
  /** Of shards only. */
  readonly group?: string;
}

function placeOfKey(key: string): SharedPlace | undefined {
  const pack = packOfKey(key);
  if (pack !== undefined) return { family: "pack", source: pack.source };
  const rewrap = rewrapOfKey(key);
  if (rewrap !== undefined) return { family: "rewrap", source: rewrap.source };
  const shard = shardOfKey(key);
  return shard && { family: "shard", source: shard.source, group: shard.group };
}

function placeOfPrefix(prefix: string): SharedPlace {
  const [root, source = "", below = "", ...more] = prefix.replace(/\/$/, "").split("/");
  if (isSourceName(source) && more.length === 0) {
    if (root === "packs" && below === "") return { family: "pack", source };
    if (root === "shards" && isShardGroup(below)) return { family: "shard", source, group: below };
    if (root === "rewraps" && (below === "" || isSnapshotId(below))) return { family: "rewrap", source };
  }
  throw new LifeboatError(
    "unexpected",
    `${JSON.stringify(prefix)} is no prefix of packs, shards or rewraps.`,
  );
}

function sharedNamePrefix({ family, source, group }: SharedPlace): string {
  return `lifeboat.${source}.${family}.${group === undefined ? "" : `${group}.`}`;
}

function runsPrefixOf({ family, source, group }: SharedPlace): string {
  return group === undefined ? `${family}runs/${source}/` : `${family}runs/${source}/${group}.`;
}
