/**
 * GitHub issues: one open issue for each problem. Which one is open is read from the listing, which is consistent, and
 * never from the search; only what our own token's identity wrote counts, because anybody can copy a hidden line.
 */
import { z } from "zod";
import { asLifeboatError, LifeboatError } from "../errors.ts";
import { type AlertPlace, fingerprintOf, type Problem, type Recovery, subjectOfKey } from "./alert.ts";
import { type AskGitHub, refusedWith } from "./github-requests.ts";
import {
  changeComment,
  closingComment,
  doubleComment,
  issueBody,
  issueTitle,
  overBody,
  readMarker,
  type Untold,
} from "./issue-text.ts";

export interface IssueSettings {
  readonly repository: { readonly owner: string; readonly name: string };
  readonly labels: readonly string[];
  readonly assignees: readonly string[];
  readonly ask: AskGitHub;
}

/** The problems beside the issues that are open. */
export interface IssueComparison {
  readonly unopened: readonly Problem[];
  readonly changed: readonly OpenIssue[];
  /** The same as before, but another channel has not taken it yet. */
  readonly untold: readonly (OpenIssue & { readonly by: Untold })[];
  readonly over: readonly OverIssue[];
  /** Two runs at once may have opened two for the same problem; the older stays. */
  readonly doubles: readonly { readonly number: number; readonly of: number }[];
}

export interface OpenIssue {
  readonly number: number;
  readonly problem: Problem;
}

/** Its problem is gone; `by` are those who have not heard of that. */
export interface OverIssue extends Recovery {
  readonly number: number;
  readonly body: string;
  readonly by: Untold;
}

export interface IssueBook {
  /** `recoveryOf`: what shows that a subject is well; undefined leaves its issues as they are. */
  compare(
    problems: readonly Problem[],
    recoveryOf: (subject: string) => string | undefined,
  ): Promise<IssueComparison>;
  /**
   * Does what it can of it, and then throws `alert-failed` if something could not be done. What is over is closed when
   * nobody is left who has not heard of it: until then the open issue is what remembers.
   */
  write(comparison: IssueComparison, place: AlertPlace, untold: Untold): Promise<void>;
}

/** Of those who had not heard of it, those who have not heard of it now. */
export function stillUntold(before: Untold, failed: Untold): Untold {
  if (before === "everybody") return failed;
  return failed === "everybody" ? before : before.filter((id) => failed.includes(id));
}

export function isDone(untold: Untold): boolean {
  return untold !== "everybody" && untold.length === 0;
}

/** Where `after` is what is left of `before`. */
function isUnchanged(before: Untold, after: Untold): boolean {
  if (before === "everybody" || after === "everybody") return before === after;
  return before.length === after.length;
}

const right = "issues: write";
const perPage = 100;

const viewerSchema = z.object({ data: z.object({ viewer: z.object({ login: z.string() }) }) });
const listSchema = z.array(
  z.object({
    number: z.int(),
    body: z.string().nullish(),
    user: z.object({ login: z.string() }).nullish(),
    pull_request: z.unknown().optional(),
  }),
);

