/** One source against its objectives, from what all stores of the policy hold: data in, findings out. */
import { durationInWords, paceInWords } from "../policy/durations.ts";
import { keyRotationFindings, type KeyUse } from "../policy/key-rotation.ts";
import type { Policy, PolicySource } from "../policy/policy.ts";
import { type Standing, standingOf } from "../retention/standing.ts";
import { isFromTheFuture, type ObservedSnapshot } from "../snapshot/observed.ts";
import type { ObservedDrill } from "../snapshot/drill-evidence.ts";
import type { Finding } from "../verification/findings.ts";
import { type MonitorFinding, monitorFinding, type Subject } from "./findings.ts";
import { type DrillStates, drillStates, judgeDrills } from "./judge-drills.ts";
import { judgeStores, type StoreView } from "./judge-stores.ts";

export interface SourceView {
  readonly source: PolicySource;
  /** Each snapshot that any store holds, once, with the evidence of all stores. */
  readonly snapshots: readonly ObservedSnapshot[];
  readonly stores: readonly StoreView[];
  readonly keyUses: readonly KeyUse[];
  /** Of all stores. */
  readonly drills: readonly ObservedDrill[];
}

/** `late`: beyond the objective but within the grace, and so not told yet, or beyond both. */
export type Punctuality = "on-time" | "late-within-grace" | "late" | "missing" | "unknown";

/** A row of the report. */
export interface SourceState {
  readonly source: string;
  readonly punctuality: Punctuality;
  /** Of the last good backup. */
  readonly lastGood?: { readonly id: string; readonly moment: string; readonly ageMs: number };
  /** How old it may be. */
  readonly objectiveMs: number;
  /** Of the last backup that passed `unsealed` or more. */
  readonly lastVerified?: { readonly id: string; readonly moment: string };
  /** When a restore was last proven. */
  readonly lastRestored?: string;
  readonly drills: DrillStates;
  readonly stores: { readonly readable: number; readonly of: number };
}

export interface SourceJudgement {
  readonly state: SourceState;
  readonly findings: readonly MonitorFinding[];
  /** What is known besides, and is no problem. */
  readonly notes: readonly Finding[];
  /** For an issue that is closed: what shows that the source is well. Absent where not all of it could be seen. */
  readonly recovery?: string;
}

/** The longest that whoever verifies a fresh backup may still be at it. */
const settlingMs = 6 * 3_600_000;

export function judgeSource(view: SourceView, policy: Policy, now: Date): SourceJudgement {
  const { source, stores } = view;
  const subject: Subject = { kind: "source", name: source.name };
  const readable = stores.filter(({ error }) => error === undefined).length;
  const backups = backupsOf(view.snapshots, now);
  const { lastGood, lastVerified, lastRestored } = backups;
  const objectiveMs = objectiveOf(source);
  const punctuality = punctualityOf(lastGood, { objectiveMs, graceMs: policy.alerts.graceMs, now, readable });
  const context = { subject, source, policy, now, objectiveMs };
  const judged = judgeStores(stores, { ...context, good: backups.good });
  const keys = keyRotationFindings(view.keyUses, policy.keys.rotateMs, now);
  const findings = [
    ...missing(punctuality, view.snapshots.length, context),
    ...late(punctuality, lastGood, context),
    ...failed(backups, context),
    ...unverified(backups, context),
    ...restoredLately(backups, context),
    ...judgeDrills(view, policy, context),
    ...judged.findings,
    ...keys
      .filter(({ code }) => code === "keys-overdue")
      .map((one) => monitorFinding("keys-overdue", subject, one.publicSentence, one.remedy)),
  ];
  return {
    state: {
      source: source.name,
      punctuality,
      ...(lastGood && {
        lastGood: {
          id: lastGood.id,
          moment: lastGood.moment.toISOString(),
          ageMs: now.getTime() - lastGood.moment.getTime(),
        },
      }),
      objectiveMs,
      ...(lastVerified && {
        lastVerified: { id: lastVerified.id, moment: lastVerified.moment.toISOString() },
      }),
      ...(lastRestored && { lastRestored: lastRestored.toISOString() }),
      drills: drillStates(view, policy, now),
      stores: { readable, of: stores.length },
    },
    findings,
    notes: [...judged.notes, ...keys.filter(({ code }) => code !== "keys-overdue")],
    ...(readable === stores.length ? { recovery: recoveryOf(source.name, backups) } : {}),
  };
}

interface Context {
  readonly subject: Subject;
  readonly source: PolicySource;
  readonly policy: Policy;
  readonly now: Date;
  readonly objectiveMs: number;
}

/**
 * How old the last good backup may be. An application that is backed up on each push loses nothing by being old: the
 * pushes since are what counts, so it is measured by its pace.
 */
export function objectiveOf(source: PolicySource): number {
  const isPushed = source.type === "application" && source.onPush;
  return isPushed ? Math.max(source.rpoMs, source.everyMs) : source.rpoMs;
}

interface Backups {
  /** Whole, trusted, not from the future and not failed; newest first. */
  readonly good: readonly { readonly snapshot: ObservedSnapshot; readonly standing: Standing }[];
  readonly lastGood: ObservedSnapshot | undefined;
  readonly lastVerified: ObservedSnapshot | undefined;
  readonly lastRestored: Date | undefined;
  /** The newest whole one, if its verification failed. */
  readonly newestFailed: ObservedSnapshot | undefined;
}

