/** The built command line for the demo: the committed bundle where it is current, else one built for this run. */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { text } from "node:stream/consumers";
import { pathToFileURL } from "node:url";
import { buildBundle } from "./build.ts";

const root = resolve(import.meta.dirname, "..");

export interface Lifeboat {
  /** Runs one command, shows what it says on stderr, and returns its --json document. */
  run(args: readonly string[], secrets?: Readonly<Record<string, string>>): Promise<unknown>;
}

/** `folder` takes a bundle, if one must be built. */
export async function findLifeboat(
  folder: string,
  signal: AbortSignal,
  say: (sentence: string) => void,
): Promise<Lifeboat> {
  let bundle = join(root, "dist");
  if (!isCurrent()) {
    say("dist/ is not what src/ says: building the command line for this run.");
    bundle = join(folder, "bundle");
    buildBundle(bundle);
  }
  const entry = join(folder, "lifeboat.js");
  const url = JSON.stringify(pathToFileURL(join(bundle, "index.js")).href);
  await writeFile(entry, `const { runCli } = await import(${url});\nawait runCli(process.argv.slice(2));\n`);
  await writeFile(join(folder, "package.json"), '{ "type": "module" }\n');
  return { run: (args, secrets = {}) => run(entry, args, secrets, signal) };
}

/** Whether dist/ was committed with or after the last change of what it is built from, and neither was touched since. */
function isCurrent(): boolean {
  if (!existsSync(join(root, "dist/index.js"))) return false;
  const git = (...args: string[]): string =>
    execFileSync("git", args, { cwd: root, stdio: ["ignore", "pipe", "ignore"] })
      .toString()
      .trim();
  try {
    const built = git("rev-list", "-1", "HEAD", "--", "dist");
    const newer = git("rev-list", `${built}..HEAD`, "--", "src", "package-lock.json");
    return built !== "" && newer === "" && git("status", "--porcelain", "--", "src", "dist") === "";
  } catch {
    // Not a clone: what was downloaded together belongs together.
    return !existsSync(join(root, ".git"));
  }
}

async function run(
  entry: string,
  args: readonly string[],
  secrets: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<unknown> {
  signal.throwIfAborted();
  const child: ChildProcess = spawn(process.execPath, [entry, ...args, "--json"], {
    stdio: ["ignore", "pipe", "inherit"],
    env: { ...process.env, ...secrets },
  });
  const stop = (): void => void child.kill("SIGTERM");
  signal.addEventListener("abort", stop, { once: true });
  const [stdout] = await Promise.all([child.stdout === null ? "" : text(child.stdout), once(child, "close")]);
  signal.removeEventListener("abort", stop);
  signal.throwIfAborted();
  if (child.exitCode !== 0) {
    throw new Error(`lifeboat ${args.slice(0, 2).join(" ")} ended with exit code ${String(child.exitCode)}.`);
  }
  return JSON.parse(stdout);
}
