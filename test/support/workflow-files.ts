/** The workflows of this repository and of the examples, as YAML and as GitHub's own parser reads them. */
import { readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import {
  convertWorkflowTemplate,
  NoOperationTraceWriter,
  parseWorkflow,
  type WorkflowTemplate,
} from "@actions/workflow-parser";
import { parse } from "yaml";

export const repositoryRoot = resolve(import.meta.dirname, "../..");

export interface WorkflowYaml {
  readonly on: Readonly<Record<string, unknown>>;
  readonly permissions?: unknown;
  readonly concurrency?: unknown;
  readonly jobs: Readonly<Record<string, JobYaml>>;
}

export interface JobYaml {
  readonly name?: string;
  readonly needs?: string | readonly string[];
  readonly if?: string;
  readonly strategy?: { readonly matrix: unknown };
  readonly permissions?: unknown;
  readonly environment?: string;
  readonly "timeout-minutes"?: number;
  readonly outputs?: Readonly<Record<string, string>>;
  readonly uses?: string;
  readonly with?: Readonly<Record<string, unknown>>;
  readonly secrets?: Readonly<Record<string, string>> | string;
  readonly env?: Readonly<Record<string, unknown>>;
  readonly steps?: readonly StepYaml[];
}

export interface StepYaml {
  readonly id?: string;
  readonly name?: string;
  readonly if?: string;
  readonly uses?: string;
  readonly run?: string;
  readonly with?: Readonly<Record<string, unknown>>;
  readonly env?: Readonly<Record<string, unknown>>;
}

/** Paths from the repository's root. */
export const ownWorkflows: readonly string[] = yamlFilesIn(".github/workflows");
export const exampleWorkflows: readonly string[] = exampleFolders().flatMap((folder) =>
  yamlFilesIn(`${folder}/.github/workflows`),
);

export function exampleFolders(): readonly string[] {
  return readdirSync(join(repositoryRoot, "examples"), { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => `examples/${name}`)
    .sort();
}

function yamlFilesIn(folder: string): readonly string[] {
  return readdirSync(join(repositoryRoot, folder))
    .filter((name) => name.endsWith(".yml"))
    .map((name) => `${folder}/${name}`)
    .sort();
}

export function textOf(path: string): string {
  return readFileSync(join(repositoryRoot, path), "utf8");
}

export function yamlOf(path: string): WorkflowYaml {
  return parse(textOf(path)) as WorkflowYaml;
}

export interface ParsedWorkflow {
  /** With line and column. */
  readonly errors: readonly string[];
  readonly template: WorkflowTemplate;
}

export async function parsedByGitHub(name: string, content: string): Promise<ParsedWorkflow> {
  const result = parseWorkflow({ name, content }, new NoOperationTraceWriter());
  if (result.value === undefined) throw new Error(`${name} is no workflow.`);
  const template = await convertWorkflowTemplate(result.context, result.value);
  return { errors: result.context.errors.getErrors().map(({ message }) => message), template };
}
