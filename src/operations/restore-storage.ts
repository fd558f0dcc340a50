/** Puts a snapshot's objects back into a project: buckets, bytes, rows, extraneous objects, limits, and the comparison. */
import { createHash } from "node:crypto";
import { asLifeboatError, LifeboatError } from "../errors.ts";
import type { Connection } from "../postgres/connection.ts";
import type { Identities } from "../seal/identities.ts";
import type { SnapshotJson } from "../snapshot/snapshot-json.ts";
import type { Bucket, InventoryObject, StoredObject } from "../storage/objects.ts";
import type { StorageApi } from "../supabase/storage-api.ts";
import { isKeyAllowed } from "../supabase/storage-keys.ts";
import { repairBuckets } from "../supabase/storage-bucket-repair.ts";
import { repairRows } from "../supabase/storage-row-repair.ts";
import { currentTransaction, writtenSince } from "../supabase/upload-triggers.ts";
import type { Store } from "../store/store.ts";
import type { Logger } from "../system/logger.ts";
import { register, type Standing } from "../system/underway.ts";
import { slots } from "../system/slots.ts";
import type { Finding } from "../verification/findings.ts";
import { BucketLimits } from "./bucket-limits.ts";
import { inOrder } from "./in-order.ts";
import type { Decision, StorageRestorePlan } from "./plan-storage-restore.ts";
import { forEachObject } from "./read-objects.ts";
import { objectsRefused, type RefusedObject, restoreFindings } from "./storage-restore-findings.ts";

export interface StorageRestoreMeans {
  readonly snapshot: SnapshotJson;
  /** Chosen buckets of the backup. */
  readonly buckets: readonly Bucket[];
  /** All of the target, before anything was done. */
  readonly present: readonly Bucket[];
  /** A fresh reading of the chosen entries of the backup. */
  readonly entries: () => AsyncIterable<StoredObject>;
  /** A fresh reading of the same decisions that made the plan. */
  readonly decisions: (proof: "bytes" | "rows") => AsyncIterable<Decision>;
  readonly identities: Identities;
  readonly api: StorageApi;
  /** Repairs what the API cannot set: owner, times. */
  readonly database: Connection | undefined;
  readonly store: Store;
  readonly logger: Logger;
  readonly jobs: number;
  readonly signal: AbortSignal;
}

export interface StorageRestoreReport {
  readonly uploaded: number;
  readonly uploadedBytes: number;
  /** Found identical and left alone. */
  readonly kept: number;
  readonly deleted: number;
  /** Compared by size and SHA-256 after the restore. */
  readonly compared: number;
  readonly rowsRepaired: number;
  readonly findings: readonly Finding[];
}

export async function restoreStorage(
  plan: StorageRestorePlan,
  means: StorageRestoreMeans,
): Promise<StorageRestoreReport> {
  const { api, logger, signal } = means;
  const wanted = means.buckets.filter(({ id }) => plan.buckets.create.includes(id));
  const limits = new BucketLimits(plan, means);
  const counts = { uploaded: 0, uploadedBytes: 0, kept: 0 };
  const progress: StorageProgress = { counts, sent: new Set(), deleted: 0, refused: [] };
  register(signal, () => progressOf(plan, progress, limits.created));
  const lost: InventoryObject[] = [];
  const { database } = means;
  const watched = plan.triggers.length === 0 ? undefined : database;
  const before = watched && { database: watched, transaction: await currentTransaction(watched) };
  try {
    for (const bucket of wanted) {
      signal.throwIfAborted();
      await api.createBucket(bucket, "none");
      limits.mustSet(bucket);
    }
    await limits.lift();
    await uploadAll(means, progress, lost);
  } catch (cause) {
    await limits.set().catch(() => {});
    throw cause;
  }
  logger.info(`${counts.uploaded} objects are uploaded, ${counts.kept} were there already.`);
  if (plan.deleteExtraneous) await deleteExtraneous(means, progress);
  signal.throwIfAborted();
  const { refused } = progress;
  const isRefused = ({ bucket, name }: StoredObject): boolean =>
    refused.some((one) => one.bucket === bucket && one.name === name);
  const written = before && (await writtenSince(before.database, before.transaction));
  const repair = database === undefined ? undefined : await repairRows(database, restorable(means.entries()));
  await limits.set();
  const buckets = await repairBuckets(database, wanted);
  const compared = await compareAll(means, isRefused);
  if (refused.length > 0) throw objectsRefused(refused, { ...counts, compared });
  const findings = restoreFindings(plan, { repair, buckets, lost, written });
  return { ...counts, deleted: progress.deleted, compared, rowsRepaired: repair?.changed ?? 0, findings };
}

