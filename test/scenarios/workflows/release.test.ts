/**
 * release.yml's own shell steps, in their order, on a real git repository: the command line of GitHub is a stand-in, and
 * what other people's actions do is only checked for what it is given.
 */
import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { chmod, cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { runStep } from "../../support/step.ts";
import { repositoryRoot, type StepYaml, yamlOf } from "../../support/workflow-files.ts";
import { texts } from "../../support/workflow-run/expressions.ts";

const { jobs } = yamlOf(".github/workflows/release.yml");
const released = "actions bin dist docs LICENSE README.md package.json".split(" ");

let folder: string;
let checkout: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "release-"));
  checkout = join(folder, "checkout");
  await mkdir(join(folder, "releases"), { recursive: true });
  await writeFile(join(folder, "immutable"), "");
  for (const name of [...released, "package-lock.json"]) {
    await cp(join(repositoryRoot, name), join(checkout, name), { recursive: true });
  }
  await suite("exit 0");
  execFileSync("git", ["init", "--quiet", "--bare", join(folder, "origin.git")]);
  git("init", "--quiet", "--initial-branch", "main");
  git("remote", "add", "origin", join(folder, "origin.git"));
});
afterEach(() => rm(folder, { recursive: true }));

/** Stands for the whole suite, which also compares the committed bundle with a rebuild. */
async function suite(line: string): Promise<void> {
  await mkdir(join(checkout, ".ci"), { recursive: true });
  await writeFile(join(checkout, ".ci/run"), `#!/usr/bin/env bash\n${line}\n`);
  await chmod(join(checkout, ".ci/run"), 0o755);
}

function git(...args: readonly string[]): string {
  const who = ["-c", "user.name=A", "-c", "user.email=a@example.org"];
  return execFileSync("git", [...who, ...args], { cwd: checkout })
    .toString()
    .trim();
}

/** Commits, tags and pushes; the commit that is released. */
async function tagged(tag: string): Promise<string> {
  await writeFile(join(checkout, "CHANGES"), tag);
  git("add", "CHANGES", "package.json", ".ci");
  git("commit", "--quiet", "--message", tag);
  git("tag", tag);
  git("push", "--quiet", "origin", "main", tag);
  return git("rev-parse", "HEAD");
}

const tagAt = (tag: string): string => git("ls-remote", "origin", `refs/tags/${tag}`).split("\t")[0] ?? "";

interface Ended {
  readonly failedAt?: string;
  readonly log: string;
  readonly attested: readonly string[];
}

/** All jobs, each only after the one before. `handOver` meddles with what the build handed over. */
async function release(
  tag: string,
  sha: string,
  handOver: () => Promise<void> = () => Promise.resolve(),
): Promise<Ended> {
  let log = "";
  const attested: string[] = [];
  const env = { ...(await tools()), GITHUB_REF_NAME: tag, GITHUB_SHA: sha };
  expect([jobs["attest"]!.needs, jobs["publish"]!.needs]).toEqual(["build", ["build", "attest"]]);
  let sums = "";
  for (const name of ["build", "attest", "publish"]) {
    if (name === "attest") await handOver();
    // A job begins on an empty machine.
    const place = name === "build" ? checkout : join(folder, name);
    await mkdir(place, { recursive: true });
    for (const step of jobs[name]!.steps ?? []) {
      const failure = await perform(step, place, env, sums);
      log += failure.log;
      if (failure.code !== 0) return { failedAt: name, log, attested };
      attested.push(...failure.subjects);
      sums = failure.sums ?? sums;
    }
  }
  await rm(join(checkout, "release"), { recursive: true });
  for (const name of ["attest", "publish"]) await rm(join(folder, name), { recursive: true });
  return { log, attested };
}

async function tools(): Promise<Record<string, string>> {
  const home = join(folder, "home");
  await mkdir(home, { recursive: true });
  const path = [join(repositoryRoot, "test/fakes/gh"), process.env["PATH"]].join(":");
  return { PATH: path, FAKE_GH: folder, GITHUB_REPOSITORY: "acme/lifeboat" };
}

