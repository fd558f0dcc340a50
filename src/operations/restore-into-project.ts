/** A database snapshot into a Supabase project: read, plan, back up what stands there, restore, and say what was not. */
import { asLifeboatError, LifeboatError } from "../errors.ts";
import { analyzeDatabase } from "../postgres/analyze.ts";
import { openClient, withClient } from "../postgres/client.ts";
import { type ClientTools, toolPath } from "../postgres/client-tools.ts";
import type { Connection } from "../postgres/connection.ts";
import { inspectServer } from "../postgres/inspect-server.ts";
import { refuseHarmfulSettings } from "../postgres/libpq.ts";
import { readTargetFacts } from "../postgres/restore-target.ts";
import { type Contents, databaseOf } from "../snapshot/contents.ts";
import type { SnapshotJson } from "../snapshot/snapshot-json.ts";
import { unlessAborted } from "../system/concurrency.ts";
import { register } from "../system/underway.ts";
import { type RunElevated, runElevated } from "../supabase/elevated.ts";
import { looksLikeProject, readProjectFacts } from "../supabase/project-facts.ts";
import type { ProjectChoice, ProjectMode } from "../supabase/project-mode.ts";
import type { RestorePlan, RestoreRequest } from "./plan-database-restore.ts";
import { planProjectRestore } from "./plan-project-restore.ts";
import { readProjectArchive } from "./project-archive.ts";
import { failed, type RestoreReport } from "./restore-database.ts";
import { afterFailed, Hooks } from "./restore-hooks.ts";
import { restoreProject } from "./restore-project.ts";
import { TargetState } from "./target-state.ts";
import type { RestoreSurroundings, SnapshotRestoreRequest } from "./snapshot-restore-request.ts";
import { partSource } from "./sealed-files.ts";
import { putBackCommand, snapshotBeforeRestore } from "./snapshot-before-restore.ts";
import { sealRestoreReport } from "./seal-restore-report.ts";

/** Whether this restore goes into a Supabase project; stated, or asked of the target. */
export async function goesIntoProject(
  target: Connection,
  { kind }: RestoreRequest["mode"],
  choice: ProjectChoice,
): Promise<boolean> {
  // Single tables go beside what is there, in a project as anywhere.
  if (kind === "tables" || choice.target === "postgresql") return false;
  if (choice.target === "supabase") return true;
  try {
    return await withClient(target, looksLikeProject);
  } catch (error) {
    if (error instanceof LifeboatError && error.code === "database-missing") return false;
    throw error;
  }
}

export interface PlannedProject {
  readonly plan: RestorePlan;
  readonly perform: () => Promise<RestoreReport>;
}

export async function planIntoProject(
  snapshot: SnapshotJson,
  contents: Contents,
  wanted: SnapshotRestoreRequest,
  surroundings: RestoreSurroundings,
): Promise<PlannedProject> {
  const { clock, logger, store } = surroundings;
  const { request, project: choice = defaultChoice } = wanted;
  const { target } = request;
  const server = await withClient(target, inspectServer);
  refuseHarmfulSettings(target, "restore");
  const archiveMajor = Number.parseInt(databaseOf(contents).client.version, 10);
  // A newer archive than the server is read by its own major's programs; an older one by the server's.
  const clients: ClientTools = await surroundings.clientTools(Math.max(server.major, archiveMajor));
  const tools = { pgRestore: toolPath(clients, "pg_restore"), zstd: surroundings.zstd ?? "zstd" };
  const facts = await readTargetFacts(target, tools, target);
  const project = await withClient(target, readProjectFacts);
  const mode: ProjectMode = {
    kind: "supabase",
    inPlace: request.mode.kind === "in-place" || (request.mode.kind === "supabase" && request.mode.inPlace),
    cronJobs: choice.cronJobs,
    signIns: choice.signIns,
  };
  const reading = { contents, source: partSource(store, snapshot, wanted.identities), tools };
  const archive = await readProjectArchive(reading, project, {
    availableExtensions: facts.availableExtensions,
    signIns: mode.signIns,
    inPlace: mode.inPlace,
  });
  const plan = planProjectRestore({ contents, request, mode, facts, project, archive });
  const elevated: RunElevated = surroundings.runElevated ?? runElevated;
  const { signal } = surroundings;
  const means = { ...reading, target, facts: project, archive, clock, logger, runElevated: elevated, signal };

  const replacesSecrets = databaseOf(contents).supabase?.vaultSealed === true;
  const perform = async (): Promise<RestoreReport> => {
    await provePossible(target);
    const before =
      mode.inPlace && project.content.length > 0
        ? await snapshotBeforeRestore(wanted, surroundings, { secrets: replacesSecrets })
        : undefined;
    if (before === undefined)
      logger.info("The project is fresh: there is nothing to back up before the restore.");
    const hooks = new Hooks(snapshot.id, wanted.hooks, surroundings.runHook);
    const state = new TargetState();
    register(signal, () => state.standing());
    try {
      await hooks.before(signal);
      const restored = await state.passing(
        "Look at the project; running again is safe either way: it refuses a project that is filled.",
        (onSent) => restoreProject(plan, { ...means, onSent }),
      );
      const { report, secretIds, rolesCreated, findings, missing, seconds } = restored;
      // The restore is committed: statistics that fail are no reason to say otherwise.
      await unlessAborted(analyzeDatabase(target, 1), signal).catch((cause: unknown) =>
        logger.warning(asLifeboatError(cause).message),
      );
      const sealedReport = await sealRestoreReport({ ...report, secretIds }, wanted.identities).catch(
        (cause: unknown) => {
          logger.warning(asLifeboatError(cause).message);
          return undefined;
        },
      );
      const hookFinding = await hooks.after("restored").then(() => undefined, afterFailed);
      return {
        outcome: "restored",
        database: target.database,
        findings: [...findings, ...(hookFinding === undefined ? [] : [hookFinding])],
        ...(missing.length === 0 ? {} : { missing }),
        rolesCreated,
        resumed: false,
        seconds,
        project: { ...report, secretIds, ...(sealedReport === undefined ? {} : { sealedReport }) },
        ...(before === undefined ? {} : { snapshotBefore: before }),
      };
    } catch (thrown) {
      throw await failed(thrown, surroundings, { hooks, state }, (error) =>
        before === undefined ? error : withCure(error, putBackCommand(before, plan)),
      );
    }
  };
  return { plan, perform };
}

const defaultChoice: ProjectChoice = { target: "auto", cronJobs: "inactive", signIns: false };

/** Known before the first change: without it every trigger and foreign key would act on every row. */
async function provePossible(target: Connection): Promise<void> {
  const sql = await openClient(target);
  try {
    await sql.query("begin; set session_replication_role = replica; rollback");
  } catch (cause) {
    throw new LifeboatError(
      "restore-impossible",
      "This role may not set session_replication_role on the target, without which triggers would act on every row.",
      {
        hint: "Restore as `postgres`; on a self-hosted server: GRANT SET ON PARAMETER session_replication_role TO the role.",
        cause,
      },
    );
  } finally {
    await sql.end().catch(() => {});
  }
}

function withCure(error: LifeboatError, command: string): LifeboatError {
  const { inside, publicSentence } = error;
  return new LifeboatError(error.code, error.message, {
    hint: `${error.hint} Should the project not be as it was: ${command}`,
    ...(inside === undefined ? {} : { inside }),
    ...(publicSentence === undefined ? {} : { publicSentence }),
    cause: error.cause,
  });
}
