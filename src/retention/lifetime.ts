/** How long a snapshot lives by its tiers where no policy says so: what stores are asked to keep and lock it for. */
import { type SnapshotJson, type Tier, tiers } from "../snapshot/snapshot-json.ts";

/** What the old procedure kept. */
export const daysOfTier: Readonly<Record<Tier, number>> = {
  hourly: 2,
  daily: 30,
  weekly: 90,
  monthly: 366,
  yearly: 7 * 366,
};

/** Whole days for each tier that is kept. */
export type DaysOfTier = Readonly<Partial<Record<Tier, number>>>;

/** The days of the longest-kept of these tiers; undefined where none of them is kept. */
export function longestDays(days: DaysOfTier, chosen: readonly Tier[]): number | undefined {
  const kept = chosen.flatMap((tier) => days[tier] ?? []);
  return kept.length === 0 ? undefined : Math.max(...kept);
}

const dayMs = 24 * 3600 * 1000;

export function longestTierDays(chosen: readonly Tier[]): number {
  return Math.max(1, ...tiers.filter((tier) => chosen.includes(tier)).map((tier) => daysOfTier[tier]));
}

/**
 * Whole days, counted from now, until a snapshot's lifetime ends: `days` (by default those of its longest tier) after
 * it was finished. 0 or less: it has ended.
 */
export function remainingDays(
  { tiers: chosen, times }: Pick<SnapshotJson, "tiers" | "times">,
  now: Date,
  days = longestTierDays(chosen),
): number {
  return Math.ceil((Date.parse(times.finished) + days * dayMs - now.getTime()) / dayMs);
}
