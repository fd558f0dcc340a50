/**
 * Tells people by every way of the policy. Each way fails for itself: the others are tried all the same, and what one
 * of them did not take is told again by the next run.
 */
import type { Alert, AlertChannel, AlertPlace, Problem } from "../alerts/alert.ts";
import { problemsOf } from "../alerts/alert.ts";
import type { IssueBook, IssueComparison } from "../alerts/issues.ts";
import { issuesFailed } from "../alerts/issues.ts";
import { asLifeboatError, LifeboatError } from "../errors.ts";
import type { Judgement } from "../monitoring/judgement.ts";

export interface Channels {
  /** Absent: the policy wants none. */
  readonly issues?: Opened<IssueBook>;
  readonly others: readonly { readonly name: AlertChannel["name"]; readonly open: Opened<AlertChannel> }[];
  readonly ping?: Opened<(kind: "start" | "success" | "fail") => Promise<void>>;
}

/** A way whose secrets are looked for when it is needed: a missing one fails that way alone. */
export type Opened<T> = () => T;

export interface ChannelReport {
  readonly channel: "issues" | "email" | "webhook" | "ping" | "status-page";
  /** What it did, in a few words. */
  readonly done: string;
  readonly error?: LifeboatError;
}

export async function sendAlerts(
  { findings, recoveries }: Pick<Judgement, "findings" | "recoveries">,
  channels: Channels,
  place: AlertPlace,
  /** Names of the policy's sources: issues of others are closed. */
  sources: readonly string[],
): Promise<readonly ChannelReport[]> {
  const problems = problemsOf(findings);
  const reports: ChannelReport[] = [];
  const recoveryOf = (subject: string): string | undefined =>
    recoveries.get(subject) ?? goneSource(subject, sources);

  let book: IssueBook | undefined;
  let comparison: IssueComparison | undefined;
  let issueError: LifeboatError | undefined;
  try {
    book = channels.issues?.();
    comparison = await book?.compare(problems, recoveryOf);
  } catch (thrown) {
    issueError = asChannelError(thrown);
  }
  const alert = alertOf(problems, comparison, place);
  for (const { name, open } of channels.others) {
    reports.push(await tell(name, open, alert));
  }
  if (book !== undefined && comparison !== undefined) {
    const isTold = reports.every(({ error }) => error === undefined);
    // The open issue is what remembers that a recovery is still to be told.
    const due = isTold ? comparison : { ...comparison, over: [] };
    issueError = await errorOf(() => book.write(due, place, isTold));
    comparison = due;
  }
  if (channels.issues === undefined) return reports;
  const done = comparison === undefined ? "" : wordsOf(comparison);
  return [{ channel: "issues", done, ...(issueError && { error: issueError }) }, ...reports];
}

/** Without issues nobody remembers what was told: then all of it is news. */
function alertOf(
  problems: readonly Problem[],
  comparison: IssueComparison | undefined,
  place: AlertPlace,
): Alert {
  if (comparison === undefined) return { place, problems, news: problems, recovered: [] };
  const { unopened, changed, untold, over } = comparison;
  const news = [...unopened, ...[...changed, ...untold].map(({ problem }) => problem)];
  return { place, problems, news, recovered: over.map(({ key, evidence }) => ({ key, evidence })) };
}

async function tell(
  channel: AlertChannel["name"],
  open: Opened<AlertChannel>,
  alert: Alert,
): Promise<ChannelReport> {
  if (alert.news.length === 0 && alert.recovered.length === 0)
    return { channel, done: "nothing new to tell" };
  const error = await errorOf(() => open().tell(alert));
  return error === undefined ? { channel, done: "told" } : { channel, done: "", error };
}

/** Told at the beginning and at the end; a monitor that dies in between is missed by the other side. */
export async function sendPing(
  kind: "start" | "success" | "fail",
  open: Channels["ping"],
): Promise<readonly ChannelReport[]> {
  if (open === undefined) return [];
  const error = await errorOf(() => open()(kind));
  return [{ channel: "ping", done: error === undefined ? kind : "", ...(error && { error }) }];
}

/** The error that a run ends with; undefined where all is well and everybody who was to be told was told. */
export function endingOf(
  { findings }: Pick<Judgement, "findings">,
  reports: readonly ChannelReport[],
): LifeboatError | undefined {
  const errors = findings.filter(({ level }) => level === "error");
  const failed = reports.flatMap(({ error }) => error ?? []);
  const untold = failed.map(({ message }) => message).join(" ");
  const [first] = errors;
  if (first !== undefined) {
    const more = errors.length === 1 ? "" : ` (and ${errors.length - 1} more)`;
    const sentence = `${first.publicSentence}${more}${untold === "" ? "" : ` ${untold}`}`;
    return new LifeboatError("backups-unwell", sentence, { hint: first.remedy });
  }
  const [failure] = failed;
  return failure && new LifeboatError("alert-failed", untold, { hint: failure.hint, cause: failure });
}

function goneSource(subject: string, sources: readonly string[]): string | undefined {
  const name = /^source:(.+)$/.exec(subject)?.[1];
  if (name === undefined || sources.includes(name)) return undefined;
  return `"${name}" is no longer a source of the policy.`;
}

async function errorOf(work: () => Promise<void>): Promise<LifeboatError | undefined> {
  try {
    await work();
    return undefined;
  } catch (thrown) {
    return asChannelError(thrown);
  }
}

/** Words of strangers stay in the cause. */
function asChannelError(thrown: unknown): LifeboatError {
  const error = asLifeboatError(thrown);
  if (error.code === "alert-failed" || error.code === "policy-secret-missing") return error;
  if (error.code.startsWith("github-")) return issuesFailed(error);
  return new LifeboatError("alert-failed", "A way to tell people ended unexpectedly.", { cause: thrown });
}

function wordsOf({ unopened, changed, over, doubles }: IssueComparison): string {
  const counts = [
    [unopened.length, "opened"],
    [changed.length, "changed"],
    [over.length + doubles.length, "closed"],
  ] as const;
  const words = counts.flatMap(([count, what]) => (count === 0 ? [] : [`${count} ${what}`]));
  return words.length === 0 ? "nothing changed" : words.join(", ");
}
