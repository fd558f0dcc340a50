/**
 * Headers that rotation has left beside sealed files. A file's own header is always tried first, so that no forged or
 * damaged rewrap can come between a snapshot and those who hold the key that it was sealed for.
 */
import { asLifeboatError, LifeboatError } from "../errors.ts";
import { openHeader, type OpenOptions } from "../seal/age-header.ts";
import type { Identities } from "../seal/identities.ts";
import { opensPayload, payloadStartBytes } from "../seal/rewrap.ts";
import { rewrapOfKey, rewrapPrefix, rewrapsPrefix } from "../snapshot/keys.ts";
import { headerBytes, isBoundTo, readRewrap, type RewrapJson } from "../snapshot/rewrap-json.ts";
import type { DocumentFault } from "../retention/document-findings.ts";
import type { Extent, SnapshotJson } from "../snapshot/snapshot-json.ts";
import { proofOfBytes } from "../store/proof.ts";
import type { Store } from "../store/store.ts";
import { wholeOf } from "./whole-of.ts";
import { tooLarge } from "../system/bounded.ts";
import { sizeLimits } from "../snapshot/size-limits.ts";
import { rangeLimit } from "./whole-of.ts";
import { maxHeaderBytes } from "../seal/age-header.ts";

/** A sealed file as a snapshot records it, wherever it lies. */
export interface RecordedFile {
  readonly key: string;
  /** For sentences. */
  readonly name: string;
  readonly header: Extent;
  readonly payload: Extent;
}

/** Under which id and name a file's rewraps are kept. */
export interface RewrapPlace {
  /** Of the snapshot, or of the pack. */
  readonly id: string;
  readonly fileName: string;
}

export interface ShelvedRewrap {
  readonly key: string;
  readonly number: number;
  readonly rewrap: RewrapJson;
}

export interface UnusableRewrap {
  readonly key: string;
  readonly error: LifeboatError;
  /** Of its bytes. */
  readonly sha256: string;
}

export interface Shelf {
  /** Newest first. */
  readonly rewraps: readonly ShelvedRewrap[];
  /** Documents that cannot be used, each `rewrap-damaged` or of a later format. */
  readonly unusable: readonly UnusableRewrap[];
  /** The next one is written under this number. */
  readonly next: number;
}

/** The rewraps of one source in one store, or of one snapshot `only`; listed once, and read when they are asked for. */
export class Rewraps {
  readonly #store: Store;
  readonly #source: string;
  readonly #prefix: string;
  #keys: Promise<ReadonlyMap<string, readonly string[]>> | undefined;
  readonly #shelves = new Map<string, Promise<Shelf>>();

  constructor(store: Store, source: string, only?: string) {
    this.#store = store;
    this.#source = source;
    this.#prefix = only === undefined ? rewrapsPrefix(source) : rewrapPrefix(source, only);
  }

  /** Those of one snapshot or pack. */
  async of(id: string): Promise<Shelf> {
    let shelf = this.#shelves.get(id);
    if (shelf === undefined) this.#shelves.set(id, (shelf = this.#read(id)));
    return await shelf;
  }

  async #keysOf(id: string): Promise<readonly string[]> {
    return (await (this.#keys ??= this.#list())).get(id) ?? [];
  }

  async #list(): Promise<ReadonlyMap<string, readonly string[]>> {
    const keys = new Map<string, string[]>();
    for (const { key } of await this.#store.files(this.#prefix)) {
      const id = rewrapOfKey(key)?.id;
      if (id === undefined) continue;
      const known = keys.get(id);
      if (known === undefined) keys.set(id, [key]);
      else known.push(key);
    }
    return keys;
  }