interface StorageProgress {
  readonly counts: { uploaded: number; uploadedBytes: number; kept: number };
  /** Requests that were sent and not answered yet. */
  readonly sent: Set<unknown>;
  deleted: number;
  readonly refused: RefusedObject[];
}

/** For whoever ends the restore early. */
function progressOf(
  { objects: { wanted }, buckets, deleteExtraneous, objects }: StorageRestorePlan,
  { counts: { uploaded, kept }, sent, deleted }: StorageProgress,
  made: number,
): Standing {
  const sentences = [
    `${uploaded} of ${wanted} objects are written, ${kept} were found there already.`,
    ...(buckets.create.length > 0 ? [`${made} of ${buckets.create.length} buckets are made.`] : []),
    ...(deleteExtraneous ? [`${deleted} of ${objects.extraneous} extraneous objects are deleted.`] : []),
    ...(sent.size > 0 ? [`${sent.size} requests were not answered: what they were to do may be done.`] : []),
    "The same restore, run again, leaves alone what is there and goes on.",
  ];
  return { sentence: sentences.join(" ") };
}

/** One object that the project does not take leaves the others alone; so many are another fault. */
const maxRefused = 1000;
const refusals = new Set<string>(["object-name-unusable", "storage-request-refused"]);

async function uploadAll(
  means: StorageRestoreMeans,
  { counts, sent, refused }: StorageProgress,
  lost: InventoryObject[],
): Promise<void> {
  const uploads = toUpload(means, { kept: () => (counts.kept += 1), lost });
  await forEachObject(uploads, means, async ({ object, open }) => {
    sent.add(object);
    try {
      await means.api.upload(object, object.size, open);
      counts.uploaded += 1;
      counts.uploadedBytes += object.size;
    } catch (cause) {
      const error = asLifeboatError(cause);
      if (!refusals.has(error.code) || refused.length >= maxRefused) throw cause;
      refused.push({ bucket: object.bucket, name: object.name, error });
    } finally {
      sent.delete(object);
    }
  });
}

/** Without asking the project again: to decide may cost a download of each object. */
async function* restorable(
  entries: AsyncIterable<StoredObject>,
): AsyncGenerator<StoredObject, void, undefined> {
  for await (const entry of entries) if (isKeyAllowed(entry.name)) yield entry;
}

/** Objects of the target alone that are asked for their bytes. */
const maxLookedAt = 1000;

/** What is not there already; `lost` gets those that are in the target alone, and have a row and no bytes. */
async function* toUpload(
  { api, decisions, jobs }: StorageRestoreMeans,
  { kept, lost }: { readonly kept: () => void; readonly lost: InventoryObject[] },
): AsyncGenerator<StoredObject, void, undefined> {
  let lookedAt = 0;
  const looked = inOrder(
    decisions("bytes"),
    async (decision) => {
      if (decision.kind === "extraneous") {
        lookedAt += 1;
        if (lookedAt <= maxLookedAt && !(await isReadable(decision.object, api))) lost.push(decision.object);
        return undefined;
      }
      if (decision.kind === "impossible") return undefined;
      if (decision.kind !== "identical" || !(await isIdentical(decision.entry, api))) return decision.entry;
      kept();
      return undefined;
    },
    { window: jobs, stalled: () => {} },
  );
  for await (const entry of looked) if (entry !== undefined) yield entry;
}

