/** Durations as people write them in inputs: `90s`, `30m`, `1h30m`, `2d`, `1w`. */
const unitMs: Readonly<Record<string, number>> = {
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
};

export const durationRule = "a number with s, m, h, d or w, for example 90s, 30m, 1h30m or 2d";

/** Milliseconds; undefined where `text` is not a duration. */
export function parseDuration(text: string): number | undefined {
  if (!/^(?:\d{1,9}[smhdw])+$/.test(text)) return undefined;
  let totalMs = 0;
  for (const [, amount, unit] of text.matchAll(/(\d+)([smhdw])/g)) {
    totalMs += Number(amount) * (unitMs[unit ?? ""] ?? Number.NaN);
  }
  return totalMs;
}

/** `5400000` → `1h30m` */
export function formatDuration(totalMs: number): string {
  let restMs = Math.round(totalMs / 1000) * 1000;
  let text = "";
  for (const unit of ["d", "h", "m", "s"]) {
    const size = unitMs[unit] ?? Number.NaN;
    const amount = Math.floor(restMs / size);
    restMs -= amount * size;
    if (amount > 0) text += `${amount}${unit}`;
  }
  return text === "" ? "0s" : text;
}
