/** The steps of a whole restore beside what exists: roles, a new database, its rows, the proof. */
import { setTimeout as delay } from "node:timers/promises";
import { asLifeboatError, LifeboatError } from "../errors.ts";
import { analyzeDatabase } from "../postgres/analyze.ts";
import { openClient, type Sql, withClient } from "../postgres/client.ts";
import { type Connection, withDatabase } from "../postgres/connection.ts";
import { dropDatabase } from "../postgres/drop-database.ts";
import { readProperties } from "../postgres/database-properties.ts";
import { foreignRefreshes } from "../postgres/foreign-refreshes.ts";
import { whileHypertablesRest } from "../postgres/hypertables.ts";
import { loadArchives } from "../postgres/load.ts";
import { loadConfined } from "../postgres/load-confined.ts";
import { entriesWithout, type SkippedEntry } from "../postgres/missing-extensions.ts";
import { createMissingRoles, readTargetRoles } from "../postgres/missing-roles.ts";
import { applyProperties, createDatabase } from "../postgres/new-database.ts";
import { settlePublicSchema } from "../postgres/public-schema.ts";
import { type GlobalRoles, parseGlobals, withVerifiers } from "../postgres/restore-globals.ts";
import { createLoader } from "../postgres/ordinary-loader.ts";
import { newDatabaseName, type RestoreMark } from "../postgres/restore-names.ts";
import { advanceSequences } from "../postgres/restore-sequences.ts";
import { readPartToc } from "../postgres/restore-rows.ts";
import { nameOf, type Refusal } from "../postgres/refusal.ts";
import { readPart } from "../postgres/restore-stream.ts";
import { giveToOwners } from "../postgres/superuser-owners.ts";
import type { ArchiveToc, TocEntry } from "../postgres/restore-toc.ts";
import { findLeftovers, maintenanceConnection, markDatabase } from "../postgres/swap.ts";
import { moveToTablespaces, type TablespaceChoice, tablespaceFindings } from "../postgres/tablespaces.ts";
import { entriesInUntrustedLanguages } from "../postgres/untrusted-languages.ts";
import {
  type ContentsFile,
  databaseOf,
  type DatabaseContents,
  type DatabaseProperties,
} from "../snapshot/contents.ts";
import { unlessAborted } from "../system/concurrency.ts";
import type { Finding } from "../verification/findings.ts";
import { withoutSkipped } from "../verification/skipped-objects.ts";
import type { RestorePlan } from "./plan-database-restore.ts";
import { lossesOf, requireWhole, withAccepted } from "./restore-losses.ts";
import type { RestoreMeans, RestoreVerdict } from "./restore-means.ts";

export async function createRoles(
  lock: Sql,
  plan: RestorePlan,
  means: RestoreMeans,
): Promise<{ readonly created: readonly string[]; readonly findings: readonly Finding[] }> {
  const { choice } = plan.roles;
  const { roles, shared, server } = databaseOf(means.contents);
  // Older backups have memberships in globals.sql alone.
  const globals = choice === "as-backed-up" || shared === undefined ? await readGlobals(means) : undefined;
  const backup = { major: server.major, roles, shared, memberships: globals?.memberships ?? [] };
  return await createMissingRoles(lock, { choice, backup, globals });
}

async function readGlobals(means: RestoreMeans): Promise<GlobalRoles | undefined> {
  const sql = await readSmallPart(means, "globals");
  if (sql === undefined) return undefined;
  const globals = parseGlobals(sql);
  return { ...globals, roles: withVerifiers(globals.roles, await readSmallPart(means, "role-verifiers")) };
}

async function readSmallPart(
  { contents, source, tools }: RestoreMeans,
  role: ContentsFile["role"],
): Promise<string | undefined> {
  const file = contents.files.find((one) => one.role === role);
  if (file === undefined) return undefined;
  const bytes = await readPart({ source, name: file.name, zstd: tools.zstd }, 64 * 1024 * 1024);
  return bytes.toString("utf8");
}

/** In place, the target's own rights, settings, owner, comment and limit stay; rows bring encoding and locale. */
export async function propertiesFor(
  lock: Sql,
  plan: RestorePlan,
  means: RestoreMeans,
): Promise<DatabaseProperties> {
  const { properties: backedUp } = databaseOf(means.contents);
  if (plan.mode.kind !== "in-place") return plan.isOwnerless ? ownedBy(plan.target.user, backedUp) : backedUp;
  const here = await readProperties(lock, plan.target.database, majorOf(plan));
  if (here === undefined) throw new LifeboatError("plan-outdated", "The database to replace is gone.");
  const { owner, acl, settings, comment, connectionLimit } = here;
  return { ...backedUp, owner, acl, settings, comment, connectionLimit };
}

