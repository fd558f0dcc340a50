/** Restores a database snapshot as its plan says: beside, proven, and only then in the place of anything else. */
import { asLifeboatError, LifeboatError } from "../errors.ts";
import { analyzeDatabase } from "../postgres/analyze.ts";
import { type Sql, withClient } from "../postgres/client.ts";
import { type Connection, describeServer, withDatabase } from "../postgres/connection.ts";
import { quoteIdentifier } from "../postgres/identifiers.ts";
import { loadArchives } from "../postgres/load.ts";
import { createMissingRoles, planRoles, readTargetRoles } from "../postgres/missing-roles.ts";
import { readProperties } from "../postgres/database-properties.ts";
import { applyProperties, createDatabase } from "../postgres/new-database.ts";
import { type GlobalRoles, parseGlobals } from "../postgres/restore-globals.ts";
import { newDatabaseName, type RestoreMark } from "../postgres/restore-names.ts";
import { advanceSequences } from "../postgres/restore-sequences.ts";
import { type PartSource, readPart, type RestoreTools } from "../postgres/restore-stream.ts";
import { databaseOid } from "../postgres/restore-target.ts";
import {
  dropNewDatabase,
  findLeftovers,
  lockRestore,
  maintenanceConnection,
  markDatabase,
  swapDatabases,
  takeName,
} from "../postgres/swap.ts";
import { restoreTables } from "../postgres/table-replace.ts";
import {
  type Contents,
  databaseOf,
  type DatabaseContents,
  type DatabaseProperties,
  type TableContents,
} from "../snapshot/contents.ts";
import type { Clock } from "../system/clock.ts";
import type { Logger } from "../system/logger.ts";
import type { Finding, Verdict } from "../verification/findings.ts";
import type { RestorePlan } from "./plan-database-restore.ts";
import { afterFailed, Hooks, type RestoreHooks, type RestoreOutcome, type RunHook } from "./restore-hooks.ts";

export interface RestoreMeans {
  /** The plan's own target. */
  readonly target: Connection;
  readonly contents: Contents;
  readonly source: PartSource;
  readonly tools: RestoreTools;
  /** Names what this restore makes; a new snapshot id. */
  readonly id: string;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly hooks?: RestoreHooks;
  readonly runHook: RunHook;
  /** Compares the loaded database with the backup, before anything else sees it. */
  readonly verifyRestored: (connection: Connection) => Promise<RestoreVerdict>;
  /** The same for chosen tables, inside the open transaction. */
  readonly verifyTables: (sql: Sql, tables: readonly TableContents[]) => Promise<readonly Finding[]>;
}

export interface RestoreVerdict {
  readonly verdict: Verdict;
  readonly findings: readonly Finding[];
}

export interface RestoreReport {
  readonly outcome: "restored";
  readonly database: string;
  readonly findings: readonly Finding[];
  readonly rolesCreated: readonly string[];
  /** Where what stood before is kept. */
  readonly keptDatabase?: string;
  readonly tables?: { readonly created: readonly string[]; readonly replaced: readonly string[] };
  /** A verified copy that a killed run had left was used. */
  readonly resumed: boolean;
  readonly seconds: Readonly<Record<string, number>>;
}

/** A restore that did not come about, and how the target stands now. */
export class RestoreFailure extends LifeboatError {
  readonly outcome: Exclude<RestoreOutcome, "restored">;

  constructor(cause: LifeboatError, outcome: "unchanged" | "damaged") {
    const state = outcome === "unchanged" ? "The target is unchanged." : "The target's state is not known.";
    const sentence = /[.!?]$/.test(cause.message) ? cause.message : `${cause.message}.`;
    const { hint, inside, publicSentence } = cause;
    super(cause.code, `${sentence} ${state}`, {
      hint,
      ...(publicSentence === undefined ? {} : { publicSentence: `${publicSentence} ${state}` }),
      ...(inside === undefined ? {} : { inside }),
      cause: cause.cause,
    });
    this.outcome = outcome;
  }
}

/** Performs the plan. Throws `RestoreFailure`, which says how the target stands. */
export async function restoreDatabase(plan: RestorePlan, means: RestoreMeans): Promise<RestoreReport> {
  checkPlan(plan, means);
  const hooks = new Hooks(plan.snapshot.id, means.hooks ?? {}, means.runHook);
  let report: RestoreReport;
  try {
    report =
      plan.mode.kind === "tables"
        ? await restoreChosen(plan, means, hooks)
        : await restoreWhole(plan, means, hooks);
  } catch (thrown) {
    const error = asLifeboatError(thrown);
    const outcome = error.code === "restore-state-unknown" ? "damaged" : "unchanged";
    await hooks
      .after(outcome)
      .catch((cause: unknown) => means.logger.warning(asLifeboatError(cause).message));
    throw new RestoreFailure(error, outcome);
  }
  const finding = await hooks.after("restored").then(() => undefined, afterFailed);
  return finding === undefined ? report : { ...report, findings: [...report.findings, finding] };
}

