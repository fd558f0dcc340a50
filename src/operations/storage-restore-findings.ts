/** What a bucket restore has to say besides its numbers. */
import { LifeboatError } from "../errors.ts";
import type { InventoryObject } from "../storage/objects.ts";
import type { RowRepair } from "../supabase/storage-row-repair.ts";
import type { WrittenTable } from "../supabase/upload-triggers.ts";
import type { Finding } from "../verification/findings.ts";
import type { StorageRestorePlan } from "./plan-storage-restore.ts";

export interface RefusedObject {
  readonly bucket: string;
  readonly name: string;
  readonly error: LifeboatError;
}

const shownNames = 50;

function named(objects: readonly Pick<InventoryObject, "bucket" | "name">[]): string {
  const names = objects.slice(0, shownNames).map(({ bucket, name }) => JSON.stringify(`${bucket}/${name}`));
  return names.join(", ") + (objects.length > shownNames ? `, and ${objects.length - shownNames} more` : "");
}

export function objectsRefused(
  refused: readonly RefusedObject[],
  {
    uploaded,
    kept,
    compared,
  }: { readonly uploaded: number; readonly kept: number; readonly compared: number },
): LifeboatError {
  const others = `All others are there: ${uploaded} uploaded, ${kept} kept, ${compared} compared.`;
  const reasons = [...new Set(refused.map(({ error }) => error.publicSentence ?? error.message))]
    .slice(0, 3)
    .join(" ");
  const count = refused.length === 1 ? "1 object" : `${refused.length} objects`;
  return new LifeboatError(
    "storage-objects-refused",
    `The project refused ${count}: ${named(refused)}. ${refused[0]?.error.message ?? ""} ${others}`,
    { publicSentence: `The project refused ${count}. ${reasons} ${others}`, cause: refused[0]?.error },
  );
}

/** What the snapshot itself does not have. */
export function holeFindings(
  failed: readonly Pick<InventoryObject, "bucket" | "name">[],
): readonly Finding[] {
  if (failed.length === 0) return [];
  const what = failed.length === 1 ? "1 object" : `${failed.length} objects`;
  const count = `${what} could not be read when the snapshot was taken; this restore does not bring them`;
  return [
    {
      level: "warning",
      code: "snapshot-incomplete",
      sentence: `${count}: ${named(failed)}.`,
      publicSentence: `${count}.`,
      remedy: "Look for them in an earlier snapshot; all other objects are restored.",
    },
  ];
}

interface Rest {
  readonly repair: RowRepair | undefined;
  /** Made, without all that their rows had. */
  readonly buckets: readonly string[];
  readonly lost: readonly InventoryObject[];
  /** Since before the first upload; undefined: no trigger was to fire. */
  readonly written: readonly WrittenTable[] | undefined;
}

export function restoreFindings(plan: StorageRestorePlan, rest: Rest): readonly Finding[] {
  const { cannotRestore, buckets } = plan;
  const { repair, lost } = rest;
  const findings: Finding[] = [];
  const add = (code: string, sentence: string, publicSentence: string, remedy: string): void =>
    void findings.push({ level: "warning", code, sentence, publicSentence, remedy });
  if (cannotRestore.length > 0) {
    const names = cannotRestore.map(({ bucket, name }) => JSON.stringify(`${bucket}/${name}`)).join(", ");
    add(
      "object-not-restorable",
      `${cannotRestore.length} objects have keys that the Storage API no longer takes: ${names}.`,
      `${cannotRestore.length} objects have keys that the Storage API no longer takes.`,
      "Restore them into a directory and upload them under other keys.",
    );
  }
  if (buckets.differing.length > 0) {
    add(
      "bucket-settings-differ",
      `Buckets that exist have other settings than in the backup: ${buckets.differing.join(", ")}.`,
      `${buckets.differing.length} buckets that exist have other settings than in the backup.`,
      "Compare them in the dashboard; a restore changes nothing of them but limits, as its plan says.",
    );
  }
  if (rest.buckets.length > 0) {
    add(
      "bucket-settings-differ",
      `Buckets were made without their name, owner or AVIF flag, which the Storage API cannot set: ${rest.buckets.join(", ")}.`,
      `${rest.buckets.length} buckets were made without their name, owner or AVIF flag, which the Storage API cannot set.`,
      "Give a database URL when you restore into a new project, or set them by SQL in storage.buckets.",
    );
  }
  if (lost.length > 0) {
    add(
      "row-without-bytes",
      `${lost.length} objects of the project have a row but no bytes, and are not in this backup: ${named(lost)}.`,
      `${lost.length} objects of the project have a row but no bytes, and are not in this backup.`,
      "Restore them from a later snapshot, or delete them through the Storage API.",
    );
  }
  if (rest.written !== undefined && rest.written.length > 0) {
    const what = "Rows were written while objects were uploaded, by the project's own triggers or by others";
    add(
      "written-during-upload",
      `${what}: ${rest.written.map(({ name, rows }) => `${name} (${rows})`).join(", ")}. Triggers: ${plan.triggers.join(", ")}.`,
      `${what}.`,
      "Compare these tables with the backup. Next time drop such triggers before, and create them again afterwards.",
    );
  }
  if (repair?.updatedAt === "kept") {
    const sentence =
      "The rows' updated_at is the restore's: the database role may not switch its trigger off.";
    add(
      "rows-not-repaired",
      sentence,
      sentence,
      "Restore again with a role that may set session_replication_role.",
    );
  }
  if (repair === undefined) {
    const sentence = "Owners and times of objects were not restored: the Storage API cannot set them.";
    add("rows-not-repaired", sentence, sentence, "Restore again with a database URL to repair the rows.");
  }
  return findings;
}