/** What others were granted was granted by the owner. */
function ownedBy(user: string, properties: DatabaseProperties): DatabaseProperties {
  const { owner, acl } = properties;
  const isPlain = [user, owner].every((name) => /^[a-z_][a-z0-9_]*$/.test(name));
  const granted = acl?.replaceAll(
    /([^{,=]*)=([^/,]*)\/([^,}]*)/g,
    (_, to: string, rights: string, by: string) =>
      [to, `${rights}/${by}`]
        .map((text) => text.replace(new RegExp(`(^|/)${owner}$`), `$1${user}`))
        .join("="),
  );
  return { ...properties, owner: user, acl: isPlain ? (granted ?? null) : null };
}

/** The table of contents of the schema archive, and what of it this server cannot have. */
export async function readSchemaToc(
  plan: RestorePlan,
  { contents, source, tools, confined = false, isCheck = false }: RestoreMeans,
): Promise<{ readonly toc: ArchiveToc; readonly skipped: readonly SkippedEntry[] }> {
  const file = contents.files.find(({ role }) => role === "schema");
  if (file === undefined) throw new LifeboatError("snapshot-damaged", "The snapshot has no schema archive.");
  const toc = await readPartToc(source, tools, file.name);
  const skipped = [...entriesWithout(toc, databaseOf(contents), plan.skippedExtensions)];
  const more = [
    ...(confined ? entriesInUntrustedLanguages(toc) : []),
    ...(isCheck ? foreignRefreshes(toc) : []),
  ];
  for (const one of more) if (!skipped.some(({ entry }) => entry === one.entry)) skipped.push(one);
  return { toc, skipped };
}

/** A run that was asked to stop waits no longer for the server to drop what it had loaded. */
const dropMs = 3000;

interface Copy {
  readonly name: string;
  readonly resumed: boolean;
  readonly findings: readonly Finding[];
  readonly seconds: Readonly<Record<string, number>>;
  readonly refusals: readonly Refusal[];
  /** Of a confined restore: who reads it, and the superuser's session. */
  readonly loader?: Connection;
  readonly superuser?: Sql;
}

/** A verified copy of this very snapshot is used (and verified again); everything else that a kill left is dropped. */
export async function takeUpLeftover(
  lock: Sql,
  plan: RestorePlan,
  { target, logger, signal }: RestoreMeans,
): Promise<Copy | undefined> {
  let copy: Copy | undefined;
  for (const { name, mark } of await findLeftovers(lock, plan.target.database)) {
    signal.throwIfAborted();
    if (copy === undefined && mark?.state === "verified" && mark.snapshot === plan.snapshot.id) {
      copy = { name, resumed: true, findings: [], seconds: {}, refusals: [] };
      logger.info("A copy that an earlier run had verified is used.");
    } else {
      await dropDatabase(lock, withDatabase(target, name));
      logger.info("Dropped an unfinished copy that an earlier run had left.");
    }
  }
  return copy;
}

export interface LoadChoice {
  readonly properties: DatabaseProperties;
  readonly skipped: readonly SkippedEntry[];
  /** Tablespaces of the archive that the server lacks. */
  readonly tablespaces: TablespaceChoice;
  /** What only a superuser may own, of owners that are none here. */
  readonly ownerless: readonly TocEntry[];
  readonly rolesCreated: ReadonlySet<string>;
}

/** What was loaded is dropped when it fails, or when the run is asked to stop: that ends its sessions as well. */
export async function loadBeside(
  lock: Sql,
  plan: RestorePlan,
  means: RestoreMeans,
  choice: LoadChoice,
): Promise<Copy> {
  const name = newDatabaseName(plan.target.database, means.id);
  means.signal.throwIfAborted();
  try {
    return await unlessAborted(load(name, lock, plan, means, choice), means.signal);
  } catch (error) {
    await dropQuietly(lock, name, means);
    throw error;
  }
}

