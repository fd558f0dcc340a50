/** The end of a drill: its verdict, and the evidence that stays in the store and in the ledger. */
import { randomBytes } from "node:crypto";
import { sealedText } from "../seal/seal.ts";
import type { DrillKind } from "../snapshot/drill-evidence.ts";
import { newSnapshotId } from "../snapshot/ids.ts";
import { drillKey } from "../snapshot/keys.ts";
import { writeSignedDocument } from "../snapshot/signed-document.ts";
import { type ComponentVerdict, type Finding, type Verdict, worstVerdict } from "../verification/findings.ts";
import { faultsOf } from "../verification/findings.ts";
import { applyWaivers } from "../verification/waivers.ts";
import type { DrillReport, DrillRequest, SourceDrill, UndrilledSource } from "./drill-report.ts";
import { renderDrill } from "./render-drill.ts";
import type { VerifySurroundings } from "./verify-snapshot.ts";
import { aboutStore, witnessedDocument, witnessing } from "./witness-documents.ts";

export interface DrillParts {
  readonly kind: DrillKind;
  readonly started: Date;
  readonly seconds: number;
  readonly sources: readonly SourceDrill[];
  readonly undrilled: readonly UndrilledSource[];
  readonly between: readonly ComponentVerdict[];
}

export async function concludeDrill(
  parts: DrillParts,
  request: DrillRequest,
  surroundings: VerifySurroundings,
): Promise<DrillReport> {
  const { store, logger } = surroundings;
  const between = applyWaivers(parts.between, request.waive);
  const report: DrillReport = {
    ...parts,
    id: newSnapshotId(parts.started),
    started: parts.started.toISOString(),
    between,
    verdict: verdictOf({ ...parts, between }),
    store: store.address,
    by: request.by,
    ...(request.commit === undefined ? {} : { commit: request.commit }),
  };
  if (store.isReadOnly) {
    logger.warning(`No evidence was kept: ${store.address} can only be read from here.`);
    return report;
  }
  const text = renderDrill(report);
  for (const source of report.sources) await keepEvidence(source, report, text, request, surroundings);
  for (const one of report.undrilled) await recordUndrilled(one, report, request, surroundings);
  return report;
}

/** What could not be tried is no proof of anything, and a drill that proves nothing has failed. */
function verdictOf({ sources, undrilled, between }: DrillParts): Verdict {
  if (undrilled.length > 0) return "failed";
  return worstVerdict([
    ...sources.map(({ examined }) => examined.verdict),
    ...between.map(({ verdict }) => verdict),
  ]);
}

/** In numbers, codes and public sentences: an auditor reads it without a key. Names from inside are sealed within it. */
async function keepEvidence(
  drilled: SourceDrill,
  report: DrillReport,
  text: string,
  request: DrillRequest,
  { store, clock }: VerifySurroundings,
): Promise<void> {
  const { examined, source, wantedAgeSeconds } = drilled;
  const { snapshot } = examined;
  const moment = clock.now();
  const sealed = await sealedDetails(drilled, report, request);
  const findings = findingsOf(drilled);
  const evidence = {
    evidenceVersion: 1,
    act: "drill",
    drill: { id: report.id, kind: report.kind, verdict: report.verdict, seconds: tenths(report.seconds) },
    source: source.name,
    kind: snapshot.kind,
    snapshot: snapshot.id,
    snapshotSha256: snapshot.sha256,
    level: examined.level,
    verdict: examined.verdict,
    moment: snapshot.times.snapshot,
    ageSeconds: drilled.ageSeconds,
    ...(wantedAgeSeconds === undefined ? {} : { wantedAgeSeconds }),
    components: examined.components.map(inCodes),
    between: report.between.map(inCodes),
    recoveryTime: drilled.recoveryTime,
    recoveryPoint: drilled.recoveryPoint,
    findings: findings.map(({ level, code, publicSentence, remedy }) => ({
      level,
      code,
      sentence: publicSentence,
      remedy,
    })),
    deviations: drilled.deviations,
    tools: drilled.tools,
    by: report.by,
    ...(report.commit === undefined ? {} : { commit: report.commit }),
    started: report.started,
    time: moment.toISOString(),
    seconds: tenths(examined.seconds),
    report: text,
    ...(sealed === undefined ? {} : { sealedDetails: sealed }),
  };
  const bytes = writeSignedDocument(evidence, request.signingKey);
  const key = drillKey(source.name, snapshot.id, moment, randomBytes(4).toString("hex"));
  const kept = await store.put(key, bytes);
  await request.trust.ledger?.append({
    act: "drill",
    source: source.name,
    ...(await aboutStore(store, request.trust.ledger)),
    heads: [...drilled.heads],
    ...witnessing([witnessedDocument(kept, bytes)]),
    by: report.by,
    time: moment.toISOString(),
    snapshot: snapshot.id,
    outcome: outcomes[worstVerdict([examined.verdict, ...report.between.map(({ verdict }) => verdict)])],
    findings: [...new Set(findings.filter(({ level }) => level !== "info").map(({ code }) => code))],
    ...(report.commit === undefined ? {} : { commit: report.commit }),
  });
}

const outcomes: Readonly<Record<Verdict, string>> = {
  passed: "success",
  failed: "damaged",
  "not-verified": "not-verified",
};

async function recordUndrilled(
  { source, finding }: UndrilledSource,
  { by, commit }: DrillReport,
  { trust }: DrillRequest,
  { store, clock }: VerifySurroundings,
): Promise<void> {
  await trust.ledger?.append({
    act: "drill",
    source,
    ...(await aboutStore(store, trust.ledger)),
    heads: [],
    witnessed: [],
    by,
    time: clock.now().toISOString(),
    outcome: "failure",
    findings: [finding.code],
    ...(commit === undefined ? {} : { commit }),
  });
}

/** Of the source, its components, and what must fit between it and others. */
function findingsOf({ findings, examined }: SourceDrill): readonly Finding[] {
  return [...findings, ...examined.findings, ...examined.components.flatMap((one) => one.findings)];
}

function inCodes({ component, verdict, checked, findings }: ComponentVerdict) {
  const faults = faultsOf(findings);
  return {
    component,
    verdict,
    checked,
    codes: [...new Set(findings.map(({ code }) => code))],
    ...(faults.length === 0 ? {} : { faults }),
  };
}

async function sealedDetails(
  { source, examined, findings }: SourceDrill,
  { id, between }: DrillReport,
  { recipients }: DrillRequest,
): Promise<string | undefined> {
  if (recipients === undefined) return undefined;
  const details = { drill: id, source: source.name, components: examined.components, between, findings };
  return await sealedText(details, recipients);
}

function tenths(seconds: number): number {
  return Math.round(seconds * 10) / 10;
}
