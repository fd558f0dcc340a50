/** What checks report: findings first, judged at the end. */

export type Verdict = "passed" | "failed" | "not-verified";

export interface Finding {
  readonly level: "info" | "warning" | "error";
  readonly code: string;
  /** May name names from inside the backup: the edge decides what it may show. */
  readonly sentence: string;
  /** The same without any name from inside, for public places. */
  readonly publicSentence: string;
  /** May name names as well, in a command to run. */
  readonly remedy: string;
  /** The remedy for public places, where it names names. */
  readonly publicRemedy?: string;
  /** Whom it speaks against: another backup differs only where the backup is at fault. */
  readonly fault?: Fault;
  /** What it is about, as it is accepted or waived: `index:public.cities_name_key`. */
  readonly about?: string;
}

export type Fault = "source" | "backup" | "target";

export function inPublic({ publicSentence, publicRemedy, remedy }: Finding): string {
  return `${publicSentence} ${publicRemedy ?? remedy}`;
}

/** ` (source at fault)`, where it is known whose fault it is. */
export function faultWords({ level, fault }: Finding): string {
  return fault === undefined || level === "info" ? "" : ` (${fault} at fault)`;
}

/** Whom these findings speak against, each once. */
export function faultsOf(findings: readonly Finding[]): readonly Fault[] {
  return [...new Set(findings.flatMap(({ level, fault }) => (level === "info" || !fault ? [] : [fault])))];
}

export interface ComponentVerdict {
  /** `tables`, `sequences`, `policies`, … */
  readonly component: string;
  readonly verdict: Verdict;
  readonly checked: number;
  readonly findings: readonly Finding[];
  /** False: it is told, but the verdict of the snapshot does not depend on it. Default true. */
  readonly isRequired?: boolean;
}

/** The worst of several verdicts: failed before not-verified before passed. Nothing checked is never passed. */
export function worstVerdict(verdicts: readonly Verdict[]): Verdict {
  if (verdicts.includes("failed")) return "failed";
  if (verdicts.length === 0 || verdicts.includes("not-verified")) return "not-verified";
  return "passed";
}
