/** Restores a database snapshot as its plan says: beside, proven, and only then in the place of anything else. */
import { asLifeboatError, LifeboatError } from "../errors.ts";
import type { Sql } from "../postgres/client.ts";
import { borrowOwners } from "../postgres/borrowed-owners.ts";
import { describeServer, withDatabase } from "../postgres/connection.ts";
import { quoteIdentifier } from "../postgres/identifiers.ts";
import { readTargetRoles } from "../postgres/missing-roles.ts";
import { applyPreloads } from "../postgres/new-database.ts";
import { databaseOid } from "../postgres/restore-target.ts";
import { ownedByOrdinary, superuserOwned } from "../postgres/superuser-owners.ts";
import { subscriptionFindings, withoutReplication } from "../postgres/subscriptions.ts";
import { howToSee, lockRestore, maintenanceConnection, swapDatabases, takeName } from "../postgres/swap.ts";
import { chooseTablespaces } from "../postgres/tablespaces.ts";
import { restoreTables } from "../postgres/table-replace.ts";
import { databaseOf } from "../snapshot/contents.ts";
import type { ProjectReport } from "../supabase/project-report.ts";
import type { SecretId } from "../supabase/services.ts";
import { asTold, register } from "../system/underway.ts";
import type { Finding } from "../verification/findings.ts";
import type { RestorePlan } from "./plan-database-restore.ts";
import { bringExtensions } from "./bring-extensions.ts";
import {
  createRoles,
  loadBeside,
  propertiesFor,
  prove,
  readSchemaToc,
  takeUpLeftover,
} from "./restore-beside.ts";
import { afterFailed, Hooks, type RestoreOutcome } from "./restore-hooks.ts";
import type { RestoreMeans } from "./restore-means.ts";
import { TargetState } from "./target-state.ts";

export interface RestoreReport {
  readonly outcome: "restored";
  readonly database: string;
  readonly findings: readonly Finding[];
  readonly rolesCreated: readonly string[];
  /** Names of what is missing or weaker than in the backup and was not accepted. */
  readonly missing?: readonly string[];
  /** Where what stood before is kept. */
  readonly keptDatabase?: string;
  readonly tables?: { readonly created: readonly string[]; readonly replaced: readonly string[] };
  /** Into a Supabase project: what became of everything in the backup. */
  readonly project?: ProjectReport & {
    readonly secretIds: readonly SecretId[];
    /** All of this with its names, for who holds the identity: where they may not be shown they must not get lost. */
    readonly sealedReport?: string;
  };
  /** What stood in the project before, verified and held. */
  readonly snapshotBefore?: { readonly source: string; readonly snapshot: string; readonly store: string };
  /** A verified copy that a killed run had left was used. */
  readonly resumed: boolean;
  readonly seconds: Readonly<Record<string, number>>;
}

/** A restore that did not come about, and how the target stands now. */
export class RestoreFailure extends LifeboatError {
  readonly outcome: Exclude<RestoreOutcome, "restored">;

