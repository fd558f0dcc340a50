/**
 * A GitHub on 127.0.0.1 that speaks the real protocols: Twirp and block blobs for @actions/artifact, REST for octokit.
 * It serves the test's own process and, by `environmentFor`, built actions in child processes.
 */
import { randomUUID } from "node:crypto";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { ArtifactService, runtimeToken, twirpPath } from "./artifact-service.ts";
import { blobPath, BlobStorage } from "./blob-storage.ts";
import { exchangeOf, Faults, type LoggedRequest, type RequestKind } from "./exchange.ts";
import { RestApi, type TokenRights } from "./rest-api.ts";
import { type FakeRun, GitHubState } from "./state.ts";

export type { Fault, LoggedRequest } from "./exchange.ts";
export type { FakeIssue } from "./issues.ts";
export type { FakeArtifact, FakeRun, RunOptions } from "./state.ts";

export interface FakeGitHubOptions {
  /** Default `acme/lifeboat`. */
  readonly repository?: string;
  readonly now?: () => Date;
}

export interface FakeGitHub extends AsyncDisposable {
  readonly apiUrl: string;
  readonly repository: string;
  /** `actions`, `issues` and `contents`: write. */
  readonly token: string;
  readonly state: GitHubState;
  readonly blobs: BlobStorage;
  readonly service: ArtifactService;
  readonly rest: RestApi;
  readonly faults: Faults;
  readonly requests: LoggedRequest[];
  tokenWith(rights: TokenRights): string;
  /** How many requests of a kind there were since the log was last emptied. */
  count(kind: RequestKind): number;
  /** What the runner gives an action of this run; the token for REST is an input, so it is not in here. */
  environmentFor(run: FakeRun): Record<string, string>;
  close(): Promise<void>;
}

export async function startFakeGitHub(options: FakeGitHubOptions = {}): Promise<FakeGitHub> {
  const repository = options.repository ?? "acme/lifeboat";
  const state = new GitHubState(repository, options.now ?? (() => new Date()));
  let origin = "";
  const blobs = new BlobStorage(state, () => origin);
  const service = new ArtifactService(state, blobs);
  const rest = new RestApi(state, blobs, () => origin);
  const faults = new Faults();
  const requests: LoggedRequest[] = [];

  const server = createServer((request, response) => {
    const exchange = exchangeOf(request, response, origin);
    response.setHeader("date", state.now().toUTCString());
    const path = exchange.url.pathname;
    const kind: RequestKind = path.startsWith(twirpPath)
      ? "twirp"
      : path.startsWith(blobPath)
        ? "blob"
        : "rest";
    requests.push({ method: exchange.method, path: path + exchange.url.search, kind });
    const effect = faults.take(
      kind === "twirp" ? path.slice(twirpPath.length) : `${exchange.method} ${path}`,
    );
    if (effect?.kind === "drop") {
      exchange.drop();
      return;
    }
    if (effect?.kind === "status") {
      const message = effect.message ?? "injected fault";
      exchange.json(effect.status, { message, msg: message });
      return;
    }
    const spoken =
      effect?.kind !== "drop-answer"
        ? exchange
        : {
            ...exchange,
            json: (status: number, document: unknown) => {
              exchange.breakOff(status, Buffer.from(JSON.stringify(document)), {}, 1);
            },
          };
    const answered =
      kind === "twirp"
        ? service.answer(spoken)
        : kind === "blob"
          ? blobs.answer(spoken, effect)
          : rest.answer(spoken);
    answered.catch((thrown: unknown) => exchange.json(500, { message: String(thrown) }));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

  const tokenWith = (rights: TokenRights): string => {
    const token = `ghs_${randomUUID()}`;
    rest.tokens.set(token, rights);
    return token;
  };
  const close = async (): Promise<void> => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  };
  return {
    apiUrl: origin,
    repository,
    token: tokenWith({ actions: "write", issues: "write", contents: "write" }),
    state,
    blobs,
    service,
    rest,
    faults,
    requests,
    tokenWith,
    count: (kind) => requests.filter((request) => request.kind === kind).length,
    environmentFor: (run) => ({
      ACTIONS_RUNTIME_TOKEN: runtimeToken(run),
      ACTIONS_RESULTS_URL: `${origin}/`,
      GITHUB_ACTIONS: "true",
      GITHUB_API_URL: origin,
      GITHUB_SERVER_URL: "https://github.com",
      GITHUB_REPOSITORY: repository,
      GITHUB_REPOSITORY_ID: String(state.repositoryId),
      GITHUB_REPOSITORY_OWNER: state.owner,
      GITHUB_RUN_ID: String(run.id),
      GITHUB_RUN_ATTEMPT: String(run.attempt),
      GITHUB_RUN_NUMBER: "1",
      GITHUB_EVENT_NAME: run.event,
      GITHUB_REF: `refs/heads/${run.headBranch}`,
      GITHUB_REF_NAME: run.headBranch,
      GITHUB_REF_TYPE: "branch",
      GITHUB_SHA: "0".repeat(40),
      GITHUB_RETENTION_DAYS: String(state.retentionDays),
    }),
    close,
    [Symbol.asyncDispose]: close,
  };
}