async function restoreWhole(plan: RestorePlan, means: RestoreMeans, hooks: Hooks): Promise<RestoreReport> {
  const { database } = plan.target;
  const server = await maintenanceConnection(means.target, database);
  const lock = await lockRestore(server, database);
  try {
    await checkTarget(lock, plan);
    const roles = await createRoles(lock, plan, means);
    const properties = await propertiesFor(lock, plan, means);
    if (plan.mode.kind === "new-database") await hooks.before();
    const copy =
      (await takeUpLeftover(lock, plan, means)) ?? (await loadBeside(lock, plan, means, properties));
    const { verdict, seconds: verifySeconds } = await prove(lock, plan, means, copy.name);
    const started = means.clock.elapsedMs();
    const { connectionLimit, comment } = properties;
    const naming = { database, newName: copy.name, connectionLimit, comment };
    let keptDatabase: string | undefined;
    if (plan.mode.kind === "in-place") {
      // Hours may have passed: what is replaced must still be what the plan saw.
      await checkTarget(lock, plan);
      await hooks.before();
      keptDatabase = await swapDatabases({ ...naming, server, id: means.id });
    } else {
      await takeName(lock, naming);
    }
    const swap = (means.clock.elapsedMs() - started) / 1000;
    return {
      outcome: "restored",
      database,
      findings: [...roles.findings, ...copy.findings, ...verdict.findings],
      rolesCreated: roles.created,
      ...(keptDatabase === undefined ? {} : { keptDatabase }),
      resumed: copy.resumed,
      seconds: { ...copy.seconds, verify: verifySeconds, swap },
    };
  } finally {
    await lock.end().catch(() => {});
  }
}

async function restoreChosen(plan: RestorePlan, means: RestoreMeans, hooks: Hooks): Promise<RestoreReport> {
  if (plan.mode.kind !== "tables") throw new LifeboatError("unexpected", "This plan chooses no tables.");
  const { target, contents, source, tools, verifyTables, clock } = means;
  const started = clock.elapsedMs();
  const server = await maintenanceConnection(target, plan.target.database);
  const lock = await lockRestore(server, plan.target.database);
  try {
    await checkTarget(lock, plan);
    await hooks.before();
    const { created, replaced, findings } = await restoreTables({
      connection: target,
      source,
      files: contents.files,
      contents: databaseOf(contents),
      selection: plan.mode,
      tools,
      verifyTables,
    });
    return {
      outcome: "restored",
      database: plan.target.database,
      findings,
      rolesCreated: [],
      tables: { created, replaced },
      resumed: false,
      seconds: { tables: (clock.elapsedMs() - started) / 1000 },
    };
  } finally {
    await lock.end().catch(() => {});
  }
}

function checkPlan(plan: RestorePlan, { target, contents }: RestoreMeans): void {
  const same =
    plan.snapshot.id === contents.id &&
    plan.target.database === target.database &&
    plan.target.server === describeServer(target);
  if (!same) throw new LifeboatError("plan-outdated", "The plan is of another snapshot or another target.");
}

async function checkTarget(lock: Sql, plan: RestorePlan): Promise<void> {
  const { database, oid } = plan.target;
  const now = (await databaseOid(lock, database)) ?? null;
  if (now === oid) return;
  throw new LifeboatError(
    "plan-outdated",
    `${quoteIdentifier(database)} is not the database that the plan saw: it was made, dropped or replaced meanwhile.`,
  );
}

async function createRoles(
  lock: Sql,
  plan: RestorePlan,
  means: RestoreMeans,
): Promise<{ readonly created: readonly string[]; readonly findings: readonly Finding[] }> {
  const { choice } = plan.roles;
  const rolesPlan = planRoles(databaseOf(means.contents).roles, await readTargetRoles(lock), choice);
  const globals = choice === "as-backed-up" ? await readGlobals(means) : undefined;
  return await createMissingRoles(lock, rolesPlan, globals);
}

async function readGlobals({ contents, source, tools }: RestoreMeans): Promise<GlobalRoles | undefined> {
  const file = contents.files.find(({ role }) => role === "globals");
  if (file === undefined) return undefined;
  const sql = await readPart({ source, name: file.name, zstd: tools.zstd }, 64 * 1024 * 1024);
  return parseGlobals(sql.toString("utf8"));
}

/** In place, the target's own rights, settings, owner, comment and limit stay; rows bring encoding and locale. */
async function propertiesFor(lock: Sql, plan: RestorePlan, means: RestoreMeans): Promise<DatabaseProperties> {
  const { properties: backedUp } = databaseOf(means.contents);
  if (plan.mode.kind !== "in-place") return backedUp;
  const here = await readProperties(lock, plan.target.database, majorOf(plan));
  if (here === undefined) throw new LifeboatError("plan-outdated", "The database to replace is gone.");
  const { owner, acl, settings, comment, connectionLimit } = here;
  return { ...backedUp, owner, acl, settings, comment, connectionLimit };
}

