/** An application backup's report as outputs, summary and record; pure. Public, so it carries numbers only. */
import type { ApplicationBackupReport } from "../../operations/back-up-application.ts";
import { recordedFindings } from "../../runner/record.ts";
import type { ActionResult } from "../../runner/run-action.ts";
import { findingsList, megabytes, table } from "../markdown.ts";

export function reportApplicationBackup(report: ApplicationBackupReport, store: string): ActionResult {
  const { snapshot, contents, seconds } = report;
  const { objects, rawBytes, sealedBytes } = snapshot.totals;
  const refs = contents.repository?.refs.length ?? 0;
  const newestCommit = contents.repository?.newestCommit;
  return {
    outputs: {
      snapshot: snapshot.id,
      source: snapshot.source,
      refs: String(refs),
      files: String(objects),
      "newest-commit": newestCommit ?? "",
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
        ["Refs", newestCommit === undefined ? "no repository" : `${refs}, newest commit ${newestCommit}`],
        ["Files", String(objects)],
        ["Environment file", contents.environment === undefined ? "none" : "sealed by itself"],
        ["Repository's settings", String(contents.settings?.kinds.length ?? 0)],
        ["Supabase project's settings", projectLine(contents.project)],
        ["Size, sealed", `${megabytes(rawBytes)}, ${megabytes(sealedBytes)}`],
        ["Tiers", snapshot.tiers.join(", ")],
        ["Took", `${seconds.toFixed(1)} s`],
      ]),
      ...findingsList(report.findings),
      "Stored and read back byte by byte. Next: `verify` it at level `restored`; only a restore proves a backup.",
    ].join("\n\n"),
    record: {
      source: snapshot.source,
      kind: "application",
      snapshot: snapshot.id,
      store,
      findings: recordedFindings(report.findings),
      numbers: { refs, files: objects, rawBytes, sealedBytes, ...projectNumbers(contents.project), seconds },
    },
    ...(report.error === undefined ? {} : { error: report.error }),
  };
}

type ProjectContents = ApplicationBackupReport["contents"]["project"];

function projectNumbers(project: ProjectContents): Readonly<Record<string, number>> {
  if (project === undefined) return {};
  return {
    projectSettings: project.settings.length,
    projectFunctions: project.functions.length,
    projectSecretsNotKept: project.notReturned,
  };
}

function projectLine(project: ProjectContents): string {
  if (project === undefined) return "not asked for";
  const { settings, functions, notReturned } = project;
  const secrets = notReturned === 0 ? "" : `; needs a person: ${notReturned} secrets to be entered again`;
  return `${settings.length}, ${functions.length} functions with their bodies${secrets}`;
}
