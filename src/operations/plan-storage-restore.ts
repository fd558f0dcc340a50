/** What restoring objects into a project would do, before it does anything: a value that a person agrees to. */
import { createHash } from "node:crypto";
import { LifeboatError } from "../errors.ts";
import type { SnapshotJson } from "../snapshot/snapshot-json.ts";
import type { ObjectFilter } from "../storage/object-filter.ts";
import { type Bucket, compareObjects, type InventoryObject, type StoredObject } from "../storage/objects.ts";
import { isKeyAllowed } from "../supabase/storage-keys.ts";

export interface StorageRestorePlan {
  readonly snapshot: { readonly source: string; readonly id: string; readonly moment: string };
  /** What has to be typed to confirm: the project's ref or host, or the folder's path. */
  readonly target: string;
  readonly buckets: {
    /** Made with the backup's settings, limits last. */
    readonly create: readonly string[];
    /** There already; their settings are left alone. */
    readonly existing: readonly string[];
    /** Of those, with other settings than in the backup. */
    readonly differing: readonly string[];
  };
  readonly objects: {
    readonly wanted: number;
    readonly wantedBytes: number;
    /** Not in the target. */
    readonly missing: number;
    /** In the target with other bytes or another type: would be replaced. */
    readonly different: number;
    /** In the target with the same size, ETag, type and cache control: left alone, and compared afterwards. */
    readonly identical: number;
    /** In the target, chosen, and not in the backup: deleted only where that was asked for. */
    readonly extraneous: number;
  };
  readonly deleteExtraneous: boolean;
  /** Keys that today's rules refuse; they can be restored into a directory. */
  readonly cannotRestore: readonly { readonly bucket: string; readonly name: string }[];
  /** Over every single decision, so that agreeing to the numbers is agreeing to what lies behind them. */
  readonly decisions: string;
}

export type Decision =
  | { readonly kind: "missing" | "different" | "identical"; readonly entry: StoredObject }
  | { readonly kind: "impossible"; readonly entry: StoredObject }
  | { readonly kind: "extraneous"; readonly object: InventoryObject };

/**
 * Both ascending; every wanted entry and every chosen object of the target leads to exactly one decision. `hasBytesOf`
 * is asked where sizes are equal and ETags say nothing.
 */
export async function* decide(
  wanted: AsyncIterable<StoredObject>,
  present: AsyncIterable<InventoryObject>,
  hasBytesOf: (entry: StoredObject) => Promise<boolean>,
): AsyncGenerator<Decision, void, undefined> {
  const there = present[Symbol.asyncIterator]();
  let next = await there.next();
  for await (const entry of wanted) {
    while (next.done !== true && compareObjects(next.value, entry) < 0) {
      yield { kind: "extraneous", object: next.value };
      next = await there.next();
    }
    const found = next.done !== true && compareObjects(next.value, entry) === 0 ? next.value : undefined;
    if (found !== undefined) next = await there.next();
    yield { kind: await kindOf(entry, found, hasBytesOf), entry };
  }
  for (; next.done !== true; next = await there.next()) yield { kind: "extraneous", object: next.value };
}

async function kindOf(
  entry: StoredObject,
  found: InventoryObject | undefined,
  hasBytesOf: (entry: StoredObject) => Promise<boolean>,
): Promise<"missing" | "different" | "identical" | "impossible"> {
  if (!isKeyAllowed(entry.name)) return "impossible";
  if (found === undefined) return "missing";
  const alike = (["size", "contentType", "cacheControl"] as const).every(
    (field) => found[field] === entry[field],
  );
  if (!alike) return "different";
  if (entry.etag !== undefined && found.etag === entry.etag) return "identical";
  return isOfParts(entry) || isOfParts(found)
    ? (await hasBytesOf(entry))
      ? "identical"
      : "different"
    : "different";
}

