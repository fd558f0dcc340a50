/** What the monitor found as outputs, summary and record; pure. */
import { type AlertPlace, runbookOf } from "../../alerts/alert.ts";
import type { MonitorFinding } from "../../monitoring/findings.ts";
import type { SourceState } from "../../monitoring/judge-source.ts";
import type { Judgement } from "../../monitoring/judgement.ts";
import type { WatchReport } from "../../operations/monitor.ts";
import { type ChannelReport, endingOf } from "../../operations/send-alerts.ts";
import { formatPolicyDuration } from "../../policy/durations.ts";
import type { Finding } from "../../verification/findings.ts";
import type { ActionResult } from "../../runner/run-action.ts";

export function reportMonitoring({
  judgement,
  sources: views,
  channels,
  notes,
  place,
}: WatchReport): ActionResult {
  const { findings, sources, isWell } = judgement;
  const error = endingOf(judgement, channels);
  const failed = channels.filter((one) => one.error !== undefined);
  const errors = findings.filter(({ level }) => level === "error").length;
  return {
    outputs: {
      well: String(isWell),
      findings: JSON.stringify(findings.map(publicFinding)),
      sources: JSON.stringify(sources),
      "failed-channels": JSON.stringify(failed.map(({ channel }) => channel)),
    },
    summary: [
      `## ${titleOf(judgement, failed.length)}`,
      [
        "| source | last good backup | age / allowed | verified | restored | stores |",
        "|---|---|---|---|---|---|",
        ...sources.map((state) => `| ${sourceCells(state).join(" | ")} |`),
      ].join("\n"),
      ...recoveryPoints(views, sources),
      ...problems(findings, place),
      ...told(channels),
      ...remarks([...judgement.notes, ...notes]),
    ].join("\n\n"),
    record: {
      numbers: {
        sources: sources.length,
        errors,
        warnings: findings.length - errors,
        failedChannels: failed.length,
      },
    },
    ...(error === undefined ? {} : { error }),
  };
}

/** As outputs and `--json` give it. */
export function publicFinding({ level, code, subject, key, publicSentence, remedy }: MonitorFinding): object {
  return { level, code, subject, key, sentence: publicSentence, remedy };
}

/** Also the columns of the terminal's table. */
export function sourceCells(state: SourceState): readonly string[] {
  const { source, lastGood, objectiveMs, lastVerified, lastRestored, stores } = state;
  const age = lastGood === undefined ? "–" : roundedAge(lastGood.ageMs);
  return [
    source,
    lastGood?.id ?? "none",
    `${marks[state.punctuality]} ${age} / ${formatPolicyDuration(objectiveMs)}`,
    lastVerified === undefined ? "never" : minutes(lastVerified.moment),
    lastRestored === undefined ? "never" : minutes(lastRestored),
    `${stores.readable} of ${stores.of}`,
  ];
}

const marks: Readonly<Record<SourceState["punctuality"], string>> = {
  "on-time": "✅",
  "late-within-grace": "🕒",
  late: "❌",
  missing: "❌",
  unknown: "❔",
};

function titleOf({ findings, isWell }: Judgement, failedChannels: number): string {
  const count = findings.length === 1 ? "1 problem" : `${findings.length} problems`;
  if (!isWell) return `❌ ${count}`;
  if (failedChannels > 0) return "❌ The backups are well, but not everybody could be told";
  return findings.length === 0 ? "✅ All is well" : `⚠️ ${count}, none of them urgent`;
}

/** Measured, over the last 30 days; the status page has more. */
function recoveryPoints(views: WatchReport["sources"], states: readonly SourceState[]): readonly string[] {
  const lines = views.flatMap(({ source, recoveryPoint: { windows } }, index) => {
    const [month] = windows;
    if (month?.worstSeconds === undefined) return [];
    const { medianSeconds, worstSeconds, windowDays } = month;
    const isOver = worstSeconds * 1000 > source.rpoMs;
    const median =
      medianSeconds === undefined ? "" : `, median ${formatPolicyDuration(medianSeconds * 1000)}`;
    return [
      `- ${isOver ? "⚠️" : "✅"} ${source.name}: worst gap in ${windowDays} days ${formatPolicyDuration(worstSeconds * 1000)}${median}; objective ${formatPolicyDuration(source.rpoMs)}. Recovery time: ${recoveryTime(states[index]?.drills)}; objective ${formatPolicyDuration(source.rtoMs)}.`,
    ];
  });
  return lines.length === 0 ? [] : [["### Recovery point and time", "", ...lines].join("\n")];
}

/** Of the last drill of each kind. */
function recoveryTime(drills: SourceState["drills"] = {}): string {
  const measured = Object.entries(drills).map(
    ([kind, { seconds, verdict }]) =>
      `${formatPolicyDuration(seconds * 1000)} in the last ${kind} drill (${verdict})`,
  );
  return measured.length === 0 ? "not measured by a drill" : measured.join(", ");
}

/** The worst first. */
function problems(findings: readonly MonitorFinding[], place: AlertPlace): readonly string[] {
  if (findings.length === 0) return [];
  const byLevel = (level: MonitorFinding["level"]) => findings.filter((one) => one.level === level);
  const lines = [...byLevel("error"), ...byLevel("warning")].map(
    ({ level, code, publicSentence, remedy }) =>
      `- ${level === "error" ? "❌" : "⚠️"} [\`${code}\`](${runbookOf(place, code)}): ` +
      `${publicSentence.replaceAll("<", "&lt;")} ${remedy.replaceAll("<", "&lt;")}`,
  );
  return [["### Problems", "", ...lines].join("\n")];
}

/** Unlike in other summaries those of level info too: what could not be checked is said. */
function remarks(notes: readonly Finding[]): readonly string[] {
  const lines = notes.map(({ code, publicSentence, remedy }) => `- \`${code}\`: ${publicSentence} ${remedy}`);
  return lines.length === 0 ? [] : [["### Notes", "", ...lines].join("\n")];
}

function told(channels: readonly ChannelReport[]): readonly string[] {
  if (channels.length === 0) return [];
  const lines = channels.map(({ channel, done, error }) =>
    error === undefined ? `- ✅ ${channel}: ${done}` : `- ❌ ${channel}: ${error.message} ${error.hint}`,
  );
  return [["### Who was told", "", ...lines].join("\n")];
}

function roundedAge(ageMs: number): string {
  const minuteMs = 60_000;
  return ageMs < minuteMs ? "0m" : formatPolicyDuration(Math.floor(ageMs / minuteMs) * minuteMs);
}

function minutes(moment: string): string {
  return `${moment.slice(0, 16).replace("T", " ")} UTC`;
}
