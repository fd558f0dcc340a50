/** What a test asks to go wrong, and with which requests. */

export type Effect =
  /** Answered with this status; nothing is done. Without a body: the error a busy server gives. */
  | {
      readonly kind: "status";
      readonly status: number;
      readonly body?: unknown;
      readonly headers?: Readonly<Record<string, string>>;
    }
  /** The connection is reset before anything was done. */
  | { readonly kind: "drop" }
  /** The work is done, and the connection reset instead of an answer. */
  | { readonly kind: "drop-answer" }
  /** An object's body: the connection is reset after so many bytes. An upload: after so many bytes were read. */
  | { readonly kind: "reset"; readonly after: number }
  /** 200 and a body that ends early: with the whole length in Content-Length, or chunked and cleanly ended. */
  | { readonly kind: "short"; readonly after: number; readonly framing: "length" | "chunked" }
  /** A body without Content-Length. */
  | { readonly kind: "chunked" }
  | { readonly kind: "wrong-etag" }
  /** An object's body stops coming after so many bytes, and the connection stays open. */
  | { readonly kind: "stall"; readonly after: number };

export interface Fault {
  /** Of `GET /storage/v1/object/…`: part of it, or a pattern. */
  readonly matches: string | RegExp;
  /** So many matching requests pass first. */
  readonly skip?: number;
  /** Of the rest only every n-th. Default 1. */
  readonly every?: number;
  /** At most so often. Default: for ever. */
  readonly times?: number;
  readonly effect: Effect;
}

export class Faults {
  #faults: { readonly fault: Fault; seen: number; used: number }[] = [];

  add(fault: Fault): void {
    this.#faults.push({ fault, seen: 0, used: 0 });
  }

  clear(): void {
    this.#faults = [];
  }

  take(what: string): Effect | undefined {
    let hit: Effect | undefined;
    for (const entry of this.#faults) {
      const { matches, skip = 0, every = 1, times = Number.POSITIVE_INFINITY, effect } = entry.fault;
      if (!(typeof matches === "string" ? what.includes(matches) : matches.test(what))) continue;
      entry.seen += 1;
      const due = entry.seen > skip && (entry.seen - skip) % every === 0 && entry.used < times;
      if (!due || hit !== undefined) continue;
      entry.used += 1;
      hit = effect;
    }
    return hit;
  }
}
