/**
 * All snapshots of a source in one store, as whoever decides about them without a key sees them: states, evidence that
 * counts, what people said, and whether history explains what is there and what is not. Listings are complete or throw.
 */
import { asLifeboatError } from "../errors.ts";
import { type LedgerSpan } from "../ledger/ledger.ts";
import { type Witness, witnessOf } from "../ledger/witness.ts";
import {
  type AcceptableFinding,
  documentFindings,
  type DocumentFault,
} from "../retention/document-findings.ts";
import { acceptanceOf, historyFindings, type HistoryFinding, type Memory } from "../retention/history.ts";
import { type Standings, standingsOf } from "../snapshot/holds.ts";
import { chronologyFindings, chronologyOf, dated } from "../snapshot/chronology.ts";
import { momentOfId } from "../snapshot/ids.ts";
import { damagedSnapshot, type ObservedSnapshot, observedSnapshot } from "../snapshot/observed.ts";
import { isSignedBy } from "../snapshot/signed-document.ts";
import { readSnapshotJson, type SeenHead, type SnapshotJson, type Tier } from "../snapshot/snapshot-json.ts";
import type { Tombstone } from "../snapshot/tombstone.ts";
import type { ListedSnapshot, Store, StoreFinding } from "../store/store.ts";
import { readStoreId } from "../store/store-id.ts";
import type { Finding } from "../verification/findings.ts";
import { seenHeadOf } from "./history.ts";
import { ledgerProblems } from "./ledger-problems.ts";
import { lostDocuments } from "./lost-documents.ts";
import { damagedRewraps } from "./rewraps.ts";
import { storeIdFaults } from "./store-id-faults.ts";
import { type UnreadableSnapshot, unreadableSnapshots } from "./unreadable-snapshots.ts";
import {
  beheadedIds,
  type EvidenceReading,
  readEvidence,
  readHolds,
  readTombstones,
  type Trust,
  type Vouch,
  voucher,
} from "./vouched-documents.ts";

export interface ObserveRequest {
  readonly source: string;
  readonly trust: Trust;
  readonly now: Date;
  /** Tiers that this store is asked to keep; others are no loss here. Default: all. */
  readonly keeps?: (tier: Tier) => boolean;
  /** Ids that the store has which backups go to first; absent where this is that store. */
  readonly elsewhere?: ReadonlySet<string>;
  /** Also looks at documents that decide nothing here and now, and at rewraps. */
  readonly isThorough?: boolean;
  /** How far back the ledger is read; whoever removes anything must know of everything that was ever held. */
  readonly ledgerSpan?: LedgerSpan;
}

export interface Observation {
  readonly source: string;
  /** By id. */
  readonly snapshots: readonly ObservedSnapshot[];
  /** Those whose snapshot.json could be read. */
  readonly documents: ReadonlyMap<string, SnapshotJson>;
  /** By the id of the snapshot they are for; only those that are trusted. */
  readonly tombstones: ReadonlyMap<string, Tombstone>;
  /** Moments of removed snapshots, as far as anything still names them; only statistics may hang on these. */
  readonly pastMoments: readonly Date[];
  /** Removed by prune, but some files may be left: their snapshot.json is gone, and a tombstone says so. */
  readonly halfRemoved: readonly string[];
  readonly standings: Standings;
  /** Ids that the ledger knows the store at this address by, oldest first. */
  readonly storeIds: readonly string[];
  /** Who vouches for other documents of this source, by the ledger as it was read here. */
  readonly vouch: Vouch;
  /** What history does not explain. */
  readonly history: readonly HistoryFinding[];
  readonly findings: readonly Finding[];
  /** Of the snapshots that nobody named as seen: what a ledger witnesses. */
  readonly heads: readonly SeenHead[];
  /** The newest moment at which the store says that it got something. */
  readonly newestStoredAt?: Date;
}

