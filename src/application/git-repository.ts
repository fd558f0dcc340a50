/** A git repository as one file: a bundle of every ref, which `git clone` opens without anything else. */
import type { Readable } from "node:stream";
import { LifeboatError } from "../errors.ts";
import { describeExit, exitedWell, holdOutput, runTool, startTool } from "../system/process.ts";

export interface RepositoryFacts {
  /** Commit that HEAD names. */
  readonly head: string;
  /** Branch that HEAD stands on; absent where it is detached. */
  readonly headRef?: string;
  readonly refs: readonly { readonly name: string; readonly object: string }[];
  /** Of the newest commit on any ref, RFC 3339: what is younger is in no bundle. */
  readonly newestCommit: string;
  /** Files kept by Git LFS are in a bundle only as pointers. */
  readonly usesLfs: boolean;
}

// In containers the workspace belongs to another user, which git takes for an attack; here it is what was asked for.
const always = ["-c", "safe.directory=*", "-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null"];

/** Throws `repository-not-whole` for what a bundle could not be cloned from: shallow and partial clones, no commits. */
export async function inspectRepository(path: string): Promise<RepositoryFacts> {
  const notWhole = (why: string, hint: string): LifeboatError =>
    new LifeboatError("repository-not-whole", `The repository ${path} ${why}.`, { hint });
  const isShallow = await git(path, ["rev-parse", "--is-shallow-repository"]);
  if (isShallow === "true") {
    throw notWhole("is a shallow clone", "Check it out whole: actions/checkout with `fetch-depth: 0`.");
  }
  const promisor = await git(path, ["config", "--get-regexp", "^remote\\..*\\.promisor$"], [0, 1]);
  if (/ true$/m.test(promisor)) {
    throw notWhole("is a partial clone", "Check it out without a filter: some of its files are not here.");
  }
  const refs = await refsOf(path);
  if (refs.length === 0) throw notWhole("has no commits", "Name a repository with at least one branch.");
  const headRef = await git(path, ["symbolic-ref", "--quiet", "HEAD"], [0, 1]);
  return {
    head: await git(path, ["rev-parse", "HEAD"]),
    ...(headRef === "" ? {} : { headRef }),
    refs,
    newestCommit: await git(path, ["log", "--all", "-1", "--date-order", "--format=%cI"]),
    usesLfs: await usesLfs(path),
  };
}

/** The bundle's bytes; throws `bundle-failed` at its end unless git exited with 0. */
export async function* bundleOf(
  path: string,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array, void, undefined> {
  const args = ["-C", path, ...always, "bundle", "create", "--quiet", "-", "--all", "HEAD"];
  const tool = await startTool({ program: "git", args }, ["ignore", "pipe", "pipe"]);
  const stop = (): void => void tool.child.kill("SIGKILL");
  signal.addEventListener("abort", stop, { once: true });
  try {
    for await (const bytes of holdOutput(tool.child.stdout as Readable) as AsyncIterable<Buffer>) yield bytes;
    const exit = await tool.exited;
    signal.throwIfAborted();
    if (exitedWell(exit)) return;
    throw new LifeboatError("bundle-failed", `${describeExit("git bundle", exit)}.`, { inside: exit.stderr });
  } finally {
    stop();
    signal.removeEventListener("abort", stop);
  }
}

/** Runs git with these arguments and returns what it wrote; throws unless it ends well. */
export type RunGit = (args: readonly string[]) => Promise<string>;

export const runGit: RunGit = async (args) =>
  (await runTool({ program: "git", args })).stdout.toString("utf8").trim();

/**
 * Makes `folder` a bare repository with exactly the refs of a bundle, HEAD on `headRef`; throws `bundle-unreadable`. Both
 * paths are as the git of `run` knows them.
 */
export async function cloneBundle(
  bundle: string,
  folder: string,
  headRef: string | undefined,
  run: RunGit = runGit,
): Promise<readonly RepositoryFacts["refs"][number][]> {
  const inside = (...args: string[]): Promise<string> => run(["-C", folder, ...always, ...args]);
  try {
    await run(["init", "--quiet", "--bare", folder]);
    await inside("fetch", "--quiet", "--no-auto-gc", bundle, "+refs/*:refs/*");
    if (headRef !== undefined) await inside("symbolic-ref", "HEAD", headRef);
    await inside("fsck", "--full", "--no-dangling");
  } catch (cause) {
    throw new LifeboatError("bundle-unreadable", "git cannot make a repository of the bundle.", { cause });
  }
  return refsIn(await inside(...listRefs));
}

const listRefs = ["for-each-ref", "--format=%(objectname) %(refname)"] as const;

export async function refsOf(path: string): Promise<readonly RepositoryFacts["refs"][number][]> {
  return refsIn(await git(path, listRefs));
}

function refsIn(listed: string): readonly RepositoryFacts["refs"][number][] {
  return listed.split("\n").flatMap((line) => {
    const [object, name] = line.split(" ");
    return object !== undefined && name !== undefined ? [{ name, object }] : [];
  });
}

/** Whether two lists name the same refs, each with the same object. */
export function sameRefs(one: RepositoryFacts["refs"], other: RepositoryFacts["refs"]): boolean {
  const text = (refs: RepositoryFacts["refs"]): string =>
    JSON.stringify(refs.map(({ name, object }) => [name, object]).sort());
  return text(one) === text(other);
}

async function usesLfs(path: string): Promise<boolean> {
  const attributes = await git(
    path,
    ["grep", "--all-match", "-l", "filter=lfs", "HEAD", "--", "*.gitattributes"],
    [0, 1],
  );
  return attributes !== "";
}

async function git(path: string, args: readonly string[], good: readonly number[] = [0]): Promise<string> {
  const tool = await startTool({ program: "git", args: ["-C", path, ...always, ...args] }, [
    "ignore",
    "pipe",
    "pipe",
  ]);
  const chunks: Buffer[] = [];
  tool.child.stdout?.on("data", (chunk: Buffer) => chunks.push(chunk));
  const exit = await tool.exited;
  if (exit.signal === null && good.includes(exit.code ?? -1))
    return Buffer.concat(chunks).toString("utf8").trim();
  throw new LifeboatError(
    "repository-unusable",
    `In ${path} ${describeExit(`git ${args[0] ?? ""}`, exit)}.`,
    {
      inside: exit.stderr,
    },
  );
}
