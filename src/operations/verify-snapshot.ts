/** Verifies one snapshot up to the wanted level; collects findings, then judges, and keeps the evidence. */
import { randomBytes } from "node:crypto";
import { LifeboatError } from "../errors.ts";
import type { Ledger } from "../ledger/ledger.ts";
import { withClient } from "../postgres/client.ts";
import type { ClientTools } from "../postgres/client-tools.ts";
import type { Connection } from "../postgres/connection.ts";
import { inspectServer } from "../postgres/inspect-server.ts";
import type { Identities } from "../seal/identities.ts";
import type { SqlCheck } from "../policy/policy.ts";
import { keyRotationFindings } from "../policy/key-rotation.ts";
import { type Contents, databaseOf } from "../snapshot/contents.ts";
import { contentsName, evidenceKey } from "../snapshot/keys.ts";
import { parseSigners, writeSignedDocument } from "../snapshot/signed-document.ts";
import type { SigningKey } from "../snapshot/signature.ts";
import type { Actor } from "../snapshot/tombstone.ts";
import type { SnapshotJson } from "../snapshot/snapshot-json.ts";
import type { Store } from "../store/store.ts";
import type { Clock } from "../system/clock.ts";
import type { Logger } from "../system/logger.ts";
import { judge } from "../verification/compare-database.ts";
import {
  type ComponentVerdict,
  faultsOf,
  type Finding,
  type Verdict,
  worstVerdict,
} from "../verification/findings.ts";
import { levels, type VerifyLevel } from "../verification/levels.ts";
import { leftOutComponent, leftOutName } from "../verification/not-backed-up.ts";
import { applyWaivers } from "../verification/waivers.ts";
import { agreeOnTime, agreedClock } from "./agree-on-time.ts";
import { checkApplication } from "./check-application.ts";
import { checkHistory, type HistoryCheck } from "./check-history.ts";
import { keyUsesOf } from "./key-uses.ts";
import { asFinding } from "./observe-snapshots.ts";
import { checkRestoredBuckets, checkUnsealedBuckets } from "./check-buckets.ts";
import type { IsolationMeans } from "./isolate-contents.ts";
import { checkRewraps } from "./check-rewraps.ts";
import { checkRestored, type DrillExtras } from "./check-restored.ts";
import { checkStored, checkStoredPacks, damageFinding } from "./check-stored.ts";
import { checkUnsealed } from "./check-unsealed.ts";
import { locateSnapshot, requireWhole, type SnapshotChoice } from "./locate-snapshot.ts";
import { fileNamed, readSealedContents } from "./sealed-files.ts";
import { type PhaseSeconds, Stopwatch } from "./stopwatch.ts";
import { checkSignature, contentsTrusted } from "./vouched-snapshot.ts";
import { aboutStore, witnessedDocument, witnessing } from "./witness-documents.ts";

export { levels, type VerifyLevel };

export interface VerifyRequest {
  readonly source: string;
  readonly choice: SnapshotChoice;
  readonly level: VerifyLevel;
  readonly identities: Identities | undefined;
  readonly waive: readonly string[];
  /** How often a policy wants new keys, in milliseconds; absent: their age is nobody's concern. */
  readonly rotateKeysMs?: number | undefined;
  /** What is known before anything was looked at, for the report. */
  readonly findings?: readonly Finding[];
  /** PEM of the public keys of which one must have signed the snapshot. */
  readonly signer: string | undefined;
  /** Signs the evidence: unsigned, it counts only where a ledger has it or nobody is configured who must sign. */
  readonly signingKey?: SigningKey | undefined;
  /** Witnesses the evidence and the heads that were seen. */
  readonly ledger?: Ledger | undefined;
  readonly by?: Actor;
  /** What the workflow ran from. */
  readonly commit?: string | undefined;
  /** Restores here instead of into a throwaway server. */
  readonly server: Connection | undefined;
  readonly jobs: number;
  /** The policy's own questions to a restored database. */
  readonly checks?: readonly SqlCheck[];
  /** Goes as deep as a drill does. */
  readonly drill?: DrillExtras | undefined;
  /** Whoever wrote the contents may do in a throwaway server what its superuser may. Default: may not. */
  readonly trustContents?: boolean | undefined;
}

export interface VerifySurroundings extends IsolationMeans {
  readonly store: Store;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly zstd: string | undefined;
  readonly signal: AbortSignal;
  readonly lifeboatVersion: string;
  clientTools(major: number): Promise<ClientTools>;
  serverPrograms(tools: ClientTools): Promise<void>;
  extensionPackages(major: number, extensions: readonly string[]): Promise<void>;
}

export interface VerifyReport {
  readonly snapshot: SnapshotJson;
  readonly level: VerifyLevel;
  /** Never "passed" at level `stored`: what nobody has opened may hold anything. */
  readonly verdict: Verdict;
  readonly components: readonly ComponentVerdict[];
  readonly findings: readonly Finding[];
  readonly seconds: number;
  readonly phases: PhaseSeconds;
}

