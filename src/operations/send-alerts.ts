/**
 * Tells people by every way of the policy. Each way fails for itself: the others are tried all the same, and what one
 * of them did not take is told again by the next run.
 */
import type { Alert, AlertChannel, AlertPlace, Problem } from "../alerts/alert.ts";
import { problemsOf } from "../alerts/alert.ts";
import type { IssueBook, IssueComparison } from "../alerts/issues.ts";
import { isDone, issuesFailed, stillUntold } from "../alerts/issues.ts";
import type { Untold } from "../alerts/issue-text.ts";
import { asLifeboatError, LifeboatError } from "../errors.ts";
import type { Judgement } from "../monitoring/judgement.ts";

export interface Channels {
  /** Absent: the policy wants none. */
  readonly issues?: Opened<IssueBook>;
  readonly others: readonly Hearer[];
  readonly ping?: Opened<(kind: "start" | "success" | "fail") => Promise<void>>;
}

/** One who is told for himself: what he did not take is told again to him, and to nobody else. */
export interface Hearer {
  readonly name: AlertChannel["name"];
  /** The same from run to run, of letters, digits, `.` and `-`; it stands in issues. Default: the name. */
  readonly id?: string;
  readonly open: Opened<AlertChannel>;
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
  signal?: AbortSignal,
): Promise<readonly ChannelReport[]> {
  const problems = problemsOf(findings);
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
  const told = await tellAll(channels.others, (id) => alertFor(id, problems, comparison, place), signal);
  if (book !== undefined && comparison !== undefined) {
    const { unheard } = told;
    const due = comparison;
    issueError = await errorOf(() => book.write(due, place, unheard));
    comparison = { ...due, over: due.over.filter(({ by }) => isDone(stillUntold(by, unheard))) };
  }
  const reports = told.reports;
  if (channels.issues === undefined) return reports;
  const done = comparison === undefined ? "" : wordsOf(comparison);
  return [{ channel: "issues", done, ...(issueError && { error: issueError }) }, ...reports];
}

/** Without issues nobody remembers what was told: then all of it is news. */
function alertFor(
  id: string,
  problems: readonly Problem[],
  comparison: IssueComparison | undefined,
  place: AlertPlace,
): Alert {
  if (comparison === undefined) return { place, problems, news: problems, recovered: [] };
  const { unopened, changed, untold, over } = comparison;
  const isFor = ({ by }: { readonly by: Untold }): boolean => by === "everybody" || by.includes(id);
  const news = [...unopened, ...[...changed, ...untold.filter(isFor)].map(({ problem }) => problem)];
  const recovered = over.filter(isFor).map(({ key, evidence }) => ({ key, evidence }));
  return { place, problems, news, recovered };
}

interface Telling {
  /** One for each way, in the policy's order. */
  readonly reports: readonly ChannelReport[];
  readonly unheard: Untold;
}

async function tellAll(
  hearers: readonly Hearer[],
  alertOf: (id: string) => Alert,
  signal?: AbortSignal,
): Promise<Telling> {
  const counts = new Map<AlertChannel["name"], { asked: number; failed: number; error?: LifeboatError }>();
  const unheard: string[] = [];
  for (const { name, id = name, open } of hearers) {
    const count = counts.get(name) ?? { asked: 0, failed: 0 };
    counts.set(name, count);
    signal?.throwIfAborted();
    const alert = alertOf(id);
    if (alert.news.length === 0 && alert.recovered.length === 0) continue;
    count.asked += 1;
    const error = await errorOf(() => open().tell(alert));
    if (error === undefined) continue;
    count.failed += 1;
    count.error ??= error;
    unheard.push(id);
  }
  const reports = [...counts].map(([channel, { asked, failed, error }]): ChannelReport => {
    if (asked === 0) return { channel, done: "nothing new to tell" };
    const done = failed === 0 ? "told" : failed === asked ? "" : `told ${asked - failed} of ${asked}`;
    return { channel, done, ...(error && { error }) };
  });
  const isNobody = hearers.length > 0 && unheard.length === hearers.length;
  return { reports, unheard: isNobody ? "everybody" : unheard };
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
