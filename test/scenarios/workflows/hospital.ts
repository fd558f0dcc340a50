/** A repository with a policy, a database, buckets and code, on a fake GitHub: where the workflows' stories happen. */
import { execFileSync } from "node:child_process";
import { appendFile, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { generateIdentity } from "../../../src/seal/identities.ts";
import { type FakeGitHub, startFakeGitHub } from "../../fakes/github/index.ts";
import { startStorageServer, type StorageServer } from "../../fakes/storage/index.ts";
import { type ActionName, runAction } from "../../support/actions.ts";
import { builtBundle } from "../../support/bundle.ts";
import type { TestServer } from "../../support/servers.ts";
import { repositoryRoot } from "../../support/workflow-files.ts";
import type { JobEnd, WorkflowEnd, World } from "../../support/workflow-run/run.ts";

export interface Hospital extends AsyncDisposable {
  readonly github: FakeGitHub;
  readonly storage: StorageServer;
  readonly world: World;
  /** Names of the actions that ran, in their order. */
  readonly acted: string[];
  /** From now on it is so many hours earlier, for GitHub and for all actions. */
  hoursAgo(hours: number): void;
  addToPolicy(lines: string): Promise<void>;
  replaceInPolicy(before: string, after: string): Promise<void>;
}

const shiftedClock = pathToFileURL(join(repositoryRoot, "test/support/workflow-run/shifted-clock.ts")).href;

export type SourceName = keyof typeof sources;

const sources = {
  database: "{ type: postgres, url: { secret: DATABASE_URL }, every: 1d }",
  storage:
    "{ type: supabase-storage, url: { secret: SUPABASE_URL }, key: { secret: SUPABASE_SECRET_KEY }, every: 1d }",
  /** The same buckets, whose first backup two machines share. */
  images:
    "{ type: supabase-storage, url: { secret: SUPABASE_URL }, key: { secret: SUPABASE_SECRET_KEY }, every: 1d, shards: 2 }",
  application: "{ type: application, env: { secret: APP_ENV }, every: 1d }",
};
const everySource: readonly SourceName[] = ["database", "storage", "application"];

export async function openHospital(
  server: TestServer,
  protectedSources: readonly SourceName[] = everySource,
): Promise<Hospital> {
  await builtBundle();
  let shift = 0;
  const github = await startFakeGitHub({ now: () => new Date(Date.now() + shift) });
  const storage = await startStorageServer();
  await storage.addBucket("ward-files");
  for (const name of ["one.png", "two.png"])
    await storage.addObject("ward-files", { name, size: 1000, contentType: "image/png" });
  const [everyday, offline, index] = await Promise.all(
    [1, 2, 3].map(() => generateIdentity({ postQuantum: false, created: new Date(0) })),
  );
  const recipients = [everyday!.recipient, offline!.recipient];
  const repository = await repositoryWith(recipients, protectedSources);
  const acted: string[] = [];
  return {
    github,
    storage,
    acted,
    hoursAgo: (hours) => {
      shift = -hours * 3_600_000;
    },
    addToPolicy: (lines) => appendFile(join(repository, ".github/lifeboat.yml"), lines),
    replaceInPolicy: async (before, after) => {
      const file = join(repository, ".github/lifeboat.yml");
      await writeFile(file, (await readFile(file, "utf8")).replace(before, after));
    },
    world: {
      github,
      repository,
      secrets: {
        DATABASE_URL: server.url("clinic_db"),
        SUPABASE_URL: storage.url,
        SUPABASE_SECRET_KEY: storage.secretKey,
        LIFEBOAT_INDEX_IDENTITY: index!.fileText,
        APP_ENV: "API_KEY=only-for-tests\n",
      },
      environments: {
        lifeboat: { LIFEBOAT_IDENTITY: everyday!.fileText },
        restore: { LIFEBOAT_IDENTITY: everyday!.fileText },
      },
      action: (name, step) => {
        acted.push(name);
        const clock = { NODE_OPTIONS: `--import ${shiftedClock}`, TEST_CLOCK_SHIFT_MS: String(shift) };
        return runAction(name as ActionName, { ...step, env: { ...step.env, ...clock } });
      },
    },
    [Symbol.asyncDispose]: async () => {
      await storage.close();
      await github.close();
      await rm(repository, { recursive: true, force: true });
    },
  };
}

async function repositoryWith(
  recipients: readonly string[],
  protectedSources: readonly SourceName[],
): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "hospital-repository-"));
  await mkdir(join(folder, ".github"));
  await writeFile(
    join(folder, ".github/lifeboat.yml"),
    `version: 1
recipients:
${recipients.map((one) => `  - ${one}\n`).join("")}stores:
  near: { type: github-artifacts }
sources:
${protectedSources.map((name) => `  ${name}: ${sources[name]}\n`).join("")}retention: { daily: 30d, keep-at-least: 1 }
waive: [signing]
`,
  );
  await writeFile(join(folder, "app.js"), "export const answer = 42;\n");
  const git = (...args: readonly string[]): Buffer =>
    execFileSync("git", ["-c", "user.name=A", "-c", "user.email=a@example.org", ...args], { cwd: folder });
  git("init", "--quiet", "--initial-branch", "main");
  git("add", ".");
  git("commit", "--quiet", "--message", "First");
  return folder;
}

export function results({ jobs }: WorkflowEnd): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(jobs).map(([name, { result }]) => [name, result]));
}

/** What every step of every job printed and its summary, as GitHub shows them. */
export function logOf(end: WorkflowEnd): string {
  const ofJob = ({ runs, called }: JobEnd): string =>
    [
      ...runs.flatMap(({ steps }) => steps.map(({ id, log }) => `--- ${id}\n${log}`)),
      called ? logOf(called) : "",
    ].join("\n");
  const text = Object.entries(end.jobs)
    .map(([name, job]) => `=== ${name}: ${job.result}\n${ofJob(job)}`)
    .join("\n");
  return text.replace(/^::(?:add-mask|debug)::.*\n/gm, "");
}

/** What the monitor was told about the other jobs. */
export function told(
  end: WorkflowEnd,
): Readonly<Record<string, { readonly result: string; readonly outputs: object }>> {
  const steps = end.jobs["monitor"]?.called?.jobs["monitor"]?.runs[0]?.steps ?? [];
  return JSON.parse(steps.find(({ what }) => what === "$/actions/monitor")?.inputs["needs"] ?? "{}") as never;
}