/** A report, and the history that it was made against. */
export interface Examination {
  readonly report: VerifyReport;
  readonly history: HistoryCheck;
}

export async function verifySnapshot(
  request: VerifyRequest,
  surroundings: VerifySurroundings,
): Promise<VerifyReport> {
  const { report, history } = await examineSnapshot(request, surroundings);
  const { logger, store } = surroundings;
  if (store.isReadOnly) logger.warning(`No evidence was kept: ${store.address} can only be read from here.`);
  else await keepEvidence(report, history, request, surroundings);
  return report;
}

/** The checks and the verdict, without keeping evidence. */
export async function examineSnapshot(
  request: VerifyRequest,
  surroundings: VerifySurroundings,
): Promise<Examination> {
  const { store } = surroundings;
  const { clock, findings } = await agreeOnTime(surroundings.clock, store);
  const startedMs = clock.elapsedMs();
  const watch = new Stopwatch(clock);
  const located = await watch.time("find", () =>
    locateSnapshot(store, request.source, request.choice, clock.now()),
  );
  requireWhole(located);
  const { snapshot, storeFindings } = located;
  const components: ComponentVerdict[] = checkSignature(located, signersOf(request.signer));
  // What nobody vouches for may hold anything, so it is neither opened nor run.
  if (verdictOf(components) !== "failed") {
    components.push(...(await checkVouched(snapshot, request, { ...surroundings, watch })));
  }
  // What could not be read any more says nothing against the snapshot.
  surroundings.signal.throwIfAborted();
  const judged = applyWaivers(components, request.waive);
  const trust = { signers: signersOf(request.signer), ledger: request.ledger };
  // What history lacks says nothing against this snapshot, so it is told beside the verdict and not in it.
  const history = await checkHistory(store, request.source, trust, clock.now());
  const report: VerifyReport = {
    snapshot,
    level: request.level,
    verdict: overall(request.level, judged),
    components: judged,
    findings: [
      ...(request.findings ?? []),
      ...findings,
      ...(request.level === "restored" && !isVouchedFor(request) ? [contentsTrusted(snapshot.id)] : []),
      ...storeFindings.filter(({ code }) => code !== "snapshot-json-missing").map(asFinding),
      ...history.findings,
      ...keyFindings(history, request.rotateKeysMs, clock.now()),
    ],
    seconds: (clock.elapsedMs() - startedMs) / 1000,
    phases: watch.seconds(),
  };
  return { report, history };
}

type Means = VerifySurroundings & { readonly watch: Stopwatch };

async function checkVouched(
  snapshot: SnapshotJson,
  request: VerifyRequest,
  surroundings: Means,
): Promise<readonly ComponentVerdict[]> {
  const { store, logger, watch } = surroundings;
  const stored = await watch.time("download", () => checkStored(store, snapshot));
  logger.info(`stored: ${stored.checked} files, ${stored.verdict}.`);
  const packs = await watch.time("download", () => checkStoredPacks(store, snapshot));
  const identities = request.level === "stored" ? undefined : request.identities;
  const rewraps = await checkRewraps(store, snapshot, identities);
  const outside = [stored, ...[packs, rewraps].filter(({ checked }) => checked > 0)];
  if (request.level === "stored" || stored.verdict !== "passed" || packs.verdict !== "passed") return outside;
  return [...outside, ...(await checkInside(snapshot, request, surroundings))];
}

/** A drill chose it because somebody vouches for it, although not by this request's signer. */
function isVouchedFor({ signer, drill }: VerifyRequest): boolean {
  return signer !== undefined || drill?.isVouchedFor === true;
}

/** A snapshot that may be forged says nothing of our keys. */
function keyFindings(
  { observation }: HistoryCheck,
  rotateMs: number | undefined,
  now: Date,
): readonly Finding[] {
  if (rotateMs === undefined) return [];
  return keyRotationFindings(keyUsesOf(observation), rotateMs, now);
}

