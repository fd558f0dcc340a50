/** What the monitor found: one problem of one subject, in words that everybody may read. */
import type { Finding } from "../verification/findings.ts";
import { type MonitorCode, monitorCatalogue } from "./catalogue.ts";

/** What a problem is of: a source of the policy, a job of the workflow, a workflow's file, the ledger, or the account's quota. */
export interface Subject {
  readonly kind: "source" | "job" | "schedule" | "ledger" | "quota";
  /** Empty for the ledger and the quota, of which there is one. */
  readonly name: string;
}

export interface MonitorFinding extends Finding {
  readonly level: "error" | "warning";
  readonly code: MonitorCode;
  readonly subject: Subject;
  /** `source:database/backup-late`: the same problem of the same subject, whenever it is found. */
  readonly key: string;
}

/**
 * `sentence` says nothing that changes while the facts stay the same, an age for example: a sentence that changed is
 * news, and is told. It carries no name from inside a backup, nor words that a person wrote into the store.
 */
export function monitorFinding(
  code: MonitorCode,
  subject: Subject,
  sentence: string,
  remedy: string = monitorCatalogue[code].remedy,
): MonitorFinding {
  const { level } = monitorCatalogue[code];
  const key = `${subjectKey(subject)}/${code}`;
  return { level, code, subject, key, sentence, publicSentence: sentence, remedy };
}

/** `source:database`, `job:backup`, `ledger` */
export function subjectKey({ kind, name }: Subject): string {
  return name === "" ? kind : `${kind}:${name}`;
}

/** Findings without those that say the same of the same, in their order. */
export function withoutDoubles(findings: readonly MonitorFinding[]): readonly MonitorFinding[] {
  const said = new Map(findings.toReversed().map((one) => [`${one.key}\n${one.sentence}`, one]));
  return findings.filter((one) => said.get(`${one.key}\n${one.sentence}`) === one);
}
