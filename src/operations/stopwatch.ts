/** Where the time of a recovery goes. */
import type { Clock } from "../system/clock.ts";

/**
 * `find`: which snapshot. `download`: every stored byte. `unseal`: opened, decompressed, read to the end. `prepare`: a
 * server to restore into. `restore`: loaded or written. `verify`: compared with what was backed up.
 */
export const phases = ["find", "download", "unseal", "prepare", "restore", "verify"] as const;
export type Phase = (typeof phases)[number];
export type PhaseSeconds = Readonly<Record<Phase, number>>;

/** Times phases; one within another stops the outer one's clock, so that no second is counted twice. */
export class Stopwatch {
  readonly #clock: Clock;
  readonly #milliseconds = new Map<Phase, number>();
  readonly #running: (Phase | undefined)[] = [];
  #since = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  async time<T>(phase: Phase, work: () => Promise<T>): Promise<T> {
    return await this.#while(phase, work);
  }

  /** Work that belongs to no phase, within one that does. */
  async aside<T>(work: () => Promise<T>): Promise<T> {
    return await this.#while(undefined, work);
  }

  seconds(): PhaseSeconds {
    const of = (phase: Phase): number => (this.#milliseconds.get(phase) ?? 0) / 1000;
    return Object.fromEntries(phases.map((phase) => [phase, of(phase)])) as Record<Phase, number>;
  }

  async #while<T>(phase: Phase | undefined, work: () => Promise<T>): Promise<T> {
    this.#settle();
    this.#running.push(phase);
    try {
      return await work();
    } finally {
      this.#settle();
      this.#running.pop();
    }
  }

  /** Gives the time since the last change to what ran until now. */
  #settle(): void {
    const now = this.#clock.elapsedMs();
    const phase = this.#running.at(-1);
    if (phase !== undefined) {
      this.#milliseconds.set(phase, (this.#milliseconds.get(phase) ?? 0) + now - this.#since);
    }
    this.#since = now;
  }
}