/** Keys that the API does not serve cannot be told from others. */
async function isReadable(object: InventoryObject, api: StorageApi): Promise<boolean> {
  return !isKeyAllowed(object.name) || (await api.hasBytes(object));
}

/** Listings do not tell user metadata, so what looks identical in one is asked for once more. */
async function isIdentical(entry: StoredObject, api: StorageApi): Promise<boolean> {
  const now = await api.info(entry.bucket, entry.name);
  if (now === undefined) return false;
  return (
    now.size === entry.size &&
    JSON.stringify(now.userMetadata ?? {}) === JSON.stringify(entry.userMetadata ?? {})
  );
}

async function deleteExtraneous(
  { api, decisions, signal }: StorageRestoreMeans,
  progress: StorageProgress,
): Promise<void> {
  const waiting = new Map<string, string[]>();
  const flush = async (bucket: string): Promise<void> => {
    const names = waiting.get(bucket) ?? [];
    waiting.delete(bucket);
    if (names.length === 0) return;
    signal.throwIfAborted();
    progress.sent.add(names);
    await api.remove(bucket, names);
    progress.sent.delete(names);
    progress.deleted += names.length;
  };
  for await (const decision of decisions("rows")) {
    if (decision.kind !== "extraneous") continue;
    const { bucket, name } = decision.object;
    const names = waiting.get(bucket) ?? [];
    names.push(name);
    waiting.set(bucket, names);
    if (names.length >= 1000) await flush(bucket);
  }
  for (const bucket of [...waiting.keys()]) await flush(bucket);
}

/** What the project now serves, every object of the plan that it took, byte for byte. */
async function compareAll(
  { api, entries, jobs, signal }: StorageRestoreMeans,
  isRefused: (entry: StoredObject) => boolean,
): Promise<number> {
  const places = slots(jobs);
  let compared = 0;
  let failure: { readonly cause: unknown } | undefined;
  const running = new Set<Promise<void>>();
  for await (const entry of restorable(entries())) {
    signal.throwIfAborted();
    if (isRefused(entry)) continue;
    if (failure !== undefined) break;
    const work = places
      .run(async () => {
        await compareOne(entry, api);
        compared += 1;
      })
      .catch((cause: unknown) => void (failure ??= { cause }))
      .finally(() => running.delete(work));
    running.add(work);
    if (running.size >= jobs * 2) await Promise.race(running);
  }
  await Promise.all(running);
  if (failure !== undefined) throw failure.cause;
  return compared;
}

async function compareOne(entry: StoredObject, api: StorageApi): Promise<void> {
  if (await hasBytesOf(api, entry)) return;
  throw new LifeboatError(
    "restore-not-verified",
    `The restored object ${JSON.stringify(`${entry.bucket}/${entry.name}`)} is not the backup's (${entry.size} bytes).`,
    { publicSentence: `A restored object is not the backup's (${entry.size} bytes).` },
  );
}

/** Whether the project serves the entry's bytes under its name. */
export async function hasBytesOf(api: StorageApi, entry: StoredObject): Promise<boolean> {
  await using body = await api.download(entry.bucket, entry.name);
  if (body.size !== entry.size) return false;
  const hash = createHash("sha256");
  for await (const bytes of body.bytes) hash.update(bytes);
  return hash.digest("hex") === entry.sha256;
}

/** The target's objects that the choice covers, in order. */
export async function* presentObjects(
  api: StorageApi,
  buckets: readonly string[],
  takes: (object: InventoryObject) => boolean,
): AsyncGenerator<InventoryObject, void, undefined> {
  for (const bucket of buckets) {
    for await (const object of api.list(bucket).objects) if (takes(object)) yield object;
  }
}
