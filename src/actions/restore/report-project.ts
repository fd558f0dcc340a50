/** A restore of a project's settings as outputs, summary and record; pure. */
import { LifeboatError } from "../../errors.ts";
import { renderSettingsDiff } from "../../operations/render-settings-diff.ts";
import type { ProjectRestoreReport } from "../../operations/restore-project-settings.ts";
import type { Disclosure } from "../../runner/environment.ts";
import type { ActionResult } from "../../runner/run-action.ts";
import type { Finding } from "../../verification/findings.ts";
import { findingsList, table } from "../markdown.ts";

export function reportProjectRestore(
  report: ProjectRestoreReport,
  store: string,
  disclosure: Disclosure,
): ActionResult {
  const { snapshot, diff, done, planHash, seconds } = report;
  const { source, id } = snapshot;
  const error = projectRestoreError(report);
  const numbers = {
    changes: diff.changes.length,
    written: countOf(done?.written ?? []),
    notWritten: countOf(done?.notWritten ?? []),
    needsPerson: diff.byHand.length,
  };
  return {
    outputs: {
      outcome: done === undefined ? "planned" : error === undefined ? "restored" : "incomplete",
      snapshot: id,
      "plan-hash": planHash,
    },
    summary: [
      headline(report, error),
      table([
        ["Snapshot", `\`${id}\``],
        ["Moment", snapshot.times.snapshot],
        ["Project", `\`${report.project}\``],
        ["Plan", `\`${planHash}\``],
        ["Took", `${seconds.toFixed(1)} s`],
      ]),
      settingsTable(report),
      ...(disclosure === "names"
        ? [["```text", renderSettingsDiff(report).trimEnd(), "```"].join("\n")]
        : []),
      ...(done?.notWritten ?? []).map(({ setting, reason }) => `❌ ${setting}: ${reason}.`),
      ...findingsList(projectRestoreFindings(report)),
    ].join("\n\n"),
    record: { source, kind: "application", snapshot: id, store, numbers: { ...numbers, seconds } },
    ...(error === undefined ? {} : { error }),
  };
}

function headline({ done, snapshot }: ProjectRestoreReport, error: LifeboatError | undefined): string {
  if (done === undefined) return "## 📋 Dry run: nothing was changed";
  return error === undefined
    ? `## ✅ Restored the project's settings of "${snapshot.source}"`
    : `## ❌ Some of the project's settings of "${snapshot.source}" were not taken`;
}

/** Settings have the API's own names; what is inside them is only counted. */
function settingsTable({ diff, done }: ProjectRestoreReport): string {
  const names = [...new Set([...diff.changes, ...diff.byHand].map(({ setting }) => setting))];
  const count = (list: readonly { readonly setting: string }[], name: string): number =>
    list.filter(({ setting }) => setting === name).length;
  const fields = (
    list: readonly { readonly setting: string; readonly fields: readonly string[] }[] | undefined,
    name: string,
  ): number => countOf((list ?? []).filter(({ setting }) => setting === name));
  return [
    "| setting | differs | written | not taken | needs a person |",
    "|---|---:|---:|---:|---:|",
    ...names.map(
      (name) =>
        `| ${name} | ${count(diff.changes, name)} | ${fields(done?.written, name)} | ${fields(done?.notWritten, name)} | ${count(diff.byHand, name)} |`,
    ),
  ].join("\n");
}

export function countOf(list: readonly { readonly fields: readonly string[] }[]): number {
  return list.reduce((sum, { fields }) => sum + fields.length, 0);
}

/** What is written is written, but settings that were not taken must not look green. */
export function projectRestoreError({ done }: ProjectRestoreReport): LifeboatError | undefined {
  if (done === undefined || done.notWritten.length === 0) return undefined;
  const settings = [...new Set(done.notWritten.map(({ setting }) => setting))].join(", ");
  return new LifeboatError(
    "project-settings-incomplete",
    `${countOf(done.notWritten)} settings were not taken (${settings}); ${countOf(done.written)} were.`,
  );
}

export function projectRestoreFindings({ diff }: ProjectRestoreReport): readonly Finding[] {
  const { byHand } = diff;
  if (byHand.length === 0) return [];
  const secrets = byHand.filter(({ isSecret }) => isSecret === true).length;
  const remedy =
    "The report says for each what to do; in a public repository only the command line shows it (`lifeboat restore application --dry-run`).";
  const sentence = `Needs a person: ${secrets} secrets must be entered again, ${byHand.length - secrets} other settings are not written by a restore.`;
  return [{ level: "warning", code: "project-needs-person", sentence, publicSentence: sentence, remedy }];
}
