/** The jobs of this run, and whether the workflows' schedules are alive. */
import { type MonitorFinding, monitorFinding } from "./findings.ts";

/** One job that this one `needs`. */
export interface JobReport {
  /** Its key in the workflow. */
  readonly job: string;
  readonly result: "success" | "failure" | "cancelled" | "skipped";
  /** Of the actions in it; empty where none was handed on, or none that follows the schema. */
  readonly records: readonly JobRecord[];
}

export interface JobRecord {
  readonly action: string;
  readonly outcome: string;
  /** Of the error. */
  readonly code?: string;
}

export interface WorkflowState {
  /** `backup.yml` */
  readonly file: string;
  readonly isActive: boolean;
  /** Whether GitHub did it, for want of activity. */
  readonly byGitHub: boolean;
  /** It was disabled, and the monitor has enabled it again. */
  readonly wasEnabled: boolean;
}

/** A job that ran must have ended well and have said so itself: a green job without a record proves nothing. */
export function judgeJob({ job, result, records }: JobReport): readonly MonitorFinding[] {
  const subject = { kind: "job", name: job } as const;
  if (result === "skipped") return [];
  if (result === "cancelled") {
    return [monitorFinding("job-cancelled", subject, `The job "${job}" was cancelled.`)];
  }
  const bad = records.filter(({ outcome }) => outcome !== "success");
  if (result === "failure" || bad.length > 0) {
    const why = bad.map(({ action, outcome, code }) => `${action}: ${code ?? outcome}`).join(", ");
    return [
      monitorFinding("job-failed", subject, `The job "${job}" failed${why === "" ? "" : ` (${why})`}.`),
    ];
  }
  if (records.length > 0) return [];
  const sentence = `The job "${job}" ended green, but left no record of what it did.`;
  return [monitorFinding("job-without-record", subject, sentence)];
}

/** What may close the issue of a job; a job that was skipped shows nothing. */
export function recoveryOfJob({ job, result, records }: JobReport): string | undefined {
  if (result === "skipped") return undefined;
  const actions = records.map(({ action }) => action).join(", ");
  return `The job "${job}" succeeded${actions === "" ? "" : ` (${actions})`}.`;
}

export function judgeSchedule({
  file,
  isActive,
  byGitHub,
  wasEnabled,
}: WorkflowState): readonly MonitorFinding[] {
  const subject = { kind: "schedule", name: file } as const;
  const who = byGitHub
    ? "GitHub disabled it, because the repository had no activity for 60 days"
    : "somebody disabled it";
  if (wasEnabled) {
    const sentence = `The workflow ${file} did not run: ${who}. It is enabled again.`;
    return [monitorFinding("schedule-reenabled", subject, sentence)];
  }
  if (isActive) return [];
  return [monitorFinding("schedule-disabled", subject, `The workflow ${file} does not run: ${who}.`)];
}