export async function observeSnapshots(store: Store, request: ObserveRequest): Promise<Observation> {
  const { source, trust, now, isThorough = false } = request;
  // In this order: what the ledger has seen was in the store before, and what vanishes meanwhile has a tombstone then.
  const reading = await trust.ledger?.read(request.ledgerSpan);
  const ownId = await readStoreId(store);
  const witness =
    reading === undefined ? undefined : witnessOf(reading, source, { address: store.address, id: ownId.id });
  const listing = await store.snapshots(source);
  const { documents, unreadable } = readable(listing.snapshots, source);
  const vouch = voucher(trust, witness);
  const evidence = await readEvidence(store, source, documents, vouch, isThorough);
  const holds = await readHolds(store, source, vouch);
  const tombstoneReading = await readTombstones(
    ...([store, source, listing.findings, documents, witness, vouch, isThorough] as const),
  );
  const { of: tombstones, ids: buried } = tombstoneReading;
  const standings = standingsOf(holds.holds, now);
  const read = { evidence, holds, tombstones: tombstoneReading, snapshots: new Set(documents.keys()) };
  const expires = listing.snapshots.some(({ expiresAt }) => expiresAt !== undefined);
  const faults: readonly DocumentFault[] = [
    ...[evidence, holds, tombstoneReading].flatMap((one) => one.faults),
    ...(witness === undefined ? [] : lostDocuments(witness, { ...read, expires }, now)),
    ...storeIdFaults(ownId, witness),
    ...(isThorough ? await damagedRewraps(store, source, documents) : []),
  ];
  const ofDocuments = documentFindings(faults, source, standings.accepted);
  const doubts = doubtsOf(ofDocuments);
  const placed = chronologyOf(
    listing.snapshots.map(({ id, storedAt }) => dated(id, documents.get(id), storedAt)),
    now,
  );
  const places = new Map(placed.map(({ id, at }) => [id, at]));

  const snapshots = listing.snapshots.map((listed): ObservedSnapshot => {
    const document = documents.get(listed.id);
    const around = {
      evidence: evidence.of.get(listed.id) ?? [],
      isTrusted: isTrustedSnapshot(listed.snapshotJson, document, trust, witness, standings),
      isHeld: standings.held.has(listed.id),
      doubts: doubts.get(listed.id) ?? [],
      storedAt: listed.storedAt,
      ...(listed.expiresAt === undefined ? {} : { expiresAt: listed.expiresAt }),
    };
    if (document === undefined) return damagedSnapshot(listed.id, around, unreadable.get(listed.id)?.state);
    const observed = observedSnapshot(document, around);
    return { ...observed, moment: places.get(listed.id) ?? observed.moment };
  });
  const beheaded = beheadedIds(listing.findings);
  const halfRemoved = beheaded.filter((id) => tombstones.has(id));
  for (const id of beheaded) {
    if (!tombstones.has(id)) snapshots.push(damagedSnapshot(id, { isHeld: standings.held.has(id) }));
  }
  snapshots.sort((one, other) => (one.id < other.id ? -1 : 1));
  const stored = listing.snapshots.map(({ storedAt }) => storedAt.getTime());
  return {
    source,
    snapshots,
    documents,
    tombstones,
    pastMoments: momentsOfGone(
      [
        ...buried,
        ...(witness?.heads ?? []).map(({ id }) => id),
        ...[...documents.values()].flatMap(({ heads }) => heads),
      ],
      snapshots,
    ),
    halfRemoved,
    standings,
    storeIds: witness?.storeIds ?? [],
    vouch,
    history: historyFindings({
      source,
      present: new Map(snapshots.map(({ id }) => [id, documents.get(id)?.sha256])),
      remembered: memories(snapshots, documents, witness),
      tombstones: new Set(tombstones.keys()),
      untrusted: snapshots.filter(({ isTrusted }) => !isTrusted).map(({ id }) => id),
      keeps: request.keeps ?? (() => true),
      elsewhere: request.elsewhere ?? new Set(),
      accepted: standings.accepted,
      now,
    }),
    findings: [
      ...listing.findings
        .filter(({ id = "", code }) => !halfRemoved.includes(id) && code !== "snapshot-json-missing")
        .map(asFinding),
      ...unreadableSnapshots(
        unreadable,
        listing.findings.filter(({ id = "" }) => !halfRemoved.includes(id)),
        source,
        standings.accepted,
      ),
      ...(await ledgerProblems(reading, { snapshots, documents, accepted: standings.accepted }, request)),
      ...ofDocuments,
      ...evidenceFindings(evidence, trust),
      ...chronologyFindings(source, placed),
    ],
    heads: headsOf(listing.snapshots, documents),
    ...(stored.length === 0 ? {} : { newestStoredAt: new Date(Math.max(...stored)) }),
  };
}

