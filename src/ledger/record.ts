/**
 * One record of the ledger: who did what, when, and which heads of a source's history were seen then. Each record names
 * the hash of those before it, so that none can be taken out or changed unnoticed.
 */
import { z } from "zod";
import { seenHead, type SeenHead } from "../snapshot/snapshot-json.ts";
import { actorSchema } from "../snapshot/tombstone.ts";
import { isSignedBy, readSignedDocument, type Signers } from "../snapshot/signed-document.ts";

const hash = z.string().regex(/^[0-9a-f]{64}$/);

export const ledgerRecordSchema = z.looseObject({
  ledgerVersion: z.literal(1),
  act: z.string(),
  source: z.string(),
  /** Address of the store that the heads were seen in. */
  store: z.string(),
  heads: z.array(seenHead),
  /** SHA-256 lines of documents that this act wrote or judged good: evidence, tombstones, what people said. */
  witnessed: z.array(hash),
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
  | "heads"
  | "witnessed"
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
}

export interface ReadingOptions {
  /** Where given, unsigned records count for nothing. */
  readonly signers?: Signers;
  /** Every record there ever was is read: then each must follow one that is there, or be the first. */
  readonly isWhole?: boolean;
  /** They come in the order in which they were written, so that none may stand before the one that it follows. */
  readonly isOrdered?: boolean;
}

/** Records from their stored bytes; what cannot be read, or names a record that is not there, is a problem. */
export function readRecords(
  stored: readonly Uint8Array[],
  { signers = [], isWhole = false, isOrdered = false }: ReadingOptions = {},
): LedgerReading {
  const problems: string[] = [];
  const records = stored.flatMap((bytes, index) => {
    if (signers.length > 0 && !isSignedBy(bytes, signers)) return [];
    const record = readSignedDocument(bytes, ledgerRecordSchema);
    if (record !== undefined) return [record];
    problems.push(`Record ${index + 1} of the ledger is damaged.`);
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
  return { records: records.toSorted(byTime), problems };
}

/** Hashes of the records that no other one names. */
export function lastOf(records: readonly LedgerRecord[]): readonly string[] {
  const named = new Set(records.flatMap(({ previous }) => previous));
  return records.map(({ sha256 }) => sha256).filter((sha256) => !named.has(sha256));
}

/** What the ledger says of one source in one store. */
export interface Witness {
  /** The heads of the newest records of the source: those must be there, or be explained. */
  readonly heads: readonly SeenHead[];
  readonly witnessed: ReadonlySet<string>;
  readonly problems: readonly string[];
}

export function witnessOf({ records, problems }: LedgerReading, source: string, store: string): Witness {
  const own = records.filter((record) => record.source === source);
  const heads = new Map<string, SeenHead>();
  for (const record of own) {
    if (record.store !== store) continue;
    for (const head of record.heads) if (!heads.has(head.id)) heads.set(head.id, head);
  }
  return {
    heads: [...heads.values()],
    witnessed: new Set(own.flatMap(({ witnessed }) => witnessed)),
    problems,
  };
}