  constructor(cause: LifeboatError, outcome: "unchanged" | "damaged", state: string) {
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
  const state = new TargetState();
  register(means.signal, () => state.standing());
  let report: RestoreReport;
  try {
    report =
      plan.mode.kind === "tables"
        ? await restoreChosen(plan, means, hooks, state)
        : await restoreWhole(plan, means, hooks, state);
  } catch (thrown) {
    throw await failed(thrown, means, { hooks, state });
  }
  const finding = await hooks.after("restored").then(() => undefined, afterFailed);
  return finding === undefined ? report : { ...report, findings: [...report.findings, finding] };
}

/** The end of a restore that did not come about: the application is told, and the error says how the target stands. */
export async function failed(
  thrown: unknown,
  { signal, logger }: Pick<RestoreMeans, "signal" | "logger">,
  { hooks, state }: { readonly hooks: Hooks; readonly state: TargetState },
  cured: (error: LifeboatError) => LifeboatError = (error) => error,
): Promise<RestoreFailure> {
  const outcome = asLifeboatError(thrown).code === "restore-state-unknown" ? "damaged" : "unchanged";
  // Once the run was asked to stop, every other error is the echo of that.
  const error = asLifeboatError(signal.aborted && outcome === "unchanged" ? signal.reason : thrown);
  const failure = asTold(new RestoreFailure(cured(error), outcome, state.standing().sentence));
  await hooks.after(outcome).catch((cause: unknown) => logger.warning(asLifeboatError(cause).message));
  return failure;
}

async function restoreWhole(
  plan: RestorePlan,
  means: RestoreMeans,
  hooks: Hooks,
  state: TargetState,
): Promise<RestoreReport> {
  const { database } = plan.target;
  const { signal } = means;
  const server = await maintenanceConnection(means.target, database);
  const lock = await lockRestore(server, database);
  let giveBack = (): Promise<void> => Promise.resolve();
  try {
    await checkTarget(lock, plan);
    const { toc, skipped } = await readSchemaToc(plan, means);
    signal.throwIfAborted();
    const roles = await createRoles(lock, plan, means);
    state.madeRoles(roles.created.length);
    // A confined restore gives such objects away by itself, while nothing of the backup can run.
    const ownerless =
      means.confined === true || plan.isOwnerless ? [] : await ownedByOrdinary(lock, superuserOwned(toc));
    const properties = await propertiesFor(lock, plan, means);
    giveBack = await borrowOwners(lock, [properties.owner, ...toc.entries.map(({ owner }) => owner)]);
    if (plan.mode.kind === "new-database") await hooks.before(signal);
    const copy =
      (await takeUpLeftover(lock, plan, means)) ??
      (await loadBeside(lock, plan, means, {
        properties,
        skipped,
        ownerless,
        tablespaces: await chooseTablespaces(lock, toc),
        rolesCreated: new Set(roles.created),
      }));
    const proof = await prove(lock, plan, means, copy, skipped);
    const { verdict, missing, seconds: verifySeconds } = proof;
    const preloads =
      means.confined === true
        ? []
        : await applyPreloads(
            lock,
            { database: withDatabase(means.target, copy.name), name: database },
            {
              settings: properties.settings,
              ofRoles: (databaseOf(means.contents).shared?.roleSettings ?? []).filter(({ role }) =>
                roles.created.includes(role),
              ),
            },
            new Set((await readTargetRoles(lock)).keys()),
          );
    const started = means.clock.elapsedMs();
    const { connectionLimit, comment } = properties;
    const naming = { server, database, newName: copy.name, connectionLimit, comment, signal };
    let keptDatabase: string | undefined;
    if (plan.mode.kind === "in-place") {
      // Hours may have passed: what is replaced must still be what the plan saw.
      await checkTarget(lock, plan);
      await hooks.before(signal);
      const replaced = { database: means.target, oid: plan.target.oid ?? "" };
      keptDatabase = await withoutReplication(lock, replaced, () =>
        state.passing(howToSee(copy.name), (onSent) => swapDatabases({ ...naming, id: means.id, onSent })),
      );
    } else {
      await state.passing(howToSee(copy.name), (onSent) => takeName(lock, { ...naming, onSent }));
    }
    const brought = await bringExtensions(plan, means, { toc, skipped });
    const notBrought = brought.flatMap(({ level, about }) =>
      level === "error" && about !== undefined && !plan.accept.includes(about) ? [about] : [],
    );
    const lost = [...missing, ...notBrought];
    const swap = (means.clock.elapsedMs() - started) / 1000;
    return {
      outcome: "restored",
      database,
      findings: [
        ...roles.findings,
        ...copy.findings,
        ...verdict.findings.filter((one) => !isAboutLate(one, plan.lateExtensions)),
        ...brought,
        ...preloads,
        ...(plan.isOwnerless ? [ownersLeftOut(plan.target.user)] : []),
        ...(await subscriptionFindings(lock, means.target, keptDatabase).catch(() => [])),
      ],
      ...(lost.length === 0 ? {} : { missing: lost }),
      rolesCreated: roles.created,
      ...(keptDatabase === undefined ? {} : { keptDatabase }),
      resumed: copy.resumed,
      seconds: { ...copy.seconds, verify: verifySeconds, swap },
    };
  } finally {
    await giveBack();
    await lock.end().catch(() => {});
  }
}

/** The copy was compared while it could not have them. */
function isAboutLate({ code, sentence }: Finding, late: readonly string[]): boolean {
  return code.startsWith("extension-") && late.some((name) => sentence.startsWith(`Extension ${name} `));
}

function ownersLeftOut(user: string): Finding {
  return {
    level: "warning",
    code: "owners-left-out",
    sentence: `Everything belongs to ${quoteIdentifier(user)}, as no-owner asks.`,
    publicSentence: "Everything belongs to the restoring role, as no-owner asks.",
    remedy: "To give an object away later: ALTER … OWNER TO …;",
  };
}

async function restoreChosen(
  plan: RestorePlan,
  means: RestoreMeans,
  hooks: Hooks,
  state: TargetState,
): Promise<RestoreReport> {
  if (plan.mode.kind !== "tables") throw new LifeboatError("unexpected", "This plan chooses no tables.");
  const { target, contents, source, tools, verifyTables, clock, signal } = means;
  const selection = plan.mode;
  const started = clock.elapsedMs();
  const server = await maintenanceConnection(target, plan.target.database);
  const lock = await lockRestore(server, plan.target.database);
  try {
    await checkTarget(lock, plan);
    await hooks.before(signal);
    const { created, replaced, findings } = await state.passing(
      "Compare the tables' row counts with the backup; running again is safe either way.",
      (onSent) =>
        restoreTables({
          connection: target,
          source,
          files: contents.files,
          contents: databaseOf(contents),
          selection,
          tools,
          verifyTables,
          signal,
          onSent,
        }),
    );
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
