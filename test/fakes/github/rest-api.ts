/** GitHub's REST interface as far as artifacts, runs and the repository go; its answers match GitHub's own schema. */
import type { BlobStorage } from "./blob-storage.ts";
import type { Exchange } from "./exchange.ts";
import { botLogin, GitHubIssues } from "./issues.ts";
import { type ContentsBody, LedgerBranch } from "./ledger-branch.ts";
import { artifactAnswer, repositoryAnswer, runAnswer } from "./rest-answers.ts";
import type { FakeArtifact, GitHubState } from "./state.ts";

type Right = "none" | "read" | "write";

export interface TokenRights {
  readonly actions?: Right;
  readonly issues?: Right;
  readonly contents?: Right;
}

/** For what other tests need of GitHub: a route of their own, asked before the built-in ones and their tokens. */
export interface ExtraRoute {
  readonly method: string;
  readonly path: RegExp;
  readonly answer: (exchange: Exchange, match: RegExpExecArray) => void | Promise<void>;
}

export class RestApi {
  readonly tokens = new Map<string, TokenRights>();
  readonly extraRoutes: ExtraRoute[] = [];
  readonly issues: GitHubIssues;
  /** The branch lifeboat-ledger. */
  readonly ledger: LedgerBranch;
  readonly #state: GitHubState;
  readonly #blobs: BlobStorage;
  readonly #origin: () => string;
  /** Added to every `total_count`: a listing that is not what it says. */
  totalCountOffBy = 0;

  constructor(state: GitHubState, blobs: BlobStorage, origin: () => string) {
    this.#state = state;
    this.#blobs = blobs;
    this.#origin = origin;
    this.issues = new GitHubIssues(state, origin);
    this.ledger = new LedgerBranch(`https://api.github.com/repos/${state.owner}/${state.repo}`);
  }

  async answer(exchange: Exchange): Promise<void> {
    const { method, url } = exchange;
    for (const extra of this.extraRoutes) {
      const match = extra.path.exec(url.pathname);
      if (extra.method === method && match !== null) {
        await extra.answer(exchange, match);
        return;
      }
    }
    const token = /^(?:token|bearer) (.+)$/i.exec(exchange.headers.authorization ?? "")?.[1] ?? "";
    const rights = this.tokens.get(token);
    if (rights === undefined) {
      exchange.json(401, { message: "Bad credentials", status: "401" });
      return;
    }
    if (method === "POST" && url.pathname === "/graphql") {
      exchange.json(200, { data: { viewer: { login: botLogin } } });
      return;
    }
    const base = `/repos/${this.#state.owner}/${this.#state.repo}`;
    if (!url.pathname.startsWith(base)) {
      notFound(exchange);
      return;
    }
    const path = url.pathname.slice(base.length);
    if (path === "") {
      exchange.json(200, repositoryAnswer(this.#state, this.#origin()));
      return;
    }
    const needed = method === "GET" ? ["read", "write"] : ["write"];
    const isContents = /^\/(?:contents|git)\//.test(path);
    const right = path.startsWith("/issues") ? rights.issues : isContents ? rights.contents : rights.actions;
    if (!needed.includes(right ?? "none")) {
      exchange.json(403, { message: "Resource not accessible by integration", status: "403" });
      return;
    }
    if (isContents) await this.#contents(exchange, path);
    else if (!(await this.issues.answer(exchange, path))) this.#actions(exchange, path);
  }

  async #contents(exchange: Exchange, path: string): Promise<void> {
    const text = (await exchange.body()).toString();
    const body = (text === "" ? {} : JSON.parse(text)) as ContentsBody;
    const [status, document] = this.ledger.answer(exchange.method, path, body) ?? [404];
    if (Buffer.isBuffer(document)) exchange.send(status, document);
    else exchange.json(status, document ?? { message: "Not Found" });
  }

  #actions(exchange: Exchange, path: string): void {
    const { method, url } = exchange;
    const run = /^\/actions\/runs\/(\d+)(\/artifacts)?(?:\/attempts\/(\d+))?$/.exec(path);
    const artifact = /^\/actions\/artifacts\/(\d+)(\/zip)?$/.exec(path);
    const name = url.searchParams.get("name");
    const filter = name === null ? {} : { name };
    if (method === "GET" && path === "/actions/artifacts") {
      this.#list(exchange, filter);
      return;
    }
    if (method === "GET" && run !== null) {
      const known = this.#state.runs.get(Number(run[1]));
      if (known === undefined) {
        notFound(exchange);
        return;
      }
      if (run[2] !== undefined) {
        this.#list(exchange, { ...filter, runId: known.id });
        return;
      }
      const attempt = Number(run[3] ?? known.attempt);
      exchange.json(200, runAnswer(this.#state, { ...known, attempt }, this.#origin()));
      return;
    }
    const known = artifact === null ? undefined : this.#visible(Number(artifact[1]));
    if (known === undefined) {
      notFound(exchange);
      return;
    }
    if (method === "DELETE") {
      this.#state.artifacts.delete(known.id);
      exchange.json(204, undefined);
      return;
    }
    if (artifact?.[2] === undefined) {
      exchange.json(200, artifactAnswer(this.#state, known, this.#origin()));
      return;
    }
    if (this.#state.isExpired(known)) {
      exchange.json(410, { message: "Artifact has expired" });
      return;
    }
    exchange.send(302, Buffer.alloc(0), { location: this.#blobs.signedUrl(known) });
  }

  #list(exchange: Exchange, filter: { name?: string; runId?: number }): void {
    // A listing is a look, too.
    for (const artifact of this.#state.artifacts.values()) {
      if (artifact.finalized && artifact.name === (filter.name ?? artifact.name) && artifact.hiddenFor > 0) {
        artifact.hiddenFor -= 1;
      }
    }
    const found = this.#state.finished(filter).filter((artifact) => artifact.unlistedFor-- <= 0);
    const perPage = Math.min(Number(exchange.url.searchParams.get("per_page") ?? 30), 100);
    const start = (Number(exchange.url.searchParams.get("page") ?? 1) - 1) * perPage;
    exchange.json(200, {
      total_count: found.length + this.totalCountOffBy,
      artifacts: found
        .slice(start, start + perPage)
        .map((artifact) => artifactAnswer(this.#state, artifact, this.#origin())),
    });
  }

  #visible(id: number): FakeArtifact | undefined {
    const artifact = this.#state.artifacts.get(id);
    if (artifact?.finalized !== true) return undefined;
    if (artifact.hiddenFor === 0) return artifact;
    artifact.hiddenFor -= 1;
    return undefined;
  }
}

function notFound(exchange: Exchange): void {
  exchange.json(404, {
    message: "Not Found",
    documentation_url: "https://docs.github.com/rest",
    status: "404",
  });
}
