/** SIGKILL at random instants of a bucket backup, of the command and of the action: whole snapshots or none. */
import { mkdir, readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { listSnapshots } from "../../../src/operations/list-snapshots.ts";
import { openStore } from "../../../src/store/open-store.ts";
import { systemClock } from "../../../src/system/clock.ts";
import { silentLogger } from "../../../src/system/logger.ts";
import { builtBundle } from "../../support/bundle.ts";
import { seededRandom } from "../faults/random.ts";
import { type Run, startRun } from "../faults/runs.ts";
import { backupFlags, openProject, type Project } from "./project.ts";

const times = process.env["LIFEBOAT_TRIAL"] === undefined ? 6 : 60;

let project: Project;
let round = 0;
const random = seededRandom();

beforeAll(async () => {
  project = await openProject({ latencyMs: 3 });
  await project.server.addBucket("files");
  for (let at = 0; at < 150; at += 1) {
    await project.server.addObject("files", { name: `${at}.bin`, size: 60_000 });
  }
  console.log(`LIFEBOAT_SEED=${random.seed}`);
});
afterAll(() => project[Symbol.asyncDispose]());

const starts = {
  command: async (): Promise<Run> => {
    const { cli } = await builtBundle();
    const env = { STORAGE_KEY: project.server.secretKey };
    return startRun(project, [cli, ...backupFlags(project), "--pack-size", "1"], env);
  },
  action: async (): Promise<Run> => {
    const entry = (await builtBundle()).action("storage-backup");
    const inputs = { ...project.backupInputs, store: project.store };
    const named = Object.entries(inputs).map(([name, value]) => [`INPUT_${name.toUpperCase()}`, value]);
    return startRun(project, [entry], {
      ...{ GITHUB_REPOSITORY: "octo/app", GITHUB_RUN_ID: "77" },
      ...(Object.fromEntries(named) as Record<string, string>),
    });
  },
};

test.each(["command", "action"] as const)(
  "the %s, killed, leaves whole snapshots, sealed files and nothing the next run trips over",
  async (kind) => {
    const startedMs = performance.now();
    const whole = await (await starts[kind]()).ended;
    expect(whole.code, whole.stdout + whole.stderr).toBe(0);
    const tookMs = performance.now() - startedMs;
    let [kills, visible] = [0, 0];
    for (; kills < times; kills += 1) {
      await changeSome();
      const before = await snapshots();
      const run = await starts[kind]();
      // A little longer than it takes: instants after the end of the work count as well.
      await sleep(random.next() * tookMs * 1.05);
      run.child.kill("SIGKILL");
      const { code, signal } = await run.ended;
      const added = (await snapshots()).filter((id) => !before.includes(id));
      // Killed after the commit is the one case in which nobody can say whether it was done.
      if (signal === null) expect([code, added.length], `seed ${random.seed}`).toEqual([0, 1]);
      for (const id of added) await expectVerified(id);
      visible += added.length;
      expect(await readableFiles(), `seed ${random.seed}, kill ${kills}`).toEqual([]);
    }
    await changeSome();
    const after = await (await starts[kind]()).ended;
    expect(after.code, after.stdout + after.stderr).toBe(0);
    expect(await readdir(join(fileURLToPath(project.store), "incoming"))).toEqual([]);
    expect(await readdir(project.temporary)).toEqual([]);
    for (const id of await snapshots()) await expectVerified(id);
    console.log(`${kind}: ${kills} kills within ${Math.round(tookMs)} ms, ${visible} had committed`);
  },
  600_000,
);

/** So that every backup has something to fetch, and something to carry. */
async function changeSome(): Promise<void> {
  round += 1;
  for (let at = 0; at < 150; at += 2) {
    await project.server.addObject("files", { name: `${at}.bin`, size: 60_000, seed: `${at} ${round}` });
  }
}

/** Ids of what `list` shows; anything but whole snapshots fails the test. */
async function snapshots(): Promise<readonly string[]> {
  const store = openStore(project.store, { clock: systemClock, logger: silentLogger });
  const { snapshots: all, findings } = await listSnapshots(store, "storage", new Date());
  expect(all.filter(({ problem, snapshot }) => problem ?? snapshot?.state !== "whole")).toEqual([]);
  expect(findings.filter(({ code }) => code !== "unfinished-draft")).toEqual([]);
  return all.map(({ id }) => id);
}

async function expectVerified(id: string): Promise<void> {
  const flags = ["--store", project.store, "--identity-file", project.identityFile];
  const end = await project.lifeboat(["verify", ...flags, "--level", "unsealed", "--snapshot", id]);
  expect(end.code, end.stdout + end.stderr).toBe(0);
}

/** Files in store and temporary folder that hold anything but sealed bytes and our public JSON. */
async function readableFiles(): Promise<readonly string[]> {
  const readable: string[] = [];
  for (const root of [fileURLToPath(project.store), project.temporary]) {
    await mkdir(root, { recursive: true });
    for (const entry of await readdir(root, { recursive: true, withFileTypes: true })) {
      // The reserve of the store is noise.
      if (!entry.isFile() || entry.name === ".reserve") continue;
      const head = (await readFile(join(entry.parentPath, entry.name))).subarray(0, 22).toString("latin1");
      // Also the beginning of a file whose writer was killed.
      if ("age-encryption.org/v1\n".startsWith(head) || head.startsWith("{")) continue;
      readable.push(join(entry.parentPath, entry.name));
    }
  }
  return readable;
}
