/** What a record of the ledger says of a store and of the documents that an act wrote into it. */
import type { Ledger } from "../ledger/ledger.ts";
import type { LedgerEntry, WitnessedDocument } from "../ledger/record.ts";
import { storeIdsAt } from "../ledger/witness.ts";
import { selfHashOf } from "../snapshot/self-hash.ts";
import { makeStoreId, readStoreId } from "../store/store-id.ts";
import type { Store, StoredFile } from "../store/store.ts";

/**
 * The store's address, and its id, which is made where the ledger knows of none: a lost one is for a person to accept. A
 * store that does not answer has its address: what failed there must be recorded all the same.
 */
export async function aboutStore(
  store: Store,
  ledger: Ledger | undefined,
): Promise<Pick<LedgerEntry, "store" | "storeId">> {
  const about = { store: store.address };
  if (ledger === undefined) return about;
  const storeId = await idOf(store, ledger).catch(() => undefined);
  return storeId === undefined ? about : { ...about, storeId };
}

async function idOf(store: Store, ledger: Ledger): Promise<string | undefined> {
  const { id, fault } = await readStoreId(store);
  if (id !== undefined) return id;
  const known = storeIdsAt((await ledger.read()).records, store.address).at(-1);
  return known ?? (fault === undefined ? await makeStoreId(store) : undefined);
}

/** A document that was just stored. */
export function witnessedDocument({ key, expiresAt }: StoredFile, bytes: Uint8Array): WitnessedDocument {
  const expires = expiresAt === undefined ? {} : { expires: expiresAt.toISOString() };
  return { key, sha256: selfHashOf(bytes), ...expires };
}

/** What a record says of the documents that an act wrote. */
export function witnessing(
  documents: readonly WitnessedDocument[],
): Required<Pick<LedgerEntry, "witnessed" | "documents">> {
  return { witnessed: documents.map(({ sha256 }) => sha256), documents: [...documents] };
}
