/** The actions from the sources as steps of a public repository, and the command line, against the stand-in. */
import { execFile } from "node:child_process";
import { mkdir, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  type FakeProject,
  type ManagementServer,
  startManagementServer,
} from "../../fakes/management/index.ts";
import { type Checkout, openCheckout, type PolicyStepEnd, snapshotsIn } from "../policy/policy-step.ts";
import { canaries, fill, newRef, oldRef } from "./projects.ts";

let server: ManagementServer;
let checkout: Checkout;
let near: string;
let target: FakeProject;
beforeEach(async () => {
  server = await startManagementServer();
  fill(server.addProject(oldRef));
  target = server.addProject(newRef);
  checkout = await openCheckout();
  near = await checkout.store("near");
  await mkdir(join(checkout.workspace, "site"), { recursive: true });
  await writeFile(join(checkout.workspace, "site/index.html"), "<h1>Open</h1>");
  await checkout.policy(
    `stores: { near: { type: directory, path: ${near} } }
sources: { app: { type: application, paths: [site], access-token: { secret: SUPABASE_ACCESS_TOKEN }, project: ${oldRef} } }
retention: { daily: 30d }\nwaive: [signing]`,
  );
});
afterEach(async () => {
  await checkout[Symbol.asyncDispose]();
  await server.close();
});

const env = () => ({ SUPABASE_API_URL: server.url, SUPABASE_ACCESS_TOKEN: server.token });
const secrets = [
  canaries.secretValue,
  canaries.googleSecret,
  canaries.smtpPass,
  "jwt-secret-of",
  "sb_secret_",
];

async function backUp(code: number, more: Readonly<Record<string, string>> = env()): Promise<PolicyStepEnd> {
  const end = await checkout.run("app-backup", { inputs: { bundle: "false" }, env: more });
  expect(end.code, end.published).toBe(code);
  nothingInside(end);
  return end;
}

async function restore(code: number, inputs: Readonly<Record<string, string>>): Promise<PolicyStepEnd> {
  const common = {
    kind: "application",
    store: `file://${near}`,
    identity: checkout.identity,
    "project-settings": newRef,
    "access-token": server.token,
  };
  const end = await checkout.run("restore", { inputs: { ...common, ...inputs }, env: env() });
  expect(end.code, end.published).toBe(code);
  nothingInside(end);
  return end;
}

/** Everybody can read what a public repository's step publishes. */
function nothingInside({ published }: PolicyStepEnd): void {
  const inside = [
    ...Object.values(canaries),
    ...secrets,
    "SECOND",
    "google-client",
    "canary-vanity",
    "203.0.113.7",
  ];
  for (const name of [...inside, server.token]) expect(published).not.toContain(name);
}

describe("app-backup", () => {
  it("keeps the project's settings that the policy names, and says in numbers what a person must keep", async () => {
    const { summary, stdout, outputs } = await backUp(0);
    expect(summary).toContain(
      "| Supabase project's settings | 16, 2 functions with their bodies; needs a person: 4 secrets to be entered again |",
    );
    expect(stdout).toContain(`::add-mask::${server.token}`);
    const numbers = { projectSettings: 16, projectFunctions: 2, projectSecretsNotKept: 4 };
    expect(JSON.parse(outputs["record"]!)).toMatchObject({ numbers });
    const [snapshot] = await snapshotsIn(near, "app");
    expect(snapshot?.files.map(({ name }) => name)).toContain("project-settings.json.zst.age");
  });

  it("tells a missing token, a wrong one and a wrong address before anything is stored", async () => {
    const missing = await backUp(2, { SUPABASE_API_URL: server.url });
    expect(missing.summary).toContain(
      "SUPABASE_ACCESS_TOKEN for it (sources.app.access-token), which is not set",
    );
    const key = await backUp(2, { ...env(), SUPABASE_ACCESS_TOKEN: "sb_secret_0123456789" });
    expect(key.summary).toContain("a key of the project, no access token.");
    const wrong = await backUp(2, { ...env(), SUPABASE_ACCESS_TOKEN: "sbp_wrong0123456789" });
    expect(wrong.summary).toContain("access-token-refused");
    const elsewhere = await backUp(2, { ...env(), SUPABASE_API_URL: "https://api.evil.example" });
    expect(elsewhere.summary).toContain("SUPABASE_API_URL is not the Management API.");
    expect(await snapshotsIn(near, "app")).toEqual([]);
  });
});

