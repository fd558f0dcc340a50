/** Restores a chosen storage snapshot: locate, read, plan, and, unless it is a dry run, perform that same plan. */
import { LifeboatError } from "../errors.ts";
import type { Connection } from "../postgres/connection.ts";
import type { Identities } from "../seal/identities.ts";
import { storageOf } from "../snapshot/contents.ts";
import type { SnapshotJson } from "../snapshot/snapshot-json.ts";
import type { StorageContents } from "../snapshot/storage-contents.ts";
import type { ObjectFilter } from "../storage/object-filter.ts";
import { type Bucket, compareUtf8 } from "../storage/objects.ts";
import type { StorageApi } from "../supabase/storage-api.ts";
import { readUploadTriggers } from "../supabase/upload-triggers.ts";
import type { Store } from "../store/store.ts";
import type { Clock } from "../system/clock.ts";
import type { Logger } from "../system/logger.ts";
import { hashOfPlan, requireAgreedPlan } from "./plan-hash.ts";
import { requireChosenBuckets } from "./chosen-buckets.ts";
import { refuseForged } from "./check-history.ts";
import {
  type LocatedSnapshot,
  locateSnapshot,
  namingOthers,
  type SnapshotChoice,
} from "./locate-snapshot.ts";
import type { Trust } from "./vouched-documents.ts";
import {
  chosenEntries,
  type Decision,
  decide,
  planStorageRestore,
  requireStorageConfirmation,
  storagePlanHash,
  type StorageRestorePlan,
} from "./plan-storage-restore.ts";
import { restoreIntoDirectory } from "./restore-into-directory.ts";
import { hasBytesOf, presentObjects, restoreStorage, type StorageRestoreReport } from "./restore-storage.ts";
import { readSealedContents } from "./sealed-files.ts";
import { holeFindings } from "./storage-restore-findings.ts";
import { indexOf } from "./storage-index.ts";

export interface BucketRestoreRequest {
  readonly source: string;
  readonly choice: SnapshotChoice;
  /** Who must have signed the snapshot, and what else witnesses its history. Default: nobody. */
  readonly trust?: Trust;
  readonly identities: Identities;
  readonly filter: ObjectFilter;
  readonly target: BucketTarget;
  readonly jobs: number;
  readonly dryRun: boolean;
  readonly planHash: string | undefined;
  readonly confirm: string | undefined;
}

export type BucketTarget =
  | {
      readonly kind: "supabase";
      readonly api: StorageApi;
      /** The project's ref, or the host where it is none of Supabase's. */
      readonly name: string;
      readonly database: Connection | undefined;
      readonly deleteExtraneous: boolean;
    }
  | { readonly kind: "directory"; readonly path: string; readonly replace: boolean };

export interface BucketRestoreSurroundings {
  readonly store: Store;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly zstd: string | undefined;
  readonly signal: AbortSignal;
}

export interface BucketRestoreReport {
  readonly snapshot: SnapshotJson;
  /** Absent where the target is a directory, which is only added to. */
  readonly plan?: StorageRestorePlan;
  readonly planHash: string;
  /** Absent after a dry run. */
  readonly restored?: StorageRestoreReport;
  readonly seconds: number;
}

export async function restoreBuckets(
  wanted: BucketRestoreRequest,
  surroundings: BucketRestoreSurroundings,
): Promise<BucketRestoreReport> {
  const { clock, logger, store } = surroundings;
  const startedMs = clock.elapsedMs();
  const located = await locateSnapshot(store, wanted.source, wanted.choice, clock.now());
  const { newestWhole, snapshot, storeFindings } = located;
  for (const { sentence, remedy } of storeFindings) logger.warning(`${sentence} ${remedy}`);
  await refuseForged(store, located, { trust: wanted.trust ?? { signers: [] }, now: clock.now(), logger });
  requireBuckets(snapshot);
  if (snapshot.state !== "whole" && wanted.choice.kind !== "id") refuseHoles(located);
  const report = await namingOthers(newestWhole, restoreLocated(snapshot, wanted, surroundings));
  return { snapshot, ...report, seconds: (clock.elapsedMs() - startedMs) / 1000 };
}

