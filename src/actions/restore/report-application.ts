/** An application restore's report as outputs, summary and record; pure. */
import type { ApplicationRestoreReport } from "../../operations/restore-application.ts";
import type { ActionResult } from "../../runner/run-action.ts";
import { findingsList, megabytes, table } from "../markdown.ts";

export function reportApplicationRestore(report: ApplicationRestoreReport, store: string): ActionResult {
  const { snapshot, written, planHash, isDryRun, findings, seconds } = report;
  const { source, id } = snapshot;
  return {
    outputs: { outcome: isDryRun ? "planned" : "restored", snapshot: id, "plan-hash": planHash },
    summary: [
      isDryRun ? "## 📋 Dry run: nothing was changed" : `## ✅ Restored "${source}"`,
      table([
        ["Snapshot", `\`${id}\``],
        ["Moment", snapshot.times.snapshot],
        ...written.map(({ path, bytes }) => [path, megabytes(bytes)] as const),
        ["Plan", `\`${planHash}\``],
        ["Took", `${seconds.toFixed(1)} s`],
      ]),
      ...findingsList(findings),
      ...(isDryRun
        ? []
        : [
            "Everything was read back from the folder and compared with the backup before what stood there went.",
          ]),
    ].join("\n\n"),
    record: { source, kind: "application", snapshot: id, store, numbers: { seconds } },
  };
}
