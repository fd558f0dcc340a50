/**
 * Documents beside the snapshots that decide about them: evidence, what people said, tombstones; and who must vouch for
 * each before it counts.
 */
import { asLifeboatError } from "../errors.ts";
import type { Ledger } from "../ledger/ledger.ts";
import type { Witness } from "../ledger/witness.ts";
import type { DocumentFault, DocumentKind } from "../retention/document-findings.ts";
import { examineDocument } from "../snapshot/document-reading.ts";
import { drillEvidenceSchema } from "../snapshot/drill-evidence.ts";
import { type EvidenceDocument, evidenceSchema } from "../snapshot/evidence.ts";
import { holdSchema, type ReadHold } from "../snapshot/holds.ts";
import { isSnapshotId } from "../snapshot/ids.ts";
import { evidenceOfSource, holdPrefix, isDrillKey, isOfMoment, tombstonePrefix } from "../snapshot/keys.ts";
import type { Evidence } from "../snapshot/observed.ts";
import { isSignedBy, type Signers } from "../snapshot/signed-document.ts";
import { selfHashOf } from "../snapshot/self-hash.ts";
import { sizeLimits } from "../snapshot/size-limits.ts";
import type { SnapshotJson } from "../snapshot/snapshot-json.ts";
import { type Tombstone, tombstoneSchema } from "../snapshot/tombstone.ts";
import { proofOfBytes } from "../store/proof.ts";
import type { Store, StoreFinding } from "../store/store.ts";
import { wholeOf } from "./whole-of.ts";

const readsAtOnce = 8;

/** What must vouch for a document before it counts. */
export interface Trust {
  /** Public keys; none: no signature is demanded. */
  readonly signers: Signers;
  /** Witnesses heads and documents; absent: nobody does. */
  readonly ledger?: Ledger | undefined;
}

export type Vouch = (bytes: Uint8Array, sha256: string) => boolean;

/** Signed by who may sign, or in the ledger; where neither is configured there is nobody to ask. */
export function voucher({ signers, ledger }: Trust, witness: Witness | undefined): Vouch {
  const nobodyToAsk = signers.length === 0 && ledger === undefined;
  return (bytes, sha256) =>
    nobodyToAsk || witness?.witnessed.has(sha256) === true || isSignedBy(bytes, signers);
}

/** What was read of one kind of documents, besides what they say. */
export interface Looked {
  readonly faults: readonly DocumentFault[];
  /** Every file that is there, with the hash that the document claims for itself where it was read. */
  readonly claims: ReadonlyMap<string, string | undefined>;
}

export interface EvidenceReading extends Looked {
  readonly of: ReadonlyMap<string, readonly Evidence[]>;
  readonly unsigned: number;
  readonly untrusted: number;
}

/** Documents that decide nothing any more are read too where somebody looks for damage, the newest so many. */
const alsoRead = 500;

export async function readEvidence(
  store: Store,
  source: string,
  documents: ReadonlyMap<string, SnapshotJson>,
  vouch: Vouch,
  isThorough = false,
): Promise<EvidenceReading> {
  const prefix = evidenceOfSource(source);
  const files = await store.files(prefix);
  const all = files.map(({ key }) => key);
  const storedAt = new Map(files.map((file) => [file.key, file.storedAt]));
  const needed = all.filter((key) => documents.has(idIn(key, prefix)));
  const of = new Map<string, Evidence[]>();
  const count = { unsigned: 0, untrusted: 0 };
  const looked = looking("evidence", all);
  for (const { key, bytes } of await readFiles(store, withOthers(needed, all, isThorough))) {
    const isDrill = isDrillKey(key);
    const schema = isDrill ? drillEvidenceSchema : evidenceSchema;
    const { document, fault } = examineDocument<EvidenceDocument>(bytes, schema, "evidenceVersion");
    const id = idIn(key, prefix);
    looked.claim(key, bytes);
    const belongs = document !== undefined && isEvidenceOf(document, { key, source, id, isDrill, documents });
    if (!belongs) {
      looked.fault(key, bytes, fault ?? "misplaced", id === "" ? undefined : id);
      continue;
    }
    if (!documents.has(id)) continue;
    const isTrusted = vouch(bytes, document.sha256);
    if (!isTrusted) count.untrusted += 1;
    if (document["signature"] === undefined) count.unsigned += 1;
    const { level, verdict } = document;
    // Nothing is written later than it is stored: a clock that was ahead must not outrank every later check.
    const time = new Date(
      Math.min(Date.parse(document.time), storedAt.get(key)?.getTime() ?? Number.POSITIVE_INFINITY),
    );
    of.set(id, [...(of.get(id) ?? []), { level, verdict, time, isTrusted }]);
  }
  return { of, ...count, ...looked };
}

function isEvidenceOf(
  document: EvidenceDocument,
  at: {
    readonly key: string;
    readonly source: string;
    readonly id: string;
    readonly isDrill: boolean;
    readonly documents: ReadonlyMap<string, SnapshotJson>;
  },
): boolean {
  const { id, documents } = at;
  const isOfThese = document.source === at.source && document.snapshot === id;
  const isOfThis = !documents.has(id) || document.snapshotSha256 === documents.get(id)?.sha256;
  const isOfKind = (document["act"] === "drill") === at.isDrill;
  return isOfThese && isOfThis && isOfKind && isOfMoment(at.key, new Date(document.time));
}

