/** A bucket restore's plan or report as outputs, summary and record; pure. */
import type { BucketRestoreReport } from "../../operations/restore-buckets.ts";
import { renderStoragePlan } from "../../operations/render-storage-plan.ts";
import type { Disclosure } from "../../runner/environment.ts";
import type { ActionResult } from "../../runner/run-action.ts";
import { findingsList, megabytes, table } from "../markdown.ts";

export function reportBucketRestore(
  report: BucketRestoreReport,
  store: string,
  disclosure: Disclosure,
): ActionResult {
  const { snapshot, planHash, restored, seconds } = report;
  const common = { source: snapshot.source, kind: "storage" as const, snapshot: snapshot.id, store };
  const outputs = { snapshot: snapshot.id, "plan-hash": planHash };
  if (restored === undefined) {
    return {
      outputs: { outcome: "planned", ...outputs },
      summary: ["## 📋 Dry run: nothing was changed", planText(report, disclosure)].join("\n\n"),
      record: { ...common, numbers: { seconds } },
    };
  }
  const { uploaded, uploadedBytes, kept, compared, deleted, rowsRepaired } = restored;
  return {
    outputs: { outcome: "restored", ...outputs },
    summary: [
      `## ✅ Restored buckets of "${snapshot.source}"`,
      table([
        ["Snapshot", `\`${snapshot.id}\``],
        ["Moment", snapshot.times.snapshot],
        ["Objects", `${uploaded} written (${megabytes(uploadedBytes)}), ${kept} were there already`],
        ["Deleted", String(deleted)],
        ["Rows repaired", String(rowsRepaired)],
        ["Compared byte for byte", String(compared)],
        ["Took", `${seconds.toFixed(1)} s`],
      ]),
      ...findingsList(restored.findings),
      "Every object was read back from where it was restored to, and compared by size and SHA-256.",
    ].join("\n\n"),
    record: { ...common, numbers: { uploaded, uploadedBytes, kept, compared, deleted, seconds } },
  };
}

/** The whole plan names buckets; where those may not be shown, its numbers and its hash remain. */
function planText({ plan, planHash }: BucketRestoreReport, disclosure: Disclosure): string {
  const hashLine = `Plan \`${planHash}\``;
  if (plan === undefined) {
    return `Objects are written into a directory; files that exist are not touched.\n\n${hashLine}`;
  }
  if (disclosure === "names") {
    return ["```text", renderStoragePlan(plan).trimEnd(), "```", hashLine].join("\n");
  }
  const { wanted, wantedBytes, missing, different, withoutBytes, identical, extraneous } = plan.objects;
  return table([
    ["Snapshot", `\`${plan.snapshot.id}\``],
    ["Buckets to create", String(plan.buckets.create.length)],
    ["Objects", `${wanted}, ${megabytes(wantedBytes)}`],
    ["Missing, different, identical", `${missing}, ${different}, ${identical}`],
    ["Rows without bytes, uploaded", String(withoutBytes)],
    ["Buckets whose limits are lifted meanwhile", String(plan.buckets.lifted.length)],
    ["Buckets whose limits are set afterwards", String(plan.buckets.limited.length)],
    ["Deleted", String(plan.deleteExtraneous ? extraneous : 0)],
    ["Cannot restore", String(plan.cannotRestore.length)],
    ["Plan", `\`${planHash}\``],
  ]);
}