async function load(
  name: string,
  lock: Sql,
  plan: RestorePlan,
  means: RestoreMeans,
  { properties, skipped, ownerless, rolesCreated, tablespaces }: LoadChoice,
): Promise<Copy> {
  const { contents, clock, logger, source, tools } = means;
  const database = databaseOf(contents);
  const owned = withDatabase(means.target, name);
  const roles = new Set((await readTargetRoles(lock)).keys());
  const created = await createDatabase(lock, {
    name,
    properties,
    serverMajor: majorOf(plan),
    roles,
    substituteLocale: plan.substituteLocale,
  });
  await markDatabase(lock, name, markOf(plan, "loading"));
  const superuser = means.confined === true ? await openClient(owned) : undefined;
  try {
    const connection =
      superuser === undefined ? owned : await createLoader(superuser, owned, powerfulRoles(database));
    const applied = await applyProperties(lock, name, properties, roles);
    await settlePublicSchema(owned, database);
    const { jobs, skippedExtensions: missing } = plan;
    const options = {
      connection,
      source,
      files: contents.files,
      tools,
      jobs,
      clock,
      logger,
      isAtomic: plan.isAtomic,
      isOwnerless: plan.isOwnerless,
      isUnplaced: tablespaces.missing.length > 0,
      searchPath: searchPathOf(properties),
      ...(missing.length + skipped.length === 0 ? {} : { without: { missing, skipped, database } }),
      ...(ownerless.length === 0 ? {} : { withoutOwner: new Set(ownerless.map(({ dumpId }) => dumpId)) }),
    };
    const present = database.extensions.filter((extension) => !missing.includes(extension.name));
    const load = await whileHypertablesRest(owned, present, () =>
      superuser === undefined ? loadArchives(options) : loadConfined({ ...options, superuser }),
    );
    const left = new Set(skipped.map(({ entry }) => entry.dumpId));
    const given = await giveToOwners(
      connection,
      ownerless.filter(({ dumpId }) => !left.has(dumpId)),
      rolesCreated,
    );
    if (superuser === undefined) await moveToTablespaces(connection, tablespaces);
    const started = clock.elapsedMs();
    await settleSequences(connection, withoutSkipped(database, skipped).expected);
    await analyzeDatabase(connection, jobs);
    return {
      name,
      resumed: false,
      findings: [...created, ...applied, ...given, ...tablespaceFindings(tablespaces)],
      refusals: load.refusals,
      seconds: { ...load.seconds, analyze: (clock.elapsedMs() - started) / 1000 },
      ...(superuser === undefined ? {} : { superuser, loader: connection }),
    };
  } catch (error) {
    await superuser?.end().catch(() => {});
    throw error;
  }
}

/** As `pg_db_role_setting` holds it, which is as SET takes it; what everybody starts with where nothing is set. */
function searchPathOf({ settings }: DatabaseProperties): string {
  const own = settings.find(({ role, setting }) => role === "" && setting.startsWith("search_path="));
  return own === undefined ? '"$user", public' : own.setting.slice("search_path=".length) || "''";
}

/** The source's superusers, and who is called as hosted servers call the next best. */
function powerfulRoles({ roles }: DatabaseContents): readonly string[] {
  return roles
    .filter(({ name, attributes }) => name === "postgres" || /\bSUPERUSER\b/.test(attributes))
    .map(({ name }) => name);
}

/** Sequences that two parts set in either order. */
async function settleSequences(connection: Connection, database: DatabaseContents): Promise<void> {
  await withClient(connection, async (sql) => {
    await sql.query("set default_transaction_read_only = off");
    await advanceSequences(sql, database.sequences);
  });
}

export async function prove(
  lock: Sql,
  plan: RestorePlan,
  means: RestoreMeans,
  { name, loader, superuser, refusals }: Copy,
  skipped: readonly SkippedEntry[],
): Promise<{
  readonly verdict: RestoreVerdict;
  readonly missing: readonly string[];
  readonly seconds: number;
}> {
  const { target, verifyRestored, clock, signal } = means;
  const started = clock.elapsedMs();
  try {
    const verdict = await unlessAborted(
      verifyRestored(loader ?? withDatabase(target, name), skipped, superuser, refusals),
      signal,
    );
    const accepted =
      verdict.verdict === "passed" || (verdict.verdict === "not-verified" && plan.acceptNotVerified);
    if (!accepted) throw notProven(verdict);
    const losses = lossesOf(refusals, plan);
    requireWhole(losses, plan, verdict.findings);
    // What is missing would be forgotten by a run that takes this copy up.
    if (refusals.length === 0) await markDatabase(lock, name, markOf(plan, "verified"));
    return {
      verdict: { ...verdict, findings: withAccepted(verdict.findings, losses) },
      missing: losses.map(nameOf),
      seconds: (clock.elapsedMs() - started) / 1000,
    };
  } catch (error) {
    await dropQuietly(lock, name, means);
    throw error;
  } finally {
    // Before a database gets another name, everybody leaves it.
    await superuser?.end().catch(() => {});
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
async function dropQuietly(lock: Sql, name: string, { target, logger, signal }: RestoreMeans): Promise<void> {
  try {
    const copy = withDatabase(target, name);
    const dropping = dropDatabase(lock, copy).catch(async (cause: unknown) => {
      if (signal.aborted) throw cause;
      // What went wrong may have taken the lock's session as well; nobody else knows the copy.
      const server = await maintenanceConnection(target, target.database);
      await withClient(server, (sql) => dropDatabase(sql, copy));
    });
    await (signal.aborted ? Promise.race([dropping, tooSlow()]) : dropping);
  } catch (cause) {
    const why = asLifeboatError(cause).message.replace(/\.$/, "");
    logger.warning(`The unfinished copy could not be dropped (the next restore will): ${why}.`);
  }
}

async function tooSlow(): Promise<never> {
  await delay(dropMs, undefined, { ref: false });
  throw new Error("the server takes its time");
}
