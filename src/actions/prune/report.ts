/** What prune kept and removed as outputs, summary and record; pure. */
import type { PolicyPruneReport } from "../../operations/prune-policy.ts";
import type { PruneReport } from "../../operations/prune-report.ts";
import type { RetentionDecision } from "../../retention/decide.ts";
import type { ActionResult } from "../../runner/run-action.ts";
import type { Finding } from "../../verification/findings.ts";
import { findingsList } from "../markdown.ts";

export function reportPruning(report: PolicyPruneReport, policyFindings: readonly Finding[]): ActionResult {
  const { reports, failures, error } = report;
  const sum = (count: (one: PruneReport) => number): number =>
    reports.reduce((total, one) => total + count(one), 0);
  const kept = sum(({ decisions, removed }) => decisions.length - removed.length);
  const removed = sum((one) => one.removed.length);
  const locked = sum((one) => one.locked.length);
  const planned = sum(({ decisions }) => decisions.filter(({ keep }) => !keep).length);
  const frozen = reports.filter(({ freeze }) => freeze !== undefined).map(({ source }) => source);
  return {
    outputs: {
      removed: String(removed),
      kept: String(kept),
      locked: String(locked),
      planned: String(planned),
      frozen: JSON.stringify([...new Set(frozen)]),
    },
    summary: [
      `## ${title(report, { removed, planned })}`,
      ...reports.map(section),
      ...failures.map(
        ({ source, store, error: cause }) => `❌ "${source}" in \`${store}\`: ${cause.message}`,
      ),
      ...findingsList([...policyFindings, ...reports.flatMap(({ findings }) => findings)]),
    ].join("\n\n"),
    record: { numbers: { kept, removed, locked, planned, frozen: frozen.length, failures: failures.length } },
    ...(error === undefined ? {} : { error }),
  };
}

function title(
  { reports, failures }: PolicyPruneReport,
  { removed, planned }: { readonly removed: number; readonly planned: number },
): string {
  if (reports.some(({ freeze }) => freeze !== undefined))
    return "🧊 Retention is frozen: nothing was removed there";
  if (failures.length > 0) return "❌ Not everything could be pruned";
  if (reports.some(({ dryRun }) => dryRun)) return `📋 Dry run: ${planned} snapshots would be removed`;
  return `✅ ${removed} snapshots removed`;
}

function section(report: PruneReport): string {
  const { source, store, freeze, decisions } = report;
  const lines = [
    `### "${source}" in \`${store}\``,
    ...(freeze === undefined ? [] : [`**Frozen:** ${freeze}`]),
    [
      "<details><summary>Every snapshot, and why it stays or goes</summary>",
      "",
      "| snapshot | tiers | what | until | why |",
      "|---|---|---|---|---|",
      ...decisions.map((decision) => `| ${decisionCells(decision, report).join(" | ")} |`),
      "",
      "</details>",
    ].join("\n"),
  ];
  return lines.join("\n\n");
}

/** Also the columns of the terminal's table. */
export function decisionCells(
  { snapshot, keep, until, reasons }: RetentionDecision,
  { removed, locked, dryRun, freeze }: Pick<PruneReport, "removed" | "locked" | "dryRun" | "freeze">,
): readonly string[] {
  const { id } = snapshot;
  const outcome = removed.includes(id)
    ? "removed"
    : locked.includes(id)
      ? "locked"
      : keep || freeze !== undefined
        ? "kept"
        : dryRun
          ? "would go"
          : "stays for now";
  const why = [...new Set(reasons.map(({ sentence }) => sentence))].join(" ");
  return [id, snapshot.tiers.join(","), outcome, until?.toISOString().slice(0, 10) ?? "–", why];
}
