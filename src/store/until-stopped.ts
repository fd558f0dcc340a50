/**
 * Any store, as a run that may be stopped sees it: nothing is written, committed or deleted once the run was asked to
 * stop. Only the ledger is still told of it. What was on its way is awaited, and named where no answer comes any more.
 */
import { asLifeboatError } from "../errors.ts";
import { unlessAborted } from "../system/concurrency.ts";
import { register, type Standing } from "../system/underway.ts";
import type { Draft, DraftIdentity, Store } from "./store.ts";
import type { Sleep } from "./with-retries.ts";

const ledgerKeys = "ledger/";

export function untilStopped(store: Store, signal: AbortSignal): Store {
  const commits = new Commits(store.address);
  register(signal, () => commits.standing());
  const extendLock = store.extendLock?.bind(store);
  const sending = <T>(work: () => Promise<T>): Promise<T> => {
    signal.throwIfAborted();
    return work();
  };
  return {
    ...store,
    read: async (key, range) => {
      const bytes = await store.read(key, range);
      return key.startsWith(ledgerKeys) ? bytes : stopping(bytes, signal);
    },
    begin: async (identity) =>
      guardedDraft(await sending(() => store.begin(identity)), identity, { commits, signal }),
    put: async (key, bytes, lifetime) => {
      if (key.startsWith(ledgerKeys)) return await store.put(key, bytes, lifetime);
      return await sending(() => store.put(key, bytes, lifetime));
    },
    putStream: async (key, bytes, lifetime) =>
      await sending(() => store.putStream(key, stopping(bytes, signal), lifetime)),
    delete: async (key) => await sending(() => store.delete(key)),
    ...(extendLock && {
      extendLock: async (key, until, tiers) => await sending(() => extendLock(key, until, tiers)),
    }),
  };
}

/** Nobody waits for another try of what will not be done; what is done after the stop (the ledger) is tried again. */
export function sleepUntilStopped(sleep: Sleep, signal: AbortSignal): Sleep {
  return (milliseconds) =>
    signal.aborted ? sleep(milliseconds) : unlessAborted(sleep(milliseconds), signal);
}

function guardedDraft(
  draft: Draft,
  { id }: DraftIdentity,
  { commits, signal }: { readonly commits: Commits; readonly signal: AbortSignal },
): Draft {
  return {
    ...(draft.canBeResumed === undefined ? {} : { canBeResumed: draft.canBeResumed }),
    put: async (name, bytes) => {
      signal.throwIfAborted();
      return await draft.put(name, stopping(bytes, signal));
    },
    commit: async (snapshotJson) => {
      signal.throwIfAborted();
      return await commits.sending(id, () => draft.commit(snapshotJson));
    },
    abandon: () => draft.abandon(),
  };
}

/** Bytes that fail once the run was asked to stop, so that nothing of what they fill remains. */
async function* stopping(
  bytes: AsyncIterable<Uint8Array>,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array, void, undefined> {
  for await (const chunk of bytes) {
    signal.throwIfAborted();
    yield chunk;
  }
  signal.throwIfAborted();
}

/** Whether a failed commit may have come about all the same. */
function isOpen(thrown: unknown): boolean {
  const { code } = asLifeboatError(thrown);
  return code === "store-temporary" || code === "store-write-unproven";
}

/** Snapshots that became visible, and those of which nobody has said yet whether they did. */
class Commits {
  readonly #address: string;
  readonly #sent = new Set<string>();
  readonly #made: string[] = [];

  constructor(address: string) {
    this.#address = address;
  }

  async sending<T>(id: string, commit: () => Promise<T>): Promise<T> {
    this.#sent.add(id);
    try {
      const stored = await commit();
      this.#made.push(id);
      this.#sent.delete(id);
      return stored;
    } catch (thrown) {
      if (!isOpen(thrown)) this.#sent.delete(id);
      throw thrown;
    }
  }

  standing(): Standing {
    const [sent] = this.#sent;
    if (sent !== undefined) {
      return {
        sentence: `Whether snapshot ${sent} became visible in ${this.#address} is not known.`,
        isUnknown: true,
        hint: `\`lifeboat list --store ${this.#address}\` shows whether it is there; then run again.`,
      };
    }
    if (this.#made.length === 0) return { sentence: "" };
    const named = this.#made.length > 3 ? `${this.#made.length} snapshots are` : "";
    const ids =
      this.#made.length === 1 ? `Snapshot ${this.#made.join()} is` : `Snapshots ${this.#made.join(", ")} are`;
    return { sentence: `${named || ids} whole in ${this.#address}.` };
  }
}
