/** A bucket restore's plan as text for a person who has to agree to it. */
import { type StorageRestorePlan, storagePlanHash } from "./plan-storage-restore.ts";

export function renderStoragePlan(plan: StorageRestorePlan): string {
  const { snapshot, target, buckets, objects, deleteExtraneous, cannotRestore, triggers } = plan;
  const kept = objects.extraneous === 0 ? "" : "; they stay (--delete-extraneous removes them)";
  return [
    `Snapshot   ${snapshot.id} of "${snapshot.source}", taken ${snapshot.moment}`,
    `Into       ${target}`,
    ...buckets.create.map((bucket) => `Create     bucket ${JSON.stringify(bucket)} with its settings`),
    ...buckets.differing.map(
      (bucket) =>
        `Leave      the settings of bucket ${JSON.stringify(bucket)}, which differ from the backup's`,
    ),
    ...buckets.lifted.map(
      (bucket) =>
        `Lift       the limits of bucket ${JSON.stringify(bucket)} while objects are uploaded, then set them again`,
    ),
    ...buckets.limited.map(
      (bucket) =>
        `Limit      bucket ${JSON.stringify(bucket)} afterwards, as in the backup: it has no limits now`,
    ),
    `Objects    ${objects.wanted} (${objects.wantedBytes} bytes)`,
    `Upload     ${objects.missing} that are missing`,
    ...(objects.withoutBytes === 0
      ? []
      : [`Upload     ${objects.withoutBytes} whose rows are there, but not their bytes`]),
    `Replace    ${objects.different} that are different`,
    `Keep       ${objects.identical} that look identical, and compare them`,
    deleteExtraneous
      ? `Delete     ${objects.extraneous} that are not in the backup`
      : `Besides    ${objects.extraneous} that are not in the backup${kept}`,
    ...cannotRestore.map(
      ({ bucket, name }) =>
        `Cannot     ${JSON.stringify(`${bucket}/${name}`)}: the Storage API no longer takes such a key`,
    ),
    ...triggers.map(
      (name) =>
        `Fire       the project's own trigger ${JSON.stringify(name)} on storage.objects at every upload; drop it before and create it again afterwards if it must not run`,
    ),
    `Plan       ${storagePlanHash(plan)}`,
    "",
  ].join("\n");
}
