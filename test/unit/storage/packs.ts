/** Packs in memory, for tests: written by the real writer, read by ranges that are counted. */
import type { ReadRange } from "../../../src/seal/random-access.ts";
import { unsealStream } from "../../../src/seal/seal.ts";
import type { StoredObject } from "../../../src/storage/objects.ts";
import { type OpenedPack, openPack } from "../../../src/storage/pack-reader.ts";
import { type FinishedPack, type PackWriter, packWriter } from "../../../src/storage/pack-writer.ts";
import type { StoredFile } from "../../../src/store/store.ts";
import { collect, inPieces, keyPair, noise, sha256 } from "../seal/streams.ts";

export const alice = await keyPair();
export const packId = "20261123T031207Z-9f2c51e0a7b4";

export interface MemoryStore {
  readonly packs: Map<string, Buffer>;
  readonly put: (pack: string, bytes: AsyncIterable<Uint8Array>) => Promise<StoredFile>;
}

/** Keeps a pack only if its bytes came to their end. */
export function memoryStore(): MemoryStore {
  const packs = new Map<string, Buffer>();
  return {
    packs,
    put: async (pack, bytes) => {
      const stored = await collect(bytes);
      packs.set(pack, stored);
      return { key: pack, length: stored.length, sha256: sha256(stored) };
    },
  };
}

export function writerInto(put: MemoryStore["put"], maxBytes = 1 << 30): PackWriter {
  return packWriter({ recipients: alice.recipients, put, newId: () => packId, maxBytes });
}

export interface Given {
  readonly bucket?: string;
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly squeeze?: boolean;
}

export interface WrittenPack {
  readonly sealed: Buffer;
  readonly objects: readonly StoredObject[];
  readonly finished: FinishedPack;
}

export async function writePack(given: readonly Given[]): Promise<WrittenPack> {
  const store = memoryStore();
  const writer = writerInto(store.put);
  const objects: StoredObject[] = [];
  for (const one of given) objects.push(await addTo(writer, one));
  const finished = await writer.finish();
  const sealed = store.packs.get(packId);
  if (finished === undefined || sealed === undefined) throw new Error("Nothing was stored.");
  return { sealed, objects, finished };
}

export async function addTo(
  writer: PackWriter,
  { bucket = "photos", name, bytes, squeeze = true }: Given,
): Promise<StoredObject> {
  const object = { bucket, name };
  const added = await writer.add(object, inPieces(bytes, 50_000), bytes.length, squeeze);
  return { ...object, size: bytes.length, sha256: added.sha256, ...added.place };
}

/** Half of it compresses. */
export function mixed(length: number, seed = 1): Buffer {
  return Buffer.concat([
    noise(Math.ceil(length / 2), seed),
    Buffer.alloc(Math.floor(length / 2), "Lifeboat "),
  ]);
}

export interface CountedPack {
  readonly pack: OpenedPack;
  readonly requests: { readonly offset: number; readonly length: number }[];
}

export async function openCounted(sealed: Buffer): Promise<CountedPack> {
  const requests: { offset: number; length: number }[] = [];
  const readRange: ReadRange = (offset, length) => {
    requests.push({ offset, length });
    return Promise.resolve(sealed.subarray(offset, offset + length));
  };
  const pack = await openPack({
    pack: packId,
    readRange,
    sealedLength: sealed.length,
    identities: alice.identities,
  });
  return { pack, requests };
}

export function zstdOf(sealed: Buffer): AsyncIterable<Uint8Array> {
  return unsealStream(inPieces(sealed, 100_000), alice.identities);
}
