/** How much may be under way at once towards a service that says when it is too much. */

/** How a piece of work ended: `overloaded` where the service said that it is too busy, `failed` for every other reason. */
export type Ending = "succeeded" | "overloaded" | "failed";

export interface Slot {
  /** Gives the slot back; the first call counts. */
  end(how: Ending): void;
}

interface Waiter {
  readonly grant: () => void;
}

/**
 * At most `most` at once; halved when the service is overloaded, one more after as many successes as are allowed at
 * once, never below one. Work that began before the last halving cannot halve again: one overload is felt by all who
 * are under way. Slots are granted in the order of asking; who holds one and waits for another may wait for ever.
 */
export class AdaptiveLimit {
  readonly most: number;
  #limit: number;
  #inUse = 0;
  #successes = 0;
  /** Rises with each halving. */
  #age = 0;
  readonly #waiting = new Set<Waiter>();

  constructor(most: number) {
    this.most = Math.max(1, Math.floor(most));
    this.#limit = this.most;
  }

  get limit(): number {
    return this.#limit;
  }

  get inUse(): number {
    return this.#inUse;
  }

  /** Resolves when there is room; rejects with the signal's reason. */
  async acquire(signal?: AbortSignal): Promise<Slot> {
    signal?.throwIfAborted();
    if (this.#inUse < this.#limit && this.#waiting.size === 0) return this.#grant();
    const { promise, resolve, reject } = Promise.withResolvers<Slot>();
    const waiter = { grant: () => resolve(this.#grant()) };
    const stop = (): void => {
      this.#waiting.delete(waiter);
      reject(signal?.reason as Error);
    };
    this.#waiting.add(waiter);
    signal?.addEventListener("abort", stop, { once: true });
    try {
      return await promise;
    } finally {
      signal?.removeEventListener("abort", stop);
    }
  }

  #grant(): Slot {
    this.#inUse += 1;
    const age = this.#age;
    let ended = false;
    return {
      end: (how) => {
        if (ended) return;
        ended = true;
        this.#inUse -= 1;
        if (how !== "failed" && age === this.#age) this.#learn(how);
        this.#wake();
      },
    };
  }

  #learn(how: "succeeded" | "overloaded"): void {
    if (how === "overloaded") {
      this.#limit = Math.max(1, Math.floor(this.#limit / 2));
      this.#successes = 0;
      this.#age += 1;
      return;
    }
    this.#successes += 1;
    if (this.#successes < this.#limit) return;
    this.#successes = 0;
    this.#limit = Math.min(this.most, this.#limit + 1);
  }

  #wake(): void {
    for (const waiter of this.#waiting) {
      if (this.#inUse >= this.#limit) return;
      this.#waiting.delete(waiter);
      waiter.grant();
    }
  }
}
