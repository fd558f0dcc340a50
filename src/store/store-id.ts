/**
 * `store/id.json`: what tells a store from others wherever it is moved to, so that what the ledger has seen in it still
 * counts. Made once and never overwritten. GitHub artifacts cannot be moved and have none.
 */
import { randomBytes } from "node:crypto";
import { z } from "zod";
import { asLifeboatError } from "../errors.ts";
import { examineDocument, type Unreadable } from "../snapshot/document-reading.ts";
import { storeIdKey } from "../snapshot/keys.ts";
import { writeSignedDocument } from "../snapshot/signed-document.ts";
import { sizeLimits } from "../snapshot/size-limits.ts";
import { bytesWithin } from "../system/bounded.ts";
import { proofOfBytes } from "./proof.ts";
import type { Store } from "./store.ts";

const storeIdSchema = z.looseObject({
  storeVersion: z.literal(1),
  id: z.string().regex(/^[0-9a-f]{32}$/),
  sha256: z.string(),
});

export interface StoreIdReading {
  readonly id?: string;
  readonly fault?: Unreadable;
  /** Of the bytes that are there; absent where there are none. */
  readonly sha256?: string;
}

export async function readStoreId(store: Store): Promise<StoreIdReading> {
  if (!mayMove(store)) return {};
  const bytes = await bytesOf(store);
  if (bytes === undefined) return {};
  const { document, fault } = examineDocument(bytes, storeIdSchema, "storeVersion");
  const { sha256 } = proofOfBytes(bytes);
  return fault === undefined ? { id: document.id, sha256 } : { fault, sha256 };
}

/** The store's id, made now where it has none: `known` if somebody remembers one. Undefined where it cannot have any. */
export async function makeStoreId(store: Store, known?: string): Promise<string | undefined> {
  if (!mayMove(store) || store.isReadOnly) return undefined;
  const document = { storeVersion: 1, id: known ?? randomBytes(16).toString("hex") };
  try {
    await store.put(storeIdKey, writeSignedDocument(document));
  } catch (cause) {
    // Another process has just made one.
    if (asLifeboatError(cause).code !== "store-key-exists") throw cause;
  }
  return (await readStoreId(store)).id;
}

function mayMove({ address }: Store): boolean {
  return !address.startsWith("artifacts:");
}

async function bytesOf(store: Store): Promise<Uint8Array | undefined> {
  try {
    const limit = { document: storeIdKey, maxBytes: sizeLimits.document };
    return await bytesWithin(await store.read(storeIdKey), limit);
  } catch (cause) {
    const { code } = asLifeboatError(cause);
    if (code === "document-too-large") return Buffer.alloc(0);
    if (code !== "store-object-missing") throw cause;
    return undefined;
  }
}