function momentsOfGone(named: readonly string[], present: readonly ObservedSnapshot[]): readonly Date[] {
  const gone = new Set(named);
  for (const { id } of present) gone.delete(id);
  return [...gone].flatMap((id) => momentOfId(id) ?? []);
}

/** What the ledger saw, or a person accepted, before signatures were demanded is no forgery. */
function isTrustedSnapshot(
  bytes: Uint8Array,
  document: SnapshotJson | undefined,
  { signers }: Trust,
  witness: Witness | undefined,
  { accepted }: Standings,
): boolean {
  // A damaged one is told as damaged.
  if (signers.length === 0 || document === undefined) return true;
  if (isSignedBy(bytes, signers) || accepted.has(acceptanceOf(document.id, document.sha256))) return true;
  return witness?.heads.some(({ id, sha256 }) => id === document.id && sha256 === document.sha256) ?? false;
}

function readable(
  listed: readonly ListedSnapshot[],
  source: string,
): {
  readonly documents: ReadonlyMap<string, SnapshotJson>;
  readonly unreadable: ReadonlyMap<string, UnreadableSnapshot>;
} {
  const documents = new Map<string, SnapshotJson>();
  const unreadable = new Map<string, UnreadableSnapshot>();
  for (const { id, snapshotJson } of listed) {
    try {
      documents.set(id, readSnapshotJson(snapshotJson, { source, id }));
    } catch (cause) {
      const error = asLifeboatError(cause);
      // A newer format is not damage: whoever cannot read it must not decide about it.
      const state = unreadableStates[error.code];
      if (state === undefined) throw cause;
      unreadable.set(id, { state, error });
    }
  }
  return { documents, unreadable };
}

const unreadableStates: Readonly<Record<string, UnreadableSnapshot["state"]>> = {
  "snapshot-damaged": "damaged",
  "snapshot-too-new": "too-new",
};

/** By the snapshot that they bear on. */
function doubtsOf(findings: readonly AcceptableFinding[]): ReadonlyMap<string, readonly string[]> {
  const doubts = new Map<string, readonly string[]>();
  for (const { keeps, publicSentence } of findings) {
    for (const id of keeps === "source" ? [] : keeps) {
      doubts.set(id, [...(doubts.get(id) ?? []), publicSentence]);
    }
  }
  return doubts;
}

function memories(
  snapshots: readonly ObservedSnapshot[],
  documents: ReadonlyMap<string, SnapshotJson>,
  witness: Witness | undefined,
): readonly Memory[] {
  const trusted = snapshots.filter(({ isTrusted }) => isTrusted).map(({ id }) => id);
  const remembered = trusted.flatMap((id) =>
    (documents.get(id)?.seen ?? []).map((head) => ({ head, by: `snapshot ${id}` })),
  );
  return [...(witness?.heads ?? []).map((head) => ({ head, by: "the ledger" })), ...remembered];
}

function headsOf(
  listed: readonly ListedSnapshot[],
  documents: ReadonlyMap<string, SnapshotJson>,
): readonly SeenHead[] {
  const named = new Set([...documents.values()].flatMap(({ heads }) => heads));
  return listed.flatMap(({ id, expiresAt }) => {
    const document = documents.get(id);
    return document === undefined || named.has(id) ? [] : [seenHeadOf(document, expiresAt)];
  });
}

export function asFinding({ code, sentence, remedy }: StoreFinding): Finding {
  return { level: "warning", code, sentence, publicSentence: sentence, remedy };
}

function evidenceFindings(
  { unsigned, untrusted }: EvidenceReading,
  { signers, ledger }: Trust,
): readonly Finding[] {
  const warning = (code: string, sentence: string, remedy: string): Finding => ({
    level: "warning",
    code,
    sentence,
    publicSentence: sentence,
    remedy,
  });
  if (untrusted > 0) {
    return [
      warning(
        "evidence-not-trusted",
        `${untrusted} results of checks are neither signed nor in the ledger, and count for nothing.`,
        "Give `verify` the signing key; find out who wrote these.",
      ),
    ];
  }
  if (unsigned === 0 || signers.length > 0 || ledger !== undefined) return [];
  return [
    warning(
      "evidence-unsigned",
      "Nobody vouches for the results of checks: whoever can write into the store can write them.",
      "Set LIFEBOAT_SIGNING_KEY and give `signing-key` to backups and `verify`, or keep a ledger (docs/retention.md).",
    ),
  ];
}
