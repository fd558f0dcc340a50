/**
 * `restore: { another-actor: true }`: whoever performs a plan is not who made it. GitHub is asked who started the dry
 * run; where it cannot be told, nothing is restored.
 */
import { z } from "zod";
import { type AskGitHub, politely } from "../../alerts/github-requests.ts";
import { LifeboatError } from "../../errors.ts";
import type { RunContext } from "../../runner/environment.ts";
import { githubClient } from "../../runner/github-client.ts";

export type OwnRun = Pick<
  RunContext,
  "repository" | "apiUrl" | "ref" | "workflowRef" | "actor" | "triggeringActor"
>;

const person = z.looseObject({ login: z.string().min(1) });
const runSchema = z.looseObject({
  path: z.string(),
  event: z.string(),
  run_attempt: z.int().positive(),
  actor: person,
  triggering_actor: person,
});
const listSchema = z.looseObject({
  artifacts: z.array(
    z.looseObject({
      expired: z.boolean(),
      workflow_run: z
        .looseObject({
          id: z.int(),
          repository_id: z.int().nullish(),
          head_repository_id: z.int().nullish(),
          head_branch: z.string().nullish(),
        })
        .nullish(),
    }),
  ),
});

type Run = z.infer<typeof runSchema>;

/** More attempts than anybody makes by hand. */
const mostAttempts = 20;

/** Throws `another-actor-needed` unless a dry run that showed this plan was started by other persons only. */
export async function requireAnotherActor(
  planHash: string | undefined,
  own: OwnRun,
  token: string | undefined,
): Promise<void> {
  if (planHash === undefined) {
    throw refused("The policy wants another person than the planner to restore, and no plan-hash is given.");
  }
  const performers = personsOf([own.actor, own.triggeringActor]);
  const [owner, repo] = (own.repository ?? "").split("/");
  if (performers === undefined || owner === undefined || repo === undefined || token === undefined) {
    throw untold("this run does not say who started it, in which repository, or with which token to ask");
  }
  const planners = await plannersOf(planHash, own, {
    ask: politely(githubClient({ token, apiUrl: own.apiUrl })),
    place: { owner, repo },
  }).catch((cause: unknown) => {
    throw untold("GitHub did not say who started the dry run", cause);
  });
  const known = planners.filter((one) => one !== undefined);
  if (known.some((one) => ![...one].some((name) => performers.has(name)))) return;
  if (known.length > 0) {
    throw refused("The policy wants another person than the planner to perform a restore.");
  }
  throw untold(
    planners.length === 0
      ? "no dry run of this workflow, on this branch, stored this plan"
      : "a program started the dry run",
  );
}

interface Asking {
  readonly ask: AskGitHub;
  readonly place: { readonly owner: string; readonly repo: string };
}

/** Of each dry run all who started it or an attempt of it; undefined where that is no person. */
async function plannersOf(
  planHash: string,
  own: OwnRun,
  { ask, place }: Asking,
): Promise<readonly (ReadonlySet<string> | undefined)[]> {
  const right = "actions: read";
  const get = async (path: string, more: Readonly<Record<string, unknown>>): Promise<unknown> =>
    await ask(`GET /repos/{owner}/{repo}/actions/${path}`, { ...place, ...more }, right);
  const name = `lifeboat-restore-plan-${planHash}`;
  const { artifacts } = listSchema.parse(await get("artifacts", { name, per_page: 100 }));
  // Anybody who may open a pull request can store an artifact of any name.
  const ids = artifacts.flatMap(({ expired, workflow_run: run }) =>
    !expired &&
    run?.repository_id != null &&
    run.head_repository_id === run.repository_id &&
    own.ref === `refs/heads/${run.head_branch ?? ""}`
      ? [run.id]
      : [],
  );
  const planners: (ReadonlySet<string> | undefined)[] = [];
  for (const run_id of new Set(ids)) {
    const run = runSchema.parse(await get("runs/{run_id}", { run_id }));
    if (run.event.startsWith("pull_request") || !isSameWorkflow(run, own)) continue;
    const attempts = [run];
    // Whoever runs it again takes the place of who did before; the plan may be an earlier attempt's.
    for (let attempt = 1; attempt < Math.min(run.run_attempt, mostAttempts); attempt += 1) {
      const earlier = await get("runs/{run_id}/attempts/{attempt}", { run_id, attempt });
      attempts.push(runSchema.parse(earlier));
    }
    planners.push(
      run.run_attempt > mostAttempts
        ? undefined
        : personsOf(attempts.flatMap((one) => [one.actor.login, one.triggering_actor.login])),
    );
  }
  return planners;
}

function isSameWorkflow({ path }: Run, { workflowRef, repository }: OwnRun): boolean {
  return workflowRef?.startsWith(`${repository}/${path.replace(/@.*$/, "")}@`) === true;
}

/** Undefined where one is not named, or is a program: nobody can tell which person stands behind that. */
function personsOf(names: readonly (string | undefined)[]): ReadonlySet<string> | undefined {
  const persons = names.flatMap((name) =>
    name === undefined || name.endsWith("[bot]") ? [] : [name.toLowerCase()],
  );
  return persons.length === names.length ? new Set(persons) : undefined;
}

function untold(because: string, cause?: unknown): LifeboatError {
  const sentence = `The policy wants another person than the planner to restore, but ${because}.`;
  return refused(sentence, cause);
}

function refused(sentence: string, cause?: unknown): LifeboatError {
  return new LifeboatError("another-actor-needed", sentence, cause === undefined ? {} : { cause });
}
