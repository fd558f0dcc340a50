/**
 * Removes the snapshots of one source that a store need not keep any more. It looks, decides, claims, looks and decides
 * again, and only then removes: snapshot.json first, so that nothing half-removed is ever taken for whole.
 */
import { randomBytes } from "node:crypto";
import { asLifeboatError, LifeboatError } from "../errors.ts";
import type { WitnessedDocument } from "../ledger/record.ts";
import type { Calendar } from "../policy/calendar.ts";
import type { Retention } from "../policy/policy.ts";
import type { RetentionDecision } from "../retention/decide.ts";
import { holdKey, snapshotFileKey, snapshotJsonName } from "../snapshot/keys.ts";
import { tolerableSkewMs } from "../snapshot/observed.ts";
import { writeSignedDocument } from "../snapshot/signed-document.ts";
import type { SigningKey } from "../snapshot/signature.ts";
import type { Actor } from "../snapshot/tombstone.ts";
import type { Store } from "../store/store.ts";
import type { Clock } from "../system/clock.ts";
import type { Logger } from "../system/logger.ts";
import { endOf, register, type Standing } from "../system/underway.ts";
import type { Finding } from "../verification/findings.ts";
import { documentErrorOf, historyErrorOf } from "./check-history.ts";
import { type Observation, type ObserveRequest, observeSnapshots } from "./observe-snapshots.ts";
import { planPruning, type PruningPlan } from "./plan-pruning.ts";
import { deleteRewraps } from "./rewraps.ts";
import { fullStore, untilThereIsRoom } from "./prune-full-store.ts";
import type { PrunePass, PruneReport } from "./prune-report.ts";
import { type PackSweep, sweepPacks } from "./sweep-packs.ts";
import { aboutStore, witnessedDocument, witnessing } from "./witness-documents.ts";
import { claim, claimedByOthers } from "./write-tombstones.ts";

export interface PruneRequest extends Pick<ObserveRequest, "source" | "trust" | "keeps" | "elsewhere"> {
  readonly retention: Retention;
  readonly calendar: Calendar;
  readonly dryRun: boolean;
  readonly signingKey: SigningKey | undefined;
  readonly by: Actor;
  /** What the workflow ran from. */
  readonly commit?: string | undefined;
}

/** No source is backed up less often than weekly. */
const longestSilenceMs = 15 * 24 * 3600 * 1000;

