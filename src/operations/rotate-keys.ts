/**
 * Gives every sealed file of a source a header for new recipients, beside the old one: payloads stay as they are, and
 * nothing is overwritten. What has such a header already is skipped, so an interrupted rotation is simply run again.
 * It revokes nothing: who holds an old key and an old header can open that payload until it is deleted.
 */
import { createHash } from "node:crypto";
import { asLifeboatError, LifeboatError } from "../errors.ts";
import { headerHasKey, makeHeaderFor, openHeader } from "../seal/age-header.ts";
import type { Identities } from "../seal/identities.ts";
import type { Recipients } from "../seal/recipients.ts";
import { rewrapKey } from "../snapshot/keys.ts";
import {
  headerBytes,
  isBoundTo,
  type RewrappedFile,
  rewrappedFileOf,
  writeRewrap,
} from "../snapshot/rewrap-json.ts";
import type { Store } from "../store/store.ts";
import type { Clock } from "../system/clock.ts";
import { allOrFirstError } from "../system/concurrency.ts";
import type { Logger } from "../system/logger.ts";
import { endOf, register } from "../system/underway.ts";
import { slots } from "../system/slots.ts";
import type { Finding } from "../verification/findings.ts";
import { openOptions, Rewraps, type Shelf } from "./rewraps.ts";
import { planRotation, type RotatedFile, type RotationPlan, type RotationUnit } from "./rotation-plan.ts";
import type { Trust } from "./vouched-documents.ts";
import { headerOf } from "./rewraps.ts";

export interface RotationRequest {
  readonly source: string;
  /** They open what is there: the old ones, and the new ones if a rotation is gone on with. */
  readonly identities: Identities;
  readonly recipients: Recipients;
  /** Public keys that open indexes besides. */
  readonly indexRecipients: readonly string[];
  /** No header of a snapshot that nobody vouches for is opened. Default: nobody must sign. */
  readonly trust?: Trust;
  readonly dryRun: boolean;
  /** How long after a snapshot its rewraps are locked where the store locks; default: by its tiers. */
  readonly retentionDays?: number;
  /** Snapshots and packs at once. */
  readonly jobs: number;
}

export interface RotationSurroundings {
  readonly store: Store;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly lifeboatVersion: string;
  readonly signal: AbortSignal;
}

export interface RotationReport {
  readonly source: string;
  readonly recipients: readonly string[];
  readonly snapshots: number;
  readonly packs: number;
  /** Sealed files. */
  readonly files: number;
  /** That got a header now, or would. */
  readonly rewrapped: number;
  /** That had one for the new recipients. */
  readonly skipped: number;
  readonly failed: number;
  readonly findings: readonly Finding[];
  readonly dryRun: boolean;
  readonly seconds: number;
  readonly error?: LifeboatError;
}

export async function rotateKeys(
  request: RotationRequest,
  surroundings: RotationSurroundings,
): Promise<RotationReport> {
  const { clock, logger, signal, store } = surroundings;
  const startedMs = clock.elapsedMs();
  // A key of another class is refused before anything is read.
  const indexRecipients = request.recipients.with(request.indexRecipients);
  refuseReadOnly(store, request);
  const plan = await planRotation(store, request, clock.now());
  const findings: Finding[] = [...plan.findings];
  const numbers = { rewrapped: 0, skipped: 0, failed: 0 };
  const rotation: Rotation = {
    ...request,
    ...surroundings,
    indexRecipients,
    rewraps: new Rewraps(store, request.source),
    longestDays: Math.max(1, ...plan.units.map(({ days }) => days)),
  };
  const places = slots(request.jobs);
  const stopped = new AbortController();
  const anySignal = AbortSignal.any([signal, stopped.signal]);
  let done = 0;
  const work = plan.units.map((unit) =>
    places.run(async () => {
      anySignal.throwIfAborted();
      const outcome = await rotateUnit(unit, rotation);
      numbers.rewrapped += outcome.rewrapped;
      numbers.skipped += outcome.skipped;
      numbers.failed += outcome.findings.length;
      findings.push(...outcome.findings);
      done += 1;
      if (done % 100 === 0) logger.info(`${done} of ${plan.units.length} snapshots and packs are done.`);
    }),
  );
  const files = plan.units.reduce((sum, unit) => sum + unit.files.length, 0);
  register(signal, () => ({
    sentence: `${numbers.rewrapped} of ${files} sealed files of "${request.source}" got new headers, ${numbers.skipped} had them.`,
  }));
  let error: LifeboatError | undefined;
  try {
    await allOrFirstError(work, () => stopped.abort());
    error = rotationError(numbers.failed, plan, findings);
  } catch (thrown) {
    if (!signal.aborted) throw thrown;
    error = endOf(thrown, signal);
  }
  return {
    source: request.source,
    recipients: request.recipients.fingerprints,
    snapshots: plan.snapshots,
    packs: plan.units.length - plan.snapshots,
    files,
    ...numbers,
    findings,
    dryRun: request.dryRun,
    seconds: (clock.elapsedMs() - startedMs) / 1000,
    ...(error === undefined ? {} : { error }),
  };
}

