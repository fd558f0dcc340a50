/** Our own rules for workflows, over the parsed YAML: each names what would go wrong without it. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import {
  exampleWorkflows,
  type JobYaml,
  ownWorkflows,
  repositoryRoot,
  type StepYaml,
  textOf,
  type WorkflowYaml,
  yamlOf,
} from "../../support/workflow-files.ts";

const all = [...ownWorkflows, ...exampleWorkflows];
const ours = /^(?:\$|lifeboat\/lifeboat)\/(actions|\.github\/workflows)\/([a-z-]+)(?:\.yml)?(?:@v1)?$/;

const documentedSecrets = [...textOf("docs/workflows.md").matchAll(/^\| `([A-Z0-9_]+)` +\|/gm)].map(
  ([, name]) => name!,
);

function jobsOf(path: string): readonly (readonly [string, JobYaml])[] {
  return Object.entries(yamlOf(path).jobs);
}

function stepsOf(path: string): readonly StepYaml[] {
  return jobsOf(path).flatMap(([, { steps }]) => steps ?? []);
}

function usedBy(
  path: string,
): readonly { readonly uses: string; readonly with: object; readonly secrets: object }[] {
  const jobs = jobsOf(path).map(([, job]) => job);
  return [...jobs, ...stepsOf(path)].flatMap((user) =>
    user.uses === undefined
      ? []
      : [{ uses: user.uses, with: user.with ?? {}, secrets: ("secrets" in user && user.secrets) || {} }],
  ) as never;
}

function secretsIn(value: unknown): readonly string[] {
  return [...JSON.stringify(value ?? "").matchAll(/secrets\.([A-Za-z0-9_]+)/g)].map(([, name]) => name!);
}

function triggersOf(path: string): WorkflowYaml["on"] {
  return yamlOf(path).on;
}

describe.each(all)("%s", (path) => {
  test("gives no permission to a job that does not name it", () => {
    if (path !== ".github/workflows/ci.yml") expect(yamlOf(path).permissions).toEqual({});
    for (const [name, job] of jobsOf(path)) {
      expect(job.permissions, name).toBeTypeOf("object");
      expect(Object.values(job.permissions as object), name).not.toContain("write-all");
    }
  });

  test("says beside each permission what it is for", () => {
    const granted = textOf(path).match(/^ {6}[a-z-]+: (?:read|write)\b.*$/gm) ?? [];
    expect(granted.length).toBeGreaterThan(0);
    for (const line of granted) expect(line).toMatch(/# \S/);
  });

  test("lets no job run for ever", () => {
    for (const [name, job] of jobsOf(path)) {
      if (job.uses === undefined) expect(job["timeout-minutes"], name).toBeTypeOf("number");
    }
  });

  test("puts no expression into a shell", () => {
    for (const { run } of stepsOf(path)) expect(run ?? "").not.toContain("${{");
  });

  test("names others' actions by their commit, with the version beside", () => {
    for (const line of textOf(path).match(/^\s*(?:- )?uses: .*$/gm) ?? []) {
      const [, reference = "", comment] = /uses: (\S+)(?: # (.*))?$/.exec(line) ?? [];
      if (ours.test(reference)) continue;
      expect(reference).toMatch(/^[\w-]+\/[\w./-]+@[0-9a-f]{40}$/);
      expect(comment, line).toMatch(/^v\d+\.\d+\.\d+$/);
    }
  });

  test("starts at no full hour", () => {
    const { schedule } = triggersOf(path) as { readonly schedule?: readonly { readonly cron: string }[] };
    for (const { cron } of schedule ?? []) expect(Number(cron.split(" ")[0]), cron).toBeGreaterThan(0);
  });

  test("gives our actions and workflows only inputs and secrets that they have", () => {
    for (const { uses, with: given, secrets } of usedBy(path)) {
      const [, folder, name = ""] = ours.exec(uses) ?? [];
      if (folder === undefined) continue;
      const known = folder === "actions" ? actionInputs(name) : calledInputs(name);
      for (const input of Object.keys(given)) expect(known.inputs, `${uses}: ${input}`).toContain(input);
      for (const secret of Object.keys(secrets)) {
        expect(known.secrets, `${uses}: ${secret}`).toContain(secret);
      }
    }
  });

  test("hands a called workflow the rights that its jobs want, or GitHub would not start it", () => {
    const levels = ["none", "read", "write"];
    for (const [name, job] of jobsOf(path)) {
      const [, folder, called] = ours.exec(job.uses ?? "") ?? [];
      if (folder !== ".github/workflows") continue;
      const granted = job.permissions as Readonly<Record<string, string>>;
      for (const [, inner] of jobsOf(`.github/workflows/${called}.yml`)) {
        for (const [right, level] of Object.entries(inner.permissions as Readonly<Record<string, string>>)) {
          expect(levels.indexOf(granted[right] ?? "none"), `${name}: ${right}`).toBeGreaterThanOrEqual(
            levels.indexOf(level),
          );
        }
      }
    }
  });

  test("reads no secret into a whole workflow or job", () => {
    const { jobs, ...workflow } = yamlOf(path);
    expect(secretsIn(workflow)).toEqual([]);
    for (const [name, { env }] of Object.entries(jobs)) expect(secretsIn(env), name).toEqual([]);
  });
});

describe.each(ownWorkflows)("%s", (path) => {
  test("knows only documented secrets, and declares to callers exactly those that it reads", () => {
    const read = new Set(secretsIn(yamlOf(path).jobs));
    for (const name of read) expect(documentedSecrets).toContain(name);
    const call = triggersOf(path)["workflow_call"] as { readonly secrets?: object } | undefined;
    if (call !== undefined) expect(Object.keys(call.secrets ?? {}).sort()).toEqual([...read].sort());
  });

  test("runs once at a time where a second run would do the same", () => {
    if (path !== ".github/workflows/monitor.yml") expect(yamlOf(path).concurrency).toBeDefined();
  });

  test("lets no job reach both a database and the key that opens backups", () => {
    if (path === ".github/workflows/restore.yml") return;
    for (const [name, job] of jobsOf(path)) {
      const held = secretsIn(job.steps);
      const reaches = held.some((secret) => /^(DATABASE_URL|SUPABASE_)/.test(secret));
      expect(reaches && held.includes("LIFEBOAT_IDENTITY"), name).toBe(false);
      if (held.includes("LIFEBOAT_IDENTITY")) expect(job.environment, name).toBe("lifeboat");
    }
  });
});

describe.each(all)("%s", (path) => {
  test("tells the ledger of everything that it does, and only such jobs may write into the repository", () => {
    for (const [name, { steps = [], permissions, uses }] of jobsOf(path)) {
      const { contents } = permissions as Readonly<Record<string, string>>;
      const acts = steps.filter(
        ({ uses: action = "", with: given }) =>
          /actions\/(?:[a-z]+-backup|verify|prune|restore|rotate-keys|drill)(?:@v1)?$/.test(action) &&
          given?.["dry-run"] !== "true" &&
          given?.["kind"] !== "due",
      );
      for (const act of acts) {
        const { with: given } = act;
        expect(given?.["ledger"], name).toMatch(/^(?:\$\{\{ inputs\.ledger \|\| 'branch' \}\}|branch)$/);
        expect(contents, name).toBe(executes(act) ? "read" : "write");
      }
      const isCall = uses !== undefined || path === ".github/workflows/release.yml";
      const isWitness = steps.some(({ uses: action = "" }) => /actions\/witness(?:@v1)?$/.test(action));
      if (acts.length === 0 && !isCall && !isWitness) expect(contents, name).not.toBe("write");
    }
  });

  test("lets no job write that runs what a backup holds: another one, without any secret, tells the ledger", () => {
    const jobs = jobsOf(path);
    for (const [name, { steps = [], permissions }] of jobs) {
      const [act] = steps.filter(executes);
      if (act === undefined) continue;
      expect(Object.values(permissions as object), name).not.toContain("write");
      const file = act.with?.["ledger-file"];
      expect(file, name).toBe("${{ runner.temp }}/lifeboat-entries.jsonl");
      const upload = steps.find(({ uses = "" }) => uses.startsWith("actions/upload-artifact@"));
      expect(upload?.with, name).toMatchObject({ path: file });
      // Jobs of a matrix must not replace each other's.
      expect(upload?.with?.["name"], name).toMatch(/^lifeboat-entries-\$\{\{ matrix\.\w+ \}\}$/);
      const teller = jobs.find(([, job]) =>
        (job.steps ?? []).some(({ uses = "" }) => /actions\/witness(?:@v1)?$/.test(uses)),
      );
      expect(teller?.[1].needs, name).toContain(name);
      expect(teller?.[1].environment, name).toBeUndefined();
      expect(secretsIn(teller?.[1]), name).toEqual([]);
    }
  });
});

/** Really restores a backup, and so runs what somebody wrote into it. */
function executes({ uses = "", with: given }: StepYaml): boolean {
  if (/actions\/drill(?:@v1)?$/.test(uses)) return given?.["kind"] !== "due";
  return /actions\/verify(?:@v1)?$/.test(uses) && given?.["level"] === "restored";
}

