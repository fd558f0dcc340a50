/** Which stores of a policy get a snapshot, and how long each of them keeps it. */
import { dayMs } from "../policy/durations.ts";
import { artifactDaysLimit, type Policy, type PolicyStore, retentionAt } from "../policy/policy.ts";
import { type DaysOfTier, longestDays } from "../retention/lifetime.ts";
import type { Tier } from "../snapshot/snapshot-json.ts";
import type { CopyToInput } from "./copy-to-inputs.ts";
import { addressOfStore } from "./policy-inputs.ts";

/** Whole days by tier. Where artifacts end earlier, because the repository is public, their store says so. */
export function daysAt(store: PolicyStore, policy: Policy): DaysOfTier {
  const kept = Object.entries(retentionAt(store, policy, artifactDaysLimit.private).tiers);
  return Object.fromEntries(kept.map(([tier, ms]) => [tier, Math.ceil(ms / dayMs)]));
}

/** Of the store that the snapshot is written to, whether or not it is asked for one of these tiers. */
export function daysInStore(store: PolicyStore, policy: Policy, chosen: readonly Tier[]): number {
  const days = daysAt(store, policy);
  return longestDays(days, chosen) ?? Math.max(1, ...Object.values(days));
}

/** The further stores that are asked to keep one of these tiers. */
export function furtherStores(
  stores: readonly PolicyStore[],
  policy: Policy,
  chosen: readonly Tier[],
): readonly CopyToInput[] {
  return stores.flatMap((store) => {
    const daysOfTier = daysAt(store, policy);
    if (longestDays(daysOfTier, chosen) === undefined) return [];
    return [{ address: addressOfStore(store), daysOfTier }];
  });
}