function refuseReadOnly(store: Store, { dryRun }: RotationRequest): void {
  if (!store.isReadOnly || dryRun) return;
  throw new LifeboatError("input-invalid", `The store ${store.address} can only be read from here.`, {
    hint: "Run the rotate-keys action in that repository, or look at what it would do with a dry run.",
  });
}

interface Rotation extends Omit<RotationRequest, "indexRecipients">, RotationSurroundings {
  readonly indexRecipients: Recipients;
  readonly rewraps: Rewraps;
  readonly longestDays: number;
}

interface UnitOutcome {
  readonly rewrapped: number;
  readonly skipped: number;
  readonly findings: readonly Finding[];
}

async function rotateUnit(unit: RotationUnit, rotation: Rotation): Promise<UnitOutcome> {
  const shelf = await rotation.rewraps.of(unit.id);
  const findings: Finding[] = [];
  const made: RewrappedFile[] = [];
  let skipped = 0;
  for (const file of unit.files) {
    const recipients = file.isIndex ? rotation.indexRecipients : rotation.recipients;
    try {
      if (file.isCertain && isSameSet(file.sealedFor, recipients.fingerprints)) {
        skipped += 1;
        continue;
      }
      const fileKey = await fileKeyOf(file, rotation);
      if (await hasHeaderFor(recipients, file, shelf, fileKey)) skipped += 1;
      else
        made.push(
          rewrappedFileOf(
            { ...file, name: file.fileName },
            await makeHeaderFor(recipients, fileKey),
            recipients.fingerprints,
          ),
        );
    } catch (cause) {
      findings.push(notRotated(cause, file));
    }
  }
  if (made.length > 0 && !rotation.dryRun) await storeRewrap(unit, made, shelf, rotation);
  return { rewrapped: made.length, skipped, findings };
}

/** The key inside a file's own header, which must be the one that was written, or inside an earlier rewrap. */
async function fileKeyOf(file: RotatedFile, { store, identities, rewraps }: Rotation): Promise<Uint8Array> {
  const header = await headerOf(store, file);
  if (createHash("sha256").update(header).digest("hex") !== file.header.sha256) {
    throw new LifeboatError("snapshot-damaged", `its header is not the one that was written.`);
  }
  const options = openOptions(store, file, identities, file.sealedFor, rewraps);
  return await openHeader(header, identities, options);
}

/** Only whoever has the file key can have made such a header, so what a document claims is true. */
async function hasHeaderFor(
  recipients: Recipients,
  file: RotatedFile,
  { rewraps }: Shelf,
  fileKey: Uint8Array,
): Promise<boolean> {
  for (const { rewrap } of rewraps) {
    const there = rewrap.files.find(({ name }) => name === file.fileName);
    if (there === undefined || !isBoundTo(there, file.payload)) continue;
    if (!isSameSet(there.recipients, recipients.fingerprints)) continue;
    if (await headerHasKey(headerBytes(there), fileKey)) return true;
  }
  return false;
}

async function storeRewrap(
  unit: RotationUnit,
  files: readonly RewrappedFile[],
  shelf: Shelf,
  { store, source, clock, lifeboatVersion, longestDays }: Rotation,
): Promise<void> {
  const bytes = writeRewrap({
    source,
    id: unit.id,
    time: clock.now().toISOString(),
    versions: { lifeboat: lifeboatVersion },
    files: [...files],
  });
  // What expires by itself is announced by lifetime, and one lifetime costs one announcement (artifacts-shared.ts).
  const lifetime = { retentionDays: unit.expires ? longestDays : unit.days };
  for (let number = shelf.next; ; number += 1) {
    try {
      await store.put(rewrapKey(source, unit.id, number), bytes, lifetime);
      break;
    } catch (cause) {
      // Another rotation was here between our look and now: its document stays, ours goes beside it.
      const isTaken = cause instanceof LifeboatError && cause.code === "store-key-exists";
      if (!isTaken || number >= shelf.next + 5) throw cause;
    }
  }
}

function isSameSet(one: readonly string[], other: readonly string[]): boolean {
  return one.length === other.length && one.every((item) => other.includes(item));
}

/** What one file's trouble is; a store that is down ends it all instead. */
function notRotated(cause: unknown, { name }: RotatedFile): Finding {
  const error = asLifeboatError(cause);
  const isOfFile =
    error.exitCode === 3 || error.code === "identity-does-not-open" || error.code === "store-object-missing";
  if (!isOfFile) throw cause;
  const sentence = `${name} got no new header: ${error.message}`;
  return { level: "error", code: error.code, sentence, publicSentence: sentence, remedy: error.hint };
}

function rotationError(
  failed: number,
  { findings: unread }: RotationPlan,
  findings: readonly Finding[],
): LifeboatError | undefined {
  const unreadable = unread.filter(({ level }) => level === "error").length;
  if (failed === 0 && unreadable === 0) return undefined;
  const [first] = findings.filter(({ level }) => level === "error");
  return new LifeboatError(
    "rotation-incomplete",
    `${failed} sealed files got no header for the new keys, and ${unreadable} snapshots could not be read. The first: ${first?.publicSentence ?? ""}`,
  );
}
