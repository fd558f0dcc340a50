/** Objects of a snapshot out of their packs: neighbours by one ranged read, several reads at once, in bounded memory. */
import type { Identities } from "../seal/identities.ts";
import type { SharedPack, SnapshotJson } from "../snapshot/snapshot-json.ts";
import type { StoredObject } from "../storage/objects.ts";
import { type OpenedPack, openPack, type ReadableObject } from "../storage/pack-reader.ts";
import { type PlannedRead, planReads } from "../storage/plan-reads.ts";
import type { Store } from "../store/store.ts";
import { allOrFirstError } from "../system/concurrency.ts";
import { slots } from "../system/slots.ts";
import { asLifeboatError, LifeboatError } from "../errors.ts";
import { openOptions, Rewraps } from "./rewraps.ts";
import { recordedPack, wholeOf } from "./sealed-files.ts";
import { rangeLimit } from "./whole-of.ts";

export interface ObjectReading {
  readonly store: Store;
  readonly snapshot: SnapshotJson;
  readonly identities: Identities;
  /** Reads at once, each of which holds a few megabytes, and objects handled at once. */
  readonly jobs: number;
  readonly signal: AbortSignal;
}

/** Objects that are looked at together, to find neighbours among them. */
const batchObjects = 2000;

/**
 * Calls `handle` for every entry, several at once and in no promised order. What cannot be read is handled too: its
 * `open` then throws. An error of `handle` ends it all.
 */
export async function forEachObject(
  entries: AsyncIterable<StoredObject>,
  reading: ObjectReading,
  handle: (readable: ReadableObject) => Promise<void>,
): Promise<void> {
  const packs = new OpenedPacks(reading);
  const stopped = new AbortController();
  const signal = AbortSignal.any([reading.signal, stopped.signal]);
  const places = slots(reading.jobs);
  const hands = slots(reading.jobs);
  for await (const batch of batches(entries)) {
    const reads = byPack(batch).flatMap(([pack, objects]) =>
      planReads(objects).map((planned) =>
        places.run(async () => {
          signal.throwIfAborted();
          // Hundreds of small neighbours come out of one read: one after the other they would wait for each request.
          const handled: Promise<void>[] = [];
          for await (const readable of readPlanned(packs, pack, planned)) {
            const work = hands.run(() => (signal.aborted ? Promise.resolve() : handle(readable)));
            work.catch(() => {});
            handled.push(work);
          }
          await allOrFirstError(handled, () => stopped.abort());
        }),
      ),
    );
    await allOrFirstError(reads, () => stopped.abort());
    // What was left alone because the run was asked to stop must not look like the end.
    reading.signal.throwIfAborted();
  }
}

async function* readPlanned(
  packs: OpenedPacks,
  pack: string,
  planned: PlannedRead,
): AsyncGenerator<ReadableObject, void, undefined> {
  let next = 0;
  try {
    const opened = await packs.open(pack);
    for await (const readable of opened.readTogether(planned)) {
      next += 1;
      yield readable;
    }
  } catch (cause) {
    for (const object of planned.objects.slice(next)) {
      yield {
        object,
        open: async function* () {
          await Promise.reject(asLifeboatError(cause));
        },
      };
    }
  }
}

async function* batches(
  entries: AsyncIterable<StoredObject>,
): AsyncGenerator<readonly StoredObject[], void, undefined> {
  let batch: StoredObject[] = [];
  for await (const entry of entries) {
    batch.push(entry);
    if (batch.length < batchObjects) continue;
    yield batch;
    batch = [];
  }
  if (batch.length > 0) yield batch;
}

function byPack(batch: readonly StoredObject[]): readonly (readonly [string, StoredObject[]])[] {
  const packs = new Map<string, StoredObject[]>();
  for (const object of batch) {
    const objects = packs.get(object.pack);
    if (objects === undefined) packs.set(object.pack, [object]);
    else objects.push(object);
  }
  return [...packs];
}

/** Opened once each: a pack's header costs a read and a key exchange. */
class OpenedPacks {
  readonly #reading: ObjectReading;
  readonly #recorded: ReadonlyMap<string, SharedPack>;
  readonly #opened = new Map<string, Promise<OpenedPack>>();
  readonly #rewraps: Rewraps;

  constructor(reading: ObjectReading) {
    this.#reading = reading;
    this.#rewraps = new Rewraps(reading.store, reading.snapshot.source);
    this.#recorded = new Map(reading.snapshot.packs.map((pack) => [pack.id, pack]));
  }

  async open(id: string): Promise<OpenedPack> {
    let opened = this.#opened.get(id);
    if (opened === undefined) {
      opened = this.#open(id);
      this.#opened.set(id, opened);
    }
    return await opened;
  }

  async #open(id: string): Promise<OpenedPack> {
    const { store, snapshot, identities } = this.#reading;
    const recorded = this.#recorded.get(id);
    if (recorded === undefined) {
      throw new LifeboatError(
        "snapshot-damaged",
        `The index of ${snapshot.id} names a pack ${id} that snapshot.json does not.`,
      );
    }
    const file = recordedPack(snapshot.source, recorded);
    return await openPack({
      pack: id,
      readRange: async (offset, length) =>
        await wholeOf(await store.read(file.key, { offset, length }), rangeLimit(file.key, length)),
      sealedLength: recorded.header.length + recorded.payload.length,
      identities,
      options: openOptions(store, file, identities, snapshot.recipients, this.#rewraps),
    });
  }
}
