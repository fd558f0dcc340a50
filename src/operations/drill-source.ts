/** One source of a drill: its backup restored and examined, its recovery measured. */
import { drillable, hasFailed, isNearAge, nearestInAge } from "../monitoring/drill-choice.ts";
import { recoveryPoint } from "../monitoring/recovery-point.ts";
import { recoveryTime } from "../monitoring/recovery-time.ts";
import { LifeboatError } from "../errors.ts";
import { durationInWords } from "../policy/durations.ts";
import type { ClientTools } from "../postgres/client-tools.ts";
import type { Connection } from "../postgres/connection.ts";
import type { MeasuredRecoveryPoint } from "../snapshot/drill-evidence.ts";
import type { ObservedSnapshot } from "../snapshot/observed.ts";
import type { SnapshotJson } from "../snapshot/snapshot-json.ts";
import type { Finding } from "../verification/findings.ts";
import type { DrilledSource, DrillRequest, SourceDrill } from "./drill-report.ts";
import { inWords, warning } from "./drill-words.ts";
import { type Observation, observeSnapshots } from "./observe-snapshots.ts";
import { readDrills } from "./read-drills.ts";
import { examineSnapshot, type VerifySurroundings } from "./verify-snapshot.ts";

export interface SourceDrillOptions {
  /** Absent: the newest good one. */
  readonly ofAgeMs?: number;
  /** Reading of the clock at the drill's first step: the recovery then ends when this source is back. */
  readonly sinceMs?: number;
  readonly whileRestored?: (connection: Connection, chosen: ObservedSnapshot) => Promise<void>;
}

export async function drillSource(
  source: DrilledSource,
  request: DrillRequest,
  { ofAgeMs, sinceMs, whileRestored }: SourceDrillOptions,
  surroundings: VerifySurroundings,
): Promise<SourceDrill> {
  const { store, clock } = surroundings;
  const startedMs = clock.elapsedMs();
  const now = clock.now();
  const observation = await observeSnapshots(store, { source: source.name, trust: request.trust, now });
  const chosen = nearestInAge(observation.snapshots, ofAgeMs ?? 0, now);
  if (chosen === undefined) {
    throw new LifeboatError(
      "snapshot-not-found",
      `Source "${source.name}" has no backup that could be drilled.`,
      {
        hint: "Make a backup and verify it; `lifeboat list` shows what the store holds.",
      },
    );
  }
  const choosingSeconds = (clock.elapsedMs() - startedMs) / 1000;
  const tools = new Map<string, string>();
  const { report: examined } = await examineSnapshot(
    {
      ...request,
      source: source.name,
      choice: { kind: "id", id: chosen.id },
      level: "restored",
      ledger: request.trust.ledger,
      drill: {
        isVouchedFor: request.trust.signers.length > 0,
        ...(whileRestored && { whileRestored: (connection) => whileRestored(connection, chosen) }),
      },
    },
    { ...surroundings, clientTools: noting(surroundings, tools) },
  );
  const backAfterSeconds = sinceMs === undefined ? undefined : (clock.elapsedMs() - sinceMs) / 1000;
  const phases = { ...examined.phases, find: examined.phases.find + choosingSeconds };
  const ageMs = now.getTime() - chosen.moment.getTime();
  const newest = drillable(observation.snapshots, now).at(-1);
  const time = recoveryTime({
    phases,
    objectiveMs: source.rtoMs,
    drilled: sizeOf(examined.snapshot),
    production: productionOf(newest, observation),
    ...(backAfterSeconds === undefined ? {} : { totalSeconds: backAfterSeconds }),
  });
  const point = measurePoint(source, observation, now);
  return {
    source,
    examined,
    ageSeconds: Math.round(ageMs / 1000),
    ...(ofAgeMs === undefined ? {} : { wantedAgeSeconds: Math.round(ofAgeMs / 1000) }),
    recoveryTime: time,
    recoveryPoint: point,
    past: await readDrills(store, source.name, observation.vouch),
    findings: [...ageFindings(ageMs, ofAgeMs), ...timeFindings(time), ...pointFindings(point)],
    deviations: deviationsOf(request, { ageMs, ofAgeMs, chosen, observation, examined }),
    tools: {
      lifeboat: surroundings.lifeboatVersion,
      node: process.versions.node,
      platform: `${process.platform} ${process.arch}`,
      zstd: surroundings.zstd === undefined ? "Node's own" : "the binary",
      ...(examined.snapshot.versions.server === undefined
        ? {}
        : { "source server": examined.snapshot.versions.server }),
      ...Object.fromEntries(tools),
    },
    heads: observation.heads,
  };
}

