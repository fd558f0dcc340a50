/** Where records of what was done are kept: outside the store that they witness, or, for want of better, inside. */
import { type Signers, writeSignedDocument } from "../snapshot/signed-document.ts";
import type { SigningKey } from "../snapshot/signature.ts";
import { selfHashOf } from "../snapshot/self-hash.ts";
import { ledgerKey, ledgerPrefix } from "../snapshot/keys.ts";
import { readStoreId } from "../store/store-id.ts";
import type { Store } from "../store/store.ts";
import type { Clock } from "../system/clock.ts";
import { bytesWithin } from "../system/bounded.ts";
import { sizeLimits } from "../snapshot/size-limits.ts";
import {
  lastOf,
  type LedgerEntry,
  type LedgerReading,
  type LedgerRecord,
  readRecords,
  type StoredRecord,
} from "./record.ts";

export interface Ledger {
  /** For people: a branch, or a store's address. */
  readonly place: string;
  /** Of the store that it is kept in, which may have been elsewhere; absent for a branch. */
  storeId?(): Promise<string | undefined>;
  /** All records of this year and the last, or of all years; throws where they cannot all be read. */
  read(span?: LedgerSpan): Promise<LedgerReading>;
  append(entry: LedgerEntry): Promise<void>;
}

export function recordBytes(
  entry: LedgerEntry,
  records: readonly LedgerRecord[],
  signingKey: SigningKey | undefined,
): Uint8Array {
  return writeSignedDocument({ ledgerVersion: 1, ...entry, previous: lastOf(records) }, signingKey);
}

/** What is older than the recent years has no snapshot that the ledger alone could tell of. */
export type LedgerSpan = "recent" | "whole";

/** Before it there was no Lifeboat. */
const firstYear = 2026;

export function yearsRead(now: Date, span: LedgerSpan): readonly number[] {
  const year = now.getUTCFullYear();
  const first = span === "recent" ? year - 1 : Math.min(firstYear, year);
  return Array.from({ length: year - first + 1 }, (_, index) => first + index);
}

/** The moment from which on `recent` records are read. */
export function recentSince(now: Date): Date {
  return new Date(Date.UTC(yearsRead(now, "recent")[0] ?? now.getUTCFullYear(), 0, 1));
}

/**
 * A ledger in a store: it shows what happened, but whoever can write into the store can take its end away, and add to it
 * unless `signers` demand a signature.
 */
export function storeLedger(
  store: Store,
  clock: Clock,
  { signingKey, signers = [] }: { signingKey?: SigningKey | undefined; signers?: Signers } = {},
): Ledger {
  const known = new Map<string, Uint8Array>();

  async function stored(span: LedgerSpan): Promise<readonly StoredRecord[]> {
    const records: StoredRecord[] = [];
    for (const year of yearsRead(clock.now(), span)) {
      for (const { key } of await store.files(ledgerPrefix(year))) {
        const bytes =
          known.get(key) ??
          (await bytesWithin(await store.read(key), { document: key, maxBytes: sizeLimits.document }));
        known.set(key, bytes);
        const belongs = ({ time, sha256 }: LedgerRecord): boolean =>
          key === ledgerKey(new Date(time), sha256);
        records.push({ name: key, bytes, belongs });
      }
    }
    return records;
  }

  return {
    place: store.address,
    storeId: async () => (await readStoreId(store)).id,
    read: async (span = "recent") => readRecords(await stored(span), { signers, isWhole: span === "whole" }),
    append: async (entry) => {
      const { records } = readRecords(await stored("recent"), { signers });
      const bytes = recordBytes(entry, records, signingKey);
      await store.put(ledgerKey(new Date(entry.time), selfHashOf(bytes)), bytes);
    },
  };
}
