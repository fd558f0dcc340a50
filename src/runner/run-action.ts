/** The one funnel of every action: what it returns or throws becomes outputs, summary, annotation and exit code. */
import * as core from "@actions/core";
import { LifeboatError } from "../errors.ts";
import { outcomeOf } from "../outcome.ts";
import { type Clock, systemClock } from "../system/clock.ts";
import { useProxyOfEnvironment } from "../system/proxy.ts";
import { actionInputs, readRunContext, type RunContext } from "./environment.ts";
import { reportError } from "./error-report.ts";
import { type InputReader, type InputSource, readInputs } from "./input-reader.ts";
import { createRunnerLogger, type GroupingLogger, printable } from "./logger.ts";
import { writeOutputs } from "./outputs.ts";
import { type Ending, errorOf, guardProcess, tooLate } from "./process-guard.ts";
import { type ActionRecord, recordLine } from "./record.ts";
import { createSecrets, type Secrets } from "./secrets.ts";
import { writeSummary } from "./summary.ts";
import { version } from "./version.ts";

/** What an action is given; everything that it needs of GitHub's runner. */
export interface Runner {
  readonly context: RunContext;
  readonly logger: GroupingLogger;
  readonly secrets: Secrets;
  readonly clock: Clock;
  /** Aborts on cancellation, time limit and defects: stop children, remove what is unfinished. */
  readonly signal: AbortSignal;
  readonly readInputs: <T>(shape: (read: InputReader) => T) => T;
  /** Says early what the work is about, so that the record of a failure names it too. */
  readonly about: (facts: ActionRecord) => void;
}

export interface ActionResult {
  readonly outputs: Readonly<Record<string, string>>;
  /** Markdown: verdict first, one table, details folded, next step. */
  readonly summary: string;
  readonly record: ActionRecord;
  /** Work that ended in an orderly way with bad news: outputs and summary are written, then this fails the step. */
  readonly error?: LifeboatError;
}

export type Action = (runner: Runner) => Promise<ActionResult>;

export interface RunActionOptions {
  /** The default; an input `time-limit` comes first. */
  readonly timeLimitMs?: number;
  readonly graceMs?: number;
  readonly clock?: Clock;
}

const minuteMs = 60_000;
/** A little before GitHub's own six hours (five days on a machine of one's own), which end without a word. */
const hostedLimitMs = 355 * minuteMs;
const selfHostedLimitMs = 5 * 24 * 60 * minuteMs - 10 * minuteMs;
const longestLimitMs = 7 * 24 * 60 * minuteMs;

/** Runs one action to the end of the process. */
export function runAction(name: string, action: Action, options: RunActionOptions = {}): Promise<never> {
  process.exitCode = 1;
  useProxyOfEnvironment();
  const secrets = createSecrets(core.setSecret);
  const clock = options.clock ?? systemClock;
  const started = clock.now();
  const context = readRunContext();
  const inputs = actionInputs();
  let facts: ActionRecord = {};
  const about = (more: ActionRecord): void => void (facts = { ...facts, ...more });

  const recordOf = (ending: Ending<ActionResult>): string => {
    const error = errorOf(ending);
    const known = facts;
    // Facts that break the record's schema are a defect to be reported, by a record without them.
    facts = {};
    return recordLine({
      recordVersion: 1,
      action: name,
      outcome: outcomeOf(error),
      exitCode: error?.exitCode ?? 0,
      ...(error === undefined ? {} : { error: { code: error.code } }),
      ...(tooLate(ending) === undefined ? {} : { interrupted: { code: interruptionOf(ending) } }),
      started: started.toISOString(),
      finished: clock.now().toISOString(),
      ...known,
      versions: { lifeboat: version, node: process.versions.node },
      run: runOf(context),
    });
  };

  return guardProcess<ActionResult>({
    work: (signal) =>
      action({
        context,
        logger: createRunnerLogger(secrets),
        secrets,
        clock,
        signal,
        readInputs: (shape) => readInputs(inputs, secrets, shape),
        about,
      }),
    timeLimitMs: () => timeLimit(inputs, secrets, context, options),
    conclude: (ending) => {
      if ("value" in ending) about(ending.value.record);
      const error = errorOf(ending);
      const record = recordOf(ending);
      try {
        writeOutputs(context.outputFile, { ...outputsOf(ending), record }, secrets);
        writeSummary(context.summaryFile, summaryOf(name, ending, context), secrets);
      } finally {
        // Also where a full disk took the outputs: the reason must stand in the log.
        if (error !== undefined) announce(name, error, context, secrets);
        const late = tooLate(ending);
        if (late !== undefined) core.warning(printable(late, secrets), { title: `Lifeboat ${name}` });
      }
      return error?.exitCode ?? 0;
    },
    ...(options.graceMs === undefined ? {} : { graceMs: options.graceMs }),
  });
}

function outputsOf(ending: Ending<ActionResult>): Readonly<Record<string, string>> {
  return "value" in ending ? ending.value.outputs : {};
}

function interruptionOf(ending: Ending<ActionResult>): string {
  return "value" in ending ? (ending.interruption?.code ?? "") : "";
}

function summaryOf(name: string, ending: Ending<ActionResult>, context: RunContext): string {
  const late = tooLate(ending);
  if ("value" in ending) return [ending.value.summary, ...(late === undefined ? [] : [late])].join("\n\n");
  const { code, sentence, hint } = reportError(ending.error, context.disclosure);
  return [
    `## ❌ Lifeboat ${name}`,
    sentence,
    `**What to do:** ${hint}`,
    `[${code}](${docsUrl(code, context)})`,
  ]
    .map((paragraph) => paragraph.replaceAll("<", "&lt;"))
    .join("\n\n");
}

/** One annotation for the person, and for the curious a folded group with the causes. */
function announce(name: string, error: LifeboatError, context: RunContext, secrets: Secrets): void {
  const report = reportError(error, context.disclosure);
  if (report.details.length > 0) {
    core.startGroup("Why, in the words of the parts involved");
    for (const detail of report.details) core.info(printable(detail, secrets));
    core.endGroup();
  }
  const words = `${report.sentence}\n${report.hint}\n${docsUrl(report.code, context)}`;
  core.error(printable(words, secrets), { title: `Lifeboat ${name}: ${report.code}` });
}

function docsUrl(code: string, context: RunContext): string {
  const { actionRepository, actionRef, serverUrl } = context;
  const page = `docs/errors.md#${code}`;
  if (actionRepository === undefined || actionRef === undefined) return page;
  return `${serverUrl}/${actionRepository}/blob/${actionRef}/${page}`;
}

function runOf(context: RunContext) {
  return {
    repository: context.repository,
    id: context.runId,
    attempt: context.runAttempt,
    job: context.job,
    event: context.eventName,
    actor: context.actor,
    sha: context.sha,
  };
}

function timeLimit(
  inputs: InputSource,
  secrets: Secrets,
  context: RunContext,
  options: RunActionOptions,
): number {
  const fallback = options.timeLimitMs ?? (context.isGithubHosted ? hostedLimitMs : selfHostedLimitMs);
  return readInputs(inputs, secrets, (read) =>
    read.duration("time-limit", { min: 1000, max: longestLimitMs }, fallback),
  );
}
