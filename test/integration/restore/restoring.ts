/** Plans and performs a restore the way an action does, with proofs that tests may replace. */
import { planDatabaseRestore, type RestoreRequest } from "../../../src/operations/plan-database-restore.ts";
import { type RestoreReport, restoreDatabase } from "../../../src/operations/restore-database.ts";
import type { RestoreMeans } from "../../../src/operations/restore-means.ts";
import { readTargetFacts } from "../../../src/postgres/restore-target.ts";
import { systemClock } from "../../../src/system/clock.ts";
import { silentLogger } from "../../../src/system/logger.ts";
import { newId, type RealBackup, tools } from "./real-backups.ts";

export async function restore(
  backup: Pick<RealBackup, "contents" | "source">,
  request: Omit<RestoreRequest, "jobs">,
  more: Partial<RestoreMeans> = {},
): Promise<RestoreReport> {
  const facts = await readTargetFacts(request.target, more.tools ?? tools);
  const plan = planDatabaseRestore({ contents: backup.contents, request: { ...request, jobs: 2 }, facts });
  return await restoreDatabase(plan, {
    target: request.target,
    contents: backup.contents,
    source: backup.source,
    tools,
    id: newId(),
    clock: systemClock,
    logger: silentLogger,
    signal: new AbortController().signal,
    runHook: () => Promise.resolve(),
    verifyRestored: () => Promise.resolve({ verdict: "passed", findings: [] }),
    verifyTables: () => Promise.resolve([]),
    ...more,
  });
}
