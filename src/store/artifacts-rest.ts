/** GitHub's REST interface to artifacts: complete listings, foreign JSON checked, refusals as errors with a cure. */
import { getOctokit } from "@actions/github";
import { z } from "zod";
import { LifeboatError } from "../errors.ts";

export interface Repository {
  readonly owner: string;
  readonly name: string;
}

export interface ListedArtifact {
  readonly id: number;
  readonly name: string;
  /** Bytes, as the uploader said. */
  readonly length: number;
  /** `sha256:<hex>`, as the uploader said. */
  readonly digest: string | undefined;
  readonly expired: boolean;
  readonly createdAt: Date;
  readonly expiresAt: Date | undefined;
  readonly run: ArtifactRun | undefined;
}

export interface ArtifactRun {
  readonly id: number;
  readonly repositoryId: number | undefined;
  readonly headRepositoryId: number | undefined;
  readonly headBranch: string | undefined;
}

export interface StartedRun extends ArtifactRun {
  /** What started it: `schedule`, `push`, `pull_request`, … */
  readonly event: string;
}

export interface ArtifactsRest {
  defaultBranch(): Promise<string>;
  /** Undefined where the run is gone. */
  run(runId: number): Promise<StartedRun | undefined>;
  /** Every artifact of the repository, or of one run, with exactly this name (or any). */
  list(filter: { readonly runId?: number; readonly name?: string }): Promise<readonly ListedArtifact[]>;
  get(id: number): Promise<ListedArtifact | undefined>;
  /** A URL that anybody can read for one minute; `store-object-missing` for what is gone or expired. */
  signedUrl(id: number): Promise<string>;
  /** GitHub's own time, as it dates its answers. */
  serverTime(): Promise<Date | undefined>;
  /** Idempotent. */
  delete(id: number): Promise<void>;
}

export interface ArtifactsRestSettings {
  readonly repository: Repository;
  readonly token: string;
  readonly apiUrl: string;
}

const perPage = 100;
const listingTries = 5;
const answerWithinMs = 60_000;

const moment = z.iso.datetime({ offset: true }).transform((text) => new Date(text));
const artifactSchema = z.object({
  id: z.int(),
  name: z.string(),
  size_in_bytes: z.int().nonnegative(),
  digest: z.string().nullish(),
  expired: z.boolean(),
  created_at: moment,
  expires_at: moment.nullish(),
  workflow_run: z
    .object({
      id: z.int(),
      repository_id: z.int().nullish(),
      head_repository_id: z.int().nullish(),
      head_branch: z.string().nullish(),
    })
    .nullish(),
});
const runSchema = z.object({
  event: z.string(),
  head_branch: z.string().nullish(),
  repository: z.object({ id: z.int() }),
  head_repository: z.object({ id: z.int() }).nullish(),
});
const pageSchema = z.object({ total_count: z.int(), artifacts: z.array(artifactSchema) });

export function artifactsRest({ repository, token, apiUrl }: ArtifactsRestSettings): ArtifactsRest {
  const octokit = getOctokit(token, { baseUrl: apiUrl });
  const place = { owner: repository.owner, repo: repository.name };
  const base = "/repos/{owner}/{repo}/actions";

  async function ask(
    route: string,
    details: Record<string, unknown>,
    right = "actions: read",
  ): Promise<Answer> {
    const request = { redirect: "manual" as const, signal: AbortSignal.timeout(answerWithinMs) };
    try {
      const response = await octokit.request(route, { ...place, ...details, request });
      const { date, location } = response.headers;
      return { status: response.status, location, date, data: response.data as unknown };
    } catch (thrown) {
      return answerOf(thrown, right);
    }
  }

  async function page(filter: { runId?: number; name?: string }, number: number) {
    const where = filter.runId === undefined ? `${base}/artifacts` : `${base}/runs/{run_id}/artifacts`;
    const { status, data } = await ask(`GET ${where}`, {
      ...(filter.runId === undefined ? {} : { run_id: filter.runId }),
      ...(filter.name === undefined ? {} : { name: filter.name }),
      per_page: perPage,
      page: number,
    });
    if (status === 404) throw notFound(`${repository.owner}/${repository.name}`);
    return checked(pageSchema, data);
  }

  return {
    defaultBranch: async () => {
      const { status, data } = await ask("GET /repos/{owner}/{repo}", {}, "contents: read");
      if (status === 404) throw notFound(`${repository.owner}/${repository.name}`);
      return checked(z.object({ default_branch: z.string() }), data).default_branch;
    },
    run: async (runId) => {
      const { status, data } = await ask(`GET ${base}/runs/{run_id}`, { run_id: runId });
      if (status === 404) return undefined;
      const run = checked(runSchema, data);
      return {
        id: runId,
        event: run.event,
        repositoryId: run.repository.id,
        headRepositoryId: run.head_repository?.id,
        headBranch: run.head_branch ?? undefined,
      };
    },
    list: async (filter) => {
      for (let attempt = 1; ; attempt += 1) {
        const found = new Map<number, ListedArtifact>();
        const totals = new Set<number>();
        for (let number = 1; ; number += 1) {
          const { total_count, artifacts } = await page(filter, number);
          totals.add(total_count);
          for (const artifact of artifacts) found.set(artifact.id, listed(artifact));
          if (artifacts.length < perPage || number * perPage >= total_count) break;
        }
        // An upload or a deletion between two pages moves the rest, and may move it past us: then all starts over.
        if (totals.size === 1 && totals.has(found.size)) {
          return [...found.values()].filter((one) => one.name === (filter.name ?? one.name));
        }
        if (attempt < listingTries) continue;
        const all = [...totals].join(", then ");
        throw new LifeboatError("store-list-failed", `GitHub listed ${found.size} of ${all} artifacts.`);
      }
    },
    get: async (id) => {
      const { status, data } = await ask(`GET ${base}/artifacts/{artifact_id}`, { artifact_id: id });
      return status === 404 ? undefined : listed(checked(artifactSchema, data));
    },
    signedUrl: async (id) => {
      const { status, location } = await ask(`GET ${base}/artifacts/{artifact_id}/zip`, { artifact_id: id });
      if (status === 410)
        throw gone(`Artifact ${id} has expired: GitHub keeps artifacts only for a limited time.`);
      if (status === 404)
        throw gone(`Artifact ${id} is not there: it, its run or its repository was deleted.`);
      if (location !== undefined) return location;
      throw new LifeboatError("store-read-failed", `GitHub gave no place to download artifact ${id} from.`);
    },
    serverTime: async () => {
      const { date } = await ask(`GET ${base}/artifacts`, { per_page: 1 });
      const now = new Date(date ?? Number.NaN);
      return Number.isNaN(now.getTime()) ? undefined : now;
    },
    delete: async (id) => {
      await ask(`DELETE ${base}/artifacts/{artifact_id}`, { artifact_id: id }, "actions: write");
    },
  };
}

