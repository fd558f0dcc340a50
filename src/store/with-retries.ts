/**
 * Any store, with `store-temporary` errors tried again. A part or pack whose source has given its first bytes is not put again
 * from here, because its bytes are gone; a store that spools may try again by itself. A read that has begun is not
 * resumed here either: stores that can, do.
 */
import { setTimeout as delay } from "node:timers/promises";
import { LifeboatError } from "../errors.ts";
import type { Draft, Store } from "./store.ts";

export type Sleep = (milliseconds: number) => Promise<void>;

export const realSleep: Sleep = async (milliseconds) => {
  await delay(milliseconds);
};

export interface RetrySettings {
  readonly sleep?: Sleep;
  /** From 0 to just below 1: spreads the tries of many runs. */
  readonly random?: () => number;
  /** All tries, the first one included. Default 5. */
  readonly tries?: number;
  /** The longest wait before the second try; doubled for each further one. Default 1 s. */
  readonly firstWaitMs?: number;
}

type Attempt = <T>(work: () => Promise<T>, repeatable?: () => boolean) => Promise<T>;

export function withRetries(store: Store, settings: RetrySettings = {}): Store {
  const attempt = attempts(settings);
  const { drafts, extendLock, filesLeft, freeReserve, keepReserve, serverTime } = optionalOf(store);
  return {
    address: store.address,
    isReadOnly: store.isReadOnly,
    ...(filesLeft && { filesLeft }),
    sources: () => attempt(() => store.sources()),
    snapshots: (source) => attempt(() => store.snapshots(source)),
    files: (prefix) => attempt(() => store.files(prefix)),
    read: (key, range) => attempt(() => store.read(key, range)),
    begin: async (identity) => draftWithRetries(await attempt(() => store.begin(identity)), attempt),
    put: (key, bytes, lifetime) => attempt(() => store.put(key, bytes, lifetime)),
    putStream: (key, bytes, lifetime) =>
      attemptStream(bytes, (source) => store.putStream(key, source, lifetime), attempt),
    delete: (key) => attempt(() => store.delete(key)),
    ...(extendLock && { extendLock: (key, until, tiers) => attempt(() => extendLock(key, until, tiers)) }),
    ...(drafts && { drafts: (source) => attempt(() => drafts(source)) }),
    ...(freeReserve && { freeReserve: () => attempt(freeReserve) }),
    ...(keepReserve && { keepReserve }),
    ...(serverTime && { serverTime: () => attempt(serverTime) }),
  };
}

/** What only some stores can do. */
function optionalOf(store: Store): {
  readonly extendLock: Store["extendLock"];
  readonly filesLeft: Store["filesLeft"];
  readonly drafts: ((source: string) => Promise<readonly string[]>) | undefined;
  readonly freeReserve: (() => Promise<boolean>) | undefined;
  readonly keepReserve: (() => Promise<void>) | undefined;
  readonly serverTime: (() => Promise<Date | undefined>) | undefined;
} {
  return {
    drafts: store.drafts?.bind(store),
    extendLock: store.extendLock?.bind(store),
    filesLeft: store.filesLeft?.bind(store),
    freeReserve: store.freeReserve?.bind(store),
    keepReserve: store.keepReserve?.bind(store),
    serverTime: store.serverTime?.bind(store),
  };
}

function draftWithRetries(draft: Draft, attempt: Attempt): Draft {
  return {
    ...(draft.canBeResumed === undefined ? {} : { canBeResumed: draft.canBeResumed }),
    put: (name, bytes) => attemptStream(bytes, (source) => draft.put(name, source), attempt),
    commit: (snapshotJson) => attempt(() => draft.commit(snapshotJson)),
    abandon: () => draft.abandon(),
  };
}

function attemptStream<T>(
  bytes: AsyncIterable<Uint8Array>,
  work: (bytes: AsyncIterable<Uint8Array>) => Promise<T>,
  attempt: Attempt,
): Promise<T> {
  const source = watched(bytes);
  return attempt(
    () => work(source.bytes),
    () => !source.begun(),
  );
}

function attempts({
  sleep = realSleep,
  random = Math.random,
  tries = 5,
  firstWaitMs = 1000,
}: RetrySettings): Attempt {
  return async (work, repeatable = () => true) => {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await work();
      } catch (thrown) {
        const temporary = thrown instanceof LifeboatError && thrown.code === "store-temporary";
        if (!temporary || attempt === tries || !repeatable()) throw thrown;
        const longest = firstWaitMs * 2 ** (attempt - 1);
        await sleep(longest / 2 + (random() * longest) / 2);
      }
    }
  };
}

function watched(bytes: AsyncIterable<Uint8Array>): {
  readonly bytes: AsyncIterable<Uint8Array>;
  readonly begun: () => boolean;
} {
  let begun = false;
  async function* tapped(): AsyncGenerator<Uint8Array, void, undefined> {
    begun = true;
    yield* bytes;
  }
  return { bytes: { [Symbol.asyncIterator]: tapped }, begun: () => begun };
}
