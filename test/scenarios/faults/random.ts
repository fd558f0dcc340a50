/** Random instants that can be had again: the seed is printed, and LIFEBOAT_SEED sets it. */
export interface SeededRandom {
  readonly seed: number;
  /** From 0 to below 1. */
  next(): number;
}

export function seededRandom(): SeededRandom {
  const seed = Number(process.env["LIFEBOAT_SEED"] ?? Math.floor(Math.random() * 2 ** 32));
  let state = seed >>> 0;
  return {
    seed,
    // mulberry32
    next() {
      state = (state + 0x6d2b79f5) >>> 0;
      let mixed = Math.imul(state ^ (state >>> 15), state | 1);
      mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
      return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
    },
  };
}
