/** Bytes from code that pushes to a consumer that pulls, with backpressure in both directions. */

export interface ByteChannel {
  /** What was sent, to be read once. */
  readonly bytes: AsyncIterable<Uint8Array>;
  /** Resolves once the consumer has taken all but a little: true, or false if it is gone. */
  send(bytes: Uint8Array): Promise<boolean>;
  /** What was sent is all. */
  end(): void;
  /** The consumer meets `error` instead of what it has not yet taken. */
  fail(error: unknown): void;
  /** Nobody will read on: senders need not wait. */
  close(): void;
}

/** Senders wait while more than `maxHeldBytes` are on their way. */
export function byteChannel(maxHeldBytes: number): ByteChannel {
  const held: Uint8Array[] = [];
  let heldBytes = 0;
  let state: "open" | "ended" | "closed" | { readonly error: unknown } = "open";
  let changed = Promise.withResolvers<undefined>();
  const isOpen = (): boolean => state === "open";
  const wakeAll = (): void => {
    changed.resolve(undefined);
    changed = Promise.withResolvers<undefined>();
  };
  const become = (next: typeof state): void => {
    if (typeof state === "object" || state === "closed") return;
    state = next;
    wakeAll();
  };

  async function* read(): AsyncGenerator<Uint8Array, void, undefined> {
    try {
      for (;;) {
        if (typeof state === "object") throw state.error;
        if (state === "closed") return;
        const next = held.shift();
        if (next !== undefined) {
          heldBytes -= next.length;
          wakeAll();
          yield next;
        } else if (state === "ended") return;
        else await changed.promise;
      }
    } finally {
      become("closed");
    }
  }

  return {
    bytes: read(),
    send: async (bytes) => {
      if (!isOpen()) return false;
      held.push(bytes);
      heldBytes += bytes.length;
      wakeAll();
      while (isOpen() && heldBytes > maxHeldBytes) await changed.promise;
      return isOpen();
    },
    end: () => become("ended"),
    fail: (error) => become({ error }),
    close: () => become("closed"),
  };
}
