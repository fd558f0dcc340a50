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
  /** Hashes of the records that none other named: one, more after acts at the same time, none at the beginning. */
  previous: z.array(hash),
  sha256: hash,
});

export type LedgerRecord = z.infer<typeof ledgerRecordSchema>;
export type LedgerEntry = Pick<
  LedgerRecord,
  "act" | "source" | "store" | "heads" | "witnessed" | "by" | "time"
>;

const dayMs = 24 * 3600 * 1000;

export interface LedgerReading {
  /** By time. */
  readonly records: readonly LedgerRecord[];
  /** What is wrong with the chain, in sentences. */
  readonly problems: readonly string[];
}

/**
 * Records from their stored bytes. Where `signers` are given, unsigned ones count for nothing; what cannot be read, or names a record that is not there, is a problem.
 */
export function readRecords(stored: readonly Uint8Array[], signers: Signers = []): LedgerReading {
  const problems: string[] = [];
  const records = stored.flatMap((bytes, index) => {
    if (signers.length > 0 && !isSignedBy(bytes, signers)) return [];
    const record = readSignedDocument(bytes, ledgerRecordSchema);
    if (record !== undefined) return [record];
    problems.push(`Record ${index + 1} of the ledger is damaged.`);
    return [];
  });
  const known = new Set(records.map(({ sha256 }) => sha256));
  // The first that are read follow records of years that are not read.
  const first = Math.min(...records.map(({ time }) => Date.parse(time)));
  for (const { previous, time } of records) {
    if (Date.parse(time) <= first + dayMs) continue;
    const missing = previous.filter((one) => !known.has(one));
    if (missing.length > 0) {
      problems.push(`The ledger's record of ${time} follows one that is gone or was changed.`);
    }
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
