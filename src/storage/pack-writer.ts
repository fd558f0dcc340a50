/** Writes packs: tar entries in zstd frames, sealed and handed to the store while objects still come. */
import { createHash, type Hash } from "node:crypto";
import { LifeboatError } from "../errors.ts";
import { compressFrame, compressFrameAside, storeFrame } from "../seal/node-zstd.ts";
import { cutPieces } from "../seal/pieces.ts";
import type { Recipients } from "../seal/recipients.ts";
import { type SealedExtents, sealStream, type Sealing } from "../seal/seal.ts";
import type { StoredFile } from "../store/store.ts";
import { type ByteChannel, byteChannel } from "./byte-channel.ts";
import type { InventoryObject, PackPlace } from "./objects.ts";
import { endOfTarBytes, paddingOf } from "./pack-layout.ts";
import { makeTarHeader } from "./tar-header.ts";
import { encodeTarName } from "./tar-name.ts";

export interface PackWriterOptions {
  readonly recipients: Recipients;
  /** Stores the pack's sealed bytes whole or not at all, and passes their error on. */
  readonly put: (pack: string, bytes: AsyncIterable<Uint8Array>) => Promise<StoredFile>;
  /** Asked once, when the writer is made. */
  readonly newId: () => string;
  /** Bytes of objects that a pack should hold at most; an object that is larger is a pack by itself. */
  readonly maxBytes: number;
}

export interface PackedObject {
  /** Means something only once `finish` has resolved. */
  readonly place: PackPlace;
  /** Lower-case hex of the object's bytes. */
  readonly sha256: string;
}

export interface FinishedPack extends SealedExtents {
  readonly id: string;
  /** Objects in it. */
  readonly objects: number;
  /** Bytes of all objects in it. */
  readonly rawBytes: number;
  readonly stored: StoredFile;
}

/**
 * One pack, for one worker: objects are added one after the other, `finish` stores what was added. A pack without
 * objects is never put. Several writers may be open at once.
 */
export interface PackWriter {
  readonly pack: string;
  /** Bytes of the objects so far. */
  readonly rawBytes: number;
  /** Whether an object of that many bytes still belongs into this pack. An empty pack has room for any. */
  hasRoomFor(size: number): boolean;
  /**
   * Adds an object, whose body must have exactly `size` bytes; it is compressed only if `squeeze` says so.
   * Rejects in one of three ways:
   * - The body failed (its own error), or had another length (`object-size-wrong`), before anything of it was
   *   written: only this object is missing, the pack goes on.
   * - The same happened after a part of it was written: `pack-void`, with that error as its cause. Nothing is stored,
   *   no object of the pack is safe, and every later `add` and `finish` rejects with the same error.
   * - `put` failed: its error, and again from every later call.
   */
  add(
    object: Pick<InventoryObject, "bucket" | "name" | "updatedAt">,
    body: AsyncIterable<Uint8Array>,
    size: number,
    squeeze: boolean,
  ): Promise<PackedObject>;
  /** Ends and stores the pack; undefined if nothing was added. Until then no place is proven. */
  finish(): Promise<FinishedPack | undefined>;
  /** Gives the pack up: once this resolves, `put` has ended and nothing is stored. After `finish` it does nothing. */
  void(): Promise<void>;
}

/** Frames of 4 MiB would be 2 % smaller, but hold four times as much in memory for each writer. */
const frameBytes = 1024 * 1024;
/** Below this a thread costs more than it saves. */
const asideBytes = 128 * 1024;

export function packWriter(options: PackWriterOptions): PackWriter {
  return new StreamingPackWriter(options);
}

interface Putting {
  readonly channel: ByteChannel;
  readonly sealing: Sealing;
  readonly stored: Promise<StoredFile>;
}

class StreamingPackWriter implements PackWriter {
  readonly pack: string;
  readonly #options: PackWriterOptions;
  #rawBytes = 0;
  #objects = 0;
  /** Of the zstd stream so far. */
  #offset = 0;
  #putting: Putting | undefined;
  #isBusy = false;
  #isFinished = false;
  #failure: { readonly error: unknown } | undefined;

  constructor(options: PackWriterOptions) {
    this.pack = options.newId();
    this.#options = options;
  }

  get rawBytes(): number {
    return this.#rawBytes;
  }

  hasRoomFor(size: number): boolean {
    return this.#objects === 0 || this.#rawBytes + size <= this.#options.maxBytes;
  }