describe("restore.yml", () => {
  const restores = all.filter((path) => path.endsWith("restore.yml"));

  test.each(restores)("%s starts by a person's hand or a call only", (path) => {
    expect(Object.keys(triggersOf(path)).sort()).toEqual(
      path.startsWith("examples/") ? ["workflow_dispatch"] : ["workflow_call", "workflow_dispatch"],
    );
  });

  test("performs in the environment `restore` only, behind the check of the plan", () => {
    const { jobs } = yamlOf(".github/workflows/restore.yml");
    const performing = Object.entries(jobs).filter(([, { steps }]) =>
      (steps ?? []).some(
        ({ uses, with: given }) => uses === "$/actions/restore" && given?.["dry-run"] !== "true",
      ),
    );
    expect(performing.map(([name]) => name)).toEqual(["perform"]);
    expect(jobs["perform"]).toMatchObject({ environment: "restore", needs: "check" });
    expect(jobs["perform"]?.if).toBeUndefined();
  });

  test("gives the action that performs what it needs to ask GitHub who planned", () => {
    const { perform } = yamlOf(".github/workflows/restore.yml").jobs;
    expect(perform?.permissions).toMatchObject({ actions: "read" });
    const [step] = (perform?.steps ?? []).filter(({ uses }) => uses === "$/actions/restore");
    expect(step?.with).toMatchObject({
      policy: "${{ steps.policy.outputs.file }}",
      "plan-hash": "${{ inputs.plan-hash }}",
    });
    expect(step?.with).not.toHaveProperty("github-token");
    expect(textOf(".github/workflows/restore.yml")).not.toContain("another-actor");
  });

  test("takes no command from a dispatch", () => {
    const triggers = JSON.stringify(triggersOf(".github/workflows/restore.yml"));
    expect(triggers).not.toMatch(/"(before|after|after-always)"/);
  });
});

