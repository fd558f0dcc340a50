/** Issues of the fake repository, its workflows' states, and who a token is; answers match GitHub's own schema. */
import type { Exchange } from "./exchange.ts";
import { userAnswer } from "./rest-answers.ts";
import type { GitHubState } from "./state.ts";

export interface FakeIssue {
  readonly number: number;
  readonly author: string;
  title: string;
  body: string;
  state: "open" | "closed";
  stateReason: string | null;
  readonly labels: readonly string[];
  readonly assignees: readonly string[];
  readonly comments: string[];
}

export interface FakeWorkflow {
  readonly id: number;
  readonly path: string;
  state: "active" | "disabled_inactivity" | "disabled_manually";
}

/** Whom GitHub takes a workflow's token for. */
export const botLogin = "github-actions[bot]";

export class GitHubIssues {
  readonly issues: FakeIssue[] = [];
  readonly workflows: FakeWorkflow[] = [];
  /** Whoever is not among them cannot be assigned. */
  readonly collaborators = new Set(["octocat"]);
  readonly #state: GitHubState;
  readonly #origin: () => string;

  constructor(state: GitHubState, origin: () => string) {
    this.#state = state;
    this.#origin = origin;
  }

  add(issue: Partial<FakeIssue> & Pick<FakeIssue, "title" | "body">): FakeIssue {
    const known = {
      number: this.issues.length + 1,
      author: botLogin,
      state: "open",
      stateReason: null,
    } as const;
    const added: FakeIssue = { ...known, labels: [], assignees: [], comments: [], ...issue };
    this.issues.push(added);
    return added;
  }

  /** Answers what is about issues or workflows; false for every other path below the repository's. */
  async answer(exchange: Exchange, path: string): Promise<boolean> {
    const { method } = exchange;
    const [, number, comments] = /^\/issues\/(\d+)(\/comments)?$/.exec(path) ?? [];
    const [, workflow] = /^\/actions\/workflows\/(\d+)\/enable$/.exec(path) ?? [];
    if (method === "GET" && path === "/issues") this.#list(exchange);
    else if (method === "POST" && path === "/issues") await this.#create(exchange);
    else if (number !== undefined) await this.#change(exchange, Number(number), comments !== undefined);
    else if (method === "GET" && path === "/actions/workflows") this.#listWorkflows(exchange);
    else if (method === "PUT" && workflow !== undefined) this.#enable(exchange, Number(workflow));
    else return false;
    return true;
  }

  #list(exchange: Exchange): void {
    const query = exchange.url.searchParams;
    const creator = query.get("creator");
    const state = query.get("state") ?? "open";
    const found = this.issues.filter(
      (issue) => (creator === null || issue.author === creator) && (state === "all" || issue.state === state),
    );
    const perPage = Math.min(Number(query.get("per_page") ?? 30), 100);
    const start = (Number(query.get("page") ?? 1) - 1) * perPage;
    exchange.json(
      200,
      found.slice(start, start + perPage).map((issue) => this.#issueAnswer(issue)),
    );
  }

  async #create(exchange: Exchange): Promise<void> {
    const wanted = JSON.parse((await exchange.body()).toString()) as {
      readonly title: string;
      readonly body: string;
      readonly labels?: readonly string[];
      readonly assignees?: readonly string[];
    };
    if (wanted.assignees?.some((login) => !this.collaborators.has(login)) === true) {
      exchange.json(422, { message: "Validation Failed", errors: [{ field: "assignees", code: "invalid" }] });
      return;
    }
    exchange.json(201, this.#issueAnswer(this.add(wanted)));
  }

  async #change(exchange: Exchange, number: number, isComment: boolean): Promise<void> {
    const issue = this.issues.find((one) => one.number === number);
    if (issue === undefined) {
      exchange.json(404, { message: "Not Found" });
      return;
    }
    const wanted = JSON.parse((await exchange.body()).toString()) as {
      readonly body?: string;
      readonly state?: FakeIssue["state"];
      readonly state_reason?: string;
    };
    if (isComment) {
      issue.comments.push(wanted.body ?? "");
      exchange.json(201, this.#commentAnswer(issue));
      return;
    }
    issue.body = wanted.body ?? issue.body;
    issue.state = wanted.state ?? issue.state;
    issue.stateReason = wanted.state_reason ?? issue.stateReason;
    exchange.json(200, this.#issueAnswer(issue));
  }

  #listWorkflows(exchange: Exchange): void {
    const moment = this.#state.now().toISOString();
    const workflows = this.workflows.map(({ id, path, state }) => ({
      ...{ id, path, state, node_id: `W_${id}`, name: path, created_at: moment, updated_at: moment },
      url: `${this.#base()}/actions/workflows/${id}`,
      html_url: `https://github.com/${this.#state.owner}/${this.#state.repo}/blob/main/${path}`,
      badge_url: `https://github.com/${this.#state.owner}/${this.#state.repo}/workflows/${id}/badge.svg`,
    }));
    exchange.json(200, { total_count: workflows.length, workflows });
  }

  #enable(exchange: Exchange, id: number): void {
    const workflow = this.workflows.find((one) => one.id === id);
    if (workflow !== undefined) workflow.state = "active";
    exchange.json(workflow === undefined ? 404 : 204, { message: "Not Found" });
  }

  #issueAnswer(issue: FakeIssue): object {
    const { number, title, body, state, stateReason, labels, assignees, comments, author } = issue;
    const url = `${this.#base()}/issues/${number}`;
    const moment = this.#state.now().toISOString();
    return {
      ...{ number, title, body, state, state_reason: stateReason, comments: comments.length },
      ...{ id: 100 + number, node_id: `I_${number}`, url, repository_url: this.#base() },
      ...{ labels_url: `${url}/labels{/name}`, comments_url: `${url}/comments`, events_url: `${url}/events` },
      html_url: `https://github.com/${this.#state.owner}/${this.#state.repo}/issues/${number}`,
      user: userAnswer(author, this.#origin()),
      labels: [...labels],
      assignee: null,
      assignees: assignees.map((login) => userAnswer(login, this.#origin())),
      ...{ milestone: null, locked: false, created_at: moment, updated_at: moment },
      closed_at: state === "closed" ? moment : null,
    };
  }

  #commentAnswer({ number, comments }: FakeIssue): object {
    const id = number * 1000 + comments.length;
    const moment = this.#state.now().toISOString();
    return {
      ...{ id, node_id: `IC_${id}`, body: comments.at(-1), created_at: moment, updated_at: moment },
      url: `${this.#base()}/issues/comments/${id}`,
      issue_url: `${this.#base()}/issues/${number}`,
      html_url: `https://github.com/${this.#state.owner}/${this.#state.repo}/issues/${number}#issuecomment-${id}`,
      user: userAnswer(botLogin, this.#origin()),
    };
  }

  #base(): string {
    return `${this.#origin()}/repos/${this.#state.owner}/${this.#state.repo}`;
  }
}
