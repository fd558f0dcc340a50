/** The index of a storage snapshot, out of the store and into it, a line at a time. */
import { asLifeboatError, LifeboatError } from "../errors.ts";
import type { Identities } from "../seal/identities.ts";
import type { Recipients } from "../seal/recipients.ts";
import { compressStream } from "../seal/node-zstd.ts";
import { type SealedExtents, sealStream } from "../seal/seal.ts";
import { decompressStream } from "../seal/zstd.ts";
import { indexName } from "../snapshot/keys.ts";
import { readSnapshotJson, type SnapshotJson } from "../snapshot/snapshot-json.ts";
import { readIndex, writeIndex } from "../storage/index-file.ts";
import type { StoredObject } from "../storage/objects.ts";
import type { Draft, Store } from "../store/store.ts";
import type { Clock } from "../system/clock.ts";
import type { Finding } from "../verification/findings.ts";
import { fileNamed, unsealFile } from "./sealed-files.ts";
import type { Trust } from "./vouched-documents.ts";
import { signatureMissing, snapshotVoucher } from "./vouched-snapshot.ts";

/** More than any line can have: 1 MiB of user metadata, and names. */
const maxLineBytes = 2 * 1024 * 1024;

/** A bound for the decompressed index of so many objects: what claims more is a bomb. */
export function maxIndexBytes(objects: number): number {
  return (objects + 2) * maxLineBytes;
}

/** Every object of a snapshot, in the index's order; damage anywhere throws, at the latest at the end. */
export function indexOf(
  { store, zstd }: { readonly store: Store; readonly zstd: string | undefined },
  snapshot: SnapshotJson,
  identities: Identities,
): AsyncGenerator<StoredObject> {
  const sealed = unsealFile(store, snapshot, fileNamed(snapshot, indexName), identities);
  const maxBytes = maxIndexBytes(snapshot.totals.objects);
  return readIndex(decompressStream(sealed, { maxBytes, zstd }), snapshot);
}

/** Writes the index into a draft while its entries still come. */
export async function storeIndex(
  draft: Draft,
  of: { readonly source: string; readonly id: string },
  entries: AsyncIterable<StoredObject>,
  recipients: Recipients,
): Promise<SealedExtents & { readonly rawBytes: number }> {
  let rawBytes = 0;
  async function* counted(): AsyncGenerator<Uint8Array, void, undefined> {
    for await (const bytes of writeIndex(of, entries)) {
      rawBytes += bytes.length;
      yield bytes;
    }
  }
  const sealing = sealStream(compressStream(counted()), recipients);
  await draft.put(indexName, sealing.bytes);
  return { ...sealing.extents(), rawBytes };
}

/** Indexes are sealed for the recipients and for the index identity, which opens nothing else. */
export async function indexRecipients({
  recipients,
  indexIdentities,
}: {
  readonly recipients: Recipients;
  readonly indexIdentities: Identities | undefined;
}): Promise<Recipients> {
  return recipients.with((await indexIdentities?.recipients()) ?? []);
}

export interface PreviousIndex {
  readonly snapshot: SnapshotJson;
  /** A fresh reading of it. */
  entries(): AsyncGenerator<StoredObject>;
}

/**
 * The newest snapshot that somebody vouches for, whole or not, whose index can be read to its end; undefined where there is none. A key that does
 * not open it is an error: the next backup would silently be a full one for ever.
 */
export async function previousIndex(
  surroundings: { readonly store: Store; readonly zstd: string | undefined; readonly clock: Clock },
  source: string,
  identities: Identities,
  trust: Trust = { signers: [] },
): Promise<{ readonly previous: PreviousIndex | undefined; readonly findings: readonly Finding[] }> {
  const findings: Finding[] = [];
  const { store, clock } = surroundings;
  const vouchesFor = await snapshotVoucher(store, source, trust, clock.now());
  const { snapshots } = await store.snapshots(source);
  for (const { id, snapshotJson } of snapshots.toReversed()) {
    try {
      const snapshot = readSnapshotJson(snapshotJson, { source, id });
      if (snapshot.kind !== "storage") throw wrongKind(snapshot);
      // Its index could name a pack that holds other bytes, and this backup would vouch for them.
      if (!vouchesFor({ snapshot, bytes: snapshotJson })) throw signatureMissing(id);
      const reading = indexOf(surroundings, snapshot, identities);
      while ((await reading.next()).done !== true);
      return { previous: { snapshot, entries: () => indexOf(surroundings, snapshot, identities) }, findings };
    } catch (cause) {
      const error = asLifeboatError(cause);
      if (error.exitCode !== 3 && error.code !== "store-object-missing") throw cause;
      findings.push({
        level: "warning",
        code: error.code,
        sentence: `Nothing is carried over from snapshot ${id}: ${error.message}`,
        publicSentence: `Nothing is carried over from snapshot ${id}: ${error.publicSentence ?? error.message}`,
        remedy: "Verify that snapshot; an older one is used, or every object is fetched again.",
      });
    }
  }
  return { previous: undefined, findings };
}

function wrongKind({ id, source, kind }: SnapshotJson): LifeboatError {
  return new LifeboatError(
    "input-invalid",
    `Source "${source}" holds snapshots of a ${kind} (${id}), so buckets cannot be kept under this name.`,
    { hint: "Give the buckets a source name of their own." },
  );
}