export function issueBook({ repository, labels, assignees, ask }: IssueSettings): IssueBook {
  const place = { owner: repository.owner, repo: repository.name };
  const issues = "/repos/{owner}/{repo}/issues";

  /** All open ones that we have written, oldest first. */
  async function listed() {
    // The REST route that tells a user's own name is closed to a workflow's token.
    const viewer = await ask("POST /graphql", { query: "query { viewer { login } }" }, right);
    const { login } = checked(viewerSchema, viewer).data.viewer;
    const found: { number: number; body: string }[] = [];
    for (let page = 1; ; page += 1) {
      // Not by label: one that somebody took off, or that GitHub dropped, would open a second issue.
      const query = { state: "open", creator: login, sort: "created", direction: "asc" };
      const data = await ask(`GET ${issues}`, { ...place, ...query, per_page: perPage, page }, right);
      const items = checked(listSchema, data);
      for (const { number, body, user, pull_request } of items) {
        if (user?.login === login && pull_request === undefined) found.push({ number, body: body ?? "" });
      }
      if (items.length < perPage) return found;
    }
  }

  async function open(problem: Problem, body: string): Promise<void> {
    const issue = { ...place, title: issueTitle(problem), body, labels: [...labels] };
    try {
      await ask(`POST ${issues}`, { ...issue, assignees: [...assignees] }, right);
    } catch (thrown) {
      // An assignee who has left must not keep the issue from being opened; the run is red all the same.
      if (!refusedWith(422, thrown) || assignees.length === 0) throw thrown;
      await ask(`POST ${issues}`, issue, right);
      throw thrown;
    }
  }

  const comment = (number: number, body: string): Promise<unknown> =>
    ask(`POST ${issues}/{issue_number}/comments`, { ...place, issue_number: number, body }, right);
  const update = (number: number, fields: object): Promise<unknown> =>
    ask(`PATCH ${issues}/{issue_number}`, { ...place, issue_number: number, ...fields }, right);

  return {
    compare: async (problems, recoveryOf) => compared(problems, await listed(), recoveryOf),
    write: async (comparison, at, failed) => {
      const failures: LifeboatError[] = [];
      const attempt = async (work: () => Promise<unknown>): Promise<void> => {
        try {
          await work();
        } catch (thrown) {
          failures.push(asLifeboatError(thrown));
        }
      };
      for (const problem of comparison.unopened) {
        await attempt(() => open(problem, issueBody(problem, at, failed)));
      }
      for (const { number, problem } of comparison.changed) {
        await attempt(async () => {
          // In this order a failure in between comments twice, the other way round never.
          await comment(number, changeComment(problem, at));
          await update(number, { body: issueBody(problem, at, failed) });
        });
      }
      for (const { number, problem, by } of comparison.untold) {
        const left = stillUntold(by, failed);
        if (!isUnchanged(by, left)) {
          await attempt(() => update(number, { body: issueBody(problem, at, left) }));
        }
      }
      for (const { number, evidence, body, by } of comparison.over) {
        const left = stillUntold(by, failed);
        await attempt(async () => {
          if (isDone(left)) {
            await comment(number, closingComment(evidence, at));
            await update(number, { state: "closed", state_reason: "completed" });
          } else if (left !== "everybody" && !isUnchanged(by, left)) {
            await update(number, { body: overBody(body, left) });
          }
        });
      }
      for (const { number, of } of comparison.doubles) {
        await attempt(async () => {
          await comment(number, doubleComment(of));
          await update(number, { state: "closed", state_reason: "not_planned" });
        });
      }
      const [first] = failures;
      if (first !== undefined) throw issuesFailed(first);
    },
  };
}

function compared(
  problems: readonly Problem[],
  open: readonly { readonly number: number; readonly body: string }[],
  recoveryOf: (subject: string) => string | undefined,
): IssueComparison {
  const known = new Map<string, number>();
  const present = new Map(problems.map((problem) => [problem.key, problem]));
  const changed: OpenIssue[] = [];
  const untold: IssueComparison["untold"][number][] = [];
  const over: OverIssue[] = [];
  const doubles: { number: number; of: number }[] = [];
  for (const { number, body } of open) {
    const marker = readMarker(body);
    if (marker === undefined) continue;
    const { key } = marker;
    const older = known.get(key);
    const problem = present.get(key);
    const evidence = recoveryOf(subjectOfKey(key));
    if (problem === undefined) {
      const by = marker.isOver ? marker.untold : "everybody";
      if (evidence !== undefined) over.push({ number, key, evidence, body, by });
    } else if (older !== undefined) doubles.push({ number, of: older });
    // What came back after some heard that it was over is news for all of them.
    else if (marker.isOver || marker.fingerprint !== fingerprintOf(problem))
      changed.push({ number, problem });
    else if (!isDone(marker.untold)) untold.push({ number, problem, by: marker.untold });
    if (older === undefined) known.set(key, number);
  }
  return { unopened: problems.filter(({ key }) => !known.has(key)), changed, untold, over, doubles };
}

export function issuesFailed(cause: LifeboatError): LifeboatError {
  return new LifeboatError("alert-failed", `The issues are not as they should be: ${cause.message}`, {
    hint: cause.hint,
    cause,
  });
}

function checked<T>(schema: z.ZodType<T>, data: unknown): T {
  const result = schema.safeParse(data);
  if (result.success) return result.data;
  throw new LifeboatError("github-unreachable", "GitHub's answer does not have the documented fields.", {
    cause: result.error,
  });
}
