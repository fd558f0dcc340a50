/** Numbers of a machine that does other things as well: only what was measured side by side is compared. */

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  const [low = Number.NaN, high = Number.NaN] = [sorted[Math.ceil(middle) - 1], sorted[Math.floor(middle)]];
  return (low + high) / 2;
}

/** The median of the rounds' own ratios, which noise that lasts longer than a round does not move. */
export function medianRatio(numerators: readonly number[], denominators: readonly number[]): number {
  return median(numerators.map((numerator, round) => numerator / (denominators[round] ?? Number.NaN)));
}

/** "1.04 (0.98 to 1.10)": the median and the range that half of the rounds lie in. */
export function ratioText(numerators: readonly number[], denominators: readonly number[]): string {
  const ratios = numerators.map((numerator, round) => numerator / (denominators[round] ?? Number.NaN));
  const sorted = ratios.toSorted((a, b) => a - b);
  const at = (share: number): string =>
    (sorted[Math.round(share * (sorted.length - 1))] ?? Number.NaN).toFixed(2);
  return `${median(ratios).toFixed(2)} (${at(0.25)} to ${at(0.75)})`;
}
