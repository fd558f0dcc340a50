/** Level `restored`: a real restore into a throwaway server, and the result held against what was backed up. */
import { randomBytes } from "node:crypto";
import { asLifeboatError, LifeboatError } from "../errors.ts";
import { type ClientTools, toolPath } from "../postgres/client-tools.ts";
import { type Sql, withClient } from "../postgres/client.ts";
import { type Connection, withDatabase } from "../postgres/connection.ts";
import { dropDatabase, silenceEventTriggers } from "../postgres/drop-database.ts";
import { quoteIdentifier } from "../postgres/identifiers.ts";
import type { Refusal } from "../postgres/refusal.ts";
import { readTargetFacts } from "../postgres/restore-target.ts";
import type { SkippedEntry } from "../postgres/missing-extensions.ts";
import { newDatabaseName } from "../postgres/restore-names.ts";
import type { SqlCheck } from "../policy/policy.ts";
import type { Identities } from "../seal/identities.ts";
import { type Contents, databaseOf } from "../snapshot/contents.ts";
import { newSnapshotId } from "../snapshot/ids.ts";
import type { SnapshotJson } from "../snapshot/snapshot-json.ts";
import type { Store } from "../store/store.ts";
import type { Clock } from "../system/clock.ts";
import type { Logger } from "../system/logger.ts";
import { judge } from "../verification/compare-database.ts";
import type { ComponentVerdict, Finding } from "../verification/findings.ts";
import { checkAnswers } from "./check-answers.ts";
import { checkIndexes } from "./check-indexes.ts";
import { startCheckServer } from "./check-server.ts";
import { compareRestored } from "./compare-restored.ts";
import { decideExecution, decideOnNamedServer, type IsolationMeans } from "./isolate-contents.ts";
import { planDatabaseRestore, type RestorePlan } from "./plan-database-restore.ts";
import { restoreDatabase } from "./restore-database.ts";
import { partSource } from "./sealed-files.ts";
import type { Stopwatch } from "./stopwatch.ts";

export interface RestoreCheckRequest {
  readonly identities: Identities;
  /** Restores into a new database of this server, removed afterwards, instead of a throwaway one. */
  readonly server: Connection | undefined;
  readonly jobs: number;
  /** The policy's own questions. */
  readonly checks?: readonly SqlCheck[];
  readonly drill?: DrillExtras | undefined;
  /**
   * Whoever wrote the backup's contents may do what the throwaway server may: all of it is restored by a superuser,
   * functions in languages that reach out of the database too, and even where nothing can isolate it. Default: nothing
   * of it runs as a superuser, and nothing at all where it cannot be isolated.
   */
  readonly trustContents?: boolean | undefined;
}

/** What a drill asks of a restored database besides. */
export interface DrillExtras {
  /** Looks at the restored database while it is there, for what concerns more than this snapshot. */
  readonly whileRestored?: (connection: Connection) => Promise<void>;
  /** The backup was chosen because it is signed, or because the ledger or a person vouches for it. */
  readonly isVouchedFor?: boolean;
}

export interface RestoreCheckSurroundings extends IsolationMeans {
  readonly store: Store;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly zstd: string | undefined;
  readonly tools: ClientTools;
  readonly watch: Stopwatch;
  readonly signal: AbortSignal;
  serverPrograms(tools: ClientTools): Promise<void>;
  extensionPackages(major: number, extensions: readonly string[]): Promise<void>;
}

