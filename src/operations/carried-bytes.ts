/**
 * Whether the project still has the bytes of objects that are carried over: a restored database has rows that look
 * unchanged, and no bytes behind them. A sample is asked for, once everything is stored.
 */
import type { StoredObject } from "../storage/objects.ts";
import type { StorageApi } from "../supabase/storage-api.ts";
import type { Finding } from "../verification/findings.ts";

/** The first ones, and then one of so many. */
const firstAsked = 20;
const askedOf = 200;
const atOnce = 8;

export class CarriedBytes {
  readonly #api: StorageApi;
  readonly #sample: Pick<StoredObject, "bucket" | "name" | "size">[] = [];
  #seen = 0;
  #withoutBytes = 0;

  constructor(api: StorageApi) {
    this.#api = api;
  }

  add({ bucket, name, size }: StoredObject): void {
    this.#seen += 1;
    if (this.#seen <= firstAsked || this.#seen % askedOf === 0) this.#sample.push({ bucket, name, size });
  }

  async ask(): Promise<void> {
    const asking = async (): Promise<void> => {
      for (let object = this.#sample.pop(); object !== undefined; object = this.#sample.pop()) {
        // The backup has the object: what the answer is changes nothing of that.
        const hasBytes = await this.#api.hasBytes(object).catch(() => true);
        if (!hasBytes) this.#withoutBytes += 1;
      }
    };
    await Promise.all(Array.from({ length: atOnce }, asking));
  }

  findings(): readonly Finding[] {
    if (this.#withoutBytes === 0) return [];
    const sentence = `At least ${this.#withoutBytes} objects that this backup carries over have a row in the project but no bytes.`;
    return [
      {
        level: "warning",
        code: "carried-without-bytes",
        sentence,
        publicSentence: sentence,
        remedy: "The backup is whole and the project is not: restore the buckets from this snapshot.",
      },
    ];
  }
}
