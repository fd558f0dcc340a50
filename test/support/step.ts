/** Starts a program the way GitHub's runner starts a step, and reads what it left behind. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

export interface Step {
  /** What runs the script. Default: the test's own Node. */
  readonly program?: string;
  /** Absolute path of a script. */
  readonly entry: string;
  readonly args?: readonly string[];
  readonly inputs?: Readonly<Record<string, string>>;
  readonly env?: Readonly<Record<string, string>>;
  /** What `repository.private` in the event payload says. */
  readonly isPrivate?: boolean;
  /** Where the step may write; it is left as the step left it. Default: a folder that is removed. */
  readonly folder?: string;
  /** Called with each new piece of stdout, to send signals at the right moment. */
  readonly onOutput?: (text: string, kill: (signal: NodeJS.Signals) => void) => void;
}

export interface StepEnd {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly outputs: Readonly<Record<string, string>>;
  readonly summary: string;
  /** The lines of stdout that the runner takes for commands. */
  readonly commands: readonly string[];
  /** What is left in RUNNER_TEMP. */
  readonly leftInTemp: readonly string[];
}

/** Below `folder`: everything that a step may write to. */
const places = ["temp", "home", "tmp", "workspace"] as const;

export async function runStep(step: Step): Promise<StepEnd> {
  const folder = step.folder ?? (await mkdtemp(join(tmpdir(), "step-")));
  try {
    return await runIn(folder, step);
  } finally {
    if (step.folder === undefined) await rm(folder, { recursive: true });
  }
}

async function runIn(folder: string, step: Step): Promise<StepEnd> {
  // A throwaway server runs as another user where the tests run as root, and lives below RUNNER_TEMP.
  await chmod(folder, 0o755);
  for (const place of places) await mkdir(join(folder, place), { recursive: true });
  const outputFile = join(folder, "output");
  const summaryFile = join(folder, "summary");
  const eventFile = join(folder, "event.json");
  await writeFile(outputFile, "");
  await writeFile(summaryFile, "");
  await writeFile(eventFile, JSON.stringify({ repository: { private: step.isPrivate ?? false } }));
  const env: Record<string, string> = {
    PATH: process.env["PATH"] ?? "",
    HOME: join(folder, "home"),
    TMPDIR: join(folder, "tmp"),
    GITHUB_OUTPUT: outputFile,
    GITHUB_STEP_SUMMARY: summaryFile,
    GITHUB_EVENT_PATH: eventFile,
    GITHUB_WORKSPACE: join(folder, "workspace"),
    GITHUB_REPOSITORY: "octo/app",
    GITHUB_RUN_ID: "77",
    GITHUB_SERVER_URL: "https://github.com",
    GITHUB_ACTION_REPOSITORY: "octo/lifeboat",
    GITHUB_ACTION_REF: "v1",
    RUNNER_TEMP: join(folder, "temp"),
    ...step.env,
  };
  // The runner's own rule: hyphens stay.
  for (const [name, value] of Object.entries(step.inputs ?? {})) {
    env[`INPUT_${name.replaceAll(" ", "_").toUpperCase()}`] = value;
  }
  const child = spawn(step.program ?? process.execPath, [step.entry, ...(step.args ?? [])], {
    env,
    cwd: join(folder, "workspace"),
  });
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
    leftInTemp: await readdir(join(folder, "temp")),
  };
}

/** Reads GITHUB_OUTPUT by the runner's rules: `name=value`, or `name<<delimiter`, lines, delimiter. */
function parseOutputs(text: string): Record<string, string> {
  const outputs: Record<string, string> = {};
  const lines = text.split("\n");
  for (let line = lines.shift(); line !== undefined; line = lines.shift()) {
    if (line === "") continue;
    const [, simple, value] = /^([^=<]+)=(.*)$/.exec(line) ?? [];
    if (simple !== undefined && value !== undefined) {
      outputs[simple] = value;
      continue;
    }
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
