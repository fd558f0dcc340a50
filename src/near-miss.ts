/** "Did you mean …?": the allowed word that a misspelt one most likely stands for. */

/** What is longer was no slip of the finger, and comparing it would take long. */
const longestWord = 100;

/** Undefined where nothing is near enough to be worth suggesting. */
export function nearestWord(text: string, allowed: readonly string[]): string | undefined {
  if (text.length > longestWord) return undefined;
  const wanted = text.toLowerCase();
  const tolerance = Math.max(1, Math.floor(wanted.length / 3));
  let best: { readonly word: string; readonly distance: number } | undefined;
  for (const word of allowed) {
    const distance = editDistance(wanted, word.toLowerCase());
    if (distance <= tolerance && (best === undefined || distance < best.distance)) best = { word, distance };
  }
  return best?.word;
}

/** How many letters must be added, removed or replaced to make `left` into `right`. */
function editDistance(left: string, right: string): number {
  let previous = Array.from({ length: right.length + 1 }, (_, index) => index);
  for (const [row, letter] of Array.from(left).entries()) {
    const current = [row + 1];
    for (const [column, other] of Array.from(right).entries()) {
      const replaced = (previous[column] ?? 0) + (letter === other ? 0 : 1);
      current.push(Math.min(replaced, (previous[column + 1] ?? 0) + 1, (current[column] ?? 0) + 1));
    }
    previous = current;
  }
  return previous[right.length] ?? 0;
}