export interface PruneSurroundings {
  readonly signal: AbortSignal;
  readonly store: Store;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** One name for all passes of a pruning, and the tombstones that the ledger must still witness. */
interface Pruning {
  readonly name: string;
  readonly unwitnessed: WitnessedDocument[];
}

export async function pruneSnapshots(
  request: PruneRequest,
  surroundings: PruneSurroundings,
): Promise<PruneReport> {
  const pruning = { name: randomBytes(8).toString("hex"), unwitnessed: [] };
  return await untilThereIsRoom(surroundings.store, request, () => prunePass(request, surroundings, pruning));
}

async function prunePass(
  request: PruneRequest,
  surroundings: PruneSurroundings,
  pruning: Pruning,
): Promise<PrunePass> {
  const { store, clock, logger, signal } = surroundings;
  const { source, dryRun } = request;
  requireSignature(request);
  await refuseSkew(store, clock.now());
  const now = clock.now();
  const observation = await observeSnapshots(store, { ...request, ...thorough, now });
  refuseOldClock(observation, now);
  refuseFarClock(observation, request, now);
  const plan = planPruning(observation, { ...request, now });
  const report = {
    source,
    store: store.address,
    dryRun,
    decisions: plan.decisions,
    removed: [] as string[],
    locked: [] as string[],
    finished: [] as string[],
    begun: [] as string[],
    findings: [...plan.findings],
  };
  if (plan.freeze !== undefined) {
    const written = dryRun ? [] : await rememberFreeze(observation, plan, request, surroundings);
    return { ...report, written, freeze: plan.freeze, error: frozenError(plan, source) };
  }
  if (dryRun) {
    const { findings } = await sweep(store, source, clock, true);
    return withError({ ...report, findings: [...report.findings, ...findings] });
  }

  const doomed = plan.decisions.filter(({ keep }) => !keep);
  register(signal, () => progressOf(report, doomed.length));
  let full: LifeboatError | undefined;
  let packs: PackSweep | undefined;
  try {
    for (const id of observation.halfRemoved) {
      const names = observation.tombstones.get(id)?.files ?? [];
      const outcome = await remove(store, source, id, names, report);
      (outcome === "removed" ? report.finished : report.locked).push(id);
    }
    if (doomed.length > 0) {
      const end = await claimAndRemove(doomed, observation, request, surroundings, report, pruning);
      if (end.frozen !== undefined) {
        return { ...report, freeze: end.frozen.freeze ?? "", error: frozenError(end.frozen, source) };
      }
      full = end.full;
    }
    const swept = await sweep(store, source, clock, false).catch((cause: unknown) => {
      if (signal.aborted) throw cause;
      full ??= fullStore(cause);
      return undefined;
    });
    packs = swept?.packs;
    report.findings.push(...(swept?.findings ?? []));
  } catch (thrown) {
    if (!signal.aborted) throw thrown;
    return { ...report, error: endOf(thrown, signal) };
  }
  logger.info(`${source}: ${report.removed.length} of ${plan.decisions.length} snapshots removed.`);
  return withError({
    ...report,
    ...(packs === undefined ? {} : { packs }),
    ...(full === undefined ? {} : { full }),
  });
}

/** Everything that was ever held, and every document that may be damaged. */
const thorough = { isThorough: true, ledgerSpan: "whole" } as const;

/** What could not be judged was kept; that is told when all the rest is done. */
function withError(report: PrunePass): PrunePass {
  const error = documentErrorOf(report.findings);
  return error === undefined ? report : { ...report, error };
}

/** For whoever ends a pruning early. */
function progressOf(
  { source, store, removed, begun, finished }: Omit<PruneReport, "error" | "packs">,
  doomed: number,
): Standing {
  const gone = removed.length + begun.length;
  const sentences = [
    `${gone} of ${doomed} snapshots of "${source}" that were to go are removed from ${store}.`,
    ...(begun.length > 0 ? ["Some files of the last one are left: the next pruning removes them."] : []),
    ...(finished.length > 0 ? [`${finished.length} earlier removals are finished.`] : []),
  ];
  return { sentence: sentences.join(" ") };
}

/** `frozen`: the plan of the second look, where that one froze; `full`: there was no room for every tombstone. */
async function claimAndRemove(
  doomed: readonly RetentionDecision[],
  observation: Observation,
  request: PruneRequest,
  { store, clock, logger }: PruneSurroundings,
  report: {
    readonly removed: string[];
    readonly locked: string[];
    readonly begun: string[];
    readonly findings: Finding[];
  },
  { name: pruning, unwitnessed }: Pruning,
): Promise<{ readonly frozen?: PruningPlan; readonly full?: LifeboatError | undefined }> {
  const { source, signingKey, by } = request;
  const claims = await claim(doomed, observation, { store, pruning, by, signingKey, now: clock.now() });
  report.findings.push(...claims.findings);
  unwitnessed.push(...claims.written);
  if (claims.own.size === 0) return { full: claims.full };
  try {
    await witness(request, observation, unwitnessed, { store, clock });
    unwitnessed.length = 0;
  } catch (cause) {
    return { full: fullStore(cause) };
  }

  // A clock that was put forward meanwhile would end the time of everything at once.
  await refuseSkew(store, clock.now());
  const now = clock.now();
  const again = await observeSnapshots(store, { ...request, ...thorough, now });
  const others = claimedByOthers(again, { pruning, now });
  const second = planPruning(again, { ...request, now }, others);
  if (second.freeze !== undefined) return { frozen: second };
  const removable = second.decisions.filter(({ keep }) => !keep).map(({ snapshot }) => snapshot.id);
  for (const id of removable) {
    const names = claims.own.get(id);
    if (names === undefined) continue;
    const outcome = await remove(store, source, id, names, report);
    (outcome === "removed" ? report.removed : report.locked).push(id);
    logger.debug(`${source}: ${id} ${outcome}.`);
  }
  return { full: claims.full };
}

/** What the ledger must know before it happens: after a kill in between, nobody else could explain the absences. */
async function witness(
  { trust, source, by, commit }: PruneRequest,
  { heads }: Observation,
  written: readonly WitnessedDocument[],
  { store, clock }: { readonly store: Store; readonly clock: Clock },
): Promise<void> {
  await trust.ledger?.append({
    act: "prune",
    source,
    ...(await aboutStore(store, trust.ledger)),
    heads: [...heads],
    ...witnessing(written),
    by,
    time: clock.now().toISOString(),
    ...(commit === undefined ? {} : { commit }),
  });
}

async function remove(
  store: Store,
  source: string,
  id: string,
  names: readonly string[],
  { begun }: { readonly begun: string[] },
): Promise<"removed" | "locked"> {
  const rest = names.filter((name) => name !== snapshotJsonName);
  try {
    await store.delete(snapshotFileKey(source, id, snapshotJsonName));
    begun.push(id);
    // Before the parts, which show that a removal is not finished.
    await deleteRewraps(store, source, id);
    for (const name of rest) await store.delete(snapshotFileKey(source, id, name));
    begun.pop();
    return "removed";
  } catch (cause) {
    // If it is snapshot.json, the snapshot stays whole; what else is left is removed when its lock has ended.
    if (asLifeboatError(cause).code !== "store-object-locked") throw cause;
    if (begun.at(-1) === id) begun.pop();
    return "locked";
  }
}

async function sweep(
  store: Store,
  source: string,
  clock: Clock,
  dryRun: boolean,
): Promise<{ readonly packs?: PackSweep; readonly findings: readonly Finding[] }> {
  try {
    const { findings, ...packs } = await sweepPacks(store, source, clock, dryRun);
    return { packs, findings };
  } catch (cause) {
    const { code, message, hint } = asLifeboatError(cause);
    if (!sweepingStops.has(code)) throw cause;
    const sentence = `No pack was removed: ${message}`;
    return { findings: [{ level: "warning", code, sentence, publicSentence: sentence, remedy: hint }] };
  }
}

const sweepingStops = new Set(["snapshot-damaged", "snapshot-too-new", "store-object-locked"]);

/** A tombstone that nobody trusts explains nothing: every removal would look like an attack afterwards. */
function requireSignature({ trust, signingKey, dryRun }: PruneRequest): void {
  if (dryRun || trust.signers.length === 0 || signingKey !== undefined || trust.ledger !== undefined) return;
  throw new LifeboatError("input-invalid", "Signatures are demanded, but there is no key to sign with.", {
    hint: "Give `signing-key`: what is removed must be explained by a signed tombstone.",
  });
}

async function refuseSkew(store: Store, now: Date): Promise<void> {
  const theirs = await store.serverTime?.();
  if (theirs === undefined) return;
  const skewMs = Math.abs(theirs.getTime() - now.getTime());
  if (skewMs <= tolerableSkewMs) return;
  throw new LifeboatError(
    "store-clock-skew",
    `This machine's clock and the store's are ${Math.round(skewMs / 60_000)} minutes apart: nothing was removed.`,
  );
}

/** A store without a clock still says when it got its newest file; a clock that is behind that is wrong. */
function refuseOldClock({ newestStoredAt }: Observation, now: Date): void {
  if (newestStoredAt === undefined || newestStoredAt.getTime() <= now.getTime() + tolerableSkewMs) return;
  throw new LifeboatError(
    "store-clock-skew",
    `The store got a snapshot at ${newestStoredAt.toISOString()}, which this machine's clock calls the future: nothing was removed.`,
  );
}

/**
 * Where nothing but this machine's clock says that time went by since the newest sign of life, it alone must not decide
 * that snapshots have ended. Any backup, check or word of a person after that is such a sign.
 */
function refuseFarClock(observation: Observation, { retention, calendar }: PruneRequest, now: Date): void {
  const { snapshots, newestStoredAt, standings } = observation;
  const signs = [
    newestStoredAt,
    standings.acceptedAt,
    ...snapshots.flatMap(({ evidence }) =>
      evidence.filter(({ isTrusted }) => isTrusted).map(({ time }) => time),
    ),
  ].flatMap((moment) => (moment === undefined || moment > now ? [] : moment.getTime()));
  if (signs.length === 0) return;
  const newest = Math.max(...signs);
  if (now.getTime() - newest <= longestSilenceMs) return;
  const removedAt = (moment: Date): number =>
    planPruning(observation, { retention, calendar, now: moment }).decisions.filter(({ keep }) => !keep)
      .length;
  if (removedAt(now) <= removedAt(new Date(newest))) return;
  throw new LifeboatError(
    "store-clock-skew",
    `This machine's clock says ${now.toISOString()}, but nothing in the store is newer than ${new Date(newest).toISOString()}: nothing was removed.`,
    {
      hint: `Check this machine's clock. If it is right, make a backup, or confirm with lifeboat unfreeze ${observation.source} --because "…"; then prune again.`,
    },
  );
}

/** So that the freeze outlives the snapshots that caused it; broken history stays broken by itself. */
async function rememberFreeze(
  { standings, source }: Observation,
  { anomalies, freeze = "" }: PruningPlan,
  { signingKey, by }: PruneRequest,
  { store, clock, logger }: PruneSurroundings,
): Promise<readonly WitnessedDocument[]> {
  if (standings.freeze !== undefined || anomalies.length === 0) return [];
  const time = clock.now();
  const document = { holdVersion: 1, act: "freeze", source, because: freeze, by, time: time.toISOString() };
  const key = holdKey(source, time, randomBytes(4).toString("hex"));
  const bytes = writeSignedDocument(document, signingKey);
  try {
    return [witnessedDocument(await store.put(key, bytes), bytes)];
  } catch (cause) {
    // The freeze itself is what matters, and the snapshots show it to the next pruning too.
    logger.warning(`The freeze could not be written down: ${asLifeboatError(cause).message}`);
    return [];
  }
}

function frozenError({ findings, freeze = "" }: PruningPlan, source: string): LifeboatError {
  const broken = historyErrorOf(findings) ?? documentErrorOf(findings);
  if (broken !== undefined) return broken;
  return new LifeboatError("retention-frozen", `Retention of "${source}" is frozen: ${freeze}`, {
    hint: `Find out what happened. If the change was meant: lifeboat unfreeze ${source} --because "…".`,
  });
}
