/** A policy that wants a second person: the restore itself asks GitHub who made the plan, and opens nothing before. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { requireAnotherActor } from "../../../src/actions/restore/another-actor.ts";
import { LifeboatError } from "../../../src/errors.ts";
import { readRunContext } from "../../../src/runner/environment.ts";
import { type FakeGitHub, type RunOptions, startFakeGitHub } from "../../fakes/github/index.ts";
import { openCheckout, type PolicyStepEnd } from "./policy-step.ts";

const path = ".github/workflows/restore.yml";
const hash = "0123456789abcdef";

let github: FakeGitHub;
beforeEach(async () => void (github = await startFakeGitHub()));
afterEach(() => github.close());

function planned(options: RunOptions = {}, planHash = hash): void {
  const run = github.state.addRun({ event: "workflow_dispatch", path, ...options });
  github.state.addArtifact(run, `lifeboat-restore-plan-${planHash}`, Buffer.from("{}"));
}

/** Of a run that `hubot` dispatched. */
function performing(): Record<string, string> {
  const run = github.state.addRun({ event: "workflow_dispatch", path, actor: "hubot" });
  return {
    ...github.environmentFor(run),
    GITHUB_ACTOR: "hubot",
    GITHUB_TRIGGERING_ACTOR: "hubot",
    GITHUB_WORKFLOW_REF: `${github.repository}/${path}@refs/heads/main`,
  };
}

async function judged(
  env: Readonly<Record<string, string>> = {},
  planHash: string | undefined = hash,
  token: string | undefined = github.token,
): Promise<string> {
  const own = readRunContext({ ...performing(), ...env });
  return await requireAnotherActor(planHash, own, token).then(
    () => "may perform",
    (thrown: unknown) => {
      if (!(thrown instanceof LifeboatError)) throw thrown;
      expect(thrown).toMatchObject({ code: "another-actor-needed", exitCode: 2 });
      return thrown.message;
    },
  );
}

test.each<[string, RunOptions, Readonly<Record<string, string>>]>([
  ["planned", { actor: "hubot" }, {}],
  ["planned under a name that GitHub writes in another way", { actor: "HuBot" }, {}],
  ["only ran somebody's performing again", {}, { GITHUB_TRIGGERING_ACTOR: "octocat" }],
  ["began what somebody else ran again", {}, { GITHUB_ACTOR: "octocat" }],
  ["planned, and let somebody run the plan again", { actor: "hubot", startedBy: ["hubot", "other"] }, {}],
  ["planned in between", { startedBy: ["octocat", "hubot", "other"] }, {}],
])("refuses whoever %s", async (_, plan, env) => {
  planned(plan);
  expect(await judged(env)).toContain("wants another person than the planner to perform");
});

const unknown = "no dry run of this workflow";
test.each<[string, RunOptions | undefined, Readonly<Record<string, string>>, string]>([
  ["nobody stored the plan", undefined, {}, unknown],
  ["a fork stored it", { headRepositoryId: 99 }, {}, unknown],
  ["another branch stored it", { headBranch: "mine" }, {}, unknown],
  ["another workflow stored it", { path: ".github/workflows/ci.yml" }, {}, unknown],
  ["a pull request stored it", { event: "pull_request" }, {}, unknown],
  ["a program planned", { actor: "github-actions[bot]" }, {}, "a program started the dry run"],
  ["a program performs", {}, { GITHUB_TRIGGERING_ACTOR: "github-actions[bot]" }, "does not say who"],
  ["the run does not name who began it", {}, { GITHUB_ACTOR: "" }, "does not say who"],
  ["the run does not name who started it", {}, { GITHUB_TRIGGERING_ACTOR: "" }, "does not say who"],
  ["the run does not name its workflow", {}, { GITHUB_WORKFLOW_REF: "" }, unknown],
  ["the run does not name its repository", {}, { GITHUB_REPOSITORY: "" }, "does not say who"],
  ["GitHub cannot be reached", {}, { GITHUB_API_URL: "http://127.0.0.1:9" }, "GitHub did not say who"],
])("refuses where %s", { timeout: 30_000 }, async (_, plan, env, because) => {
  if (plan !== undefined) planned(plan);
  expect(await judged(env)).toContain(because);
});

test("refuses without a plan, without a token, and with one that may not ask", async () => {
  planned();
  const own = readRunContext(performing());
  await expect(requireAnotherActor(undefined, own, github.token)).rejects.toThrow("no plan-hash is given");
  await expect(requireAnotherActor(hash, own, undefined)).rejects.toThrow("does not say who");
  expect(await judged({}, hash, github.tokenWith({ contents: "read" }))).toContain("GitHub did not say who");
});

test("lets another person perform, also where he has looked at the same plan himself", async () => {
  planned({ actor: "hubot" });
  planned();
  expect(await judged()).toBe("may perform");
});

test("the restore asks before it opens anything", { timeout: 120_000 }, async () => {
  await using checkout = await openCheckout();
  const near = await checkout.store("near");
  const folder = join(checkout.folder, "arrived");
  await checkout.policy(`stores:
  near: { type: directory, path: ${near} }
sources:
  site: { type: application, paths: [.github], every: 1d }
retention: { daily: 30d }
waive: [signing]
restore: { another-actor: true }`);
  const restore = async (
    inputs: Readonly<Record<string, string>>,
    env: Readonly<Record<string, string>> = {},
  ): Promise<PolicyStepEnd> => {
    const target = { kind: "application", "target-directory": folder, identity: checkout.identity };
    return checkout.run("restore", { inputs: { ...target, ...inputs }, env });
  };
  const backup = await checkout.run("app-backup", { inputs: { bundle: "false" } });
  expect(backup.code, backup.published).toBe(0);
  const dry = await restore({ "dry-run": "true" });
  expect(dry.code, dry.published).toBe(0);
  const asked = { "plan-hash": dry.outputs["plan-hash"]!, "github-token": github.token };

  planned({ actor: "hubot" }, asked["plan-hash"]);
  // Nothing of the backup needs to be there for the refusal.
  const refused = await restore({ ...asked, store: `file://${await checkout.store("empty")}` }, performing());
  expect(refused.code, refused.published).toBe(2);
  expect(refused.published).toContain("another-actor-needed");
  expect(existsSync(folder)).toBe(false);

  planned({}, asked["plan-hash"]);
  const performed = await restore(asked, performing());
  expect(performed.code, performed.published).toBe(0);
  expect(existsSync(folder)).toBe(true);
});
