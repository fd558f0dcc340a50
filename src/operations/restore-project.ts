/** Performs a planned restore into a Supabase project: one transaction, proven before it is committed. */
import { z } from "zod";
import { asLifeboatError, LifeboatError } from "../errors.ts";
import { openClient, type Sql } from "../postgres/client.ts";
import { commit, isSqlState } from "../postgres/commit.ts";
import type { Connection } from "../postgres/connection.ts";
import { advanceSequences } from "../postgres/restore-sequences.ts";
import { nameOf } from "../postgres/refusal.ts";
import { parseGlobals } from "../postgres/restore-globals.ts";
import { readPart } from "../postgres/restore-stream.ts";
import { endWhenStopped } from "../postgres/stopping-sessions.ts";
import { type ContentsFile, databaseOf } from "../snapshot/contents.ts";
import { roleVerifier, vaultSecret } from "../snapshot/supabase-contents.ts";
import type { RunElevated } from "../supabase/elevated.ts";
import type { ProjectMode } from "../supabase/project-mode.ts";
import { type ProjectFacts, readProjectFacts } from "../supabase/project-facts.ts";
import { type ProjectReport, ProjectTally, unfinishedFindings } from "../supabase/project-report.ts";
import type { RoleSource } from "../supabase/project-roles.ts";
import { restoreCronJobs, type SecretId } from "../supabase/services.ts";
import type { Clock } from "../system/clock.ts";
import type { Logger } from "../system/logger.ts";
import type { Finding } from "../verification/findings.ts";
import { refusalFinding } from "../verification/refusal-findings.ts";
import { loadProject, type ProjectLoad } from "./load-project.ts";
import type { RestorePlan } from "./plan-database-restore.ts";
import type { ArchiveReading, ProjectArchive } from "./project-archive.ts";
import { orphans, proveProject } from "./prove-project.ts";
import { lossesOf, withAccepted } from "./restore-losses.ts";

export interface ProjectMeans extends ArchiveReading {
  readonly target: Connection;
  readonly facts: ProjectFacts;
  readonly archive: ProjectArchive;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly runElevated: RunElevated;
  readonly signal: AbortSignal;
  /** Called in the turn in which COMMIT is sent. */
  readonly onSent: () => void;
}

export interface RestoredProject {
  readonly report: ProjectReport;
  readonly secretIds: readonly SecretId[];
  readonly rolesCreated: readonly string[];
  readonly findings: readonly Finding[];
  /** Names of what is missing or weaker than in the backup and was not accepted. */
  readonly missing: readonly string[];
  readonly seconds: Readonly<Record<string, number>>;
}

/** Throws with the project unchanged, or `restore-state-unknown` where the connection broke during COMMIT. */
export async function restoreProject(plan: RestorePlan, means: ProjectMeans): Promise<RestoredProject> {
  if (plan.mode.kind !== "supabase") throw new LifeboatError("unexpected", "This plan is of another kind.");
  const { clock, logger, target, facts, archive, runElevated, signal, onSent } = means;
  const backup = databaseOf(means.contents);
  const started = clock.elapsedMs();
  const load = {
    ...means,
    mode: plan.mode,
    database: target.database,
    roles: await readRoleSource(means),
    secrets: await readSecrets(means),
    tally: new ProjectTally(),
    accept: plan.accept,
  };
  const sql = await openClient(target);
  try {
    const letGo = await endWhenStopped(sql, target, signal);
    await begin(sql);
    await requireUnchanged(sql, facts);
    const runner = { sql, targetMajor: Number.parseInt(plan.target.serverVersion, 10), runElevated };
    const loading: ProjectLoad = { ...load, archive, runner };
    const loaded = await loadProject(sql, loading);
    logger.info("Everything is loaded; it is compared with the backup before it is committed.");
    const loadedMs = clock.elapsedMs();
    const findings = await proveProject(sql, loading);
    await restoreCronJobs(sql, backup.supabase?.cronJobs ?? [], cronChoice(plan.mode, archive), load.tally);
    await sql.query("notify pgrst, 'reload schema'");
    letGo();
    const ofPlatform = backup.sequences.filter(({ schema }) => schema === "auth");
    const lastSteps = async (): Promise<void> => {
      await advanceSequences(sql, ofPlatform);
    };
    const ending = { connection: target, signal, onSent, lastSteps };
    await commit(sql, { ...ending, refusal: rolledBack, unknown: notKnown });
    const report = load.tally.report();
    const view = {
      of: "restore",
      sourceMajor: backup.server.major,
      targetMajor: runner.targetMajor,
    } as const;
    const losses = lossesOf(loaded.refusals, plan);
    const ofRefusals = loaded.refusals.map((refusal) => {
      const { entry, refused } = refusal;
      if (refused.code !== "23503") return refusalFinding(refusal, view);
      return { ...orphans(`${entry.schema}.${entry.tag}`, "Rows"), about: nameOf(refusal) };
    });
    return {
      report,
      secretIds: loaded.secretIds,
      rolesCreated: loaded.rolesCreated,
      missing: losses.map(nameOf),
      findings: [
        ...loaded.findings,
        ...withAccepted(ofRefusals, losses),
        ...findings,
        ...unfinishedFindings(report),
        ...storageFinding(means),
      ],
      seconds: { load: (loadedMs - started) / 1000, verify: (clock.elapsedMs() - loadedMs) / 1000 },
    };
  } catch (error) {
    // Ending the session rolls back as well, should this not arrive.
    await sql.query("rollback").catch(() => {});
    throw asProjectError(error);
  } finally {
    await sql.end().catch(() => {});
  }
}

