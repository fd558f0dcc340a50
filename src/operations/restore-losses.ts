/** What of a restore is missing or weaker than in the backup, held against what a person accepts. */
import { LifeboatError } from "../errors.ts";
import { nameOf, type Refusal, weightOf } from "../postgres/refusal.ts";
import type { Finding } from "../verification/findings.ts";
import type { RestorePlan } from "./plan-database-restore.ts";

/** Of `refusals` what counts and nobody accepted. */
export function lossesOf(
  refusals: readonly Refusal[],
  { accept }: Pick<RestorePlan, "accept">,
): readonly Refusal[] {
  return refusals.filter((refusal) => refusal.outcome !== "otherwise" && !isAccepted(refusal, accept));
}

function isAccepted(refusal: Refusal, accept: readonly string[]): boolean {
  const name = nameOf(refusal);
  return accept.includes(name) || accept.includes(name.slice(0, name.indexOf(":")));
}

/** Nothing that exists is replaced by something that lacks rows or rights. */
export function requireWhole(
  losses: readonly Refusal[],
  { mode }: RestorePlan,
  findings: readonly Finding[],
): void {
  const heavy = losses.filter((loss) => weightOf(loss) !== "else");
  if (mode.kind !== "in-place" || heavy.length === 0) return;
  const names = heavy.map(nameOf);
  const kinds = [...new Set(heavy.map(weightOf))].toSorted().reverse().join(" and ");
  throw new LifeboatError(
    "restore-incomplete",
    `The backup's ${kinds} did not come back whole: ${names.join(", ")}.`,
    {
      hint: `If you can do without, run again with: --accept ${shellWord(names.join(","))}`,
      publicSentence: `The backup's ${kinds} did not come back whole: ${names.length} missing.`,
      inside: sentencesAbout(names, findings),
    },
  );
}

/** The error with which a restore ends that is done, but lacks something that nobody accepted. */
export function lossError(
  missing: readonly string[],
  findings: readonly Finding[],
): LifeboatError | undefined {
  if (missing.length === 0) return undefined;
  const things = missing.length === 1 ? "1 thing is" : `${missing.length.toLocaleString("en-US")} things are`;
  return new LifeboatError(
    "restored-in-part",
    `The database is restored, but ${things} missing or weaker than in the backup: ${missing.join(", ")}.`,
    {
      hint: `Run the commands in the findings. To accept it beforehand: --accept ${shellWord(missing.join(","))}`,
      publicSentence: `The database is restored, but ${things} missing or weaker than in the backup.`,
      inside: sentencesAbout(missing, findings),
    },
  );
}

export function withAccepted(findings: readonly Finding[], losses: readonly Refusal[]): readonly Finding[] {
  const names = new Set(losses.map(nameOf));
  return findings.map((finding) => {
    if (finding.about === undefined || finding.level !== "error" || names.has(finding.about)) return finding;
    const said = {
      sentence: `Accepted: ${finding.sentence}`,
      publicSentence: `Accepted: ${finding.publicSentence}`,
    };
    return { ...finding, level: "warning", ...said };
  });
}

function sentencesAbout(names: readonly string[], findings: readonly Finding[]): string {
  return findings
    .filter(({ about }) => about !== undefined && names.includes(about))
    .map(({ sentence, remedy }) => `${sentence} ${remedy}`)
    .join("\n");
}

function shellWord(text: string): string {
  return /^[\w.,:-]+$/.test(text) ? text : `'${text.replaceAll("'", String.raw`'\''`)}'`;
}