export async function checkRestored(
  snapshot: SnapshotJson,
  contents: Contents,
  request: RestoreCheckRequest,
  surroundings: RestoreCheckSurroundings,
): Promise<readonly ComponentVerdict[]> {
  const { tools, temporaryFolder: folder, clock, logger, watch } = surroundings;
  const id = newSnapshotId(clock.now());
  const restore = (server: Connection): Promise<readonly ComponentVerdict[]> =>
    watch.time("restore", () => restoreAndCompare(snapshot, contents, { server, id }, request, surroundings));
  const { isolation, verdicts, mayRun } = await watch.time("prepare", () =>
    request.server === undefined
      ? decideExecution(request, surroundings)
      : decideOnNamedServer(request.server, request),
  );
  if (!mayRun) return verdicts;
  if (request.server !== undefined) return [...verdicts, ...(await restore(request.server))];
  await using server = await watch.time("prepare", async () => {
    await surroundings.serverPrograms(tools);
    const { binDir, major } = tools;
    // A backup may have any role, "postgres" too; none of them may be the superuser here, unless it is trusted.
    const superuser =
      request.trustContents === true ? "postgres" : `lifeboat_${randomBytes(8).toString("hex")}`;
    return await startCheckServer(
      { binDir, major, folder, clock, logger, isolation, superuser },
      {
        extensions: databaseOf(contents).extensions.map(({ name }) => name),
        relations: databaseOf(contents).objects.filter(({ kind }) => kind in lockable).length,
        copy: newDatabaseName(nameOfCheck(id), id),
        packages: (of, extensions) => surroundings.extensionPackages(of, extensions),
      },
    );
  });
  return [...verdicts, ...(await restore(server.connection))];
}

const lockable = { table: true, index: true, sequence: true, view: true };

/** A short name, so that it stands whole in the copy's. */
function nameOfCheck(id: string): string {
  return `lifeboat_verify_${id.slice(-12)}`;
}

async function restoreAndCompare(
  snapshot: SnapshotJson,
  contents: Contents,
  { server, id }: { readonly server: Connection; readonly id: string },
  request: RestoreCheckRequest,
  { store, clock, logger, tools, zstd = "zstd", watch, signal }: RestoreCheckSurroundings,
): Promise<readonly ComponentVerdict[]> {
  const { identities, jobs } = request;
  const target = withDatabase(server, nameOfCheck(id));
  const restoreTools = { pgRestore: toolPath(tools, "pg_restore"), zstd };
  let components: readonly ComponentVerdict[] = [];
  let rolesMade: readonly string[] = [];
  let mayDoEverything = true;
  const confined = request.server === undefined && request.trustContents !== true;
  try {
    const facts = await readTargetFacts(target, restoreTools);
    mayDoEverything = facts.user.isSuperuser;
    const mode = { kind: "new-database" } as const;
    const plan = planDatabaseRestore({
      contents,
      facts,
      request: {
        target,
        mode,
        jobs,
        acceptNotVerified: true,
        substituteLocale: true,
        missingExtensions: "skip",
      },
    });
    rolesMade = plan.roles.missing;
    const report = await restoreDatabase(plan, {
      target,
      contents,
      source: partSource(store, snapshot, identities),
      tools: restoreTools,
      id,
      clock,
      logger,
      // Of its own: what becomes of a throwaway database is no news of the run.
      signal: AbortSignal.any([signal]),
      runHook: () => Promise.resolve(),
      confined,
      isCheck: true,
      verifyRestored: async (connection, skipped, superuser, refusals = []) => {
        components = await watch.time("verify", () =>
          prove({ connection, superuser }, snapshot, contents, request, { skipped, refusals }),
        );
        components = [...components, ...unloadableNotes(plan)];
        await watch.aside(async () => request.drill?.whileRestored?.(connection));
        // The restore itself need not be kept: what it shows is what we came for.
        return { verdict: "passed", findings: [] };
      },
      verifyTables: () => Promise.resolve([]),
    });
    components = [...components, ...placedOtherwise(report.findings)];
  } catch (cause) {
    signal.throwIfAborted();
    const error = asLifeboatError(cause);
    const refused = confined && wantsSuperuser(error);
    return [notRestored(refused ? withCure(error) : error, mayDoEverything && !refused)];
  } finally {
    await withClient(server, (sql) => removeTraces(sql, target, rolesMade)).catch((cause: unknown) => {
      logger.warning(`What the check made could not be dropped: ${asLifeboatError(cause).publicly.sentence}`);
    });
  }
  return components;
}