interface Copy {
  readonly name: string;
  readonly resumed: boolean;
  readonly findings: readonly Finding[];
  readonly seconds: Readonly<Record<string, number>>;
}

/** A verified copy of this very snapshot is used (and verified again); everything else that a kill left is dropped. */
async function takeUpLeftover(
  lock: Sql,
  plan: RestorePlan,
  { logger }: RestoreMeans,
): Promise<Copy | undefined> {
  let copy: Copy | undefined;
  for (const { name, mark } of await findLeftovers(lock, plan.target.database)) {
    if (copy === undefined && mark?.state === "verified" && mark.snapshot === plan.snapshot.id) {
      copy = { name, resumed: true, findings: [], seconds: {} };
      logger.info("A copy that an earlier run had verified is used.");
    } else {
      await dropNewDatabase(lock, name);
      logger.info("Dropped an unfinished copy that an earlier run had left.");
    }
  }
  return copy;
}

async function loadBeside(
  lock: Sql,
  plan: RestorePlan,
  means: RestoreMeans,
  properties: DatabaseProperties,
): Promise<Copy> {
  const { contents, clock, logger, source, tools } = means;
  const database = databaseOf(contents);
  const name = newDatabaseName(plan.target.database, means.id);
  const connection = withDatabase(means.target, name);
  const roles = new Set((await readTargetRoles(lock)).keys());
  try {
    const created = await createDatabase(lock, {
      name,
      properties,
      serverMajor: majorOf(plan),
      roles,
      substituteLocale: plan.substituteLocale,
    });
    await markDatabase(lock, name, markOf(plan, "loading"));
    const applied = await applyProperties(lock, name, properties, roles);
    const { jobs } = plan;
    const load = await loadArchives({
      connection,
      source,
      files: contents.files,
      tools,
      jobs,
      clock,
      logger,
    });
    const started = clock.elapsedMs();
    await settleSequences(connection, database);
    await analyzeDatabase(connection, jobs);
    return {
      name,
      resumed: false,
      findings: [...created, ...applied],
      seconds: { ...load.seconds, analyze: (clock.elapsedMs() - started) / 1000 },
    };
  } catch (error) {
    await dropQuietly(lock, name, means.logger);
    throw error;
  }
}

/** Sequences that two parts set in either order. */
async function settleSequences(connection: Connection, database: DatabaseContents): Promise<void> {
  await withClient(connection, async (sql) => {
    await sql.query("set default_transaction_read_only = off");
    await advanceSequences(sql, database.sequences);
  });
}

async function prove(
  lock: Sql,
  plan: RestorePlan,
  { target, verifyRestored, clock, logger }: RestoreMeans,
  name: string,
): Promise<{ readonly verdict: RestoreVerdict; readonly seconds: number }> {
  const started = clock.elapsedMs();
  try {
    const verdict = await verifyRestored(withDatabase(target, name));
    const accepted =
      verdict.verdict === "passed" || (verdict.verdict === "not-verified" && plan.acceptNotVerified);
    if (!accepted) throw notProven(verdict);
    await markDatabase(lock, name, markOf(plan, "verified"));
    return { verdict, seconds: (clock.elapsedMs() - started) / 1000 };
  } catch (error) {
    await dropQuietly(lock, name, logger);
    throw error;
  }
}

function notProven({ verdict, findings }: RestoreVerdict): LifeboatError {
  const first = findings.find(({ level }) => level === "error") ?? findings[0];
  const what =
    verdict === "failed"
      ? "What was restored is not what was backed up"
      : "What was restored could not be compared with the backup";
  return new LifeboatError(
    "restore-not-verified",
    first === undefined ? `${what}.` : `${what}: ${first.sentence}`,
    {
      publicSentence: first === undefined ? `${what}.` : `${what}: ${first.publicSentence}.`,
      inside: findings.map(({ sentence }) => sentence).join("\n"),
    },
  );
}

function markOf(plan: RestorePlan, state: RestoreMark["state"]): RestoreMark {
  return { state, database: plan.target.database, snapshot: plan.snapshot.id };
}

function majorOf(plan: RestorePlan): number {
  return Number.parseInt(plan.target.serverVersion, 10);
}

/** The error that led here matters more; what cannot be dropped now is dropped by the next run. */
async function dropQuietly(lock: Sql, name: string, logger: Logger): Promise<void> {
  await dropNewDatabase(lock, name).catch((error: unknown) =>
    logger.warning(
      `The unfinished copy could not be dropped (the next run will): ${(error as Error).message}.`,
    ),
  );
}