function cronChoice({ cronJobs }: ProjectMode, { services }: ProjectArchive) {
  return { asBackedUp: cronJobs === "as-backed-up", present: services.cronJobs };
}

async function begin(sql: Sql): Promise<void> {
  await sql.query(
    "set tcp_keepalives_idle = 30; set tcp_keepalives_interval = 10; set tcp_keepalives_count = 3; " +
      "set default_transaction_read_only = off",
  );
  // As pg_restore does: bodies are checked when they run, and nothing is found by a search path.
  await sql.query(
    "begin read write; set local check_function_bodies = off; set local client_min_messages = warning; " +
      "set local lock_timeout = '60s'; set local default_tablespace = ''",
  );
  const { rows } = await sql.query<{ locked: string }>(
    "select pg_catalog.pg_try_advisory_xact_lock(pg_catalog.hashtextextended('lifeboat restore project', 0)) as locked",
  );
  if (rows[0]?.locked !== "t") {
    throw new LifeboatError("restore-running", "Another restore into this project is at work.");
  }
}

/** Between the plan and now, nobody may have put anything there, or taken it away. */
async function requireUnchanged(sql: Sql, planned: ProjectFacts): Promise<void> {
  const now = await readProjectFacts(sql);
  if (JSON.stringify(now.content) === JSON.stringify(planned.content)) return;
  throw new LifeboatError("plan-outdated", "What is in the project changed after the plan was made.");
}

function rolledBack(): LifeboatError {
  return new LifeboatError("project-refused", "The server rolled the transaction back.");
}

function notKnown(how: string, cause: unknown): LifeboatError {
  return new LifeboatError(
    "restore-state-unknown",
    "The connection broke during COMMIT: either everything is restored or nothing is.",
    {
      hint: `\`psql -c "${how}"\` on the target says which; running again is safe: it refuses a project that is filled.`,
      cause,
    },
  );
}

function asProjectError(error: unknown): LifeboatError {
  const { code, message } = error as { code?: unknown; message: string };
  if (error instanceof LifeboatError || !isSqlState(code)) return asLifeboatError(error);
  return new LifeboatError("project-refused", `The target refused the restore: ${message}.`, {
    publicSentence: `The target refused the restore (SQLSTATE ${String(code)}).`,
    cause: error,
  });
}

const maxSmallPart = 64 * 1024 * 1024;

async function readRoleSource({ contents, source, tools }: ArchiveReading): Promise<RoleSource> {
  const text = await partText({ contents, source, tools }, "globals");
  const lines = jsonLines(await partText({ contents, source, tools }, "role-verifiers"), roleVerifier);
  return {
    backup: databaseOf(contents),
    globals: parseGlobals(text),
    verifiers: new Map(lines.map(({ name, verifier }) => [name, verifier])),
  };
}

async function readSecrets(reading: ArchiveReading) {
  return jsonLines(await partText(reading, "vault"), vaultSecret);
}

async function partText(
  { contents, source, tools }: ArchiveReading,
  role: ContentsFile["role"],
): Promise<string> {
  const file = contents.files.find((candidate) => candidate.role === role);
  if (file === undefined) return "";
  return (await readPart({ source, name: file.name, zstd: tools.zstd }, maxSmallPart)).toString("utf8");
}

function jsonLines<T>(text: string, shape: z.ZodType<T>): readonly T[] {
  const lines = text.split("\n").filter((line) => line !== "");
  return lines.map((line) => {
    const parsed = shape.safeParse(JSON.parse(line));
    if (parsed.success) return parsed.data;
    throw new LifeboatError("snapshot-damaged", "A sealed part has a line of unknown form.");
  });
}

/** Rows without their bytes answer downloads with errors. */
function storageFinding({ contents }: ArchiveReading): readonly Finding[] {
  const objects = databaseOf(contents).tables.find(
    ({ schema, name }) => schema === "storage" && name === "objects",
  );
  if ((objects?.rows ?? 0) === 0) return [];
  const sentence = `${objects?.rows ?? 0} objects of buckets have their rows again, and not yet their bytes.`;
  return [
    {
      level: "warning",
      code: "bucket-bytes-missing",
      sentence,
      publicSentence: sentence,
      remedy: "Run `lifeboat restore storage` (action `restore`, kind `storage`) into the same project.",
    },
  ];
}
