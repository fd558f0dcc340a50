/** Durations of the policy: those of inputs, and years. */
import { formatDuration, parseDuration } from "../duration.ts";

export const dayMs = 86_400_000;
/** A year counts 366 days, so that what must be kept seven years never goes a day too early. */
export const yearMs = 366 * dayMs;

export const policyDurationShape = "^(\\d{1,3}y|(\\d{1,9}[smhdw])+)$";

/** Milliseconds; undefined where `text` is none. */
export function parsePolicyDuration(text: string): number | undefined {
  const years = /^(\d{1,3})y$/.exec(text)?.[1];
  return years === undefined ? parseDuration(text) : Number(years) * yearMs;
}

/** `7y`, `90d`, `1h30m` */
export function formatPolicyDuration(totalMs: number): string {
  return totalMs > 0 && totalMs % yearMs === 0 ? `${totalMs / yearMs}y` : formatDuration(totalMs);
}

/** In words, for people: `7 years`, `90 days`, `1 hour`. */
export function durationInWords(totalMs: number): string {
  const units = [
    [yearMs, "year"],
    [dayMs, "day"],
    [3_600_000, "hour"],
    [60_000, "minute"],
  ] as const;
  for (const [size, unit] of units) {
    if (totalMs < size || totalMs % size !== 0) continue;
    const amount = totalMs / size;
    return `${amount} ${unit}${amount === 1 ? "" : "s"}`;
  }
  return formatPolicyDuration(totalMs);
}

/** Behind "every": `hour`, `day`, `6 hours`. */
export function paceInWords(totalMs: number): string {
  return durationInWords(totalMs).replace(/^1 /, "");
}

/** What somebody probably meant who wrote something else. */
export function durationSuggestion(text: string): string | undefined {
  const match = /^\s*(\d{1,4})\s*([a-zA-Z]*)\s*$/.exec(text);
  if (match === null) return undefined;
  const [, amount = "", word = ""] = match;
  if (/^mo(nths?)?$|^M$/i.test(word) && word !== "m") return `${Number(amount) * 31}d`;
  const unit = word === "" ? "d" : word.slice(0, 1).toLowerCase();
  return /^[smhdwy]$/.test(unit) ? `${amount}${unit}` : undefined;
}
