/** Work on many items side by side whose results are wanted in the items' order, with a bounded number under way. */

export interface InOrderOptions {
  /** At most so many results are awaited or kept at once. */
  readonly window: number;
  /**
   * Called with true when nothing more is started until the oldest result is there (the window is full, or the items
   * are at their end), and with false when starting goes on: work that waits for company must not wait for ever.
   */
  readonly stalled: (isStalled: boolean) => void;
}

/**
 * The first error, of an item or of its work, ends it at once, whatever older work is still waiting for; whoever started
 * work that is still running must stop it.
 */
export async function* inOrder<T, R>(
  items: AsyncIterable<T>,
  start: (item: T) => Promise<R>,
  { window, stalled }: InOrderOptions,
): AsyncGenerator<R, void, undefined> {
  const started: Started<R>[] = [];
  const failure = new FirstFailure();
  for await (const item of items) {
    failure.check();
    started.push(failure.watch(start(item)));
    // What is ready goes at once: kept until the window is full, a million results would each grow old in memory.
    for (let first = started[0]; first?.isReady === true; first = started[0]) {
      started.shift();
      yield await failure.or(first.work);
    }
    if (started.length < window) continue;
    stalled(true);
    // By half at once: whatever was closed for want of company shall not be closed again for a single item.
    for (const { work } of started.splice(0, Math.ceil(window / 2))) yield await failure.or(work);
    stalled(false);
  }
  stalled(true);
  for (const { work } of started) yield await failure.or(work);
}

interface Started<R> {
  readonly work: Promise<R>;
  isReady: boolean;
}

/** What `Promise.race` with one promise for all would do, which keeps a reaction in memory for each of a million. */
class FirstFailure {
  #failure: { readonly cause: unknown } | undefined;
  #wake: (cause: unknown) => void = () => {};

  watch<R>(work: Promise<R>): Started<R> {
    const started = { work, isReady: false };
    work.then(
      () => (started.isReady = true),
      (cause: unknown) => {
        this.#failure ??= { cause };
        this.#wake(cause);
      },
    );
    return started;
  }

  check(): void {
    if (this.#failure !== undefined) throw this.#failure.cause;
  }

  async or<R>(work: Promise<R>): Promise<R> {
    this.check();
    return await new Promise<R>((resolve, reject) => {
      this.#wake = reject;
      work.then(resolve, reject);
    });
  }
}