/** Why an extension that is installed there could not be created. */
function unloadableNotes({ unloadable }: RestorePlan): readonly ComponentVerdict[] {
  if (unloadable.length === 0) return [];
  return [
    judge(
      "preload",
      unloadable.length,
      unloadable.map(({ name, why }) => ({
        level: "info",
        code: "extension-not-loadable",
        sentence: `Extension ${name} cannot be created on this server: ${why}.`,
        publicSentence: "An extension cannot be created on this server as it is configured.",
        remedy: "Verify on a server that preloads it, or waive it by name: extension:NAME.",
      })),
    ),
  ];
}

interface Incomplete {
  readonly skipped: readonly SkippedEntry[];
  readonly refusals: readonly Refusal[];
}

/** What the checks leave in the database (an extension, a role's rights) comes after the comparison. */
async function prove(
  { connection, superuser }: { readonly connection: Connection; readonly superuser: Sql | undefined },
  { source }: SnapshotJson,
  contents: Contents,
  { checks = [], drill }: RestoreCheckRequest,
  { skipped, refusals }: Incomplete,
): Promise<readonly ComponentVerdict[]> {
  const compared = await compareRestored(connection, databaseOf(contents), skipped, {
    substituteLocale: true,
    refusals,
    of: "check",
  });
  if (superuser !== undefined) await silenceEventTriggers(superuser);
  return [
    ...compared,
    ...(await checkAnswers(connection, source, checks, superuser)),
    ...(drill === undefined ? [] : [await checkIndexes(connection, superuser)]),
  ];
}

/** Nothing is lost where only this machine differs. */
function placedOtherwise(findings: readonly Finding[]): readonly ComponentVerdict[] {
  const notes = findings
    .filter(({ code }) => code === "tablespace-left-out" || code === "library-left-out")
    .map((finding): Finding => ({ ...finding, level: "info" }));
  return notes.length === 0 ? [] : [judge("restore", 1, notes)];
}

/** What an ordinary role may not do says nothing about the backup. */
function wantsSuperuser({ message, inside = "" }: LifeboatError): boolean {
  return /permission denied|must be (?:owner of|superuser|a superuser)|must be able to SET ROLE|[Oo]nly superusers? /.test(
    `${message} ${inside}`,
  );
}

function withCure({ code, message, inside, publicSentence, cause }: LifeboatError): LifeboatError {
  return new LifeboatError(code, message, {
    hint: "Set trust-contents if you trust whoever can write to the source: then a superuser restores it.",
    ...(inside === undefined ? {} : { inside }),
    ...(publicSentence === undefined ? {} : { publicSentence }),
    cause,
  });
}

/**
 * pg_restore stumbled over the backup, or this server cannot take it: only the first speaks against the backup, and only
 * where the role may do everything; otherwise what it may not do is the likelier reason.
 */
function notRestored(error: LifeboatError, mayDoEverything: boolean): ComponentVerdict {
  const stumbled = error.code === "tool-failed";
  const damaging = error.exitCode === 3 || (stumbled && mayDoEverything);
  if (!damaging && !stumbled && error.code !== "restore-impossible") throw error;
  return judge("restore", 1, [
    {
      level: damaging ? "error" : "warning",
      code: error.code,
      sentence: error.inside === undefined ? error.message : `${error.message} ${error.inside}`,
      publicSentence: damaging
        ? "The snapshot could not be restored."
        : "This server cannot take the snapshot.",
      remedy: error.hint,
    },
  ]);
}

/** The database, and the roles that only this check had made: nothing of it may stay on somebody's server. */
async function removeTraces(sql: Sql, database: Connection, roles: readonly string[]): Promise<void> {
  await dropDatabase(sql, database);
  const { rows } = await sql.query<{ name: string }>(
    "select rolname as name from pg_catalog.pg_roles where rolname = any ($1::text[])",
    [roles],
  );
  if (rows.length === 0) return;
  // Rights on parameters go with the first; one of them may have granted another one's membership.
  const made = rows.map(({ name }) => quoteIdentifier(name)).join(", ");
  await sql.query(`drop owned by ${made}`);
  await sql.query(`drop role ${made}`);
}
