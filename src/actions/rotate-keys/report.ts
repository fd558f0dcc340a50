/** A rotation's report as outputs, summary and record; pure. */
import type { RotationReport } from "../../operations/rotate-keys.ts";
import type { ActionResult } from "../../runner/run-action.ts";
import { findingsList, table } from "../markdown.ts";

/** Said wherever a rotation is reported: it is the mistake that people make with it. */
export const doesNotRevoke =
  "This does not revoke: whoever has an old identity and a copy of an old backup still opens it. docs/keys.md says what to do after a leak.";

export function reportRotation(report: RotationReport, store: string): ActionResult {
  const { source, recipients, snapshots, packs, files, rewrapped, skipped, failed, seconds, error } = report;
  return {
    outputs: {
      source,
      rewrapped: String(rewrapped),
      skipped: String(skipped),
      failed: String(failed),
    },
    summary: [
      `## ${error === undefined ? "✅" : "❌"} ${title(report)}`,
      table([
        ["Store", `\`${store}\``],
        ["Recipients", recipients.map((fingerprint) => `\`${fingerprint}\``).join(", ")],
        ["Looked at", `${snapshots} snapshots, ${packs} packs, ${files} sealed files`],
        [report.dryRun ? "Would get new headers" : "Got new headers", String(rewrapped)],
        ["Had them", String(skipped)],
        ["Failed", String(failed)],
        ["Took", `${seconds.toFixed(1)} s`],
      ]),
      ...findingsList(report.findings),
      doesNotRevoke,
    ].join("\n\n"),
    record: { source, store, numbers: { snapshots, packs, files, rewrapped, skipped, failed, seconds } },
    ...(error === undefined ? {} : { error }),
  };
}

function title({ source, dryRun, error }: RotationReport): string {
  if (dryRun) return `What rotating the keys of "${source}" would do`;
  return error === undefined
    ? `All backups of "${source}" open with the new keys`
    : `Not all backups of "${source}" open with the new keys`;
}
