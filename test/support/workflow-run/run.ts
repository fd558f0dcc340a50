/**
 * Runs a workflow's real YAML: its jobs one after the other in their order, with what GitHub's parser made of their
 * conditions. Rights of tokens, secrets of environments and the limits of called workflows are kept as GitHub keeps them.
 */
import { chmod, mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TokenRights } from "../../fakes/github/rest-api.ts";
import { type JobYaml, parsedByGitHub, textOf, yamlOf } from "../workflow-files.ts";
import { type Contexts, holds, interpolate, type Status, texts } from "./expressions.ts";
import { performStep } from "./steps.ts";
import type { Given, JobEnd, JobRun, Result, Start, StepRun, WorkflowEnd, World } from "./world.ts";

export type { JobEnd, WorkflowEnd, World } from "./world.ts";

type ParsedJob = Awaited<ReturnType<typeof parsedByGitHub>>["template"]["jobs"][number];
type Ends = Record<string, JobEnd>;

export async function runWorkflow(path: string, world: World, start: Start): Promise<WorkflowEnd> {
  const { event, actor = "octocat" } = start;
  const run = world.github.state.addRun({ event, actor, path: start.path ?? path });
  const dispatch = yamlOf(path).on["workflow_dispatch"] as { readonly inputs?: object } | undefined;
  const inputs = event === "workflow_dispatch" ? inputsOf(dispatch?.inputs, start.inputs ?? {}) : {};
  const { secrets } = world;
  return runJobs(path, { world, run, event, actor, path: run.path, inputs, secrets });
}

async function runJobs(path: string, given: Given): Promise<WorkflowEnd> {
  const { errors, template } = await parsedByGitHub(path, textOf(path));
  if (errors.length > 0) throw new Error(errors.join("\n"));
  const yaml = yamlOf(path).jobs;
  guardRights(yaml, given.granted);
  const ends: Ends = {};
  const waiting = [...template.jobs];
  while (waiting.length > 0) {
    const at = waiting.findIndex(({ needs = [] }) => needs.every(({ value }) => value in ends));
    const [job] = waiting.splice(at, 1);
    if (at === -1 || job === undefined) throw new Error("The jobs need each other in a circle.");
    ends[job.id.value] = await runJob(job, yaml[job.id.value]!, ends, template.jobs, given);
  }
  return { result: resultOf(Object.values(ends)), run: given.run, jobs: ends };
}

/** GitHub does not start a called workflow that wants more than its caller has. */
function guardRights(jobs: Readonly<Record<string, JobYaml>>, granted: Given["granted"]): void {
  if (granted === undefined) return;
  const levels = ["none", "read", "write"];
  for (const [name, { permissions }] of Object.entries(jobs)) {
    for (const [right, level] of Object.entries((permissions ?? {}) as Record<string, string>)) {
      if (levels.indexOf(level) > levels.indexOf(granted[right] ?? "none")) {
        throw new Error(
          `Startup failure: job ${name} wants ${right}: ${level}, which its caller does not have.`,
        );
      }
    }
  }
}

async function runJob(
  parsed: ParsedJob,
  yaml: JobYaml,
  ends: Ends,
  all: readonly ParsedJob[],
  given: Given,
): Promise<JobEnd> {
  const id = parsed.id.value;
  const needs = Object.fromEntries(
    (parsed.needs ?? []).map(({ value }) => [
      value,
      { result: ends[value]!.result, outputs: ends[value]!.outputs },
    ]),
  );
  const contexts: Contexts = { github: githubContext(given), needs, inputs: given.inputs, vars: {} };
  const before = ancestors(parsed, all).map((name) => ends[name]!.result);
  const status = {
    succeeded: before.every((result) => result === "success"),
    failed: before.includes("failure"),
  };
  if (!holds(parsed.if.expression, contexts, status)) return { result: "skipped", outputs: {}, runs: [] };
  if (yaml.uses !== undefined) return callWorkflow(yaml, contexts, given);
  const runs: JobRun[] = [];
  let outputs: Readonly<Record<string, string>> = {};
  for (const matrix of rowsOf(yaml, contexts)) {
    const end = await runOnce(id, parsed, yaml, { ...contexts, matrix }, given);
    runs.push({ matrix, result: end.result, steps: end.steps });
    // Of a matrix the last job that set a value wins.
    outputs = { ...outputs, ...end.outputs };
  }
  return { result: resultOf(runs), outputs, runs };
}

function ancestors(job: ParsedJob, all: readonly ParsedJob[]): readonly string[] {
  return (job.needs ?? []).flatMap(({ value }) => [
    value,
    ...ancestors(
      all.find(({ id }) => id.value === value)!,
      all,
    ),
  ]);
}

