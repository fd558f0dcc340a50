/** Numbers from a seed: the same seed throws the same, on every machine. */
export interface Dice {
  /** From 0 to `below` - 1. */
  number(below: number): number;
  chance(oneIn: number): boolean;
  pick<T>(list: readonly [T, ...T[]]): T;
  /** undefined where there is nothing to pick from. */
  any<T>(list: readonly T[]): T | undefined;
  some<T>(list: readonly T[], atMost: number): readonly T[];
}

/** mulberry32 by Tommy Ettinger: 32 bits of state are plenty for a few thousand throws. */
export function diceOf(seed: number): Dice {
  let state = seed >>> 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
  const number = (below: number): number => Math.floor(next() * below);
  const any = <T>(list: readonly T[]): T | undefined => list[number(list.length)];
  return {
    number,
    any,
    chance: (oneIn) => number(oneIn) === 0,
    pick: (list) => any(list) ?? list[0],
    some: (list, atMost) =>
      list
        .map((item) => ({ item, place: next() }))
        .toSorted((a, b) => a.place - b.place)
        .slice(0, number(atMost + 1))
        .map(({ item }) => item),
  };
}
