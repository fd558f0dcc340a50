/** GitHub asked politely: waits when it says so, tries again what is safe to repeat, and refuses with a cure. */
import { LifeboatError } from "../errors.ts";
import { sleepUntilStopped } from "../store/until-stopped.ts";
import { register } from "../system/underway.ts";
import { realSleep, type Sleep } from "../store/with-retries.ts";

export interface GitHubAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly data: unknown;
}

/** One request by its route (`GET /repos/{owner}/{repo}/issues`); throws only where no answer came. */
export type SendToGitHub = (
  route: string,
  parameters: Readonly<Record<string, unknown>>,
) => Promise<GitHubAnswer>;

/**
 * The data of a good answer; `github-refused` with the status, or `github-unreachable`. `right` is the permission that
 * the request needs, for the hint.
 */
export type AskGitHub = (
  route: string,
  parameters: Readonly<Record<string, unknown>>,
  right: string,
) => Promise<unknown>;

export interface PolitenessSettings {
  readonly sleep?: Sleep;
  /** All waits together, in milliseconds: whoever waits longer keeps a job from ending. */
  readonly patienceMs?: number;
  /** Nothing is changed once it has aborted. */
  readonly signal?: AbortSignal;
}

const tries = 3;
const firstWaitMs = 1000;
/** GitHub asks for a second between requests that write, and for a minute where it names no time. */
const betweenWritesMs = 1000;
const unnamedWaitMs = 60_000;

export function politely(send: SendToGitHub, settings: PolitenessSettings = {}): AskGitHub {
  const { patienceMs = 180_000, signal = new AbortController().signal } = settings;
  const sleep = sleepUntilStopped(settings.sleep ?? realSleep, signal);
  let left = patienceMs;
  let hasWritten = false;
  let changes = 0;
  register(signal, () => ({ sentence: changes === 0 ? "" : `${changes} changes were made on GitHub.` }));

  async function wait(milliseconds: number): Promise<boolean> {
    if (milliseconds > left) return false;
    left -= milliseconds;
    await sleep(milliseconds);
    return true;
  }

  return async (route, parameters, right) => {
    const isWrite = !route.startsWith("GET ") && route !== "POST /graphql";
    // A lost answer may have done its work: only what does the same twice is repeated blindly.
    const isRepeatable = !route.startsWith("POST ") || route === "POST /graphql";
    for (let attempt = 1; ; attempt += 1) {
      if (isWrite && hasWritten) await sleep(betweenWritesMs);
      if (isWrite) {
        signal.throwIfAborted();
        hasWritten = true;
      }
      const answer = await sent(send, route, parameters);
      if (answer.status >= 200 && answer.status < 300) {
        if (isWrite) changes += 1;
        return answer.data;
      }
      const limitMs = limitOf(answer);
      const isBusy = answer.status === 0 || answer.status >= 500;
      const waitMs = limitMs ?? (isBusy && isRepeatable ? firstWaitMs * 2 ** (attempt - 1) : undefined);
      if (waitMs === undefined || attempt === tries || !(await wait(waitMs))) {
        throw refusal(answer, right, limitMs !== undefined);
      }
    }
  };
}

async function sent(
  send: SendToGitHub,
  route: string,
  parameters: Readonly<Record<string, unknown>>,
): Promise<GitHubAnswer> {
  try {
    return await send(route, parameters);
  } catch (cause) {
    return { status: 0, headers: {}, data: cause };
  }
}

/** How long GitHub asks to wait; undefined where the answer is not about a limit. */
function limitOf({ status, headers, data }: GitHubAnswer): number | undefined {
  if (status !== 403 && status !== 429) return undefined;
  const seconds = Number(headers["retry-after"] ?? Number.NaN);
  if (Number.isFinite(seconds) && seconds >= 0) return seconds * 1000;
  const isLimit =
    status === 429 || headers["x-ratelimit-remaining"] === "0" || /rate limit/i.test(messageOf(data));
  return isLimit ? unnamedWaitMs : undefined;
}

function refusal({ status, data }: GitHubAnswer, right: string, isLimit: boolean): LifeboatError {
  const cause = data instanceof Error ? { cause: data } : {};
  if (status === 0) return new LifeboatError("github-unreachable", "GitHub did not answer.", cause);
  if (status >= 500) {
    return new LifeboatError("github-unreachable", `GitHub answered with status ${status}.`);
  }
  if (isLimit) {
    return new LifeboatError("github-refused", `GitHub asks to wait longer than we can (status ${status}).`, {
      hint: "Too much was asked of GitHub with this token in a short time: run again later.",
    });
  }
  return new LifeboatError("github-refused", `GitHub refused with status ${status}.`, {
    hint: hints[status] ?? `See that the token is valid and has \`${right}\`.`,
    cause: new StatusError(status),
  });
}

const hints: Readonly<Record<number, string>> = {
  410: "Issues are disabled in this repository: enable them in its settings, or write `issues: false` into the policy's alerts.",
  422: "GitHub does not take these values: see that the policy's labels and assignees exist in this repository.",
};

/** Which status a refusal had, for whoever knows a way around it. */
class StatusError extends Error {
  readonly status: number;

  constructor(status: number) {
    super(`status ${status}`);
    this.status = status;
  }
}

export function refusedWith(status: number, thrown: unknown): boolean {
  if (!(thrown instanceof LifeboatError) || thrown.code !== "github-refused") return false;
  return thrown.cause instanceof StatusError && thrown.cause.status === status;
}

function messageOf(data: unknown): string {
  if (typeof data !== "object" || data === null || !("message" in data)) return "";
  return typeof data.message === "string" ? data.message : "";
}
