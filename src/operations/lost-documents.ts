/** Documents that the ledger has seen in this store and that are gone, or are not those that it saw. */
import type { RecordedDocument, UnplacedDocument, Witness } from "../ledger/witness.ts";
import type { DocumentFault, DocumentKind } from "../retention/document-findings.ts";
import { evidenceOfKey } from "../snapshot/keys.ts";
import type { EvidenceReading, HoldReading, Looked, TombstoneReading } from "./vouched-documents.ts";

export interface ReadDocuments {
  readonly evidence: EvidenceReading;
  readonly holds: HoldReading;
  readonly tombstones: TombstoneReading;
  /** Of every snapshot that is there: evidence of others decides nothing. */
  readonly snapshots: ReadonlySet<string>;
  /** Whether the store removes files by itself. */
  readonly expires: boolean;
}

/** A store may tell an expiry up to a day late. */
const expirySlackMs = 24 * 3600 * 1000;

export function lostDocuments(witness: Witness, read: ReadDocuments, now: Date): readonly DocumentFault[] {
  const told = new Set([read.evidence, read.holds, read.tombstones].flatMap(faultyKeys));
  return [
    ...witness.documents.filter(({ key }) => !told.has(key)).flatMap((one) => placed(one, read, now)),
    ...witness.unplaced.flatMap((one) => unplaced(one, read)),
  ];
}

function faultyKeys({ faults }: Looked): readonly string[] {
  return faults.filter(({ state }) => state !== "unvouched").map(({ key }) => key);
}

function placed(document: RecordedDocument, read: ReadDocuments, now: Date): readonly DocumentFault[] {
  const { key, sha256, expires, time } = document;
  const family = familyOf(key, read);
  if (family === undefined) return [];
  const { kind, looked, snapshot } = family;
  const about = { kind, key, ...(snapshot === undefined ? {} : { snapshots: [snapshot] }) };
  if (!looked.claims.has(key)) {
    const hasExpired = expires !== undefined && Date.parse(expires) <= now.getTime() + expirySlackMs;
    return hasExpired ? [] : [{ ...about, state: "missing", recorded: time }];
  }
  const claimed = looked.claims.get(key);
  if (claimed === undefined || claimed === sha256) return [];
  return [{ ...about, state: "misplaced", sha256: claimed }];
}

function familyOf(
  key: string,
  { evidence, holds, tombstones }: ReadDocuments,
): { readonly kind: DocumentKind; readonly looked: Looked; readonly snapshot?: string } | undefined {
  if (key.startsWith("holds/")) return { kind: "hold", looked: holds };
  if (key.startsWith("tombstones/")) {
    const snapshot = key.slice(key.lastIndexOf("/") + 1, -".json".length);
    return { kind: "tombstone", looked: tombstones, snapshot };
  }
  const snapshot = evidenceOfKey(key)?.id;
  return snapshot === undefined ? undefined : { kind: "evidence", looked: evidence, snapshot };
}

const spoken = new Set(["hold", "release", "unfreeze"]);
const checked = new Set(["verify", "drill"]);

/** Of a record that names no place: missed where nothing that was read has its hash, unless the store forgets by itself. */
function unplaced(
  { sha256, act, time, snapshot }: UnplacedDocument,
  { evidence, holds, snapshots, expires }: ReadDocuments,
): readonly DocumentFault[] {
  if (expires) return [];
  const what = `of ${time.slice(0, 16).replace("T", " ")} UTC (${act})`;
  if (spoken.has(act) && ![...holds.claims.values()].includes(sha256)) {
    return [{ kind: "hold", key: what, state: "missing", sha256, recorded: time }];
  }
  const isOfKept = snapshot !== undefined && snapshots.has(snapshot);
  if (checked.has(act) && isOfKept && ![...evidence.claims.values()].includes(sha256)) {
    return [{ kind: "evidence", key: what, state: "missing", sha256, snapshots: [snapshot], recorded: time }];
  }
  return [];
}
