/**
 * Where fetched objects go: small ones, whole in memory, one after the other into one pack; big ones stream, so each that
 * is under way has a pack of its own, which the next big one goes on with. A pack is closed when it is full, or when
 * nothing more can come.
 */
import { asLifeboatError, LifeboatError } from "../errors.ts";
import type { FinishedPack, PackedObject, PackWriter } from "../storage/pack-writer.ts";
import type { InventoryObject } from "../storage/objects.ts";
import { streamOf } from "../system/stream-of.ts";

export interface PackLanesOptions {
  /** Throws where there may be no further one. */
  openPack(): NewPack;
}

export interface NewPack {
  readonly writer: PackWriter;
  /** Objects after which it takes no more: all of them are fetched again where the pack is lost. */
  readonly maxObjects: number;
}

export interface NewObject extends InventoryObject {
  /** Bytes, exactly as many as the body has. */
  readonly size: number;
  /** Whether compressing is worth while. */
  readonly squeeze: boolean;
}

/** The object's bytes are in a pack. `proven` settles when the pack is stored; `PackVoided`: it must be added again. */
export interface AddedObject {
  readonly proven: Promise<PackedObject>;
}

/** The object's bytes were good, but its pack was lost with another object's. */
export class PackVoided extends Error {}

interface OpenPack extends NewPack {
  readonly stored: PromiseWithResolvers<undefined>;
  objects: number;
}

export class PackLanes {
  readonly #options: PackLanesOptions;
  readonly #stored: FinishedPack[] = [];
  readonly #idle: OpenPack[] = [];
  /** Every pack whose end is not known yet: idle, being written or being closed. */
  readonly #open = new Set<OpenPack>();
  readonly #closing = new Set<Promise<unknown>>();
  #small: OpenPack | undefined;
  #smallTurn: Promise<unknown> = Promise.resolve();
  /** Objects announced by `expect` that have not been taken yet. */
  #expected = 0;
  #stalled = false;
  #isAbandoned = false;

  constructor(options: PackLanesOptions) {
    this.#options = options;
  }

  /** Every pack that was stored and proven so far. */
  get stored(): readonly FinishedPack[] {
    return this.#stored;
  }

  /** An object is on its way: packs that are not full stay open for it until `taken`. */
  expect(): void {
    this.#expected += 1;
  }

  taken(): void {
    this.#expected -= 1;
    this.#closeIfIdle();
  }

  /** While stalled, nothing new will be expected: packs are closed as soon as nothing is on its way. */
  stalled(isStalled: boolean): void {
    this.#stalled = isStalled;
    this.#closeIfIdle();
  }

  /** Adds an object that is whole in memory. */
  async addSmall(object: NewObject, bytes: Uint8Array): Promise<AddedObject> {
    const turn = this.#smallTurn.then(async () => {
      if (this.#small !== undefined && !this.#hasRoom(this.#small, object)) this.#closeSmall();
      return await this.#add((this.#small ??= this.#newPack()), object, streamOf(bytes));
    });
    this.#smallTurn = turn.catch(() => {});
    return await turn;
  }

  /**
   * Adds an object from its stream, in constant memory. `apart`: into a pack that has no other yet, for an object that
   * has broken off before and would take its company along.
   */
  async addBig(object: NewObject, body: AsyncIterable<Uint8Array>, apart: boolean): Promise<AddedObject> {
    let pack = (apart ? undefined : this.#idle.pop()) ?? this.#newPack();
    if (!this.#hasRoom(pack, object)) {
      this.#close(pack);
      pack = this.#newPack();
    }
    const added = await this.#add(pack, object, body);
    if (this.#isAbandoned) throw abandoned();
    this.#idle.push(pack);
    return added;
  }

  /** Gives up all packs that are not stored yet and takes no more; resolves once nobody writes any more. */
  async abandon(): Promise<void> {
    this.#isAbandoned = true;
    const open = [...this.#open];
    for (const { stored } of open) stored.reject(abandoned());
    await Promise.allSettled([...open.map(({ writer }) => writer.void()), ...this.#closing]);
  }

  #newPack(): OpenPack {
    if (this.#isAbandoned) throw abandoned();
    const opened = this.#options.openPack();
    const stored = Promise.withResolvers<undefined>();
    // Each object's own promise reports it.
    stored.promise.catch(() => {});
    const pack = { ...opened, stored, objects: 0 };
    this.#open.add(pack);
    return pack;
  }

  #hasRoom({ writer, objects, maxObjects }: OpenPack, { size }: NewObject): boolean {
    return objects < maxObjects && writer.hasRoomFor(size);
  }

  async #add(pack: OpenPack, object: NewObject, body: AsyncIterable<Uint8Array>): Promise<AddedObject> {
    try {
      const packed = await pack.writer.add(object, body, object.size, object.squeeze);
      pack.objects += 1;
      const proven = pack.stored.promise.then(() => packed);
      proven.catch(() => {});
      return { proven };
    } catch (cause) {
      if (this.#small === pack) this.#small = undefined;
      if (cause instanceof LifeboatError && cause.code === "pack-void") {
        this.#open.delete(pack);
        pack.stored.reject(new PackVoided());
        throw asLifeboatError(cause.cause ?? cause);
      }
      // The pack is whole without this object; or its store has failed, and closing it says so to the others.
      this.#close(pack);
      throw cause;
    }
  }

  #closeIfIdle(): void {
    if (!this.#stalled || this.#expected > 0 || this.#isAbandoned) return;
    for (const pack of this.#idle.splice(0)) this.#close(pack);
    this.#closeSmall();
  }

  #closeSmall(): void {
    if (this.#small === undefined) return;
    this.#close(this.#small);
    this.#small = undefined;
  }

  #close(pack: OpenPack): void {
    const { writer, stored } = pack;
    const closing = writer.finish().then(
      (finished) => {
        if (finished !== undefined) this.#stored.push(finished);
        stored.resolve(undefined);
      },
      (cause: unknown) => stored.reject(cause),
    );
    this.#closing.add(closing);
    void closing.finally(() => {
      this.#closing.delete(closing);
      this.#open.delete(pack);
    });
  }
}

function abandoned(): LifeboatError {
  return new LifeboatError("pack-void", "A pack was given up: the backup has ended.");
}