function noting(surroundings: VerifySurroundings, tools: Map<string, string>) {
  return async (major: number): Promise<ClientTools> => {
    const found = await surroundings.clientTools(major);
    tools.set("PostgreSQL programs", found.version);
    return found;
  };
}

/** Files and packs, as they are downloaded. */
function sizeOf({ files, packs, totals }: SnapshotJson): {
  readonly rawBytes: number;
  readonly storedBytes: number;
} {
  const stored = [...files, ...packs].map(({ header, payload }) => header.length + payload.length);
  return { rawBytes: totals.rawBytes, storedBytes: stored.reduce((sum, bytes) => sum + bytes, 0) };
}

function productionOf(newest: ObservedSnapshot | undefined, { documents }: Observation) {
  const document = newest === undefined ? undefined : documents.get(newest.id);
  return document === undefined ? undefined : { ...sizeOf(document), snapshot: document.id };
}

function measurePoint(
  { rpoMs }: DrilledSource,
  { snapshots, pastMoments }: Observation,
  now: Date,
): MeasuredRecoveryPoint {
  const good = drillable(snapshots, now);
  // Retention thins out what is left: without what it removed the past would look worse than it was.
  const { windows } = recoveryPoint({ moments: [...good.map(({ moment }) => moment), ...pastMoments], now });
  const last = good.at(-1);
  const lostMs = last === undefined ? undefined : Math.max(0, now.getTime() - last.moment.getTime());
  return {
    ...(lostMs === undefined ? {} : { atFailureSeconds: Math.round(lostMs / 1000) }),
    ...(rpoMs === undefined ? {} : { objectiveSeconds: rpoMs / 1000 }),
    ...(rpoMs === undefined || lostMs === undefined ? {} : { isMet: lostMs <= rpoMs }),
    windows: windows.map((one) => ({ ...one })),
  };
}

function ageFindings(ageMs: number, wantedMs: number | undefined): readonly Finding[] {
  if (wantedMs === undefined || isNearAge(ageMs, wantedMs)) return [];
  return [
    warning(
      "drill-age-off",
      `The drilled backup is ${inWords(ageMs)} old; wanted was one of about ${durationInWords(wantedMs)}, and none is nearer.`,
      "Keep backups as long as drills want them (`retention`), or wait until one is that old.",
    ),
  ];
}

function timeFindings({ seconds, objectiveSeconds, isMet, production }: SourceDrill["recoveryTime"]) {
  const objective = durationInWords((objectiveSeconds ?? 0) * 1000);
  const remedy =
    "Restore with more jobs or on a larger machine, keep a copy nearer, or agree on another objective.";
  if (isMet === false) {
    const sentence = `The recovery took ${inWords(seconds * 1000)}; the objective is ${objective}.`;
    return [warning("drill-rto-missed", sentence, remedy)];
  }
  if (production?.isMet !== false) return [];
  const sentence = `At the size that production has now the recovery would take about ${inWords(production.seconds * 1000)}; the objective is ${objective}.`;
  return [warning("drill-rto-missed", sentence, remedy)];
}

function pointFindings({ atFailureSeconds = 0, objectiveSeconds = 0, isMet }: SourceDrill["recoveryPoint"]) {
  if (isMet !== false) return [];
  const sentence = `The loss of everything now would cost ${inWords(atFailureSeconds * 1000)} of data; the objective is ${durationInWords(objectiveSeconds * 1000)}.`;
  const remedy = "See why the newest good backup is that old; the runbook has the steps (backup-late).";
  return [warning("drill-rpo-missed", sentence, remedy)];
}

function deviationsOf(
  { server }: DrillRequest,
  {
    ageMs,
    ofAgeMs,
    chosen,
    observation,
    examined,
  }: {
    readonly ageMs: number;
    readonly ofAgeMs: number | undefined;
    readonly chosen: ObservedSnapshot;
    readonly observation: Observation;
    readonly examined: SourceDrill["examined"];
  },
): readonly string[] {
  const newest = observation.snapshots.at(-1);
  const waived = examined.components
    .filter(({ findings }) => findings.some(({ publicSentence }) => publicSentence.startsWith("Waived:")))
    .map(({ component }) => `"${component}" was not wholly proven, and the policy waives that.`);
  return [
    ...ageFindings(ageMs, ofAgeMs).map(({ publicSentence }) => publicSentence),
    ...(ofAgeMs === undefined && newest !== undefined && newest.id !== chosen.id
      ? [`The newest backup, ${newest.id}, is not good; the newest good one was taken.`]
      : []),
    ...(hasFailed(chosen)
      ? [`The drilled backup, ${chosen.id}, had failed a check before: there is no other.`]
      : []),
    ...(server === undefined || examined.snapshot.kind !== "database"
      ? []
      : ["A lent server took the restore, not a throwaway one that only the drill had made."]),
    ...waived,
  ];
}
