/** One stream read once and given to several readers: each byte leaves the source a single time. */

export interface Branch extends AsyncIterable<Uint8Array> {
  /** Must be called when its reader is done, however it ended: the others would wait for it for ever. */
  close(): Promise<void>;
}

interface Waiting {
  readonly resolve: (step: IteratorResult<Uint8Array, undefined>) => void;
  readonly reject: (thrown: unknown) => void;
}

/**
 * `count` streams of the same bytes. The slowest reader sets the pace, so that nothing piles up. An error of the source
 * reaches all that still read. The source is ended when no reader is left.
 */
export function fanOut(source: AsyncIterable<Uint8Array>, count: number): readonly Branch[] {
  const reading = source[Symbol.asyncIterator]();
  const live = new Set(Array.from({ length: count }, (_, index) => index));
  const waiting = new Map<number, Waiting>();
  let isBusy = false;
  let isOver = false;

  function pump(): void {
    if (isBusy || live.size === 0 || [...live].some((reader) => !waiting.has(reader))) return;
    isBusy = true;
    const turn = [...waiting.values()];
    waiting.clear();
    reading.next().then(
      (step) => {
        isBusy = false;
        isOver = step.done === true;
        for (const { resolve } of turn) {
          resolve(step.done === true ? { done: true, value: undefined } : { value: step.value });
        }
      },
      (thrown: unknown) => {
        isBusy = false;
        isOver = true;
        for (const { reject } of turn) reject(thrown);
      },
    );
  }

  async function close(reader: number): Promise<void> {
    if (!live.delete(reader)) return;
    waiting.delete(reader);
    if (live.size > 0) pump();
    else if (!isOver) await reading.return?.();
  }

  return Array.from({ length: count }, (_, reader) => ({
    close: () => close(reader),
    [Symbol.asyncIterator]: (): AsyncIterator<Uint8Array, undefined> => ({
      next: () =>
        new Promise((resolve, reject) => {
          if (isOver) {
            resolve({ done: true, value: undefined });
            return;
          }
          waiting.set(reader, { resolve, reject });
          pump();
        }),
      return: async () => {
        await close(reader);
        return { done: true, value: undefined };
      },
    }),
  }));
}
