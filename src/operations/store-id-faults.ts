/** A store whose id is damaged, gone, or not the one that the ledger knows at this address: another store, or an older copy. */
import type { Witness } from "../ledger/witness.ts";
import type { DocumentFault } from "../retention/document-findings.ts";
import { storeIdKey } from "../snapshot/keys.ts";
import { makeStoreId, readStoreId, type StoreIdReading } from "../store/store-id.ts";
import type { Store } from "../store/store.ts";

export function storeIdFaults(
  { id, fault, sha256 }: StoreIdReading,
  witness: Witness | undefined,
): readonly DocumentFault[] {
  const about = { kind: "store id", key: storeIdKey, ...(sha256 === undefined ? {} : { sha256 }) } as const;
  if (fault !== undefined) return [{ ...about, state: fault }];
  const known = witness?.storeIds.at(-1);
  if (known === undefined || known === id) return [];
  return [{ ...about, state: id === undefined ? "missing" : "misplaced" }];
}

/** After a person has looked: a lost or damaged id is written again as the ledger remembers it. */
export async function restoreStoreId(store: Store, known: readonly string[]): Promise<void> {
  const { id, fault } = await readStoreId(store);
  if (id !== undefined || (fault === undefined && known.length === 0) || fault === "too-new") return;
  if (fault !== undefined) await store.delete(storeIdKey);
  await makeStoreId(store, known.at(-1));
}
