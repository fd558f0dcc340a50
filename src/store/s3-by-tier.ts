/** How strictly and how cheaply a bucket keeps a file, by the tiers of the snapshot that writes it. */
import { type Tier, tiers } from "../snapshot/snapshot-json.ts";

export type LockMode = "governance" | "compliance";
export type ByTier<T> = Readonly<Partial<Record<Tier, T>>>;

/** One mode for everything, as an address says it, or one for each tier, as a policy does. */
export type LockSetting = LockMode | ByTier<LockMode | "none">;
export type StorageClassSetting = string | ByTier<string>;

/** Of several tiers the strictest. A lock that no tier asks for is none: what is no snapshot's has no tiers. */
export function lockModeFor(
  setting: LockSetting | undefined,
  chosen: readonly Tier[] = [],
): LockMode | undefined {
  if (setting === undefined || typeof setting === "string") return setting;
  const modes = chosen.map((tier) => setting[tier]);
  return (["compliance", "governance"] as const).find((mode) => modes.includes(mode));
}

/** Of several tiers that of the longest which has one. */
export function storageClassFor(
  setting: StorageClassSetting | undefined,
  chosen: readonly Tier[] = [],
): string | undefined {
  if (setting === undefined || typeof setting === "string") return setting;
  const longest = tiers.findLast((tier) => chosen.includes(tier) && setting[tier] !== undefined);
  return longest === undefined ? undefined : setting[longest];
}

/** Whether anything is ever locked. */
export function mayLock(setting: LockSetting | undefined): boolean {
  return lockModeFor(setting, tiers) !== undefined;
}
