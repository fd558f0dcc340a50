/** A restore's plan or report as outputs, summary and record; pure. */
import { renderPlan } from "../../operations/render-restore-plan.ts";
import { lossError } from "../../operations/restore-losses.ts";
import type { RestoreReport } from "../../operations/restore-database.ts";
import type { SnapshotRestoreReport } from "../../operations/restore-snapshot.ts";
import type { Disclosure } from "../../runner/environment.ts";
import type { ActionResult } from "../../runner/run-action.ts";
import { findingsList, table } from "../markdown.ts";

export function reportRestore(
  report: SnapshotRestoreReport,
  store: string,
  disclosure: Disclosure,
): ActionResult {
  const { plan, planHash, restored, seconds } = report;
  const { source, id } = plan.snapshot;
  const common = { source, kind: "database" as const, snapshot: id, store };
  if (restored === undefined) {
    return {
      outputs: { outcome: "planned", snapshot: id, "plan-hash": planHash },
      summary: ["## 📋 Dry run: nothing was changed", planText(report, disclosure)].join("\n\n"),
      record: { ...common, numbers: { seconds } },
    };
  }
  const phases = Object.entries(restored.seconds);
  const error = lossError(restored.missing ?? [], restored.findings);
  return {
    outputs: {
      outcome: error === undefined ? restored.outcome : error.code,
      snapshot: id,
      "plan-hash": planHash,
      ...(restored.keptDatabase === undefined ? {} : { "kept-database": restored.keptDatabase }),
    },
    summary: [
      error === undefined ? `## ✅ Restored "${source}"` : `## ⚠️ Restored "${source}" in part`,
      ...(error === undefined ? [] : [error.publicly.sentence]),
      table([
        ["Snapshot", `\`${id}\``],
        ["Moment", plan.snapshot.moment],
        ["How", plan.mode.kind],
        ["Rows", String(plan.estimates.rows)],
        ...(restored.keptDatabase === undefined
          ? []
          : [["What stood before", "kept, closed to connections"] as const]),
        ["Roles created", String(restored.rolesCreated.length)],
        ...phases.map(([phase, value]) => [phase, `${value.toFixed(1)} s`] as const),
        ["Took", `${seconds.toFixed(1)} s`],
      ]),
      ...projectLines(restored, disclosure),
      ...findingsList(restored.findings),
      "Counts and content were compared with the backup before anything took the target's place.",
    ].join("\n\n"),
    record: { ...common, numbers: { rows: plan.estimates.rows, seconds } },
    ...(error === undefined ? {} : { error }),
  };
}

/** Numbers a kind everywhere; names where they may be shown. */
function projectLines({ project, snapshotBefore }: RestoreReport, disclosure: Disclosure): readonly string[] {
  if (project === undefined) return [];
  const head = [
    "Kind",
    "In the backup",
    "Restored",
    "Kept as the platform made it",
    "Extension missing",
    "Needs a person",
  ];
  const rows = project.lines.map((line) => [
    line.kind,
    line.inBackup,
    line.restored,
    line.kept,
    line.extensionMissing,
    line.needsPerson,
  ]);
  const cells = [head, head.map(() => "---"), ...rows].map((row) => `| ${row.join(" | ")} |`).join("\n");
  const named = disclosure === "names" ? project.unfinished : [];
  return [
    cells,
    ...named.map(({ kind, name, reason }) => `- ${kind} \`${name}\`: ${reason}`),
    ...(disclosure === "names" ? project.secretIds : []).map(
      ({ name, before, after }) => `- secret \`${name ?? ""}\`: id ${before} is now ${after}`,
    ),
    ...sealedLines(disclosure === "names" ? undefined : project.sealedReport),
    ...(snapshotBefore === undefined
      ? []
      : [
          `What stood before is snapshot \`${snapshotBefore.snapshot}\` of \`${snapshotBefore.source}\`, verified and held.`,
        ]),
  ];
}

/** GitHub takes a summary of 1 MiB. */
const mostSealed = 500_000;

function sealedLines(sealed: string | undefined): readonly string[] {
  if (sealed === undefined) return [];
  if (sealed.length > mostSealed) {
    return [
      "The names in this report are too many for a summary: `lifeboat restore database --json` gives them.",
    ];
  }
  const open = "base64 -d sealed.txt | age -d -i everyday.txt | zstd -d";
  return [
    "<details><summary>The report with its names, and the new ids of secrets, sealed for the identity</summary>\n\n" +
      `Save the block as sealed.txt: \`${open}\`\n\n\`\`\`text\n${sealed}\n\`\`\`\n\n</details>`,
  ];
}

/** The whole plan names roles and tables; where those may not be shown, its numbers and its hash remain. */
function planText({ plan, planHash }: SnapshotRestoreReport, disclosure: Disclosure): string {
  if (disclosure === "names") return ["```text", renderPlan(plan).trimEnd(), "```"].join("\n");
  return table([
    ["Snapshot", `\`${plan.snapshot.id}\``],
    ["How", plan.mode.kind],
    ["Tables, rows", `${plan.estimates.tables}, ${plan.estimates.rows}`],
    ["Replaces", `${plan.destroys.length} things`],
    ["Cannot restore", `${plan.cannotRestore.length} things`],
    ["Missing roles", String(plan.roles.missing.length)],
    ["Plan", `\`${planHash}\``],
  ]);
}