  async add(
    object: Pick<InventoryObject, "bucket" | "name" | "updatedAt">,
    body: AsyncIterable<Uint8Array>,
    size: number,
    squeeze: boolean,
  ): Promise<PackedObject> {
    return this.#alone(async () => {
      const header = await makeTarHeader({ name: encodeTarName(object), size }, modifiedAt(object));
      const offset = this.#offset;
      const hash = createHash("sha256");
      try {
        for await (const { bytes } of cutPieces(tarEntry(header, body, size, hash), frameBytes)) {
          await this.#send(await frameOf(bytes, squeeze));
        }
      } catch (error) {
        if (this.#offset === offset) throw error;
        throw await this.#giveUp(error);
      }
      this.#objects += 1;
      this.#rawBytes += size;
      const place = { pack: this.pack, offset, length: this.#offset - offset, skip: header.length };
      return { place, sha256: hash.digest("hex") };
    });
  }

  async finish(): Promise<FinishedPack | undefined> {
    return this.#alone(async () => {
      if (this.#objects === 0) {
        this.#isFinished = true;
        return undefined;
      }
      await this.#send(compressFrame(Buffer.alloc(endOfTarBytes)));
      const { channel, sealing, stored } = this.#started();
      channel.end();
      const file = await stored.catch((error: unknown) => this.#fail(error));
      const extents = sealing.extents();
      if (file.length !== extents.header.length + extents.payload.length) {
        return this.#fail(new LifeboatError("unexpected", "The store says another length than a pack has."));
      }
      this.#isFinished = true;
      return {
        id: this.pack,
        objects: this.#objects,
        rawBytes: this.#rawBytes,
        ...extents,
        stored: file,
      };
    });
  }

  async void(): Promise<void> {
    if (this.#isFinished) return;
    await this.#giveUp(undefined);
  }

  /** One call at a time, none after an end. */
  async #alone<T>(work: () => Promise<T>): Promise<T> {
    this.#throwFailure();
    if (this.#isFinished || this.#isBusy) {
      throw new LifeboatError("unexpected", "A pack is written by one worker, and not after its end.");
    }
    this.#isBusy = true;
    try {
      return await work();
    } finally {
      this.#isBusy = false;
    }
  }

  #started(): Putting {
    if (this.#putting !== undefined) return this.#putting;
    const channel = byteChannel(frameBytes);
    const sealing = sealStream(channel.bytes, this.#options.recipients);
    const stored = Promise.resolve().then(() => this.#options.put(this.pack, sealing.bytes));
    // Whoever adds or finishes meets the error; here it must only wake who waits.
    const close = (): void => channel.close();
    stored.then(close, close);
    this.#putting = { channel, sealing, stored };
    return this.#putting;
  }

  async #send(frame: Uint8Array): Promise<void> {
    this.#throwFailure();
    const { channel, stored } = this.#started();
    this.#offset += frame.length;
    if (await channel.send(frame)) return;
    // It is gone: `void` was called meanwhile, or `put` has ended too early and says why.
    this.#throwFailure();
    await stored.catch((error: unknown) => this.#fail(error));
    this.#fail(new LifeboatError("unexpected", "The store ended a pack before its bytes had ended."));
  }

  /** Lets `put` meet the end of the pack, waits for it, and gives the error for everybody who uses the pack. */
  async #giveUp(cause: unknown): Promise<unknown> {
    this.#failure ??= { error: packVoid(cause) };
    const { error } = this.#failure;
    this.#putting?.channel.fail(error);
    await this.#putting?.stored.catch(() => {});
    return error;
  }

  #throwFailure(): void {
    if (this.#failure !== undefined) throw this.#failure.error;
  }

  /** The first failure is the pack's. */
  #fail(error: unknown): never {
    this.#failure ??= { error };
    throw this.#failure.error;
  }
}

/** Header, body and padding; throws behind the last byte that the header allows, or where one is missing. */
async function* tarEntry(
  header: Uint8Array,
  body: AsyncIterable<Uint8Array>,
  size: number,
  hash: Hash,
): AsyncGenerator<Uint8Array, void, undefined> {
  yield header;
  let received = 0;
  for await (const bytes of body) {
    received += bytes.length;
    if (received > size) throw sizeWrong(`more than the ${size}`);
    hash.update(bytes);
    yield bytes;
  }
  if (received < size) throw sizeWrong(`${received} instead of the ${size}`);
  yield Buffer.alloc(paddingOf(size));
}

async function frameOf(bytes: Uint8Array, squeeze: boolean): Promise<Uint8Array> {
  if (!squeeze) return storeFrame(bytes);
  return bytes.length < asideBytes ? compressFrame(bytes) : compressFrameAside(bytes);
}

/** Only for those who open a pack by hand; the index has the exact text. */
function modifiedAt({ updatedAt }: Pick<InventoryObject, "updatedAt">): Date {
  return new Date(updatedAt ?? 0);
}

function sizeWrong(what: string): LifeboatError {
  return new LifeboatError("object-size-wrong", `An object's body has ${what} bytes that were announced.`);
}

function packVoid(cause: unknown): LifeboatError {
  const why = cause === undefined ? "it is not needed" : "an object in it broke off";
  return new LifeboatError("pack-void", `A pack was given up: ${why}.`, { cause });
}
