/** What is due as rows of a job matrix: one for each source, and one for each machine of a first, large backup. */
import type { BackupPlan } from "../../operations/plan-backups.ts";
import type { PolicySource } from "../../policy/policy.ts";
import type { Tier } from "../../snapshot/snapshot-json.ts";

export interface DueEntry {
  readonly source: string;
  readonly kind: Kind;
  readonly tiers: readonly Tier[];
  readonly reasons: readonly string[];
  /** More than one: machines that share this backup. */
  readonly shards: number;
}

export type Kind = "database" | "storage" | "application";

/** All values are texts, as inputs take them. */
export interface MatrixRow {
  readonly source: string;
  readonly kind: Kind;
  readonly tiers: string;
  /** `2/8`; empty where one machine does it all. */
  readonly shard: string;
  readonly "shard-group": string;
}

const kinds = { postgres: "database", "supabase-storage": "storage", application: "application" } as const;

export function dueEntries(
  { due, firstTimers }: BackupPlan,
  storageShards: number | undefined,
): readonly DueEntry[] {
  return due
    .filter(({ tiers }) => tiers.length > 0)
    .map(({ source, tiers, reasons }) => ({
      source: source.name,
      kind: kindOf(source),
      tiers,
      reasons: reasons.map(({ code }) => code),
      shards:
        source.type === "supabase-storage" && firstTimers.includes(source.name)
          ? (storageShards ?? source.shards)
          : 1,
    }));
}

export function kindOf({ type }: PolicySource): Kind {
  return kinds[type];
}

/** `group` names this run's shards; it must differ from run to run and stay the same for its attempts. */
export function matrixRows(entries: readonly DueEntry[], group: string): readonly MatrixRow[] {
  return entries.flatMap(({ source, kind, tiers, shards }) =>
    Array.from({ length: shards }, (_, index) => ({
      source,
      kind,
      tiers: tiers.join(","),
      shard: shards === 1 ? "" : `${index + 1}/${shards}`,
      "shard-group": shards === 1 ? "" : group,
    })),
  );
}
