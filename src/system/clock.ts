/** The only reader of the wall clock; everything else is handed a Clock. */
export interface Clock {
  /** The current moment. */
  now(): Date;
  /** Milliseconds that only ever rise: for durations, never for dates. */
  elapsedMs(): number;
}

export const systemClock: Clock = {
  now: () => new Date(),
  elapsedMs: () => performance.now(),
};
