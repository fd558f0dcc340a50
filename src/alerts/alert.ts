/** What there is to tell, the same for every channel; nothing in it comes from inside a backup. */
import { createHash } from "node:crypto";
import { type MonitorCode, monitorCatalogue } from "../monitoring/catalogue.ts";
import { type MonitorFinding, type Subject } from "../monitoring/findings.ts";

/** All findings of one code about one subject. */
export interface Problem {
  /** `source:database/backup-late` */
  readonly key: string;
  readonly code: MonitorCode;
  readonly level: "error" | "warning";
  readonly subject: Subject;
  readonly sentences: readonly string[];
  readonly remedy: string;
}

export interface Recovery {
  readonly key: string;
  /** A sentence: what shows that it is over. */
  readonly evidence: string;
}

export interface Alert {
  readonly place: AlertPlace;
  /** All that stand at this moment. */
  readonly problems: readonly Problem[];
  /** Those of them that nobody was told of yet, or that changed. */
  readonly news: readonly Problem[];
  /** What was told once, and is over. */
  readonly recovered: readonly Recovery[];
}

export interface AlertPlace {
  /** `owner/name`; absent on a terminal without one. */
  readonly repository: string | undefined;
  readonly runUrl: string | undefined;
  /** Address of docs/runbook.md, to which `#<code>` is added. */
  readonly runbook: string;
}

/** One way to tell people. It throws `alert-failed` where it could not; what it did not throw for was taken. */
export interface AlertChannel {
  readonly name: "email" | "webhook";
  tell(alert: Alert): Promise<void>;
}

export function problemsOf(findings: readonly MonitorFinding[]): readonly Problem[] {
  const problems = new Map<string, Problem>();
  for (const { key, code, level, subject, publicSentence, remedy } of findings) {
    const known = problems.get(key);
    const sentences = [...(known?.sentences ?? []), publicSentence];
    problems.set(key, { key, code, level, subject, remedy: known?.remedy ?? remedy, sentences });
  }
  return [...problems.values()];
}

/** 16 hex digits that are others when the problem says something else. */
export function fingerprintOf({ level, sentences, remedy }: Problem): string {
  const content = JSON.stringify([level, sentences.toSorted(), remedy]);
  return createHash("sha256").update(content).digest("hex").slice(0, 16);
}

/** `"database": the last good backup is older than allowed` */
export function titleOf({ subject, code }: Problem): string {
  const { title } = monitorCatalogue[code];
  const { kind, name } = subject;
  if (name === "") return title;
  return kind === "source" ? `"${name}": ${title}` : `${kind} ${name}: ${title}`;
}

/** `acme/app: 2 problems (backup-late, job-failed)` */
export function headlineOf({ place, problems, recovered }: Alert): string {
  const where = place.repository === undefined ? "" : `${place.repository}: `;
  if (problems.length === 0) return `${where}well again (${codesOf(recovered)})`;
  const count = problems.length === 1 ? "1 problem" : `${problems.length} problems`;
  return `${where}${count} (${codesOf(problems)})`;
}

function codesOf(ofKeys: readonly { readonly key: string }[]): string {
  return [...new Set(ofKeys.map(({ key }) => key.slice(key.lastIndexOf("/") + 1)))].sort().join(", ");
}

/** The subject's part of a key. */
export function subjectOfKey(key: string): string {
  return key.slice(0, Math.max(0, key.lastIndexOf("/")));
}

export function runbookOf({ runbook }: AlertPlace, code: string): string {
  return `${runbook}#${code}`;
}