export interface HoldReading extends Looked {
  readonly holds: readonly ReadHold[];
}

export async function readHolds(store: Store, source: string, vouch: Vouch): Promise<HoldReading> {
  const keys = (await store.files(holdPrefix(source))).map(({ key }) => key);
  const looked = looking("hold", keys);
  const holds = (await readFiles(store, keys)).flatMap(({ key, bytes }): readonly ReadHold[] => {
    const { document, fault } = examineDocument(bytes, holdSchema, "holdVersion");
    looked.claim(key, bytes);
    if (document?.source !== source || !isOfMoment(key, new Date(document.time))) {
      looked.fault(key, bytes, fault ?? "misplaced");
      return [];
    }
    const isTrusted = vouch(bytes, document.sha256);
    if (!isTrusted) looked.fault(key, bytes, "unvouched");
    return [{ document, isTrusted }];
  });
  return { holds, ...looked };
}

export interface TombstoneReading extends Looked {
  /** Those that are needed: of ids that somebody remembers and that are gone, of half-removed ones, and recent ones. */
  readonly of: ReadonlyMap<string, Tombstone>;
  /** Of every snapshot that has a tombstone, whoever wrote it. */
  readonly ids: readonly string[];
}

export async function readTombstones(
  store: Store,
  source: string,
  findings: readonly StoreFinding[],
  documents: ReadonlyMap<string, SnapshotJson>,
  witness: Witness | undefined,
  vouch: Vouch,
  isThorough = false,
): Promise<TombstoneReading> {
  const prefix = tombstonePrefix(source);
  const wanted = new Set([
    ...beheadedIds(findings),
    ...[...documents.values()].flatMap(({ id, heads }) => [id, ...heads]),
    ...(witness?.heads ?? []).map(({ id }) => id),
  ]);
  const idOf = (key: string): string => key.slice(prefix.length, -".json".length);
  const all = (await store.files(prefix)).map(({ key }) => key);
  const needed = all.filter((key) => wanted.has(idOf(key)));
  const tombstones = new Map<string, Tombstone>();
  const looked = looking("tombstone", all);
  for (const { key, bytes } of await readFiles(store, withOthers(needed, all, isThorough))) {
    const { document, fault } = examineDocument(bytes, tombstoneSchema, "tombstoneVersion");
    looked.claim(key, bytes);
    if (document?.source !== source || key !== `${prefix}${document.snapshot}.json`) {
      looked.fault(key, bytes, fault ?? "misplaced", idOf(key));
    } else if (vouch(bytes, document.sha256)) tombstones.set(document.snapshot, document);
    else looked.fault(key, bytes, "unvouched");
  }
  return { of: tombstones, ids: all.map(idOf).filter(isSnapshotId), ...looked };
}

function withOthers(
  needed: readonly string[],
  all: readonly string[],
  isThorough: boolean,
): readonly string[] {
  if (!isThorough) return needed;
  const others = new Set(all);
  for (const key of needed) others.delete(key);
  return [...needed, ...[...others].slice(-alsoRead)];
}

/** What there is of one kind of documents, and what is wrong with it, while it is read. */
function looking(kind: DocumentKind, keys: readonly string[]) {
  const faults: DocumentFault[] = [];
  const claims = new Map<string, string | undefined>(keys.map((key) => [key, undefined]));
  return {
    faults,
    claims,
    claim: (key: string, bytes: Uint8Array): void => void claims.set(key, selfHashOf(bytes)),
    fault: (key: string, bytes: Uint8Array, state: DocumentFault["state"], snapshot?: string): void => {
      const { sha256 } = proofOfBytes(bytes);
      faults.push({ kind, key, state, sha256, ...(snapshot === undefined ? {} : { snapshots: [snapshot] }) });
    },
  };
}

export async function readFiles(
  store: Store,
  keys: readonly string[],
): Promise<readonly { readonly key: string; readonly bytes: Uint8Array }[]> {
  const waiting = [...keys];
  const files: { key: string; bytes: Uint8Array }[] = [];
  const work = async (): Promise<void> => {
    for (let key = waiting.shift(); key !== undefined; key = waiting.shift()) {
      try {
        files.push({
          key,
          bytes: await wholeOf(await store.read(key), { document: key, maxBytes: sizeLimits.document }),
        });
      } catch (cause) {
        const { code } = asLifeboatError(cause);
        // As damaged as one without a byte; what it may be about is kept, and the others are read.
        if (code === "document-too-large") files.push({ key, bytes: Buffer.alloc(0) });
        // Expired since it was listed.
        else if (code !== "store-object-missing") throw cause;
      }
    }
  };
  await Promise.all(Array.from({ length: readsAtOnce }, work));
  return files.sort((one, other) => (one.key < other.key ? -1 : 1));
}

/** Snapshots whose snapshot.json is gone, while parts are left. */
export function beheadedIds(findings: readonly StoreFinding[]): readonly string[] {
  return findings.flatMap(({ code, id }) =>
    code === "snapshot-json-missing" && id !== undefined ? [id] : [],
  );
}

function idIn(key: string, prefix: string): string {
  const [id = ""] = key.slice(prefix.length).split("/");
  return isSnapshotId(id) ? id : "";
}
