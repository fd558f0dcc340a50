/** Everything that the monitor looks at, judged at one moment: what is wrong, and what may be called well again. */
import type { Policy } from "../policy/policy.ts";
import type { Finding } from "../verification/findings.ts";
import { type MonitorFinding, subjectKey, withoutDoubles } from "./findings.ts";
import { judgeQuota, type QuotaUsage, recoveryOfQuota } from "./judge-quota.ts";
import { judgeSource, type SourceState, type SourceView } from "./judge-source.ts";
import {
  type JobReport,
  judgeJob,
  judgeSchedule,
  recoveryOfJob,
  type WorkflowState,
} from "./judge-workflow.ts";

export interface JudgementInput {
  readonly policy: Policy;
  readonly now: Date;
  readonly sources: readonly SourceView[];
  /** Absent: nobody said what the jobs did. */
  readonly jobs?: readonly JobReport[];
  /** Absent: GitHub did not say. */
  readonly workflows?: readonly WorkflowState[];
  /** Absent: nothing is counted, or GitHub did not say. */
  readonly quota?: QuotaUsage;
  /** Whether a ledger was read. */
  readonly hasLedger: boolean;
}

export interface Judgement {
  readonly findings: readonly MonitorFinding[];
  readonly sources: readonly SourceState[];
  /** Worth knowing, but nobody is woken for it. */
  readonly notes: readonly Finding[];
  /**
   * By subject (`source:database`), what shows that problems of it which were not found are over. What is not in here
   * was not looked at as a whole, and no issue of it may be closed.
   */
  readonly recoveries: ReadonlyMap<string, string>;
  /** No finding of level error. */
  readonly isWell: boolean;
}

export function judge(input: JudgementInput): Judgement {
  const { policy, now, jobs = [], workflows = [] } = input;
  const sources = input.sources.map((view) => judgeSource(view, policy, now));
  const findings = withoutDoubles([
    ...sources.flatMap((one) => one.findings),
    ...jobs.flatMap(judgeJob),
    ...workflows.flatMap(judgeSchedule),
    ...(input.quota === undefined ? [] : judgeQuota(input.quota)),
  ]);
  const recoveries = new Map<string, string>();
  for (const { state, recovery } of sources) {
    if (recovery !== undefined) recoveries.set(`source:${state.source}`, recovery);
  }
  for (const job of jobs) {
    const recovery = recoveryOfJob(job);
    if (recovery !== undefined) recoveries.set(`job:${job.job}`, recovery);
  }
  for (const { file } of workflows) recoveries.set(`schedule:${file}`, `The workflow ${file} is active.`);
  const ofQuota = input.quota && recoveryOfQuota(input.quota);
  if (ofQuota !== undefined) recoveries.set(subjectKey({ kind: "quota", name: "" }), ofQuota);
  if (input.hasLedger && sources.every(({ recovery }) => recovery !== undefined)) {
    recoveries.set(
      subjectKey({ kind: "ledger", name: "" }),
      "The ledger was read whole and its chain holds.",
    );
  }
  return {
    findings,
    sources: sources.map(({ state }) => state),
    notes: sources.flatMap(({ notes }) => notes),
    recoveries,
    isWell: findings.every(({ level }) => level !== "error"),
  };
}