  async #read(id: string): Promise<Shelf> {
    const rewraps: ShelvedRewrap[] = [];
    const unusable: UnusableRewrap[] = [];
    let last = 0;
    for (const key of await this.#keysOf(id)) {
      const number = rewrapOfKey(key)?.number ?? 0;
      last = Math.max(last, number);
      let stored: Uint8Array = Buffer.alloc(0);
      try {
        stored = await wholeOf(await this.#store.read(key), {
          document: key,
          maxBytes: sizeLimits.rewrap,
        });
        rewraps.push({ key, number, rewrap: readRewrap(stored, { source: this.#source, id, key }) });
      } catch (cause) {
        const error = asLifeboatError(cause);
        if (error.exitCode !== 3 && error.exitCode !== 4) throw cause;
        unusable.push({ key, error, sha256: proofOfBytes(stored).sha256 });
      }
    }
    return {
      rewraps: rewraps.sort((one, other) => other.number - one.number),
      unusable,
      next: last + 1,
    };
  }
}

/** Rewraps that cannot be read, of snapshots and packs that are there: whoever holds only the new key may not open these. */
export async function damagedRewraps(
  store: Store,
  source: string,
  documents: ReadonlyMap<string, SnapshotJson>,
): Promise<readonly DocumentFault[]> {
  const rewraps = new Rewraps(store, source);
  const faults: DocumentFault[] = [];
  const usersOf = new Map<string, string[]>();
  for (const { id, packs } of documents.values()) {
    for (const own of [id, ...packs.map((pack) => pack.id)]) {
      usersOf.set(own, [...(usersOf.get(own) ?? []), id]);
    }
  }
  for (const [id, users] of usersOf) {
    for (const { key, error, sha256 } of (await rewraps.of(id)).unusable) {
      // Deleted with its snapshot since it was listed.
      if (error.code === "store-object-missing") continue;
      const state = error.exitCode === 4 ? "too-new" : "damaged";
      faults.push({ kind: "rewrap", key, state, sha256, snapshots: users });
    }
  }
  return faults;
}

/** How to open one file: by its own header, else by the newest rewrap whose header opens and leads to this payload. */
export function openOptions(
  store: Store,
  file: RecordedFile & RewrapPlace,
  identities: Identities,
  sealedFor: readonly string[],
  rewraps: Rewraps,
): OpenOptions {
  return { sealedFor, otherwise: async () => await keyByRewrap(store, file, identities, rewraps) };
}

async function keyByRewrap(
  store: Store,
  file: RecordedFile & RewrapPlace,
  identities: Identities,
  rewraps: Rewraps,
): Promise<Uint8Array | undefined> {
  for (const { rewrap } of (await rewraps.of(file.id)).rewraps) {
    const found = rewrap.files.find(({ name }) => name === file.fileName);
    if (found === undefined || !isBoundTo(found, file.payload)) continue;
    const fileKey = await openHeader(headerBytes(found), identities).catch(notThisOne);
    if (fileKey !== undefined && (await isKeyOf(store, file, fileKey))) return fileKey;
  }
  return undefined;
}

/** The stored header of a file; what claims to be longer than any header is not fetched. */
export async function headerOf(store: Store, { key, name, header }: RecordedFile): Promise<Buffer> {
  const { length } = header;
  if (length > maxHeaderBytes)
    throw tooLarge({ document: `header of ${name}`, maxBytes: maxHeaderBytes }, length);
  return await wholeOf(await store.read(key, { offset: 0, length }), rangeLimit(key, length));
}

/** Whether a file key opens the stored payload. */
export async function isKeyOf(store: Store, file: RecordedFile, fileKey: Uint8Array): Promise<boolean> {
  const range = { offset: file.header.length, length: payloadStartBytes };
  return opensPayload(
    await wholeOf(await store.read(file.key, range), rangeLimit(file.key, range.length)),
    file.payload.length,
    fileKey,
  );
}

/** For `.catch`: a header for others, or a forged one, leaves the older ones to try. */
export function notThisOne(thrown: unknown): undefined {
  const { code } = asLifeboatError(thrown);
  if (code === "identity-does-not-open" || code === "sealed-file-damaged") return undefined;
  throw thrown;
}

/** With the snapshot or pack that they open: without it they are of no use to anybody. */
export async function deleteRewraps(store: Store, source: string, id: string): Promise<void> {
  for (const { key } of await store.files(rewrapPrefix(source, id))) await store.delete(key);
}
