/** What restoring objects into a project would do, before it does anything: a value that a person agrees to. */
import { createHash } from "node:crypto";
import { LifeboatError } from "../errors.ts";
import type { SnapshotJson } from "../snapshot/snapshot-json.ts";
import type { ObjectFilter } from "../storage/object-filter.ts";
import { type Bucket, compareObjects, type InventoryObject, type StoredObject } from "../storage/objects.ts";
import { isKeyAllowed } from "../supabase/storage-keys.ts";
import { inOrder } from "./in-order.ts";

export interface StorageRestorePlan {
  readonly snapshot: { readonly source: string; readonly id: string; readonly moment: string };
  /** What has to be typed to confirm: the project's ref or host, or the folder's path. */
  readonly target: string;
  readonly buckets: {
    /** Made with the backup's settings, limits last. */
    readonly create: readonly string[];
    /** There already; their settings are left alone, but for limits. */
    readonly existing: readonly string[];
    /** Of those, whose limits refuse what is uploaded: lifted meanwhile, then set again as they were. */
    readonly lifted: readonly string[];
    /** Of those, without limits where the backup has some (a restore that was killed leaves them so): set afterwards. */
    readonly limited: readonly string[];
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
    /** With a row in the target and no bytes, as after the database's restore: uploaded. */
    readonly withoutBytes: number;
    /** In the target with the same size, ETag, type and cache control: left alone, and compared afterwards. */
    readonly identical: number;
    /** In the target, chosen, and not in the backup: deleted only where that was asked for. */
    readonly extraneous: number;
  };
  readonly deleteExtraneous: boolean;
  /** The project's own on storage.objects: each upload fires them. Nobody looks without a database URL. */
  readonly triggers: readonly string[];
  /** Keys that today's rules refuse; they can be restored into a directory. */
  readonly cannotRestore: readonly { readonly bucket: string; readonly name: string }[];
  /** Over every single decision, so that agreeing to the numbers is agreeing to what lies behind them. */
  readonly decisions: string;
}

export type Decision =
  | { readonly kind: "missing" | "different" | "identical" | "withoutBytes"; readonly entry: StoredObject }
  | { readonly kind: "impossible"; readonly entry: StoredObject }
  | { readonly kind: "extraneous"; readonly object: InventoryObject };

/** What the project answers about bytes; rows and listings prove none. */
export interface BytesProof {
  /** Asked where sizes are equal and ETags say nothing. */
  readonly hasBytesOf: (entry: StoredObject) => Promise<boolean>;
  readonly hasBytes: (object: InventoryObject, surely: boolean) => Promise<boolean>;
  /** Objects asked for at once. */
  readonly jobs: number;
}

/** Both ascending; every wanted entry and every chosen object of the target leads to exactly one decision, in order. */
export async function* decide(
  wanted: AsyncIterable<StoredObject>,
  present: AsyncIterable<InventoryObject>,
  proof: BytesProof,
): AsyncGenerator<Decision, void, undefined> {
  const pairs = sideBySide(wanted, present);
  const decided = inOrder(pairs, async (pair) => await decision(pair, proof), {
    window: proof.jobs,
    stalled: () => {},
  });
  yield* decided;
}

interface Pair {
  readonly entry?: StoredObject;
  readonly found?: InventoryObject;
}

async function* sideBySide(
  wanted: AsyncIterable<StoredObject>,
  present: AsyncIterable<InventoryObject>,
): AsyncGenerator<Pair, void, undefined> {
  const there = present[Symbol.asyncIterator]();
  let next = await there.next();
  for await (const entry of wanted) {
    while (next.done !== true && compareObjects(next.value, entry) < 0) {
      yield { found: next.value };
      next = await there.next();
    }
    if (next.done === true || compareObjects(next.value, entry) !== 0) {
      yield { entry };
      continue;
    }
    yield { entry, found: next.value };
    next = await there.next();
  }
  for (; next.done !== true; next = await there.next()) yield { found: next.value };
}

async function decision({ entry, found }: Pair, proof: BytesProof): Promise<Decision> {
  if (entry !== undefined) return { kind: await kindOf(entry, found, proof), entry };
  return { kind: "extraneous", object: found as InventoryObject };
}

async function kindOf(
  entry: StoredObject,
  found: InventoryObject | undefined,
  { hasBytes, hasBytesOf }: BytesProof,
): Promise<"missing" | "different" | "identical" | "withoutBytes" | "impossible"> {
  if (!isKeyAllowed(entry.name)) return "impossible";
  if (found === undefined) return "missing";
  const alike = (["size", "contentType", "cacheControl"] as const).every(
    (field) => found[field] === entry[field],
  );
  // What is there and different is replaced only with a person's consent.
  if (!(await hasBytes(found, !alike || entry.etag !== found.etag))) return "withoutBytes";
  if (!alike) return "different";
  if (entry.etag !== undefined && found.etag === entry.etag) return "identical";
  if (!isOfParts(entry) && !isOfParts(found)) return "different";
  return (await hasBytesOf(entry)) ? "identical" : "different";
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
  readonly triggers?: readonly string[];
  readonly decisions: AsyncIterable<Decision>;
}

export async function planStorageRestore(inputs: PlanInputs): Promise<StorageRestorePlan> {
  const { snapshot, target, buckets, deleteExtraneous } = inputs;
  const present = new Map(inputs.present.map((bucket) => [bucket.id, bucket]));
  const counts = { missing: 0, different: 0, withoutBytes: 0, identical: 0, extraneous: 0, impossible: 0 };
  const lifted = new Set<string>();
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
    else if (kind !== "identical" && refuses(present.get(object.bucket), decision.entry))
      lifted.add(object.bucket);
  }
  const { missing, different, withoutBytes, identical, extraneous } = counts;
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
      lifted: [...lifted],
      limited: existing
        .filter((bucket) => isLimited(bucket) && !isLimited(present.get(bucket.id)))
        .map(({ id }) => id),
    },
    objects: { wanted, wantedBytes, missing, different, withoutBytes, identical, extraneous },
    deleteExtraneous,
    triggers: inputs.triggers ?? [],
    cannotRestore,
    decisions: hash.digest("hex"),
  };
}

function sameSettings(one: Bucket, other: Bucket | undefined): boolean {
  const settings = (bucket: Bucket | undefined): string =>
    JSON.stringify([bucket?.name, bucket?.public, bucket?.fileSizeLimit, bucket?.allowedMimeTypes]);
  // Limits that are set afterwards will not differ.
  const limits = isLimited(other) ? {} : { fileSizeLimit: null, allowedMimeTypes: null };
  return settings({ ...one, ...limits }) === settings(other === undefined ? other : { ...other, ...limits });
}

function isLimited(bucket: Bucket | undefined): boolean {
  return (
    bucket !== undefined && (bucket.fileSizeLimit !== null || (bucket.allowedMimeTypes ?? []).length > 0)
  );
}

/** Unless it surely takes the object: what is lifted without need is set again. */
function refuses(bucket: Bucket | undefined, { size, contentType = "" }: StoredObject): boolean {
  if (bucket === undefined) return false;
  const types = bucket.allowedMimeTypes ?? [];
  const group = contentType.split("/")[0] ?? "";
  const takesType = types.length === 0 || types.includes(contentType) || types.includes(`${group}/*`);
  return !takesType || size > (bucket.fileSizeLimit ?? Number.POSITIVE_INFINITY);
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
