/**
 * Copies snapshots from one store to others as the sealed bytes that they are: no key is needed, and every byte is
 * proven against snapshot.json on its way. The copy has the same id and the same snapshot.json, so the history's graph
 * stays. What is there already is skipped: the same work, done again, catches up whatever was interrupted.
 */
import { asLifeboatError, LifeboatError } from "../errors.ts";
import { evidenceOfKey, rewrapOfKey } from "../snapshot/keys.ts";
import { readSnapshotJson, type SnapshotJson } from "../snapshot/snapshot-json.ts";
import type { Store } from "../store/store.ts";
import type { Clock } from "../system/clock.ts";
import type { Logger } from "../system/logger.ts";
import { endOf, register, type Standing } from "../system/underway.ts";
import type { Finding } from "../verification/findings.ts";
import { copyOne, copySmallFiles, mendPacks, type SnapshotToCopy, SourceFailure } from "./copy-one.ts";
import { type CopyDestination, CopyTarget, smallFiles } from "./copy-target.ts";
import type { Trust } from "./vouched-documents.ts";
import { signatureMissing, snapshotVoucher } from "./vouched-snapshot.ts";

/** `all` and `since`: every whole snapshot whose lifetime at the target has not ended, and that prune has not removed
 * there. An id: that one, whatever its age. */
export type CopyChoice =
  | { readonly kind: "all" }
  | { readonly kind: "since"; readonly moment: Date }
  | { readonly kind: "latest" }
  | { readonly kind: "id"; readonly id: string };

export interface CopyRequest {
  readonly from: Store;
  readonly to: readonly CopyDestination[];
  readonly source: string;
  readonly choice: CopyChoice;
  readonly dryRun: boolean;
  /** What nobody vouches for is not copied as good. Default: nobody must sign. */
  readonly trust?: Trust;
}

export interface CopyReport {
  readonly source: string;
  readonly from: string;
  readonly stores: readonly StoreCopy[];
  readonly findings: readonly Finding[];
  readonly dryRun: boolean;
  readonly seconds: number;
  readonly error?: LifeboatError;
}

export interface StoreCopy {
  readonly store: string;
  /** Ids that were copied now, or would be. */
  readonly copied: readonly string[];
  readonly already: number;
  /** Ids that should be there and are not. */
  readonly missing: readonly string[];
  readonly copiedBytes: number;
  readonly problem?: { readonly code: string; readonly sentence: string; readonly hint: string };
}

export interface CopySurroundings {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly signal: AbortSignal;
}

export async function copySnapshots(
  request: CopyRequest,
  { clock, logger, signal }: CopySurroundings,
): Promise<CopyReport> {
  const startedMs = clock.elapsedMs();
  const now = clock.now();
  const { from, source } = request;
  const findings: Finding[] = [];
  const chosen = await choose(request, findings, now);
  const belongings = await smallFilesById(from, source);
  const targets = request.to.map((destination) => new CopyTarget(destination));
  await Promise.all(
    targets.map(async (target) => {
      await list(target, source, chosen).catch((cause: unknown) => {
        target.failure = asLifeboatError(cause);
      });
    }),
  );
  let damaged: LifeboatError | undefined;
  const means = { from, now, findings, damaged: new Map<string, LifeboatError>() };
  // Newest first: should a run end early, the copies that matter most are there.
  register(signal, () => progressOf(targets, chosen.length));
  let isStopped = false;
  for (const { snapshot, bytes } of chosen.toReversed()) {
    // What was copied until then is reported below.
    isStopped = signal.aborted;
    if (isStopped) break;
    const ids = [snapshot.id, ...snapshot.packs.map(({ id }) => id)];
    const copy = { snapshot, bytes, smallFiles: ids.flatMap((id) => belongings.get(id) ?? []) };
    const wanting = await wantingTargets(targets, snapshot, request.choice, now);
    const { lacking, having } = sort(copy, wanting, findings);
    if (request.dryRun) {
      for (const target of lacking) target.copied.push(snapshot.id);
      continue;
    }
    const before = new Map(lacking.map((target) => [target, target.copied.length]));
    try {
      await mendPacks(copy, having, means);
      await copySmallFiles(copy, having, means);
      await copyOne(copy, lacking, means);
    } catch (thrown) {
      isStopped = signal.aborted;
      if (isStopped) break;
      if (!(thrown instanceof SourceFailure)) throw thrown;
      const { error } = thrown;
      if (error.exitCode !== 3 && error.code !== "store-object-missing") throw error;
      damaged ??= error;
      findings.push(notCopied(error, snapshot));
    }
    for (const target of lacking) {
      if (target.copied.length === before.get(target)) target.missing.push(snapshot.id);
      else logger.info(`Copied ${snapshot.id} to ${target.store.address}.`);
    }
  }
  isStopped ||= signal.aborted && targets.some(({ failure }) => failure !== undefined);
  const error = isStopped
    ? endOf(undefined, signal)
    : errorOf(targets, damaged ?? means.damaged.values().next().value);
  return {
    source,
    from: from.address,
    stores: targets.map(storeCopy),
    findings,
    dryRun: request.dryRun,
    seconds: (clock.elapsedMs() - startedMs) / 1000,
    ...(error === undefined ? {} : { error }),
  };
}

/** For whoever ends the copying early. */
function progressOf(targets: readonly CopyTarget[], chosen: number): Standing {
  const words = targets.map(
    ({ store, copied, already }) =>
      `${store.address} got ${copied.length} of ${chosen} snapshots now and had ${already} before.`,
  );
  return { sentence: words.join(" ") };
}

