/** Restores a chosen database snapshot: locate, read, plan, and, unless it is a dry run, perform that same plan. */
import { withClient } from "../postgres/client.ts";
import { toolPath } from "../postgres/client-tools.ts";
import { inspectServer, refuseHopelessConnection } from "../postgres/inspect-server.ts";
import { readTargetFacts } from "../postgres/restore-target.ts";
import { maintenanceConnection } from "../postgres/swap.ts";
import { databaseOf } from "../snapshot/contents.ts";
import { newSnapshotId } from "../snapshot/ids.ts";
import type { SnapshotJson } from "../snapshot/snapshot-json.ts";
import { asRestoreVerdict, compareRestored, compareTables } from "./compare-restored.ts";
import { refuseForged } from "./check-history.ts";
import { locateSnapshot, namingOthers, requireWhole } from "./locate-snapshot.ts";
import { requireAgreedPlan } from "./plan-hash.ts";
import { planDatabaseRestore, planHash, type RestorePlan } from "./plan-database-restore.ts";
import { restoreDatabase, type RestoreReport } from "./restore-database.ts";
import { goesIntoProject, planIntoProject } from "./restore-into-project.ts";
import { partSource, readSealedContents } from "./sealed-files.ts";
import type { RestoreSurroundings, SnapshotRestoreRequest } from "./snapshot-restore-request.ts";

export interface SnapshotRestoreReport {
  readonly plan: RestorePlan;
  readonly planHash: string;
  /** Absent after a dry run. */
  readonly restored?: RestoreReport;
  readonly seconds: number;
}

export async function restoreSnapshot(
  wanted: SnapshotRestoreRequest,
  surroundings: RestoreSurroundings,
): Promise<SnapshotRestoreReport> {
  const { clock, logger, store } = surroundings;
  const startedMs = clock.elapsedMs();
  await refuseHopelessConnection(wanted.request.target);
  const located = await locateSnapshot(store, wanted.source, wanted.choice, clock.now());
  const { newestWhole, snapshot, storeFindings } = located;
  // What was passed over matters most to the person who restores: it may look like the newest backup.
  for (const { sentence, remedy } of storeFindings) logger.warning(`${sentence} ${remedy}`);
  await refuseForged(store, located, { trust: wanted.trust ?? { signers: [] }, now: clock.now(), logger });
  requireWhole(located);
  const report = await namingOthers(newestWhole, restoreLocated(snapshot, wanted, surroundings));
  return { ...report, seconds: (clock.elapsedMs() - startedMs) / 1000 };
}

async function restoreLocated(
  snapshot: SnapshotJson,
  wanted: SnapshotRestoreRequest,
  surroundings: RestoreSurroundings,
): Promise<Omit<SnapshotRestoreReport, "seconds">> {
  const { clock, logger, store, runHook } = surroundings;
  const { target } = wanted.request;
  const contents = await readSealedContents(store, snapshot, wanted.identities);
  const choice = wanted.project ?? { target: "auto", cronJobs: "inactive", signIns: false };
  if (await goesIntoProject(target, wanted.request.mode, choice)) {
    const { plan, perform } = await planIntoProject(
      snapshot,
      contents,
      { ...wanted, project: choice },
      surroundings,
    );
    const hash = agreedHash(plan, wanted.planHash);
    if (wanted.dryRun) return { plan, planHash: hash };
    logger.info(`Restoring snapshot ${snapshot.id} of "${snapshot.source}" into a Supabase project.`);
    return { plan, planHash: hash, restored: await perform() };
  }
  // The target database need not exist yet, so another one is asked.
  const server = await withClient(await maintenanceConnection(target, target.database), inspectServer);
  const clients = await surroundings.clientTools(server.major);
  const tools = { pgRestore: toolPath(clients, "pg_restore"), zstd: surroundings.zstd ?? "zstd" };

  const facts = await readTargetFacts(target, tools);
  const plan = planDatabaseRestore({ contents, request: wanted.request, facts });
  const hash = agreedHash(plan, wanted.planHash);
  if (wanted.dryRun) return { plan, planHash: hash };

  logger.info(`Restoring snapshot ${snapshot.id} of "${snapshot.source}".`);
  const backup = databaseOf(contents);
  const restored = await restoreDatabase(plan, {
    target,
    contents,
    source: partSource(store, snapshot, wanted.identities),
    tools,
    id: newSnapshotId(clock.now()),
    clock,
    logger,
    signal: surroundings.signal,
    hooks: wanted.hooks,
    runHook,
    verifyRestored: async (connection, skipped, _superuser, refusals = []) =>
      asRestoreVerdict(await compareRestored(connection, backup, skipped, { ...plan, refusals })),
    verifyTables: compareTables,
  });
  return { plan, planHash: hash, restored };
}

function agreedHash(plan: RestorePlan, agreed: string | undefined): string {
  const hash = planHash(plan);
  requireAgreedPlan(agreed, hash);
  return hash;
}