async function perform(
  { uses, run, with: given, env }: StepYaml,
  place: string,
  around: Readonly<Record<string, string>>,
  sums: string,
): Promise<{
  readonly code: number | null;
  readonly log: string;
  readonly subjects: readonly string[];
  readonly sums?: string | undefined;
}> {
  const contexts = { github: { token: "ghs_release" }, needs: { build: { outputs: { sums } } } };
  const inputs = texts(given, contexts);
  if (run !== undefined) {
    const entry = join(folder, "step.sh");
    await writeFile(entry, `cd '${place}'\nset -e\n${run}`);
    const own = { ...around, ...texts(env, contexts) };
    const end = await runStep({ program: "bash", entry, env: own });
    return { code: end.code, log: end.stdout + end.stderr, subjects: [], sums: end.outputs["sums"] };
  }
  const subjects = (inputs["subject-path"] ?? "").split("\n").filter((line) => line !== "");
  const action = uses?.replace(/@.*/, "");
  if (action === "actions/attest") {
    for (const path of [...subjects, inputs["sbom-path"] ?? subjects[0]!]) {
      expect(existsSync(join(place, path)), path).toBe(true);
    }
  } else if (action === "actions/checkout" && place !== checkout) {
    for (const name of released) await cp(join(checkout, name), join(place, name), { recursive: true });
  } else if (action === "actions/download-artifact") {
    await cp(join(checkout, inputs["path"]!), join(place, inputs["path"]!), { recursive: true });
  } else {
    expect(["actions/checkout", "actions/setup-node", "actions/upload-artifact"]).toContain(action);
  }
  return { code: 0, log: "", subjects };
}

test("a tag becomes an immutable release with bill of materials and checksums, and v1 moves along", async () => {
  const first = await tagged("v1.2.3");
  const end = await release("v1.2.3", first);
  expect(end.failedAt, end.log).toBeUndefined();
  const assets = join(folder, "releases/v1.2.3");
  expect((await readdir(assets)).sort()).toEqual(["SHA256SUMS", "lifeboat.cdx.json", "lifeboat.tar.gz"]);
  expect(end.attested).toEqual(["dist/index.js", "release/lifeboat.tar.gz", "release/lifeboat.tar.gz"]);
  expect(execFileSync("sha256sum", ["--check", "SHA256SUMS"], { cwd: assets }).toString()).toContain("OK");

  const packed = execFileSync("tar", ["-tzf", join(assets, "lifeboat.tar.gz")]).toString();
  expect([...new Set(packed.split("\n").map((line) => line.split("/")[0]))].sort()).toEqual(
    ["", ...released].sort(),
  );
  const bill = JSON.parse(await readFile(join(assets, "lifeboat.cdx.json"), "utf8")) as {
    readonly components: readonly { readonly name: string }[];
  };
  const names = bill.components.map(({ name }) => name);
  const { dependencies } = JSON.parse(await readFile(join(repositoryRoot, "package.json"), "utf8")) as {
    readonly dependencies: object;
  };
  expect(Object.keys(dependencies).filter((name) => !names.includes(name))).toEqual([]);
  // Some packages that we are built with are dependencies of dependencies too; the test runner and the linter are not.
  expect(names.filter((name) => ["vitest", "eslint", "@vercel/ncc"].includes(name))).toEqual([]);
  expect(tagAt("v1")).toBe(first);

  const second = await tagged("v1.10.0");
  expect((await release("v1.10.0", second)).failedAt).toBeUndefined();
  expect(tagAt("v1")).toBe(second);
  // A fix of an older line is released, and takes nobody back.
  const fix = await tagged("v1.2.4");
  const fixed = await release("v1.2.4", fix);
  expect(fixed.failedAt, fixed.log).toBeUndefined();
  expect(fixed.log).toContain("::notice title=v1 stays::v1.10.0 is newer than v1.2.4.");
  expect(tagAt("v1")).toBe(second);
  // The next major version has a tag of its own.
  const next = await tagged("v2.0.0");
  expect((await release("v2.0.0", next)).failedAt).toBeUndefined();
  expect([tagAt("v1"), tagAt("v2"), tagAt("v1.2.3")]).toEqual([second, next, first]);
});

test("a suite that fails releases nothing, and so does a repository whose releases can be changed", async () => {
  await suite("echo 'the bundle is not what a rebuild gives'; exit 1");
  const broken = await tagged("v1.0.0");
  const end = await release("v1.0.0", broken);
  expect(end).toMatchObject({ failedAt: "build", attested: [] });
  expect(await readdir(join(folder, "releases"))).toEqual([]);

  await suite("exit 0");
  await rm(join(folder, "immutable"));
  const loose = await tagged("v1.0.1");
  const told = await release("v1.0.1", loose);
  expect(told.failedAt).toBe("publish");
  expect(told.log).toContain("::error title=Not immutable::");
  expect(tagAt("v1")).toBe("");
});

test.each([
  ["other bytes under the same sums", "printf x >> release/lifeboat.tar.gz"],
  [
    "other bytes under sums of their own",
    "printf x >> release/lifeboat.tar.gz; cd release; sha256sum lifeboat.cdx.json lifeboat.tar.gz >SHA256SUMS",
  ],
])("nothing is attested of %s", async (_, meddle) => {
  const sha = await tagged("v1.0.0");
  const meddled = () => {
    execFileSync("bash", ["-c", meddle], { cwd: checkout });
    return Promise.resolve();
  };
  expect(await release("v1.0.0", sha, meddled)).toMatchObject({ failedAt: "attest", attested: [] });
  expect(await readdir(join(folder, "releases"))).toEqual([]);
});
