/** Contenders side by side: each once a round, so that what disturbs the machine disturbs all of them. */

export interface Outcome {
  readonly seconds: number;
  readonly resultBytes?: number;
  readonly peakMiB?: number;
  readonly childrenPeakMiB?: number;
  readonly cpuSeconds?: number;
  /** What one run tells about more than one contender. */
  readonly also?: Readonly<Record<string, { readonly seconds: number; readonly resultBytes?: number }>>;
}

export interface Contender {
  readonly name: string;
  run(): Promise<Outcome>;
}

/** What each contender needed, by round. */
export type Rounds = ReadonlyMap<string, readonly Outcome[]>;

export interface RoundsOptions {
  readonly pairs: number;
  /** What runs before the rounds that count, to warm the server's and the file system's caches. */
  readonly warmUp: readonly string[];
  /** Told after every round, so that a run that is cut short leaves its figures. */
  readonly keep: (rounds: Rounds) => Promise<void>;
}

/** Each round begins with another contender. */
export async function inRounds(
  contenders: readonly Contender[],
  { pairs, warmUp, keep }: RoundsOptions,
): Promise<Rounds> {
  const rounds = new Map<string, Outcome[]>();
  const note = (name: string, outcome: Outcome): void => {
    rounds.set(name, [...(rounds.get(name) ?? []), outcome]);
  };
  for (let round = 0; round <= pairs; round++) {
    const first = (round * 3) % contenders.length;
    const order = [...contenders.slice(first), ...contenders.slice(0, first)];
    const said: string[] = [];
    for (const contender of order) {
      // A full warm-up would cost as much as a round.
      if (round === 0 && !warmUp.includes(contender.name)) continue;
      const { also = {}, ...outcome } = await contender.run();
      said.push(`${contender.name} ${outcome.seconds.toFixed(1)}`);
      if (round === 0) continue;
      note(contender.name, outcome);
      for (const [name, part] of Object.entries(also)) note(name, part);
    }
    await keep(rounds);
    console.error(`round ${round} of ${pairs}: ${said.join(", ")} s`);
  }
  return rounds;
}
