/** One bounded HTTP request of an alert channel whose address is a secret: no error ever repeats it. */
import { LifeboatError } from "../errors.ts";
import { realSleep, type Sleep } from "../store/with-retries.ts";

export interface HttpSettings {
  readonly url: string;
  readonly sleep?: Sleep;
  /** For one attempt, in milliseconds. */
  readonly answerWithinMs?: number;
}

const tries = 3;
const firstWaitMs = 1000;
const longestWaitMs = 60_000;

/** `what` names the channel for sentences; throws `alert-failed`. */
export async function deliver(what: string, request: RequestInit, settings: HttpSettings): Promise<void> {
  const { url, sleep = realSleep, answerWithinMs = 15_000 } = settings;
  if (!/^https?:\/\//i.test(url) || !URL.canParse(url)) {
    throw failed(what, "its address is no https:// address", "Correct the secret that holds it.");
  }
  if (isInTheClear(url)) {
    throw failed(
      what,
      "its address is an http:// one, which everybody on the way can read",
      "Put an https:// address into the secret that holds it.",
    );
  }
  const { username, password } = new URL(url);
  if (username !== "" || password !== "") {
    // `fetch` sends no such thing, and repeats the whole address in its error.
    throw failed(
      what,
      "its address has a user or a password in it",
      "Take them out of the secret that holds it: the service's own token belongs into the path.",
    );
  }
  for (let attempt = 1; ; attempt += 1) {
    const answer = await once(url, request, answerWithinMs);
    if (answer.isOk) return;
    const { status = 0, retryAfterMs } = answer;
    const isBusy = status === 0 || status === 408 || status === 429 || status >= 500;
    const waitMs = retryAfterMs ?? firstWaitMs * 2 ** (attempt - 1);
    if (!isBusy || attempt === tries || waitMs > longestWaitMs) {
      throw failed(
        what,
        status === 0 ? "nobody answered in time" : `the answer was status ${status}`,
        "See that the service is up and that the secret holds its present address.",
        answer.cause,
      );
    }
    await sleep(waitMs);
  }
}

/** An http:// address beyond this machine: the secret in it, and what is told, would travel unencrypted. */
export function isInTheClear(url: string): boolean {
  if (!/^http:\/\//i.test(url) || !URL.canParse(url)) return false;
  const { hostname } = new URL(url);
  return !/^(?:localhost|\[::1\]|127(?:\.\d{1,3}){3})$/.test(hostname);
}

interface HttpAnswer {
  readonly isOk: boolean;
  readonly status?: number;
  readonly retryAfterMs?: number;
  readonly cause?: unknown;
}

async function once(url: string, request: RequestInit, answerWithinMs: number): Promise<HttpAnswer> {
  try {
    // A redirect would carry the message to where nobody asked for it.
    const signal = AbortSignal.timeout(answerWithinMs);
    const response = await fetch(url, { ...request, redirect: "manual", signal });
    await response.body?.cancel();
    const seconds = Number(response.headers.get("retry-after") ?? Number.NaN);
    const retryAfter = Number.isFinite(seconds) ? { retryAfterMs: seconds * 1000 } : {};
    return { isOk: response.ok, status: response.status, ...retryAfter };
  } catch (cause) {
    return { isOk: false, cause };
  }
}

function failed(what: string, why: string, hint: string, cause?: unknown): LifeboatError {
  return new LifeboatError("alert-failed", `The ${what} could not be delivered: ${why}.`, { hint, cause });
}
