/** Pieces of job summaries. */
import { faultWords, type Finding, inPublic } from "../verification/findings.ts";

/** A table of two columns without a header that anyone needs to read. */
export function table(rows: readonly (readonly [string, string])[]): string {
  return ["| | |", "|---|---|", ...rows.map(([name, value]) => `| ${name} | ${value} |`)].join("\n");
}

/** Findings that want attention, as one section; nothing where there are none. */
export function findingsList(findings: readonly Finding[]): readonly string[] {
  const worthSaying = findings.filter(({ level }) => level !== "info");
  if (worthSaying.length === 0) return [];
  const lines = worthSaying.map(
    (finding) => `- \`${finding.code}\`${faultWords(finding)}: ${inPublic(finding)}`,
  );
  return [["### Findings", "", ...lines].join("\n")];
}

/** `12.3 MB`, in powers of 1000. */
export function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}
