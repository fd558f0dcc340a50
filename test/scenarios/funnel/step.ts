/** Starts an entry file the way GitHub's runner starts a step, and reads what it left behind. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export interface Step {
  readonly entry: string;
  readonly args?: readonly string[];
  readonly inputs?: Readonly<Record<string, string>>;
  readonly env?: Readonly<Record<string, string>>;
  /** What `repository.private` in the event payload says. */
  readonly isPrivate?: boolean;
  /** Called with each new piece of stdout, to send signals at the right moment. */
  readonly onOutput?: (text: string, kill: (signal: NodeJS.Signals) => void) => void;
}

export interface StepEnd {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly outputs: Readonly<Record<string, string>>;
  readonly summary: string;
  readonly commands: readonly string[];
}

export async function runStep(step: Step): Promise<StepEnd> {
  const folder = await mkdtemp(join(tmpdir(), "step-"));
  try {
    const outputFile = join(folder, "output");
    const summaryFile = join(folder, "summary");
    const eventFile = join(folder, "event.json");
    await writeFile(outputFile, "");
    await writeFile(summaryFile, "");
    await writeFile(eventFile, JSON.stringify({ repository: { private: step.isPrivate ?? false } }));
    const env: Record<string, string> = {
      PATH: process.env["PATH"] ?? "",
      GITHUB_OUTPUT: outputFile,
      GITHUB_STEP_SUMMARY: summaryFile,
      GITHUB_EVENT_PATH: eventFile,
      GITHUB_REPOSITORY: "octo/app",
      GITHUB_RUN_ID: "77",
      GITHUB_SERVER_URL: "https://github.com",
      GITHUB_ACTION_REPOSITORY: "octo/lifeboat",
      GITHUB_ACTION_REF: "v1",
      RUNNER_TEMP: folder,
      ...step.env,
    };
    for (const [name, value] of Object.entries(step.inputs ?? {})) env[`INPUT_${name.toUpperCase()}`] = value;
    const entry = fileURLToPath(new URL(`entries/${step.entry}`, import.meta.url));
    const child = spawn(process.execPath, [entry, ...(step.args ?? [])], { env, cwd: folder });
    let stdout = "";
    let stderr = "";
    child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      stdout += text;
      step.onOutput?.(text, (signal) => child.kill(signal));
    });
    const [code] = (await once(child, "close")) as [number | null];
    return {
      code,
      stdout,
      stderr,
      outputs: parseOutputs(await readFile(outputFile, "utf8")),
      summary: await readFile(summaryFile, "utf8"),
      commands: stdout.split("\n").filter((line) => /^\s*::/.test(line) || line.includes("##[")),
    };
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** Reads GITHUB_OUTPUT by the runner's rules: `name<<delimiter`, lines, delimiter. */
function parseOutputs(text: string): Record<string, string> {
  const outputs: Record<string, string> = {};
  const lines = text.split("\n");
  for (let line = lines.shift(); line !== undefined; line = lines.shift()) {
    if (line === "") continue;
    const [, name, delimiter] = /^([^=<]+)<<(.+)$/.exec(line) ?? [];
    if (name === undefined || delimiter === undefined) {
      throw new Error(`not a line of an output file: ${line}`);
    }
    const end = lines.indexOf(delimiter);
    if (end === -1) throw new Error(`output ${name} has no end`);
    outputs[name] = lines.splice(0, end).join("\n");
    lines.shift();
  }
  return outputs;
}