interface Answer {
  readonly status: number;
  readonly location?: string | undefined;
  readonly date?: string | undefined;
  readonly data?: unknown;
}

/** 302, 404 and 410 are answers; the rest are refusals or trouble. */
function answerOf(thrown: unknown, right: string): Answer {
  const status = statusOf(thrown);
  const { message } = thrown instanceof Error ? thrown : { message: String(thrown) };
  const headers = headersOf(thrown);
  if (status === 302) return { status, location: headers["location"] };
  if (status === 404 || status === 410) return { status };
  const limited = headers["x-ratelimit-remaining"] === "0" || headers["retry-after"] !== undefined;
  if (status === 401) {
    throw new LifeboatError("store-permission-missing", `GitHub does not accept the token: ${message}.`, {
      hint: "Pass a token that is valid now, for example `${{ github.token }}`.",
      cause: thrown,
    });
  }
  if (status === 403 && !limited) {
    const sentence = `GitHub refused: the token needs \`${right}\` (${message}).`;
    const hint = `Add \`permissions:\` with \`${right}\` to the job (and to the calling job, if it calls a workflow).`;
    throw new LifeboatError("store-permission-missing", sentence, { hint, cause: thrown });
  }
  if (status === undefined || status >= 500 || status === 429 || status === 403 || status === 408) {
    throw new LifeboatError("store-temporary", `GitHub did not answer: ${message}.`, { cause: thrown });
  }
  throw new LifeboatError("store-read-failed", `GitHub answered with status ${status}: ${message}.`, {
    cause: thrown,
  });
}

function statusOf(thrown: unknown): number | undefined {
  const status: unknown = thrown instanceof Error && "status" in thrown ? thrown.status : undefined;
  return typeof status === "number" ? status : undefined;
}

function headersOf(thrown: unknown): Record<string, string | undefined> {
  if (!(thrown instanceof Error) || !("response" in thrown)) return {};
  const response = thrown.response as { headers?: Record<string, string | undefined> } | undefined;
  return response?.headers ?? {};
}

function checked<T>(schema: z.ZodType<T>, data: unknown): T {
  const result = schema.safeParse(data);
  if (result.success) return result.data;
  throw new LifeboatError("store-list-failed", "GitHub's answer does not have the documented fields.", {
    cause: result.error,
  });
}

function listed(artifact: z.infer<typeof artifactSchema>): ListedArtifact {
  const run = artifact.workflow_run ?? undefined;
  return {
    id: artifact.id,
    name: artifact.name,
    length: artifact.size_in_bytes,
    digest: artifact.digest ?? undefined,
    expired: artifact.expired,
    createdAt: artifact.created_at,
    expiresAt: artifact.expires_at ?? undefined,
    run: run && {
      id: run.id,
      repositoryId: run.repository_id ?? undefined,
      headRepositoryId: run.head_repository_id ?? undefined,
      headBranch: run.head_branch ?? undefined,
    },
  };
}

function gone(sentence: string): LifeboatError {
  return new LifeboatError("store-object-missing", sentence);
}

function notFound(repository: string): LifeboatError {
  return new LifeboatError(
    "store-permission-missing",
    `GitHub shows no repository ${repository} to this token.`,
    {
      hint: "Check the spelling; for a private repository the token needs `actions: read` there.",
    },
  );
}
