/**
 * Tombstones: each says, before a snapshot is removed, that it will be and why. They also keep two prunings from removing
 * what each keeps in place of the other: whoever comes second takes what the first has claimed for gone.
 */
import { asLifeboatError, type LifeboatError } from "../errors.ts";
import type { WitnessedDocument } from "../ledger/record.ts";
import type { RetentionDecision } from "../retention/decide.ts";
import { isFileName, snapshotPrefix, tombstoneKey } from "../snapshot/keys.ts";
import { writeSignedDocument } from "../snapshot/signed-document.ts";
import type { SigningKey } from "../snapshot/signature.ts";
import type { Actor, Tombstone, TombstoneFields } from "../snapshot/tombstone.ts";
import type { Store, StoredFile } from "../store/store.ts";
import type { Finding } from "../verification/findings.ts";
import type { Observation } from "./observe-snapshots.ts";
import { witnessedDocument } from "./witness-documents.ts";

/** A pruning that has claimed a snapshot so long ago is dead. */
const claimMs = 30 * 60_000;

export interface Claims {
  /** Ids that this pruning may remove, with the files of each. */
  readonly own: ReadonlyMap<string, readonly string[]>;
  /** The tombstones that it has written. */
  readonly written: readonly WitnessedDocument[];
  readonly findings: readonly Finding[];
  /** There was no room for the tombstones that are missing; what is claimed may be removed, which makes some. */
  readonly full?: LifeboatError;
}

export interface ClaimRequest {
  readonly store: Store;
  readonly pruning: string;
  readonly by: Actor;
  readonly now: Date;
  readonly signingKey: SigningKey | undefined;
}

export async function claim(
  doomed: readonly RetentionDecision[],
  observation: Observation,
  request: ClaimRequest,
): Promise<Claims> {
  const { store } = request;
  const { source } = observation;
  const own = new Map<string, readonly string[]>();
  const written: WitnessedDocument[] = [];
  const findings: Finding[] = [];
  let full: LifeboatError | undefined;
  for (const { snapshot, reasons } of doomed) {
    const { id } = snapshot;
    const present = observation.tombstones.get(id);
    if (present !== undefined) {
      if (!isFresh(present, request)) own.set(id, await filesOf(store, source, id, present.files));
      continue;
    }
    if (full !== undefined) continue;
    const files = await filesOf(store, source, id, []);
    const [reason = { code: "ended", sentence: "" }] = reasons;
    const fields: TombstoneFields = {
      source,
      snapshot: id,
      snapshotSha256: observation.documents.get(id)?.sha256 ?? "",
      reason: { ...reason },
      files: [...files],
      pruning: request.pruning,
      by: request.by,
      time: request.now.toISOString(),
    };
    const bytes = writeSignedDocument({ tombstoneVersion: 1, ...fields }, request.signingKey);
    let stored: StoredFile;
    try {
      stored = await store.put(tombstoneKey(source, id), bytes);
    } catch (cause) {
      const error = asLifeboatError(cause);
      // Those that have a tombstone already may still come.
      if (error.code === "store-full") full = error;
      else if (error.code !== "store-key-exists") throw cause;
      if (full !== undefined) continue;
      // Another pruning was faster, or somebody put a file there that is no tombstone of ours.
      findings.push(alreadyClaimed(id));
      continue;
    }
    own.set(id, files);
    written.push(witnessedDocument(stored, bytes));
  }
  return { own, written, findings, ...(full === undefined ? {} : { full }) };
}

/** Ids that another pruning, which may be alive, is about to remove. */
export function claimedByOthers(
  { tombstones, snapshots }: Observation,
  request: Pick<ClaimRequest, "pruning" | "now">,
): ReadonlySet<string> {
  const present = new Set(snapshots.map(({ id }) => id));
  return new Set(
    [...tombstones.values()]
      .filter((tombstone) => tombstone.pruning !== request.pruning && isFresh(tombstone, request))
      .map(({ snapshot }) => snapshot)
      .filter((id) => present.has(id)),
  );
}

function isFresh({ time, pruning }: Tombstone, request: Pick<ClaimRequest, "pruning" | "now">): boolean {
  return pruning !== request.pruning && request.now.getTime() - Date.parse(time) < claimMs;
}

/** What is there, and what an interrupted removal knew of. */
async function filesOf(
  store: Store,
  source: string,
  id: string,
  known: readonly string[],
): Promise<readonly string[]> {
  const prefix = snapshotPrefix(source, id);
  const listed = (await store.files(prefix)).map(({ key }) => key.slice(prefix.length));
  // Anybody may have put a name there, or into a tombstone, that is no file's.
  return [...new Set([...listed, ...known])].filter(isFileName);
}

function alreadyClaimed(id: string): Finding {
  const sentence = `Snapshot ${id} stays for now: another pruning has claimed it, or a file that is no tombstone lies in the place of its own.`;
  return {
    level: "info",
    code: "already-claimed",
    sentence,
    publicSentence: sentence,
    remedy: "The next pruning looks again.",
  };
}
