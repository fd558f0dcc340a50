/** One step as a runner does it: our actions from the built bundle, checkout and upload by hand, the rest in bash. */
import { cp, mkdir, readFile, writeFile } from "node:fs/promises";
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { runStep } from "../step.ts";
import type { StepYaml } from "../workflow-files.ts";
import { type Contexts, texts } from "./expressions.ts";
import type { Given, StepRun } from "./world.ts";

export interface StepPlace {
  readonly given: Given;
  readonly job: string;
  /** Kept from step to step of one job. */
  readonly folder: string;
  readonly token: string;
  readonly contexts: Contexts;
}

export async function performStep(id: string, step: StepYaml, place: StepPlace): Promise<StepRun> {
  const env = texts(step.env, place.contexts);
  const inputs = texts(step.with, place.contexts);
  const end = await perform(step, inputs, env, place);
  return {
    id,
    what: step.uses?.replace(/@.*/, "") ?? "run",
    result: end.code === 0 ? "success" : "failure",
    outputs: end.outputs,
    inputs,
    env,
    log: end.log,
  };
}

interface Ended {
  readonly code: number | null;
  readonly outputs: Readonly<Record<string, string>>;
  readonly log: string;
}

async function perform(
  { uses, run }: StepYaml,
  inputs: Readonly<Record<string, string>>,
  env: Readonly<Record<string, string>>,
  place: StepPlace,
): Promise<Ended> {
  const { given, folder, token } = place;
  if (uses === undefined) return inBash(run ?? "", env, place);
  if (uses.startsWith("$/actions/")) {
    const end = await given.world.action(uses.slice("$/actions/".length), {
      github: given.world.github,
      run: given.run,
      token,
      inputs,
      env: { ...runnerVariables(place), ...env },
      folder,
    });
    return { ...end, log: `${end.stdout}\n${end.stderr}\n${end.summary}` };
  }
  const workspace = join(folder, "workspace");
  await mkdir(workspace, { recursive: true });
  if (uses.startsWith("actions/checkout@")) {
    const paths = inputs["sparse-checkout"]?.split("\n").filter((line) => line !== "") ?? ["."];
    for (const path of paths) {
      const from = join(given.world.repository, path);
      if (!existsSync(from)) continue;
      await mkdir(dirname(join(workspace, path)), { recursive: true });
      await cp(from, join(workspace, path), { recursive: true });
    }
    return { code: 0, outputs: {}, log: "" };
  }
  if (uses.startsWith("actions/upload-artifact@")) {
    const path = inputs["path"] ?? "";
    if (inputs["if-no-files-found"] === "ignore" && !existsSync(path))
      return { code: 0, outputs: {}, log: "" };
    const bytes = await readFile(path);
    given.world.github.state.addArtifact(given.run, inputs["name"] ?? "", bytes);
    return { code: 0, outputs: {}, log: "" };
  }
  if (uses.startsWith("actions/download-artifact@")) {
    const beginning = (inputs["pattern"] ?? "").replace(/\*$/, "");
    const { artifacts } = given.world.github.state;
    for (const { name, bytes, runId } of artifacts.values()) {
      if (!name.startsWith(beginning) || runId !== given.run.id) continue;
      await mkdir(join(inputs["path"] ?? "", name), { recursive: true });
      await writeFile(join(inputs["path"] ?? "", name, "file"), bytes);
    }
    return { code: 0, outputs: {}, log: "" };
  }
  throw new Error(`This harness cannot run ${uses}.`);
}

async function inBash(run: string, env: Readonly<Record<string, string>>, place: StepPlace): Promise<Ended> {
  const entry = join(place.folder, "step.sh");
  await writeFile(entry, `set -e\n${run}`);
  const end = await runStep({
    program: "bash",
    entry,
    folder: place.folder,
    env: { ...place.given.world.github.environmentFor(place.given.run), ...runnerVariables(place), ...env },
  });
  return { code: end.code, outputs: end.outputs, log: `${end.stdout}\n${end.stderr}\n${end.summary}` };
}

function runnerVariables({ given, job }: StepPlace): Record<string, string> {
  return {
    GITHUB_JOB: job,
    GITHUB_ACTOR: given.actor,
    GITHUB_TRIGGERING_ACTOR: given.actor,
    GITHUB_EVENT_NAME: given.event,
    GITHUB_WORKFLOW_REF: `${given.world.github.repository}/${given.path}@refs/heads/main`,
  };
}
