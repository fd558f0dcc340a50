/** Fetches objects into packs, several at once, until each is stored, proven gone, or has failed for good. */
import { asLifeboatError, LifeboatError } from "../errors.ts";
import { isSameMoment } from "../storage/carry.ts";
import type { InventoryObject, StoredObject } from "../storage/objects.ts";
import { isWorthSqueezing } from "../storage/squeezing.ts";
import type { StorageApi } from "../supabase/storage-api.ts";
import { wholeOf } from "./sealed-files.ts";
import { type AddedObject, type PackLanes, PackVoided } from "./pack-lanes.ts";
import type { Slots } from "../system/slots.ts";

export type Outcome =
  | { readonly kind: "stored" | "carried"; readonly entry: StoredObject }
  | { readonly kind: "vanished"; readonly object: InventoryObject }
  | { readonly kind: "failed"; readonly object: InventoryObject; readonly error: LifeboatError };

export interface FetchMeans {
  readonly api: StorageApi;
  readonly lanes: PackLanes;
  /** Objects at once; each holds at most `smallBytes` of its body. */
  readonly slots: Slots;
  /** The inventory has user metadata and version already: SQL does, listings do not. */
  readonly inventoryIsComplete: boolean;
  /** Aborts what has not begun yet. */
  readonly signal: AbortSignal;
}

/** Up to here an object is held in memory, beyond it streams. */
export const smallBytes = 1024 * 1024;
/** Objects that change while they are read are tried again. */
const tries = 5;

/** What is wrong with one object; everything else (the store, the key, the network) ends the backup. */
const objectErrors = new Set<string>([
  "object-name-unusable",
  "object-size-wrong",
  "storage-object-changed",
  "storage-object-missing",
  "storage-object-unreadable",
  "storage-read-failed",
  "storage-request-refused",
  "storage-temporary",
]);

/** Of those, what another look does not change. */
const refusals = new Set<string>(["object-name-unusable", "storage-request-refused"]);

export async function fetchObject(wanted: InventoryObject, means: FetchMeans): Promise<Outcome> {
  let object = wanted;
  let trustsRow = true;
  for (let attempt = 1; ;) {
    try {
      return { kind: "stored", entry: await fetchOnce(object, means, { hasFailed: attempt > 1, trustsRow }) };
    } catch (cause) {
      // No fault of this object, and no endless loop: what breaks off once is packed apart from then on.
      if (cause instanceof PackVoided) continue;
      const error = asLifeboatError(cause);
      if (!objectErrors.has(error.code)) throw cause;
      const failed = { kind: "failed", object: wanted, error } as const;
      if (refusals.has(error.code)) return failed;
      // A second look: only what the API no longer knows has vanished.
      const now = await secondLook(object, means.api);
      if (now === undefined) return { kind: "vanished", object: wanted };
      if (now === "refused" || attempt >= tries || error.code === "storage-object-unreadable") return failed;
      attempt += 1;
      const isAsBefore = error.code === "storage-object-changed" && isSameRow(object, now);
      // Nothing changed: the row says something else than its bytes, and the bytes are what there is to save.
      if (isAsBefore) trustsRow = false;
      object = { ...object, ...now };
    }
  }
}

/** What is known of the tries before. */
interface Past {
  readonly hasFailed: boolean;
  /** False where its size and ETag are not those of the bytes that are served. */
  readonly trustsRow: boolean;
}

async function secondLook(
  { bucket, name }: InventoryObject,
  api: StorageApi,
): Promise<InventoryObject | "refused" | undefined> {
  try {
    return await api.info(bucket, name);
  } catch (cause) {
    // A service that is gone is gone for all: that ends the backup.
    if (refusals.has(asLifeboatError(cause).code)) return "refused";
    throw cause;
  }
}

function isSameRow(one: InventoryObject, other: InventoryObject): boolean {
  return (["id", "version", "size", "etag", "updatedAt"] as const).every((field) => {
    const [before, now] = [one[field], other[field]];
    if (before === undefined || now === undefined || before === now) return true;
    return field === "updatedAt" && isSameMoment(String(before), String(now));
  });
}

async function fetchOnce(object: InventoryObject, means: FetchMeans, past: Past): Promise<StoredObject> {
  means.lanes.expect();
  let added: { readonly object: InventoryObject; readonly size: number; readonly pack: AddedObject };
  try {
    added = await means.slots.run(() => takeObject(object, means, past));
  } finally {
    means.lanes.taken();
  }
  const { place, sha256 } = await added.pack.proven;
  return { ...added.object, size: added.size, ...place, sha256 };
}

async function takeObject(
  listed: InventoryObject,
  { api, lanes, inventoryIsComplete, signal }: FetchMeans,
  { hasFailed, trustsRow }: Past,
): Promise<{ readonly object: InventoryObject; readonly size: number; readonly pack: AddedObject }> {
  signal.throwIfAborted();
  // Before the body, never beside it: a body holds a slot of the limiter, and a question that waits for another one
  // while all bodies wait for their questions waits for ever.
  const info = inventoryIsComplete || hasFailed ? undefined : await api.info(listed.bucket, listed.name);
  const object = { ...listed, ...info };
  // With the size and ETag that belong to the metadata at hand: another version is `storage-object-changed`.
  await using body = await api.download(object.bucket, object.name, trustsRow ? object : {});
  const { size } = body;
  const announced = { ...object, size, squeeze: isWorthSqueezing(object) };
  const pack =
    size > smallBytes
      ? await lanes.addBig(announced, body.bytes, hasFailed)
      : await lanes.addSmall(
          announced,
          await wholeOf(body.bytes, { document: "of an object", maxBytes: smallBytes }),
        );
  return { object, size, pack };
}
