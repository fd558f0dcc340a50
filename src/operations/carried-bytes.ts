/**
 * Whether the project still has the bytes of objects that are carried over: a restored database has rows that look
 * unchanged, and no bytes behind them. A sample is asked for; where one has none, every one from then on.
 */
import type { StoredObject } from "../storage/objects.ts";
import type { StorageApi } from "../supabase/storage-api.ts";
import type { Finding } from "../verification/findings.ts";

/** The first ones, and then one of so many. */
const firstAsked = 20;
const askedOf = 200;

export class CarriedBytes {
  readonly #api: StorageApi;
  #seen = 0;
  #withoutBytes = 0;

  constructor(api: StorageApi) {
    this.#api = api;
  }

  async look(object: StoredObject): Promise<void> {
    this.#seen += 1;
    const isAsked = this.#withoutBytes > 0 || this.#seen <= firstAsked || this.#seen % askedOf === 0;
    if (!isAsked) return;
    // The backup has the object: what the answer is changes nothing of that.
    const hasBytes = await this.#api.hasBytes(object).catch(() => true);
    if (!hasBytes) this.#withoutBytes += 1;
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