/** A store that failed wants it too, and then misses it. */
async function wantingTargets(
  targets: readonly CopyTarget[],
  snapshot: SnapshotJson,
  choice: CopyChoice,
  now: Date,
): Promise<readonly CopyTarget[]> {
  if (choice.kind === "id") return targets;
  const wanting = await Promise.all(
    targets.map(async (target) => {
      try {
        return await target.wants(snapshot, now);
      } catch (cause) {
        target.failure = asLifeboatError(cause);
        return true;
      }
    }),
  );
  return targets.filter((_, index) => wanting[index] === true);
}

type Chosen = Pick<SnapshotToCopy, "snapshot" | "bytes">;

/** Whole ones, oldest first. One that is damaged or incomplete is never copied as good. */
async function choose(
  { from, source, choice, trust = { signers: [] } }: CopyRequest,
  findings: Finding[],
  now: Date,
): Promise<readonly Chosen[]> {
  const vouchesFor = await snapshotVoucher(from, source, trust, now);
  const listing = await from.snapshots(source);
  const newest = listing.snapshots.at(-1)?.id;
  const chosen: Chosen[] = [];
  for (const { id, snapshotJson: bytes } of listing.snapshots) {
    if (choice.kind === "id" && id !== choice.id) continue;
    if (choice.kind === "latest" && id !== newest) continue;
    try {
      const snapshot = readSnapshotJson(bytes, { source, id });
      if (choice.kind === "since" && Date.parse(snapshot.times.snapshot) < choice.moment.getTime()) continue;
      if (!vouchesFor({ snapshot, bytes })) throw signatureMissing(id);
      if (snapshot.state === "whole") chosen.push({ snapshot, bytes });
      else if (choice.kind === "id")
        throw new LifeboatError("snapshot-incomplete", `Snapshot ${id} is not whole.`);
    } catch (cause) {
      const error = asLifeboatError(cause);
      if (choice.kind === "id" || choice.kind === "latest") throw error;
      findings.push(notCopied(error, { id }));
    }
  }
  if (choice.kind === "id" && chosen.length === 0) {
    throw new LifeboatError("snapshot-not-found", `Source "${source}" has no snapshot ${choice.id}.`);
  }
  return chosen;
}

async function list(target: CopyTarget, source: string, chosen: readonly Chosen[]): Promise<void> {
  if (target.store.isReadOnly) {
    throw new LifeboatError(
      "input-invalid",
      `The store ${target.store.address} can only be read from here.`,
      {
        hint: "Artifacts are written by workflow runs of their own repository.",
      },
    );
  }
  await target.list(
    source,
    chosen.some(({ snapshot }) => snapshot.packs.length > 0),
  );
}

async function smallFilesById(from: Store, source: string): Promise<ReadonlyMap<string, readonly string[]>> {
  const byId = new Map<string, string[]>();
  for (const { key } of await smallFiles(from, source)) {
    const id = rewrapOfKey(key)?.id ?? evidenceOfKey(key)?.id;
    if (id === undefined) continue;
    const known = byId.get(id);
    if (known === undefined) byId.set(id, [key]);
    else known.push(key);
  }
  return byId;
}

function sort(
  { snapshot, bytes }: Chosen,
  targets: readonly CopyTarget[],
  findings: Finding[],
): { readonly lacking: readonly CopyTarget[]; readonly having: readonly CopyTarget[] } {
  const lacking: CopyTarget[] = [];
  const having: CopyTarget[] = [];
  for (const target of targets) {
    const there = target.present(snapshot.id);
    if (target.failure !== undefined) target.missing.push(snapshot.id);
    else if (there === undefined) lacking.push(target);
    else if (Buffer.from(there).equals(bytes)) {
      target.already += 1;
      having.push(target);
    } else {
      target.missing.push(snapshot.id);
      findings.push(differs(target, snapshot));
    }
  }
  return { lacking, having };
}

function storeCopy({ store, copied, already, missing, copiedBytes, failure }: CopyTarget): StoreCopy {
  const problem = failure && { code: failure.code, sentence: failure.message, hint: failure.hint };
  return {
    store: store.address,
    copied,
    already,
    missing,
    copiedBytes,
    ...(problem === undefined ? {} : { problem }),
  };
}

function errorOf(
  targets: readonly CopyTarget[],
  damaged: LifeboatError | undefined,
): LifeboatError | undefined {
  const behind = targets.filter(({ failure, missing }) => failure !== undefined || missing.length > 0);
  const [first] = behind.flatMap(({ failure }) => (failure === undefined ? [] : [failure]));
  if (damaged !== undefined && first === undefined) return damaged;
  if (behind.length === 0) return undefined;
  const words = behind.map(
    ({ store, missing, failure }) =>
      `${store.address} (${missing.length} missing${failure === undefined ? "" : `: ${failure.message}`})`,
  );
  return new LifeboatError("copy-incomplete", `Not everything was copied to ${words.join(", ")}`, {
    ...(first === undefined ? {} : { cause: first }),
  });
}

function notCopied(error: LifeboatError, { id }: { readonly id: string }): Finding {
  const sentence = `Snapshot ${id} was not copied: ${error.publicly.sentence}`;
  return {
    level: "error",
    code: error.code,
    sentence,
    publicSentence: sentence,
    remedy: error.publicly.hint,
  };
}

function differs(target: CopyTarget, { id }: SnapshotJson): Finding {
  const sentence = `${target.store.address} has another snapshot.json under ${id}.`;
  const remedy = "One of the two was damaged or forged: verify both, and delete the bad one.";
  return { level: "error", code: "copy-differs", sentence, publicSentence: sentence, remedy };
}
