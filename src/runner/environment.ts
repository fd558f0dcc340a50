/** Every environment variable of the runner that we read, once, as one readonly RunContext. */
import { readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import type { InputSource } from "./input-reader.ts";

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * "names": tables, buckets, objects and files of the backup may be named in logs, summaries and outputs.
 * "numbers": they may not, because everybody reads them. A name that slips out cannot be taken back.
 */
export type Disclosure = "names" | "numbers";

export interface RunContext {
  /** `owner/name` of the repository that runs the workflow: GITHUB_REPOSITORY. */
  readonly repository: string | undefined;
  /** "names" only where the event payload says that the repository is private; scheduled runs may not say it. */
  readonly disclosure: Disclosure;
  /** GITHUB_RUN_ID, the same for every attempt. */
  readonly runId: string | undefined;
  /** GITHUB_RUN_ATTEMPT, from 1. */
  readonly runAttempt: number;
  /** Page of the run for people. */
  readonly runUrl: string | undefined;
  /** GITHUB_WORKFLOW, the name of the caller's workflow. */
  readonly workflow: string | undefined;
  /** GITHUB_JOB, the key of the job in its workflow. */
  readonly job: string | undefined;
  /** GITHUB_ACTOR: who pressed the button, or changed the schedule last. */
  readonly actor: string | undefined;
  /** GITHUB_TRIGGERING_ACTOR: who started this attempt; another than `actor` where somebody ran it again. */
  readonly triggeringActor: string | undefined;
  /** GITHUB_WORKFLOW_REF: `owner/name/.github/workflows/file.yml@refs/heads/main`. */
  readonly workflowRef: string | undefined;
  /** GITHUB_EVENT_NAME: schedule, workflow_dispatch, push, … */
  readonly eventName: string | undefined;
  /** The event payload (GITHUB_EVENT_PATH), unparsed foreign data; undefined where there is none. */
  readonly event: unknown;
  /** GITHUB_REF, for example `refs/heads/main`. */
  readonly ref: string | undefined;
  /** GITHUB_SHA. */
  readonly sha: string | undefined;
  /** GITHUB_SERVER_URL, without a slash at the end. */
  readonly serverUrl: string;
  /** GITHUB_API_URL, without a slash at the end. */
  readonly apiUrl: string;
  /** SUPABASE_API_URL, where a stand-in takes the place of the Management API. */
  readonly supabaseApiUrl: string | undefined;
  /** GITHUB_WORKSPACE: the caller's checkout. */
  readonly workspace: string;
  /** RUNNER_TEMP: emptied by the runner after each job. /tmp is a small memory disk on newer images. */
  readonly temporaryFolder: string;
  /** RUNNER_ENVIRONMENT is `github-hosted`: jobs end after six hours. */
  readonly isGithubHosted: boolean;
  /** The most days that artifacts of this repository are kept: GITHUB_RETENTION_DAYS. */
  readonly artifactRetentionDays: number | undefined;
  /** GITHUB_ACTION_REPOSITORY and _REF: where this action's own files are; unset for `uses: ./…`. */
  readonly actionRepository: string | undefined;
  readonly actionRef: string | undefined;
  /** GITHUB_OUTPUT and GITHUB_STEP_SUMMARY; unset outside a runner. */
  readonly outputFile: string | undefined;
  readonly summaryFile: string | undefined;
}

export function readRunContext(environment: Environment = process.env): RunContext {
  const get = (name: string): string | undefined => environment[name] || undefined;
  const event = readEvent(get("GITHUB_EVENT_PATH"));
  const repository = get("GITHUB_REPOSITORY");
  const serverUrl = withoutSlash(get("GITHUB_SERVER_URL") ?? "https://github.com");
  const runId = get("GITHUB_RUN_ID");
  return {
    repository,
    disclosure: isPrivate(event) ? "names" : "numbers",
    runId,
    runAttempt: positiveInteger(get("GITHUB_RUN_ATTEMPT")) ?? 1,
    runUrl: repository && runId ? `${serverUrl}/${repository}/actions/runs/${runId}` : undefined,
    workflow: get("GITHUB_WORKFLOW"),
    job: get("GITHUB_JOB"),
    actor: get("GITHUB_ACTOR"),
    triggeringActor: get("GITHUB_TRIGGERING_ACTOR"),
    workflowRef: get("GITHUB_WORKFLOW_REF"),
    eventName: get("GITHUB_EVENT_NAME"),
    event,
    ref: get("GITHUB_REF"),
    sha: get("GITHUB_SHA"),
    serverUrl,
    apiUrl: withoutSlash(get("GITHUB_API_URL") ?? "https://api.github.com"),
    supabaseApiUrl: get("SUPABASE_API_URL"),
    workspace: get("GITHUB_WORKSPACE") ?? process.cwd(),
    temporaryFolder: get("RUNNER_TEMP") ?? tmpdir(),
    isGithubHosted: get("RUNNER_ENVIRONMENT") === "github-hosted",
    artifactRetentionDays: positiveInteger(get("GITHUB_RETENTION_DAYS")),
    actionRepository: get("GITHUB_ACTION_REPOSITORY"),
    actionRef: get("GITHUB_ACTION_REF"),
    outputFile: get("GITHUB_OUTPUT"),
    summaryFile: get("GITHUB_STEP_SUMMARY"),
  };
}

/** The `with:` values of a step, as the runner hands them over: INPUT_<NAME>, hyphens kept, absent as empty. */
export function actionInputs(environment: Environment = process.env): InputSource {
  const get = (name: string): string | undefined =>
    environment[`INPUT_${name.replaceAll(" ", "_").toUpperCase()}`] || undefined;
  return {
    get,
    secret: get,
    describe: (name) => `input \`${name}\``,
    howToSet: (name, kind) =>
      kind === "plain"
        ? `Add \`${name}:\` below \`with:\`.`
        : `Add \`${name}: \${{ secrets.… }}\` below \`with:\`, and see that this secret exists and reaches the job: GitHub gives an empty text for one that does not.`,
  };
}

/** A variable that a policy names: `{ secret: NAME }` means NAME of the step's `env:`. */
export function environmentVariable(
  name: string,
  environment: Environment = process.env,
): string | undefined {
  return environment[name] || undefined;
}

function readEvent(path: string | undefined): unknown {
  if (path === undefined) return undefined;
  try {
    return JSON.parse(readFileSync(path, "utf8")) as unknown;
  } catch {
    // Nothing needs the payload to work, and without it the repository counts as public.
    return undefined;
  }
}

function isPrivate(event: unknown): boolean {
  const repository = property(event, "repository");
  return property(repository, "private") === true;
}

function property(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null
    ? (value as Readonly<Record<string, unknown>>)[name]
    : undefined;
}

function positiveInteger(text: string | undefined): number | undefined {
  return text !== undefined && /^[1-9]\d{0,8}$/.test(text) ? Number(text) : undefined;
}

function withoutSlash(url: string): string {
  return url.replace(/\/+$/, "");
}