describe("restore", () => {
  it("plans, asks for the project's ref, writes what the API takes, and fails where it does not take all", async () => {
    await backUp(0);
    const planned = await restore(0, { "dry-run": "true" });
    expect(planned.outputs).toMatchObject({ outcome: "planned" });
    expect(planned.summary).toContain("| functions | 2 | 0 | 0 | 0 |");
    expect(planned.summary).toMatch(/Needs a person: 4 secrets must be entered again, \d+ other settings/);
    await restore(2, {});
    await restore(2, { confirm: oldRef });
    expect(target.functions.size).toBe(0);

    const plan = { confirm: newRef, "plan-hash": planned.outputs["plan-hash"]! };
    const partly = await restore(1, plan);
    expect(partly.outputs).toMatchObject({ outcome: "incomplete" });
    expect(partly.summary).toContain("❌ auth: the API refused it with status 400.");
    expect(partly.published).toContain("project-settings-incomplete");

    target.auth["external_google_secret"] = canaries.googleSecret;
    expect((await restore(0, { confirm: newRef })).outputs).toMatchObject({ outcome: "restored" });
    expect([...target.functions.keys()]).toEqual([canaries.function, "second"]);
    const again = await restore(0, {});
    expect(again.summary).not.toContain("| functions |");
  });

  it("tells bad inputs together", async () => {
    const end = await restore(2, { "access-token": "", "target-directory": checkout.workspace });
    expect(end.summary).toContain("access-token");
    expect(end.summary).toContain("a project is given as well");
    expect((await restore(2, { "project-settings": "mine" })).summary).toContain(
      "not the ref of a Supabase project",
    );
    expect((await restore(2, { "project-settings": "" })).summary).toContain("but an access token is given");
  });
});

describe("the command line", () => {
  const cli = resolve(import.meta.dirname, "../../support/cli-from-source.ts");
  const lifeboat = async (
    ...args: readonly string[]
  ): Promise<{ stdout: string; stderr: string; code: number }> => {
    const run = promisify(execFile)(process.execPath, [cli, ...args], {
      cwd: checkout.workspace,
      env: { PATH: process.env["PATH"], ...env() },
    });
    const { stdout, stderr, code } = await run.then(
      (ended) => ({ ...ended, code: 0 }),
      (error: unknown) => error as { stdout: string; stderr: string; code: number },
    );
    for (const secret of [...secrets, server.token]) expect(stdout + stderr).not.toContain(secret);
    return { stdout, stderr, code };
  };

  it("shows the diff with its names, and writes it", async () => {
    const backup = ["backup", "application", "--policy", ".github/lifeboat.yml", "--bundle", "false"];
    expect(await lifeboat(...backup)).toMatchObject({ code: 0 });
    const identity = join(checkout.folder, "identity");
    await writeFile(identity, checkout.identity, { mode: 0o600 });
    const common = [
      ...["restore", "application", "--store", `file://${near}`, "--identity-file", identity],
      ...["--project-settings", newRef, "--access-token", "env:SUPABASE_ACCESS_TOKEN"],
    ];
    const dry = await lifeboat(...common, "--dry-run");
    expect([dry.code, dry.stdout]).toEqual([
      0,
      expect.stringContaining(`site_url: null → "https://${canaries.host}"`),
    ]);
    expect(dry.stdout).toContain(`secrets, ${canaries.secret}: a secret whose value`);
    const planHash = /^Plan (\w+)$/m.exec(dry.stdout)?.[1] ?? "";

    target.auth["external_google_secret"] = canaries.googleSecret;
    const refused = await lifeboat(...common, "--plan-hash", planHash);
    expect([refused.code, refused.stderr]).toEqual([2, expect.stringContaining("confirm-needed")]);
    const done = await lifeboat(...common, "--confirm", newRef, "--json");
    expect(done).toMatchObject({ code: 0 });
    const document = JSON.parse(done.stdout) as { done: { written: unknown[]; notWritten: unknown[] } };
    expect(document.done.notWritten).toEqual([]);
    expect(document.done.written.length).toBeGreaterThan(8);
    expect((await lifeboat(...common)).stdout).toContain("Nothing to write: the project has all of it.");
  });
});
