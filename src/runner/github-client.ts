/** GitHub's API by its routes, for whoever decides himself what an answer means. */
import { getOctokit } from "@actions/github";

export interface GitHubReply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly data: unknown;
}

const answerWithinMs = 30_000;

/** Sends one request; every status is an answer, and only where none came it throws. */
export function githubClient({ token, apiUrl }: { readonly token: string; readonly apiUrl: string }) {
  const octokit = getOctokit(token, { baseUrl: apiUrl });
  return async (route: string, parameters: Readonly<Record<string, unknown>>): Promise<GitHubReply> => {
    // GitHub Enterprise Server has REST below /api/v3, and GraphQL beside it.
    const graphql = route === "POST /graphql" ? { baseUrl: apiUrl.replace(/\/v3$/, "") } : {};
    const request = { signal: AbortSignal.timeout(answerWithinMs) };
    try {
      const reply = await octokit.request(route, { ...parameters, ...graphql, request });
      return { status: reply.status, headers: textsOf(reply.headers), data: reply.data as unknown };
    } catch (thrown) {
      const { status, response } = thrown as {
        readonly status?: unknown;
        readonly response?: { readonly headers?: object; readonly data?: unknown };
      };
      // Octokit says 500 of its own where no answer came at all.
      if (typeof status !== "number" || response === undefined) throw thrown;
      return { status, headers: textsOf(response.headers ?? {}), data: response.data };
    }
  };
}

function textsOf(headers: object): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, String(value)]));
}