/** What only a job may have that runs no package of npm: rights to sign for us, and to publish. */
test.each(all)("%s lets no job that runs packages sign or publish", (path) => {
  for (const [name, { permissions = {}, steps = [] }] of jobsOf(path)) {
    const rights = permissions as Readonly<Record<string, string>>;
    const signs = rights["id-token"] === "write" || rights["attestations"] === "write";
    if (!signs && path !== ".github/workflows/release.yml") continue;
    if (!signs && rights["contents"] !== "write") continue;
    for (const { run = "", uses = "" } of steps) {
      expect(`${run} ${uses}`, `${path}: ${name}`).not.toMatch(
        /\.ci\/run|\b(?:npm|npx|node|yarn|pnpm)\b|setup-node|\$\/actions/,
      );
    }
  }
});

test.each(exampleWorkflows)("%s passes every secret that the policy beside it names", (path) => {
  if (!/backup\.yml|\/lifeboat\.yml/.test(path)) return;
  const policy = textOf(path.replace(/workflows\/.*$/, "lifeboat.yml"));
  const named = [...policy.matchAll(/secret: ([A-Z0-9_]+)/g)].map(([, name]) => name!);
  expect(named.length).toBeGreaterThan(0);
  expect(secretsIn(yamlOf(path).jobs)).toEqual(expect.arrayContaining(named));
});

test("every documented secret is read somewhere", () => {
  const read = ownWorkflows.flatMap((path) => secretsIn(yamlOf(path).jobs));
  expect([...new Set(read)].sort()).toEqual([...documentedSecrets].sort());
});

function actionInputs(name: string): {
  readonly inputs: readonly string[];
  readonly secrets: readonly string[];
} {
  const text = readFileSync(join(repositoryRoot, "actions", name, "action.yml"), "utf8");
  const { inputs } = parse(text) as { readonly inputs: object };
  return { inputs: Object.keys(inputs), secrets: [] };
}

function calledInputs(name: string): {
  readonly inputs: readonly string[];
  readonly secrets: readonly string[];
} {
  const { workflow_call: call } = triggersOf(`.github/workflows/${name}.yml`) as {
    readonly workflow_call: { readonly inputs?: object; readonly secrets?: object };
  };
  return { inputs: Object.keys(call.inputs ?? {}), secrets: Object.keys(call.secrets ?? {}) };
}
