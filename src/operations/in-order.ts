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

/** The first error, of an item or of its work, ends it; whoever started work that is still running must stop it. */
export async function* inOrder<T, R>(
  items: AsyncIterable<T>,
  start: (item: T) => Promise<R>,
  { window, stalled }: InOrderOptions,
): AsyncGenerator<R, void, undefined> {
  let started: Started<R>[] = [];
  let next = 0;
  for await (const item of items) {
    started.push(watched(start(item)));
    // What is there already is handed on at once, so that a million results that need no waiting take no memory.
    for (let one = started[next]; one?.isSettled === true; one = started[next]) {
      next += 1;
      yield await one.work;
    }
    if (next > 1000 || next === started.length) {
      started = started.slice(next);
      next = 0;
    }
    if (started.length - next < window) continue;
    stalled(true);
    // By half at once: whatever was closed for want of company shall not be closed again for a single item.
    for (const { work } of started.slice(next, next + Math.ceil(window / 2))) yield await work;
    started = started.slice(next + Math.ceil(window / 2));
    next = 0;
    stalled(false);
  }
  stalled(true);
  for (const { work } of started.slice(next)) yield await work;
}

interface Started<R> {
  readonly work: Promise<R>;
  isSettled: boolean;
}

function watched<R>(work: Promise<R>): Started<R> {
  const one = { work, isSettled: false };
  const settled = (): void => void (one.isSettled = true);
  // It is awaited in its turn; until then its failure must not count as unhandled.
  work.then(settled, settled);
  return one;
}
