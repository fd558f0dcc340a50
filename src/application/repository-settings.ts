/** What GitHub knows of a repository beside its commits: it is in no clone, and gone with the repository. */
import { LifeboatError } from "../errors.ts";
import { realSleep, type Sleep } from "../store/with-retries.ts";
import { bytesWithin } from "../system/bounded.ts";
import { sizeLimits } from "../snapshot/size-limits.ts";
import { streamOf } from "../system/stream-of.ts";

export interface SettingsRequest {
  /** `owner/name` */
  readonly repository: string;
  readonly token: string;
  /** https://api.github.com */
  readonly apiUrl: string;
  readonly sleep?: Sleep;
}

export interface RepositorySettings {
  /** By kind, as GitHub's REST API answers; secrets by name only, because nobody can read their values. */
  readonly present: Readonly<Record<string, unknown>>;
  /** What the token may not read, with the status. */
  readonly unreadable: readonly { readonly kind: string; readonly status: number }[];
}

/** Kind, path below the repository, and the field that holds a list's items. */
const kinds = [
  ["repository", "", undefined],
  ["variables", "/actions/variables", "variables"],
  ["secretNames", "/actions/secrets", "secrets"],
  ["environments", "/environments", "environments"],
  ["rulesets", "/rulesets", ""],
  ["workflows", "/actions/workflows", "workflows"],
] as const;
const pageSize = 30;
const tries = 4;

/** Throws `github-unreachable` where GitHub cannot be asked at all; what it refuses is listed, not passed over. */
export async function readRepositorySettings(request: SettingsRequest): Promise<RepositorySettings> {
  const present: Record<string, unknown> = {};
  const unreadable: { kind: string; status: number }[] = [];
  for (const [kind, path, field] of kinds) {
    const answer = field === undefined ? await get(request, path) : await all(request, path, field);
    if ("status" in answer) unreadable.push({ kind, status: answer.status });
    else present[kind] = answer.value;
  }
  return { present, unreadable };
}

type Answer = { readonly value: unknown } | { readonly status: number };

async function all(request: SettingsRequest, path: string, field: string): Promise<Answer> {
  const items: unknown[] = [];
  for (let page = 1; ; page += 1) {
    const answer = await get(request, `${path}?per_page=${pageSize}&page=${page}`);
    if ("status" in answer) return answer;
    const list = field === "" ? answer.value : (answer.value as Record<string, unknown> | null)?.[field];
    if (!Array.isArray(list)) throw unreachable(`GitHub's answer for ${path} is no list.`);
    items.push(...(list as unknown[]));
    if (list.length < pageSize) return { value: items };
  }
}

async function get(request: SettingsRequest, path: string): Promise<Answer> {
  const { repository, token, apiUrl, sleep = realSleep } = request;
  const headers = {
    accept: "application/vnd.github+json",
    authorization: `Bearer ${token}`,
    "user-agent": "lifeboat",
    "x-github-api-version": "2022-11-28",
  };
  let last: unknown;
  for (let attempt = 1; attempt <= tries; attempt += 1) {
    if (attempt > 1) await sleep(1000 * 2 ** attempt);
    try {
      const response = await fetch(`${apiUrl}/repos/${repository}${path}`, { headers, redirect: "error" });
      if (response.ok)
        return {
          value: JSON.parse(
            (
              await bytesWithin(response.body ?? streamOf(new Uint8Array(0)), {
                document: "that GitHub answered",
                maxBytes: sizeLimits.answer,
              })
            ).toString("utf8"),
          ) as unknown,
        };
      await response.body?.cancel();
      if (response.status === 401 || response.status === 403 || response.status === 404)
        return { status: response.status };
      last = new Error(`status ${response.status}`);
    } catch (cause) {
      last = cause;
    }
  }
  throw unreachable("GitHub's API could not be asked, also after several tries.", last);
}

function unreachable(sentence: string, cause?: unknown): LifeboatError {
  return new LifeboatError("github-unreachable", sentence, { cause });
}