function rowsOf({ strategy }: JobYaml, contexts: Contexts): readonly unknown[] {
  if (strategy === undefined) return [{}];
  const { include, ...rest } = interpolate(strategy.matrix, contexts) as {
    readonly include: readonly unknown[];
  };
  if (Object.keys(rest).length > 0) throw new Error("This harness knows `include` of a matrix only.");
  if (include.length === 0) throw new Error("GitHub refuses a matrix without a row.");
  return include;
}

async function callWorkflow(yaml: JobYaml, contexts: Contexts, given: Given): Promise<JobEnd> {
  const path = (yaml.uses ?? "").replace(/^(?:\$|lifeboat\/lifeboat)\//, "").replace(/@.*/, "");
  const call = yamlOf(path).on["workflow_call"] as { readonly inputs?: object; readonly secrets?: object };
  const passed = texts(yaml.secrets as object, { ...contexts, secrets: given.secrets });
  const undeclared = Object.keys(passed).filter((name) => !(name in (call.secrets ?? {})));
  if (undeclared.length > 0)
    throw new Error(`Startup failure: ${path} declares no secret ${undeclared.join()}.`);
  const called = await runJobs(path, {
    ...given,
    inputs: inputsOf(call.inputs, interpolate(yaml.with ?? {}, contexts) as Record<string, unknown>),
    secrets: passed,
    granted: (yaml.permissions ?? {}) as Record<string, string>,
  });
  return { result: called.result, outputs: {}, runs: [], called };
}

function inputsOf(
  declared: object | undefined,
  given: Readonly<Record<string, unknown>>,
): Record<string, unknown> {
  const known = (declared ?? {}) as Readonly<
    Record<string, { readonly default?: unknown; readonly required?: boolean }>
  >;
  for (const name of Object.keys(given)) {
    if (!(name in known)) throw new Error(`Startup failure: there is no input ${name}.`);
  }
  return Object.fromEntries(
    Object.entries(known).map(([name, one]) => [name, given[name] ?? one.default ?? ""]),
  );
}

interface OnceEnd extends JobRun {
  readonly outputs: Readonly<Record<string, string>>;
}

async function runOnce(
  id: string,
  parsed: ParsedJob,
  yaml: JobYaml,
  known: Contexts,
  given: Given,
): Promise<OnceEnd> {
  if (parsed.type !== "job") throw new Error(`${id} has no steps.`);
  const { world } = given;
  const { actions = "none", issues = "none", contents = "none" } = (yaml.permissions ?? {}) as TokenRights;
  const token = world.github.tokenWith({ actions, issues, contents });
  const folder = await mkdtemp(join(tmpdir(), "workflow-job-"));
  await chmod(folder, 0o755);
  await mkdir(join(folder, "temp"));
  const steps: StepRun[] = [];
  const contexts = (): Contexts => ({
    ...known,
    github: { ...githubContext(given), token },
    secrets: { ...given.secrets, ...environmentSecrets(yaml.environment, world) },
    steps: Object.fromEntries(
      steps.map(({ id: step, outputs, result }) => [step, { outputs, outcome: result, conclusion: result }]),
    ),
    runner: { temp: join(folder, "temp"), os: "Linux" },
    job: { status: steps.some(({ result }) => result === "failure") ? "failure" : "success" },
    env: {},
  });
  try {
    for (const [at, step] of (yaml.steps ?? []).entries()) {
      const { id: stepId, if: condition } = parsed.steps[at]!;
      const failed = steps.some(({ result }) => result === "failure");
      const status: Status = { succeeded: !failed, failed };
      const { expression } = condition ?? { expression: "success()" };
      steps.push(
        holds(expression, contexts(), status)
          ? await performStep(stepId, step, { given, job: id, folder, token, contexts: contexts() })
          : {
              id: stepId,
              what: step.uses ?? "run",
              result: "skipped",
              outputs: {},
              inputs: {},
              env: {},
              log: "",
            },
      );
    }
    const result = steps.some((step) => step.result === "failure") ? "failure" : "success";
    return { matrix: known["matrix"], result, steps, outputs: texts(yaml.outputs, contexts()) };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function environmentSecrets(
  name: string | undefined,
  { environments }: World,
): Readonly<Record<string, string>> {
  if (name === undefined) return {};
  const secrets = environments[name];
  if (secrets === undefined) throw new Error(`The test's world has no environment ${name}.`);
  return secrets;
}

function githubContext({ world, run, event, actor, path }: Given): Readonly<Record<string, unknown>> {
  return {
    repository: world.github.repository,
    event_name: event,
    actor,
    triggering_actor: actor,
    ref: `refs/heads/${run.headBranch}`,
    ref_name: run.headBranch,
    run_id: String(run.id),
    sha: "0".repeat(40),
    workflow_ref: `${world.github.repository}/${path}@refs/heads/${run.headBranch}`,
    event: {},
  };
}

function resultOf(ends: readonly { readonly result: Result }[]): Result {
  if (ends.some(({ result }) => result === "failure")) return "failure";
  return ends.some(({ result }) => result === "success") ? "success" : "skipped";
}
