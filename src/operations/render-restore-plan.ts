/** A restore plan in words, for the dry run and the job summary. */
import { quoteIdentifier, quoteQualified } from "../postgres/identifiers.ts";
import { describeLine } from "../supabase/project-report.ts";
import { inMebibytes, planHash, type RestorePlan, type RestoreRequest } from "./plan-database-restore.ts";

/** The plan as a person reads it; names names from inside, so only where they may be shown. */
export function renderPlan(plan: RestorePlan): string {
  const { snapshot, backedUp, target, estimates } = plan;
  const list = (title: string, lines: readonly string[]): string[] =>
    lines.length === 0 ? [] : ["", `${title}:`, ...lines.map((line) => `  - ${line}`)];
  const space =
    estimates.freeBytes === null
      ? "free space on the server: not checked (it cannot be seen from here)"
      : `free space on the server: ${inMebibytes(estimates.freeBytes)}`;
  return [
    `Restore ${quoteIdentifier(backedUp.database)} (PostgreSQL ${backedUp.serverVersion}) as of ${snapshot.moment},`,
    `snapshot ${snapshot.id} of source ${snapshot.source},`,
    `into ${quoteIdentifier(target.database)} on ${target.server} (PostgreSQL ${target.serverVersion}) as ${target.user}: ${describeMode(plan.mode)}.`,
    `${estimates.tables} tables, ${estimates.rows} rows, about ${inMebibytes(estimates.neededBytes)}; ${space}.`,
    ...list("What will be replaced", plan.destroys),
    ...list("What cannot be restored", plan.cannotRestore),
    ...list("Missing roles", plan.roles.missing.map(quoteIdentifier)),
    ...list("What becomes of the backup", (plan.preview ?? []).map(describeLine)),
    ...list("Steps", plan.steps),
    "",
    `Plan ${planHash(plan)}`,
    "",
  ].join("\n");
}

function describeMode(mode: RestoreRequest["mode"]): string {
  switch (mode.kind) {
    case "new-database":
      return "a new database";
    case "in-place":
      return "in place";
    case "supabase":
      return mode.inPlace ? "a Supabase project, in place" : "a fresh Supabase project";
    case "tables": {
      const tables = mode.tables.map(({ schema, name }) => quoteQualified(schema, name));
      const schemas = mode.schemas.map((schema) => `schema ${quoteIdentifier(schema)}`);
      return `only ${[...tables, ...schemas].join(", ")}`;
    }
  }
}
