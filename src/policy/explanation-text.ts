/** An explanation for people to read. */
import type { Explanation } from "./explain.ts";

export function explanationText(
  { sources, stores, costs, findings }: Explanation,
  bytesInWords: (bytes: number) => string,
): string {
  const known = (bytes: number | undefined): string =>
    bytes === undefined ? "unknown" : bytesInWords(bytes);
  return [
    ...sources.flatMap(({ name, sentences }) => [`Source ${name}`, ...sentences.map(indented), ""]),
    ...stores.flatMap(({ name, sentences }) => [`Store ${name}`, ...sentences.map(indented), ""]),
    "Costs of a month",
    indented(`Runner minutes: ${costs.isAtLeast ? "at least" : "about"} ${costs.minutesPerMonth}.`),
    indented(`GitHub artifacts, once every tier is full: ${known(costs.artifactBytes)}.`),
    indented(`Egress from the database and Storage: ${known(costs.egressBytesPerMonth)}.`),
    "  Computed from:",
    ...costs.assumptions.map((assumption) => `  - ${assumption}`),
    ...(findings.length === 0 ? [] : ["", "Findings"]),
    ...findings.map(({ level, sentence, remedy }) => indented(`${level}: ${sentence} ${remedy}`)),
  ].join("\n");
}

function indented(sentence: string): string {
  return `  ${sentence}`;
}
