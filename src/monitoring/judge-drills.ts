/** Drills of one source against the policy's paces: what is late, what failed, which objectives were missed. */
import { durationInWords, paceInWords } from "../policy/durations.ts";
import type { Policy } from "../policy/policy.ts";
import { type DrillKind, drillKinds } from "../snapshot/drill-evidence.ts";
import { type DrillHistory, drillSchedule } from "./due-drills.ts";
import { type MonitorFinding, monitorFinding, type Subject } from "./findings.ts";

/** The workflow looks once a week what is due, and GitHub may drop a run. */
const slackMs = 10 * 86_400_000;

/** The last drill of each kind, however it ended. */
export type DrillStates = Partial<
  Record<DrillKind, { readonly time: string; readonly verdict: string; readonly seconds: number }>
>;

export function drillStates(history: DrillHistory, policy: Policy, now: Date): DrillStates {
  return Object.fromEntries(
    drillKinds.flatMap((kind) => {
      const { last } = drillSchedule(kind, history, policy, now);
      if (last === undefined) return [];
      return [[kind, { time: last.time.toISOString(), verdict: last.verdict, seconds: last.seconds }]];
    }),
  );
}

export function judgeDrills(
  history: DrillHistory,
  policy: Policy,
  { subject, now }: { readonly subject: Subject; readonly now: Date },
): readonly MonitorFinding[] {
  return drillKinds.flatMap((kind) => {
    const { paceMs, last, lastPassed, dueAt } = drillSchedule(kind, history, policy, now);
    const findings: MonitorFinding[] = [];
    const named = `${kind} drill of "${subject.name}"`;
    if (last?.verdict === "failed") {
      const sentence = `The last ${named}, of ${day(last.time)}, failed.`;
      findings.push(monitorFinding("drill-failed", subject, sentence));
    } else if (dueAt !== undefined && now.getTime() > dueAt.getTime() + slackMs) {
      const pace = `the policy wants one every ${paceInWords(paceMs)}`;
      const sentence =
        lastPassed === undefined
          ? `No ${named} has ever passed; ${pace}, the first when backups are ${durationInWords(policy.drills.ofAgeMs)} old.`
          : `No ${named} has passed since ${day(lastPassed)}; ${pace}.`;
      findings.push(monitorFinding("drill-late", subject, sentence));
    }
    if (last?.meetsObjectives === false) {
      const sentence = `The last ${named}, of ${day(last.time)}, missed an objective: its report says which.`;
      findings.push(monitorFinding("drill-objective-missed", subject, sentence));
    }
    return findings;
  });
}

function day(moment: Date): string {
  return moment.toISOString().slice(0, 10);
}