/** What needs the key; a file that turns out bad ends it, because everything behind it would be guesswork. */
async function checkInside(
  snapshot: SnapshotJson,
  request: VerifyRequest,
  surroundings: Means,
): Promise<readonly ComponentVerdict[]> {
  const { identities, trustContents } = request;
  const { watch } = surroundings;
  if (identities === undefined) {
    throw new LifeboatError("input-invalid", `Level ${request.level} needs the key that opens the backup.`, {
      hint: "Give the identity, or check `stored`, which needs none.",
    });
  }
  let contents: Contents;
  try {
    contents = await watch.time("unseal", () => readSealedContents(surroundings.store, snapshot, identities));
  } catch (cause) {
    return [judge("contents", 1, [damageFinding(cause, fileNamed(snapshot, contentsName))])];
  }
  if (snapshot.kind === "storage") return await checkBuckets(snapshot, identities, request, surroundings);
  if (snapshot.kind === "application") {
    const level = request.level === "restored" ? "restored" : "unsealed";
    return await watch.time(level === "restored" ? "restore" : "unseal", () =>
      checkApplication(snapshot, contents, identities, level, { ...surroundings, trustContents }),
    );
  }
  const major = await serverMajor(contents, request);
  const tools = await watch.time("prepare", () => surroundings.clientTools(major));
  const unsealed = await watch.time("unseal", () =>
    checkUnsealed(snapshot, contents, identities, { ...surroundings, tools }),
  );
  surroundings.logger.info(`unsealed: ${contents.files.length} archives, ${verdictOf(unsealed)}.`);
  if (request.level === "unsealed" || verdictOf(unsealed) === "failed") {
    return [...unsealed, ...leftOutComponent(databaseOf(contents))];
  }
  const restored = await checkRestored(
    snapshot,
    contents,
    { ...request, identities },
    { ...surroundings, tools },
  );
  surroundings.logger.info(`restored: ${restored.length} components, ${verdictOf(restored)}.`);
  const compared = restored.find(({ component }) => component === leftOutName);
  return [
    ...unsealed,
    ...restored.filter((component) => component !== compared),
    ...leftOutComponent(databaseOf(contents), compared),
  ];
}

async function checkBuckets(
  snapshot: SnapshotJson,
  identities: Identities,
  { level, jobs }: VerifyRequest,
  surroundings: Means,
): Promise<readonly ComponentVerdict[]> {
  const means = { ...surroundings, jobs };
  const { watch } = surroundings;
  const unsealed = await watch.time("unseal", () => checkUnsealedBuckets(snapshot, identities, means));
  surroundings.logger.info(`unsealed: ${snapshot.packs.length} packs, ${verdictOf(unsealed)}.`);
  if (level === "unsealed" || verdictOf(unsealed) === "failed") return unsealed;
  const restored = await watch.time("restore", () => checkRestoredBuckets(snapshot, identities, means));
  surroundings.logger.info(`restored: ${snapshot.totals.objects} objects, ${verdictOf(restored)}.`);
  return [...unsealed, ...restored];
}

async function serverMajor(contents: Contents, { server }: VerifyRequest): Promise<number> {
  if (server === undefined) return databaseOf(contents).server.major;
  return (await withClient(server, inspectServer)).major;
}

function signersOf(signer: string | undefined): readonly string[] {
  return signer === undefined ? [] : parseSigners(signer);
}

function verdictOf(components: readonly ComponentVerdict[]): Verdict {
  const required = components.filter(({ isRequired = true }) => isRequired);
  return worstVerdict(required.map(({ verdict }) => verdict));
}

function overall(level: VerifyLevel, components: readonly ComponentVerdict[]): Verdict {
  const worst = verdictOf(components);
  return level === "stored" && worst === "passed" ? "not-verified" : worst;
}

/** Beside the snapshot, in numbers and codes: an auditor can read it without the key. */
async function keepEvidence(
  report: VerifyReport,
  { observation }: HistoryCheck,
  { signingKey, ledger, by = { name: "unknown" }, commit }: VerifyRequest,
  { store, clock, lifeboatVersion }: VerifySurroundings,
): Promise<void> {
  const { snapshot } = report;
  const moment = (await agreedClock(clock, store)).now();
  const evidence = {
    evidenceVersion: 1,
    act: "verify",
    source: snapshot.source,
    snapshot: snapshot.id,
    snapshotSha256: snapshot.sha256,
    level: report.level,
    verdict: report.verdict,
    components: report.components.map(({ component, verdict, checked, findings }) => ({
      component,
      verdict,
      checked,
      codes: [...new Set(findings.map(({ code }) => code))],
      ...(faultsOf(findings).length === 0 ? {} : { faults: faultsOf(findings) }),
    })),
    lifeboat: lifeboatVersion,
    time: moment.toISOString(),
    seconds: Math.round(report.seconds * 10) / 10,
  };
  const key = evidenceKey(snapshot.source, snapshot.id, moment, randomBytes(4).toString("hex"));
  const bytes = writeSignedDocument(evidence, signingKey);
  const kept = await store.put(key, bytes);
  await ledger?.append({
    act: "verify",
    source: snapshot.source,
    ...(await aboutStore(store, ledger)),
    heads: [...observation.heads],
    ...witnessing([witnessedDocument(kept, bytes)]),
    by,
    time: moment.toISOString(),
    snapshot: snapshot.id,
    // As the action ends: every byte unchanged is what level `stored` was asked for.
    outcome: outcomes[verdictOf(report.components)],
    findings: codesOf(report),
    ...(commit === undefined ? {} : { commit }),
  });
}

const outcomes = { passed: "success", failed: "damaged", "not-verified": "not-verified" } as const;

function codesOf({ components, findings }: VerifyReport): string[] {
  const all = [...findings, ...components.flatMap((component) => component.findings)];
  return [...new Set(all.filter(({ level }) => level !== "info").map(({ code }) => code))];
}
