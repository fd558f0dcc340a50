/** The ledger's end, as others remember it: a chain of records cannot show by itself that its newest ones were cut off. */
import { asLifeboatError } from "../errors.ts";
import type { SeenLedger } from "../snapshot/snapshot-json.ts";
import type { Logger } from "../system/logger.ts";
import type { Ledger } from "./ledger.ts";
import { lastOf, type LedgerReading } from "./record.ts";

/** Undefined where there is no ledger, nothing in it, or nobody could read it: a backup does not wait for that. */
export async function endOfLedger(
  ledger: Ledger | undefined,
  logger: Logger,
): Promise<SeenLedger | undefined> {
  if (ledger === undefined) return undefined;
  try {
    const { records } = await ledger.read();
    const hashes = new Set(lastOf(records));
    const seen = records.filter(({ sha256 }) => hashes.has(sha256));
    if (seen.length === 0) return undefined;
    const store = await ledger.storeId?.();
    const last = seen.map(({ sha256, time }) => ({ sha256, time }));
    return { place: ledger.place, ...(store === undefined ? {} : { store }), last };
  } catch (cause) {
    const { message, hint } = asLifeboatError(cause);
    logger.warning(
      `The ledger could not be read, so the backup does not remember its end: ${message} ${hint}`,
    );
    return undefined;
  }
}

export interface RememberedEnd {
  /** Id of the snapshot that remembers it. */
  readonly snapshot: string;
  readonly seen: SeenLedger;
}

/** A ledger as it was read: by the store that it is kept in it is the same one wherever that was moved to. */
export interface LedgerPlace {
  readonly place: string;
  readonly store?: string | undefined;
  readonly since: Date;
}

export interface CutOff {
  readonly sentence: string;
  /** Of all that are gone. */
  readonly hashes: readonly string[];
}

/** Remembered records that this ledger, read since that moment, does not have: one sentence, for the newest. */
export function cutOff(
  { records }: LedgerReading,
  ledger: LedgerPlace,
  remembered: readonly RememberedEnd[],
  accepted: ReadonlySet<string> = new Set(),
): CutOff | undefined {
  const known = new Set(records.map(({ sha256 }) => sha256));
  const isSame = sameLedger(ledger, remembered, known);
  const gone = remembered.flatMap(({ snapshot, seen }) =>
    // Another place has another ledger: a repository may have been renamed.
    isSame(seen)
      ? seen.last
          .filter(({ sha256, time }) => !known.has(sha256) && Date.parse(time) >= ledger.since.getTime())
          .filter(({ sha256 }) => !accepted.has(sha256))
          .map(({ time, sha256 }) => ({ snapshot, time, sha256 }))
      : [],
  );
  const newest = gone.toSorted((one, other) => Date.parse(one.time) - Date.parse(other.time)).at(-1);
  if (newest === undefined) return undefined;
  return {
    sentence: `The ledger has lost records: that of ${newest.time}, which snapshot ${newest.snapshot} saw at its end, is gone.`,
    hashes: [...new Set(gone.map(({ sha256 }) => sha256))],
  };
}

/** The same place, the same store, or a place whose records are found here: the ledger was moved. */
function sameLedger(
  { place, store }: LedgerPlace,
  remembered: readonly RememberedEnd[],
  known: ReadonlySet<string>,
): (seen: SeenLedger) => boolean {
  const places = new Set([place]);
  for (const { seen } of remembered) {
    if (seen.last.some(({ sha256 }) => known.has(sha256))) places.add(seen.place);
  }
  return (seen) => places.has(seen.place) || (store !== undefined && seen.store === store);
}
