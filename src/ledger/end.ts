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
    const last = new Set(lastOf(records));
    const seen = records.filter(({ sha256 }) => last.has(sha256));
    if (seen.length === 0) return undefined;
    return { place: ledger.place, last: seen.map(({ sha256, time }) => ({ sha256, time })) };
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

/** Remembered records that this ledger, read since that moment, does not have: one sentence, for the newest. */
export function cutOff(
  { records }: LedgerReading,
  { place, since }: { readonly place: string; readonly since: Date },
  remembered: readonly RememberedEnd[],
): readonly string[] {
  const known = new Set(records.map(({ sha256 }) => sha256));
  const gone = remembered.flatMap(({ snapshot, seen }) =>
    // Another place has another ledger: a repository may have been renamed.
    seen.place === place
      ? seen.last
          .filter(({ sha256, time }) => !known.has(sha256) && Date.parse(time) >= since.getTime())
          .map(({ time }) => ({ snapshot, time }))
      : [],
  );
  const newest = gone.toSorted((one, other) => Date.parse(one.time) - Date.parse(other.time)).at(-1);
  if (newest === undefined) return [];
  return [
    `The ledger has lost records: that of ${newest.time}, which snapshot ${newest.snapshot} saw at its end, is gone.`,
  ];
}
