/** What is due as outputs, summary and record; pure. */
import type { BackupPlan } from "../../operations/plan-backups.ts";
import type { ActionResult } from "../../runner/run-action.ts";
import type { Finding } from "../../verification/findings.ts";
import { findingsList } from "../markdown.ts";
import { dueEntries, type Kind, kindOf, matrixRows } from "./matrix.ts";

export interface PlanReport {
  readonly plan: BackupPlan;
  /** Of the policy. */
  readonly findings: readonly Finding[];
  readonly storageShards: number | undefined;
  readonly group: string;
}

export function reportPlan({ plan, findings, storageShards, group }: PlanReport): ActionResult {
  const entries = dueEntries(plan, storageShards);
  const isDue = (kind: string): string => String(entries.some((entry) => entry.kind === kind));
  const sources = plan.due.map(({ source, tiers }) => [source.name, tiers.length > 0] as const);
  const rows = matrixRows(entries, group);
  // Expressions cannot filter, and a job must hold the secrets of one kind only.
  const rowsOf = (kind: Kind): string => JSON.stringify({ include: rows.filter((row) => row.kind === kind) });
  return {
    outputs: {
      any: String(entries.length > 0),
      due: JSON.stringify(entries),
      sources: JSON.stringify(Object.fromEntries(sources)),
      matrix: JSON.stringify({ include: rows }),
      "database-matrix": rowsOf("database"),
      "storage-matrix": rowsOf("storage"),
      "application-matrix": rowsOf("application"),
      "join-matrix": JSON.stringify({
        include: entries
          .filter(({ shards }) => shards > 1)
          .map(({ source, tiers }) => ({ source, tiers: tiers.join(","), "shard-group": group })),
      }),
      shared: String(entries.some(({ shards }) => shards > 1)),
      "source-matrix": JSON.stringify({
        include: plan.due.map(({ source }) => ({ source: source.name, kind: kindOf(source) })),
      }),
      database: isDue("database"),
      storage: isDue("storage"),
      application: isDue("application"),
    },
    summary: [
      entries.length === 0
        ? "## ✅ Nothing is due"
        : `## 🛟 Due: ${entries.map((one) => one.source).join(", ")}`,
      ["| source | kind | due | why |", "|---|---|---|---|", ...plan.due.map(row)].join("\n"),
      ...findingsList([...findings, ...plan.findings]),
    ].join("\n\n"),
    record: { numbers: { due: entries.length, sources: plan.due.length } },
  };
}

function row({ source, tiers, reasons }: BackupPlan["due"][number]): string {
  const why = reasons.map(({ sentence }) => sentence).join(" ");
  return `| ${source.name} | ${kindOf(source)} | ${tiers.join(", ") || "–"} | ${why || "All of its backups are there."} |`;
}
