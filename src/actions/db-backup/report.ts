/** A backup's report as outputs, summary and record; pure. Public, so it carries numbers only. */
import type { DatabaseBackupReport } from "../../operations/back-up-database.ts";
import { recordedFindings } from "../../runner/record.ts";
import type { ActionResult } from "../../runner/run-action.ts";
import { findingsList, megabytes, table } from "../markdown.ts";

export function reportBackup(report: DatabaseBackupReport, store: string): ActionResult {
  const { snapshot, seconds } = report;
  const { tables, rows, rawBytes, sealedBytes } = snapshot.totals;
  return {
    outputs: {
      snapshot: snapshot.id,
      source: snapshot.source,
      tables: String(tables),
      rows: String(rows),
      "sealed-bytes": String(sealedBytes),
    },
    summary: [
      report.error === undefined
        ? `## ✅ Backed up "${snapshot.source}"`
        : `## ❌ Stored, but less than expected: "${snapshot.source}"`,
      table([
        ["Snapshot", `\`${snapshot.id}\``],
        ["Moment", snapshot.times.snapshot],
        ["Store", `\`${store}\``],
        ["Tables, rows", `${tables}, ${rows}`],
        [
          "Size, sealed",
          `${megabytes(rawBytes)}, ${megabytes(sealedBytes)} in ${snapshot.files.length} files`,
        ],
        ["Tiers", snapshot.tiers.join(", ")],
        ["Took", `${seconds.toFixed(1)} s`],
      ]),
      ...findingsList(report.findings),
      "Stored and read back byte by byte. Next: `verify` it at level `restored`; only a restore proves a backup.",
    ].join("\n\n"),
    record: {
      source: snapshot.source,
      kind: "database",
      snapshot: snapshot.id,
      store,
      findings: recordedFindings(report.findings),
      numbers: { tables, rows, rawBytes, sealedBytes, seconds },
    },
    ...(report.error === undefined ? {} : { error: report.error }),
  };
}