function backupsOf(snapshots: readonly ObservedSnapshot[], now: Date): Backups {
  const sound = snapshots
    .filter((one) => one.state === "whole" && one.isTrusted && !isFromTheFuture(one, now))
    .map((snapshot) => ({ snapshot, standing: standingOf(snapshot) }))
    .sort((one, other) => other.snapshot.moment.getTime() - one.snapshot.moment.getTime());
  const good = sound.filter(({ standing }) => standing.kind !== "failed");
  const restores = sound.flatMap(({ snapshot: { evidence } }) =>
    evidence
      .filter((one) => one.isTrusted && one.level === "restored" && one.verdict === "passed")
      .map(({ time }) => time.getTime()),
  );
  return {
    good,
    lastGood: good[0]?.snapshot,
    lastVerified: good.find(({ standing }) => standing.kind === "verified")?.snapshot,
    lastRestored: restores.length === 0 ? undefined : new Date(Math.max(...restores)),
    newestFailed: sound[0]?.standing.kind === "failed" ? sound[0].snapshot : undefined,
  };
}

/** Measured raw against the objective; the grace only says when somebody is told. */
function punctualityOf(
  lastGood: ObservedSnapshot | undefined,
  told: {
    readonly objectiveMs: number;
    readonly graceMs: number;
    readonly now: Date;
    readonly readable: number;
  },
): Punctuality {
  // Without a single store that answers nobody knows, and that is told by itself.
  if (told.readable === 0) return "unknown";
  if (lastGood === undefined) return "missing";
  const ageMs = told.now.getTime() - lastGood.moment.getTime();
  if (ageMs <= told.objectiveMs) return "on-time";
  return ageMs <= told.objectiveMs + told.graceMs ? "late-within-grace" : "late";
}

function missing(
  punctuality: Punctuality,
  count: number,
  { subject, source: { name } }: Context,
): readonly MonitorFinding[] {
  if (punctuality !== "missing") return [];
  const sentence =
    count === 0
      ? `There is no backup of "${name}" in any store.`
      : `There is no good backup of "${name}": all that there are have failed, or are incomplete, damaged or not trusted.`;
  return [monitorFinding("backup-missing", subject, sentence)];
}

function late(
  punctuality: Punctuality,
  lastGood: ObservedSnapshot | undefined,
  { subject, source: { name }, objectiveMs }: Context,
): readonly MonitorFinding[] {
  if (punctuality !== "late" || lastGood === undefined) return [];
  const allowed = durationInWords(objectiveMs);
  const sentence = `The last good backup of "${name}" is of ${inMinutes(lastGood.moment)}; the policy allows ${allowed}.`;
  return [monitorFinding("backup-late", subject, sentence)];
}

function failed(
  { newestFailed }: Backups,
  { subject, source: { name } }: Context,
): readonly MonitorFinding[] {
  if (newestFailed === undefined) return [];
  const sentence = `The newest backup of "${name}", ${newestFailed.id}, failed its verification.`;
  return [monitorFinding("verification-failed", subject, sentence)];
}

/** Backups go on, but for longer than the objective none of them has been opened. */
function unverified(
  { good, lastVerified }: Backups,
  { subject, source: { name }, objectiveMs, policy, now }: Context,
): readonly MonitorFinding[] {
  const isWaiting = good.some(
    ({ snapshot, standing }) =>
      standing.kind === "unverified" &&
      (lastVerified === undefined || snapshot.moment > lastVerified.moment) &&
      now.getTime() - snapshot.finished.getTime() > settlingMs,
  );
  const provenAgeMs =
    lastVerified === undefined ? Number.POSITIVE_INFINITY : now.getTime() - lastVerified.moment.getTime();
  if (!isWaiting || provenAgeMs <= objectiveMs + policy.alerts.graceMs + settlingMs) return [];
  const since =
    lastVerified === undefined
      ? `No backup of "${name}" has ever been opened and checked.`
      : `No backup of "${name}" since that of ${inMinutes(lastVerified.moment)} has been opened and checked.`;
  return [monitorFinding("backup-unverified", subject, since)];
}

function restoredLately(
  { good, lastRestored }: Backups,
  { subject, source: { name }, policy, now }: Context,
): readonly MonitorFinding[] {
  const { restoreMs } = policy.verify;
  const since = lastRestored ?? good.at(-1)?.snapshot.moment;
  if (since === undefined || now.getTime() - since.getTime() <= restoreMs + policy.alerts.graceMs) return [];
  const pace = `the policy wants it every ${paceInWords(restoreMs)}`;
  const sentence =
    lastRestored === undefined
      ? `No backup of "${name}" has ever been restored for proof; ${pace}.`
      : `No backup of "${name}" has been restored for proof since ${inMinutes(lastRestored)}; ${pace}.`;
  return [monitorFinding("verification-late", subject, sentence)];
}

function recoveryOf(name: string, { lastGood, good, lastRestored }: Backups): string {
  if (lastGood === undefined) return `"${name}" has no backup that could have this problem.`;
  const standing = good[0]?.standing;
  const proof =
    standing?.kind === "verified" ? `, which passed verification (${standing.level})` : ", not yet verified";
  const restored =
    lastRestored === undefined ? "" : ` A restore was last proven on ${inMinutes(lastRestored)}.`;
  return `The last good backup of "${name}" is ${lastGood.id} of ${inMinutes(lastGood.moment)}${proof}.${restored}`;
}

/** `2026-11-23 03:12 UTC` */
function inMinutes(moment: Date): string {
  return `${moment.toISOString().slice(0, 16).replace("T", " ")} UTC`;
}