/** An ETag with a dash depends on how an upload was cut into parts, so another one may belong to the same bytes. */
function isOfParts({ etag }: InventoryObject): boolean {
  return etag === undefined || etag.includes("-");
}

export interface PlanInputs {
  readonly snapshot: SnapshotJson;
  readonly target: string;
  /** Chosen ones of the backup. */
  readonly buckets: readonly Bucket[];
  /** All of the target. */
  readonly present: readonly Bucket[];
  readonly deleteExtraneous: boolean;
  readonly decisions: AsyncIterable<Decision>;
}

export async function planStorageRestore(inputs: PlanInputs): Promise<StorageRestorePlan> {
  const { snapshot, target, buckets, deleteExtraneous } = inputs;
  const present = new Map(inputs.present.map((bucket) => [bucket.id, bucket]));
  const counts = { missing: 0, different: 0, identical: 0, extraneous: 0, impossible: 0 };
  const cannotRestore: { bucket: string; name: string }[] = [];
  const hash = createHash("sha256");
  let [wanted, wantedBytes] = [0, 0];
  for await (const decision of inputs.decisions) {
    const { kind } = decision;
    counts[kind] += 1;
    const object = decision.kind === "extraneous" ? decision.object : decision.entry;
    hash.update(
      JSON.stringify([kind, object.bucket, object.name, "sha256" in object ? object.sha256 : null]),
    );
    if (decision.kind === "extraneous") continue;
    wanted += 1;
    wantedBytes += decision.entry.size;
    if (kind === "impossible") cannotRestore.push({ bucket: object.bucket, name: object.name });
  }
  const { missing, different, identical, extraneous } = counts;
  const existing = buckets.filter(({ id }) => present.has(id));
  return {
    snapshot: { source: snapshot.source, id: snapshot.id, moment: snapshot.times.snapshot },
    target,
    buckets: {
      create: buckets.filter(({ id }) => !present.has(id)).map(({ id }) => id),
      existing: existing.map(({ id }) => id),
      differing: existing
        .filter((bucket) => !sameSettings(bucket, present.get(bucket.id)))
        .map(({ id }) => id),
    },
    objects: { wanted, wantedBytes, missing, different, identical, extraneous },
    deleteExtraneous,
    cannotRestore,
    decisions: hash.digest("hex"),
  };
}

function sameSettings(one: Bucket, other: Bucket | undefined): boolean {
  const settings = (bucket: Bucket | undefined): string =>
    JSON.stringify([bucket?.public, bucket?.fileSizeLimit, bucket?.allowedMimeTypes]);
  return settings(one) === settings(other);
}

/** The plan's name: a later run performs only a plan with the same one. */
export function storagePlanHash(plan: StorageRestorePlan): string {
  return createHash("sha256").update(JSON.stringify(plan)).digest("hex").slice(0, 16);
}

/** Replacing and deleting need the target's name; filling what is missing destroys nothing. */
export function requireStorageConfirmation(plan: StorageRestorePlan, confirm: string | undefined): void {
  const { different, extraneous } = plan.objects;
  const deleted = plan.deleteExtraneous ? extraneous : 0;
  if (different + deleted === 0) return;
  const what = `${different} objects would be replaced and ${deleted} deleted`;
  if (confirm === undefined) {
    throw new LifeboatError("confirm-needed", `In "${plan.target}" ${what}.`, {
      hint: `Read the plan (dry run), then confirm with "${plan.target}".`,
    });
  }
  if (confirm === plan.target) return;
  throw new LifeboatError(
    "confirm-mismatch",
    `Confirmed was "${confirm}", the target is "${plan.target}": ${what}.`,
  );
}

/** What of a snapshot's entries is chosen. */
export async function* chosenEntries(
  entries: AsyncIterable<StoredObject>,
  filter: ObjectFilter,
): AsyncGenerator<StoredObject, void, undefined> {
  for await (const entry of entries) if (filter.wants(entry)) yield entry;
}
