/** The built actions as steps of a workflow run of the fake GitHub: their own action.yml gives inputs and defaults. */
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import Ajv2020 from "ajv/dist/2020.js";
import addFormats from "ajv-formats";
import { expect } from "vitest";
import { parse } from "yaml";
import type { RunRecord } from "../../src/runner/record.ts";
import type { FakeGitHub, FakeRun } from "../fakes/github/index.ts";
import { type BuiltBundle, builtBundle } from "./bundle.ts";
import { runStep, type Step, type StepEnd } from "./step.ts";

export type ActionName = Parameters<BuiltBundle["action"]>[0];

export interface ActionStep extends Omit<Step, "entry" | "args"> {
  readonly github: FakeGitHub;
  readonly run: FakeRun;
  /** Default: one with all rights. */
  readonly token?: string;
}

export interface ActionEnd extends StepEnd {
  /** Proven to be what the published schema says. */
  readonly record: RunRecord;
  /** The `::error` lines. */
  readonly errors: readonly string[];
  readonly warnings: readonly string[];
  /** Everything that anybody can read afterwards, without the runner's own `::add-mask::` lines. */
  readonly published: string;
}

interface ActionMetadata {
  readonly inputs: Readonly<Record<string, { readonly default?: string }>>;
  readonly outputs: Readonly<Record<string, unknown>>;
}

const validateRecord = addFormats
  .default(new Ajv2020.default({ strict: true }))
  .compile(
    JSON.parse(
      readFileSync(join(import.meta.dirname, "../../docs/schemas/record.schema.json"), "utf8"),
    ) as object,
  );

export async function runAction(name: ActionName, step: ActionStep): Promise<ActionEnd> {
  const { github, run, token = github.token, inputs = {}, env = {} } = step;
  const entry = (await builtBundle()).action(name);
  const metadata = parse(readFileSync(join(dirname(entry), "action.yml"), "utf8")) as ActionMetadata;
  const end = await runStep({
    ...step,
    entry,
    inputs: { ...defaultsOf(metadata, token, github.repository), ...known(inputs, metadata) },
    env: { ...github.environmentFor(run), ...env },
  });
  const undocumented = Object.keys(end.outputs).filter((output) => !(output in metadata.outputs));
  expect(undocumented, `outputs of ${name} that its action.yml does not name`).toEqual([]);
  const text = end.outputs["record"];
  if (text === undefined) throw new Error(`${name} left no record:\n${end.stdout}\n${end.stderr}`);
  const record = JSON.parse(text) as RunRecord;
  expect(validateRecord(record), JSON.stringify(validateRecord.errors)).toBe(true);
  expect(record).toMatchObject({ action: name, exitCode: end.code });
  const log = end.stdout
    .split("\n")
    .filter((line) => !line.startsWith("::add-mask::"))
    .join("\n");
  return {
    ...end,
    record,
    errors: end.commands.filter((line) => line.startsWith("::error")),
    warnings: end.commands.filter((line) => line.startsWith("::warning")),
    published: [log, end.stderr, end.summary, JSON.stringify(end.outputs)].join("\n"),
  };
}

/** The same, and the log in the message where it did not end with this code. */
export async function runActionTo(code: number, name: ActionName, step: ActionStep): Promise<ActionEnd> {
  const end = await runAction(name, step);
  expect(end.code, `${end.stdout}\n${end.stderr}`).toBe(code);
  return end;
}

function defaultsOf({ inputs }: ActionMetadata, token: string, repository: string): Record<string, string> {
  return Object.fromEntries(
    Object.entries(inputs).map(([name, { default: value = "" }]) => [
      name,
      value.replace("${{ github.token }}", token).replace("${{ github.repository }}", repository),
    ]),
  );
}

/** The runner only warns of an input that does not exist; a test that gives one tests nothing. */
function known(
  inputs: Readonly<Record<string, string>>,
  metadata: ActionMetadata,
): Readonly<Record<string, string>> {
  const unknown = Object.keys(inputs).filter((name) => !(name in metadata.inputs));
  if (unknown.length > 0) throw new Error(`The action has no input ${unknown.join(", ")}.`);
  return inputs;
}
