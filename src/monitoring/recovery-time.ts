/** How long a recovery takes, against the objective and at the size that production has now. */
import type { RecoveryTime } from "../snapshot/drill-evidence.ts";

type Seconds = Readonly<Record<string, number>>;

export interface Size {
  /** What was backed up, before compression. */
  readonly rawBytes: number;
  /** What lies in the store. */
  readonly storedBytes: number;
}

export interface RecoveryTimeInput {
  readonly phases: Seconds;
  /** Where the recovery took longer than its own phases: it waited for what comes before it. */
  readonly totalSeconds?: number;
  readonly objectiveMs?: number | undefined;
  readonly drilled: Size;
  /** Absent where there is no good snapshot. */
  readonly production?: (Size & { readonly snapshot: string }) | undefined;
}

/** What a phase's time grows with; the others cost the same at any size. */
const growsWith: Readonly<Record<string, keyof Size>> = {
  download: "storedBytes",
  unseal: "rawBytes",
  restore: "rawBytes",
  verify: "rawBytes",
};

export const extrapolationMethod =
  "Linear in bytes, phase by phase: downloading with the bytes in the store, unsealing, restoring and verifying with the bytes before compression; finding and preparing cost the same at any size. Never less than was measured.";

export function recoveryTime(input: RecoveryTimeInput): RecoveryTime {
  const { phases, drilled, production, objectiveMs } = input;
  const seconds = input.totalSeconds ?? sum(phases);
  const isMet = (total: number): { readonly isMet?: boolean } =>
    objectiveMs === undefined ? {} : { isMet: total * 1000 <= objectiveMs };
  const measured = {
    phases: rounded(phases),
    seconds: tenths(seconds),
    ...(objectiveMs === undefined ? {} : { objectiveSeconds: objectiveMs / 1000 }),
    ...isMet(seconds),
  };
  if (production === undefined || drilled.rawBytes === 0 || drilled.storedBytes === 0) return measured;
  const grown = Object.fromEntries(
    Object.entries(phases).map(([phase, value]) => {
      const size = growsWith[phase];
      return [phase, size === undefined ? value : value * Math.max(1, production[size] / drilled[size])];
    }),
  );
  // What it waited for does not grow with its own bytes.
  const total = sum(grown) + Math.max(0, seconds - sum(phases));
  const { snapshot, rawBytes, storedBytes } = production;
  return {
    ...measured,
    production: {
      snapshot,
      rawBytes,
      storedBytes,
      phases: rounded(grown),
      seconds: tenths(total),
      ...isMet(total),
      method: extrapolationMethod,
    },
  };
}

function sum(phases: Seconds): number {
  return Object.values(phases).reduce((total, value) => total + value, 0);
}

function rounded(phases: Seconds): Record<string, number> {
  return Object.fromEntries(Object.entries(phases).map(([phase, value]) => [phase, tenths(value)]));
}

function tenths(seconds: number): number {
  return Math.round(seconds * 10) / 10;
}
