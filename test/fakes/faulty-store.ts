/** Any store, with failures injected by method, count and instant: before the work, in its middle, after it. */
import { LifeboatError } from "../../src/errors.ts";
import type { Draft, Store } from "../../src/store/store.ts";

export type FaultyMethod =
  | "sources"
  | "snapshots"
  | "files"
  | "read"
  | "begin"
  | "put"
  | "putStream"
  | "delete"
  | "draft.put"
  | "draft.commit"
  | "draft.abandon";

export interface StoreFault {
  readonly method: FaultyMethod;
  /** The first call that fails, from 1. Default 1. */
  readonly onCall?: number;
  /** How many calls in a row fail. Default 1. */
  readonly times?: number;
  /**
   * `midway`: of `read`, after its first chunk; of `draft.put` and `putStream`, after the source's first chunk; elsewhere like `before`.
   * `after`: the work is done and its answer lost.
   */
  readonly when: "before" | "midway" | "after";
  readonly error: "temporary" | "permanent" | Error;
}

export interface FaultyStore extends Store {
  /** Calls so far, failed ones too. */
  calls(method: FaultyMethod): number;
}

export function faultyStore(store: Store, faults: readonly StoreFault[]): FaultyStore {
  const counts = new Map<FaultyMethod, number>();

  function begin(method: FaultyMethod): StoreFault | undefined {
    const call = (counts.get(method) ?? 0) + 1;
    counts.set(method, call);
    return faults.find(
      ({ method: of, onCall = 1, times = 1 }) => of === method && call >= onCall && call < onCall + times,
    );
  }

  async function call<T>(method: FaultyMethod, work: () => Promise<T>): Promise<T> {
    const fault = begin(method);
    if (fault !== undefined && fault.when !== "after") throw errorOf(fault);
    const result = await work();
    if (fault !== undefined) throw errorOf(fault);
    return result;
  }

  /** Like `call`, with a stream that can break in its middle. */
  async function streaming<T>(method: FaultyMethod, work: (broken: StreamBreaker) => Promise<T>): Promise<T> {
    const fault = begin(method);
    if (fault?.when === "before") throw errorOf(fault);
    const result = await work((bytes) =>
      fault?.when === "midway" ? breaking(bytes, errorOf(fault)) : bytes,
    );
    if (fault?.when === "after") throw errorOf(fault);
    return result;
  }

  const faultyDraft = (draft: Draft): Draft => ({
    put: (name, bytes) => streaming("draft.put", (broken) => draft.put(name, broken(bytes))),
    commit: (snapshotJson) => call("draft.commit", () => draft.commit(snapshotJson)),
    ...(draft.canBeResumed === undefined ? {} : { canBeResumed: draft.canBeResumed }),
    abandon: () => call("draft.abandon", () => draft.abandon()),
  });

  return {
    address: store.address,
    isReadOnly: store.isReadOnly,
    sources: () => call("sources", () => store.sources()),
    snapshots: (source) => call("snapshots", () => store.snapshots(source)),
    files: (prefix) => call("files", () => store.files(prefix)),
    read: (key, range) => streaming("read", async (broken) => broken(await store.read(key, range))),
    begin: async (identity) => faultyDraft(await call("begin", () => store.begin(identity))),
    put: (key, bytes, lifetime) => call("put", () => store.put(key, bytes, lifetime)),
    putStream: (key, bytes, lifetime) =>
      streaming("putStream", (broken) => store.putStream(key, broken(bytes), lifetime)),
    delete: (key) => call("delete", () => store.delete(key)),
    calls: (method) => counts.get(method) ?? 0,
  };
}

type StreamBreaker = (bytes: AsyncIterable<Uint8Array>) => AsyncIterable<Uint8Array>;

async function* breaking(bytes: AsyncIterable<Uint8Array>, error: Error): AsyncGenerator<Uint8Array> {
  for await (const chunk of bytes) {
    yield chunk;
    throw error;
  }
}

function errorOf({ error, method, when }: StoreFault): Error {
  if (error === "temporary") return new LifeboatError("store-temporary", `injected ${when} ${method}`);
  if (error === "permanent") return new LifeboatError("store-write-failed", `injected ${when} ${method}`);
  return error;
}