async function restoreLocated(
  snapshot: SnapshotJson,
  wanted: BucketRestoreRequest,
  surroundings: BucketRestoreSurroundings,
): Promise<Omit<BucketRestoreReport, "snapshot" | "seconds">> {
  const { store } = surroundings;
  const contents = storageOf(await readSealedContents(store, snapshot, wanted.identities));
  requireChosenBuckets(
    wanted.filter,
    contents.buckets.map(({ id }) => id),
  );
  const entries = () => chosenEntries(indexOf(surroundings, snapshot, wanted.identities), wanted.filter);
  const means = { ...surroundings, snapshot, identities: wanted.identities, jobs: wanted.jobs };
  const { target } = wanted;

  if (target.kind === "directory") {
    const { id, sha256 } = snapshot;
    const planHash = hashOfPlan({ snapshot: id, sha256, target, chosen: wanted.filter.choice });
    requireAgreedPlan(wanted.planHash, planHash);
    if (wanted.dryRun) return { planHash };
    const restored = await restoreIntoDirectory(entries, { ...means, ...target });
    return { planHash, restored: withHoles(restored, contents) };
  }
  const buckets = contents.buckets
    .filter(({ id }) => wanted.filter.wantsBucket(id))
    .toSorted((one, other) => compareUtf8(one.id, other.id)) as readonly Bucket[];
  const present = await target.api.buckets();
  const existing = buckets.filter(({ id }) => present.some((bucket) => bucket.id === id)).map(({ id }) => id);
  const decisions = (proof: "bytes" | "rows"): AsyncIterable<Decision> =>
    decide(
      entries(),
      presentObjects(target.api, existing, (object) => wanted.filter.wants(object)),
      {
        hasBytesOf: async (entry) => proof === "rows" || (await hasBytesOf(target.api, entry)),
        hasBytes: async (object, surely) => proof === "rows" || (await target.api.hasBytes(object, surely)),
        jobs: wanted.jobs,
      },
    );
  const { deleteExtraneous, database } = target;
  const plan = await planStorageRestore({
    snapshot,
    target: target.name,
    buckets,
    present,
    deleteExtraneous,
    triggers: database === undefined ? [] : await readUploadTriggers(database),
    decisions: decisions("bytes"),
  });
  const planHash = storagePlanHash(plan);
  requireAgreedPlan(wanted.planHash, planHash);
  if (wanted.dryRun) return { plan, planHash };
  requireStorageConfirmation(plan, wanted.confirm);
  const restored = await restoreStorage(plan, { ...means, ...target, buckets, present, entries, decisions });
  return { plan, planHash, restored: withHoles(restored, contents) };
}

function withHoles(restored: StorageRestoreReport, { account }: StorageContents): StorageRestoreReport {
  return { ...restored, findings: [...holeFindings(account.failed), ...restored.findings] };
}

/** One key that the API does not serve makes every snapshot incomplete: whoever names such a one wants what it has. */
function refuseHoles({ snapshot, newestWhole }: LocatedSnapshot): never {
  throw new LifeboatError("snapshot-incomplete", `Snapshot ${snapshot.id} is not whole.`, {
    hint: `${newestWhole} To restore what this one has, name it by its id.`,
  });
}

function requireBuckets(snapshot: SnapshotJson): void {
  if (snapshot.kind === "storage") return;
  throw new LifeboatError(
    "input-invalid",
    `Snapshot ${snapshot.id} of "${snapshot.source}" is one of a ${snapshot.kind}.`,
    { hint: `Restore it with kind ${snapshot.kind}, or name the source of the buckets.` },
  );
}
