/** Work that runs side by side and fails as one. */

type Settled<T extends readonly unknown[]> = { -readonly [K in keyof T]: Awaited<T[K]> };

/**
 * Results in order; on the first failure `stop` is called, the others are awaited so that nobody still writes, and
 * that first error is thrown: what follows it is only its echo.
 */
export async function allOrFirstError<T extends readonly unknown[]>(
  work: readonly [...T],
  stop: () => void = () => {},
): Promise<Settled<T>> {
  let first: { readonly cause: unknown } | undefined;
  const guarded = work.map((one) =>
    Promise.resolve(one).catch((cause: unknown) => {
      first ??= { cause };
      stop();
    }),
  );
  const results = await Promise.all(guarded);
  if (first !== undefined) throw (first as { cause: unknown }).cause;
  return results as Settled<T>;
}

/** The work's result, or the signal's reason as soon as it aborts: for work that leaves nothing behind when left alone. */
export async function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const stop = (): void => reject(signal.reason as Error);
  if (signal.aborted) stop();
  signal.addEventListener("abort", stop, { once: true });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    signal.removeEventListener("abort", stop);
  }
}

/** Aborts a while after another signal: what was sent by then may be answered, and nothing new is sent. */
export function abortedLater(signal: AbortSignal, milliseconds: number): AbortSignal {
  const later = new AbortController();
  const stop = (): void => {
    setTimeout(() => later.abort(signal.reason), milliseconds).unref();
  };
  if (signal.aborted) stop();
  signal.addEventListener("abort", stop, { once: true });
  return later.signal;
}
