/** What the ledger says of one source in one store, wherever that store was when it was recorded. */
import type { SeenHead } from "../snapshot/snapshot-json.ts";
import type { LedgerReading, LedgerRecord, WitnessedDocument } from "./record.ts";

export interface Witness {
  /** The heads of the newest records of the source: those must be there, or be explained. */
  readonly heads: readonly SeenHead[];
  readonly witnessed: ReadonlySet<string>;
  /** Documents of this store that must be there, or have expired; the last that was said of each place. */
  readonly documents: readonly RecordedDocument[];
  /** Of older records, which name no places. */
  readonly unplaced: readonly UnplacedDocument[];
  /** Ids that the ledger knows the store at this address by, oldest first. */
  readonly storeIds: readonly string[];
}

export interface RecordedDocument extends WitnessedDocument {
  readonly time: string;
}

export interface UnplacedDocument {
  readonly sha256: string;
  readonly act: string;
  readonly time: string;
  readonly snapshot?: string;
}

export interface StoreNames {
  readonly address: string;
  /** Absent where the store has none yet, or it cannot be read. */
  readonly id?: string | undefined;
}

export function witnessOf({ records }: LedgerReading, source: string, store: StoreNames): Witness {
  const own = records.filter((record) => record.source === source);
  const here = own.filter(isOf(records, store));
  const heads = new Map<string, SeenHead>();
  const documents = new Map<string, RecordedDocument>();
  const unplaced: UnplacedDocument[] = [];
  for (const record of here) {
    const { act, time, snapshot, witnessed } = record;
    for (const head of record.heads) if (!heads.has(head.id)) heads.set(head.id, head);
    for (const document of record.documents ?? []) documents.set(document.key, { ...document, time });
    if (record.documents !== undefined) continue;
    const about = { act, time, ...(snapshot === undefined ? {} : { snapshot }) };
    unplaced.push(...witnessed.map((sha256) => ({ sha256, ...about })));
  }
  return {
    heads: [...heads.values()],
    witnessed: new Set(own.flatMap(({ witnessed }) => witnessed)),
    documents: [...documents.values()],
    unplaced,
    storeIds: storeIdsAt(records, store.address),
  };
}

/** Ids that the ledger knows the store at an address by, oldest first. */
export function storeIdsAt(records: readonly LedgerRecord[], address: string): readonly string[] {
  const ids = records.flatMap(({ store, storeId }) =>
    storeId !== undefined && isSameAddress(store, address) ? [storeId] : [],
  );
  return [...new Set(ids)];
}

/** By the store's id; older records by an address that this id has had, or that the store has now. */
function isOf(
  records: readonly LedgerRecord[],
  { address, id }: StoreNames,
): (record: LedgerRecord) => boolean {
  const addresses = new Set([address]);
  for (const { store, storeId } of records) if (id !== undefined && storeId === id) addresses.add(store);
  return ({ store, storeId }) =>
    (id !== undefined && storeId === id) ||
    (storeId === undefined
      ? [...addresses].some((one) => isSameAddress(one, store))
      : isSameAddress(address, store));
}

/** A run calls its own repository's artifacts by no name; a terminal names the repository. */
function isSameAddress(one: string, other: string): boolean {
  const bare = "artifacts:";
  if (!one.startsWith(bare) || !other.startsWith(bare)) return one === other;
  return one === other || one === bare || other === bare;
}
