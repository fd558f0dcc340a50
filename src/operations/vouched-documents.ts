/**
 * Documents beside the snapshots that decide about them: evidence, what people said, tombstones; and who must vouch for
 * each before it counts.
 */
import { asLifeboatError } from "../errors.ts";
import type { Ledger } from "../ledger/ledger.ts";
import type { Witness } from "../ledger/record.ts";
import { evidenceSchema } from "../snapshot/evidence.ts";
import { holdSchema, type ReadHold } from "../snapshot/holds.ts";
import { isSnapshotId } from "../snapshot/ids.ts";
import { evidenceOfSource, holdPrefix, tombstonePrefix } from "../snapshot/keys.ts";
import type { Evidence } from "../snapshot/observed.ts";
import { isSignedBy, readSignedDocument, type Signers } from "../snapshot/signed-document.ts";
import { sizeLimits } from "../snapshot/size-limits.ts";
import type { SnapshotJson } from "../snapshot/snapshot-json.ts";
import { type Tombstone, tombstoneSchema } from "../snapshot/tombstone.ts";
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

export interface EvidenceReading {
  readonly of: ReadonlyMap<string, readonly Evidence[]>;
  readonly unsigned: number;
  readonly untrusted: number;
}

export async function readEvidence(
  store: Store,
  source: string,
  documents: ReadonlyMap<string, SnapshotJson>,
  vouch: Vouch,
): Promise<EvidenceReading> {
  const prefix = evidenceOfSource(source);
  const files = (await store.files(prefix)).filter(({ key }) => documents.has(idIn(key, prefix)));
  const storedAt = new Map(files.map((file) => [file.key, file.storedAt]));
  const of = new Map<string, Evidence[]>();
  const count = { unsigned: 0, untrusted: 0 };
  for (const { key, bytes } of await readFiles(store, [...storedAt.keys()])) {
    const document = readSignedDocument(bytes, evidenceSchema);
    const id = idIn(key, prefix);
    if (document?.snapshot !== id || document.source !== source) continue;
    if (document.snapshotSha256 !== documents.get(id)?.sha256) continue;
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
  return { of, ...count };
}

export async function readHolds(store: Store, source: string, vouch: Vouch): Promise<readonly ReadHold[]> {
  const keys = (await store.files(holdPrefix(source))).map(({ key }) => key);
  const files = await readFiles(store, keys);
  return files.flatMap(({ bytes }) => {
    const document = readSignedDocument(bytes, holdSchema);
    if (document?.source !== source) return [];
    return [{ document, isTrusted: vouch(bytes, document.sha256) }];
  });
}

export interface TombstoneReading {
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
): Promise<TombstoneReading> {
  const prefix = tombstonePrefix(source);
  const wanted = new Set([
    ...beheadedIds(findings),
    ...[...documents.values()].flatMap(({ id, heads }) => [id, ...heads]),
    ...(witness?.heads ?? []).map(({ id }) => id),
  ]);
  const idOf = (key: string): string => key.slice(prefix.length, -".json".length);
  const all = (await store.files(prefix)).map(({ key }) => key);
  const keys = all.filter((key) => wanted.has(idOf(key)));
  const tombstones = new Map<string, Tombstone>();
  for (const { key, bytes } of await readFiles(store, keys)) {
    const document = readSignedDocument(bytes, tombstoneSchema);
    if (document?.source !== source || key !== `${prefix}${document.snapshot}.json`) continue;
    if (vouch(bytes, document.sha256)) tombstones.set(document.snapshot, document);
  }
  return { of: tombstones, ids: all.map(idOf).filter(isSnapshotId) };
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
        // Expired since it was listed.
        if (asLifeboatError(cause).code !== "store-object-missing") throw cause;
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
