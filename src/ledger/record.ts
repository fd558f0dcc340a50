/**
 * One record of the ledger: who did what, when, and which heads of a source's history were seen then. Each record names
 * the hash of those before it, so that none can be taken out or changed unnoticed.
 */
import { z } from "zod";
import { examineDocument } from "../snapshot/document-reading.ts";
import { seenHead } from "../snapshot/snapshot-json.ts";
import { actorSchema } from "../snapshot/tombstone.ts";
import { isSignedBy, type Signers } from "../snapshot/signed-document.ts";

const hash = z.string().regex(/^[0-9a-f]{64}$/);

/** One document that an act wrote, so that its absence can be told. */
const witnessedDocument = z.looseObject({
  key: z.string(),
  /** The SHA-256 line of the document. */
  sha256: hash,
  /** When the store removes it by itself; absent where it never does. */
  expires: z.iso.datetime().exactOptional(),
});

export type WitnessedDocument = z.infer<typeof witnessedDocument>;

export const ledgerRecordSchema = z.looseObject({
  ledgerVersion: z.literal(1),
  act: z.string(),
  source: z.string(),
  /** Address of the store that the heads were seen in. */
  store: z.string(),
  /** Its id (src/store/store-id.ts), which it keeps wherever it is moved to; absent in older records. */
  storeId: z.string().exactOptional(),
  heads: z.array(seenHead),
  /** SHA-256 lines of documents that this act wrote or judged good: evidence, tombstones, what people said. */
  witnessed: z.array(hash),
  /** Where in the store those that this act wrote are; absent in older records. */
  documents: z.array(witnessedDocument).exactOptional(),
  by: actorSchema,
  time: z.iso.datetime(),
  /** The snapshot that was made, checked or restored. */
  snapshot: z.string().exactOptional(),
  /** How it ended, as in the record of an action. */
  outcome: z.string().exactOptional(),
  /** Codes of what was found. */
  findings: z.array(z.string()).exactOptional(),
  /** What the workflow ran from. */
  commit: z.string().exactOptional(),
  /** Hashes of the records that none other named: one, more after acts at the same time, none at the beginning. */
  previous: z.array(hash),
  sha256: hash,
});

export type LedgerRecord = z.infer<typeof ledgerRecordSchema>;
export type LedgerEntry = Pick<
  LedgerRecord,
  | "act"
  | "source"
  | "store"
  | "storeId"
  | "heads"
  | "witnessed"
  | "documents"
  | "by"
  | "time"
  | "snapshot"
  | "outcome"
  | "findings"
  | "commit"
>;

const dayMs = 24 * 3600 * 1000;

export interface LedgerReading {
  /** By time. */
  readonly records: readonly LedgerRecord[];
  /** What is wrong with the chain, in sentences. */
  readonly problems: readonly string[];
  /** Names of whole records that lack the signature which is demanded, and so count for nothing. */
  readonly unsigned: readonly string[];
}

/** A record's bytes, and what to call it until it is read. */
export interface StoredRecord {
  readonly name: string;
  readonly bytes: Uint8Array;
  /** Where a record with this moment and hash lies, if the place tells. */
  readonly belongs?: (record: LedgerRecord) => boolean;
}

export interface ReadingOptions {
  /** Where given, unsigned records count for nothing. */
  readonly signers?: Signers;
  /** Every record there ever was is read: then each must follow one that is there, or be the first. */
  readonly isWhole?: boolean;
  /** They come in the order in which they were written, so that none may stand before the one that it follows. */
  readonly isOrdered?: boolean;
}

/**
 * Records from their stored bytes; what cannot be read, or names a record that is not there, is a problem. Damage comes
 * before signatures: a record that was changed is no stranger's.
 */
export function readRecords(
  stored: readonly StoredRecord[],
  { signers = [], isWhole = false, isOrdered = false }: ReadingOptions = {},
): LedgerReading {
  const problems: string[] = [];
  const unsigned: string[] = [];
  const records = stored.flatMap(({ name, bytes, belongs }) => {
    const { document, fault } = examineDocument(bytes, ledgerRecordSchema, "ledgerVersion");
    if (fault !== undefined) {
      const why = fault === "damaged" ? "is damaged" : "was written by a newer Lifeboat";
      problems.push(`The ledger's record ${name} ${why}.`);
      return [];
    }
    if (belongs?.(document) === false)
      problems.push(`The ledger's record ${name} lies in another one's place.`);
    if (signers.length === 0 || isSignedBy(bytes, signers)) return [document];
    unsigned.push(name);
    return [];
  });
  const places = new Map(records.map(({ sha256 }, place) => [sha256, place]));
  // The first that are read follow records of years that are not read.
  const first = Math.min(...records.map(({ time }) => Date.parse(time)));
  for (const [place, { previous, time }] of records.entries()) {
    const follows = previous.map((one) => places.get(one));
    const mayFollowUnread = !isWhole && Date.parse(time) <= first + dayMs;
    if (follows.includes(undefined) && !mayFollowUnread) {
      problems.push(`The ledger's record of ${time} follows one that is gone or was changed.`);
    } else if (isOrdered && follows.some((other) => other !== undefined && other >= place)) {
      problems.push(`The ledger's record of ${time} stands before one that it follows.`);
    }
  }
  const beginnings = records.filter(({ previous }) => previous.length === 0);
  if (isWhole && isOrdered && beginnings.length > 1) {
    problems.push(`The ledger begins ${beginnings.length} times: what came between is gone.`);
  }
  const byTime = (one: LedgerRecord, other: LedgerRecord): number =>
    Date.parse(one.time) - Date.parse(other.time);
  return { records: records.toSorted(byTime), problems, unsigned };
}

/** Hashes of the records that no other one names. */
export function lastOf(records: readonly LedgerRecord[]): readonly string[] {
  const named = new Set(records.flatMap(({ previous }) => previous));
  return records.map(({ sha256 }) => sha256).filter((sha256) => !named.has(sha256));
}
