/** Everything that one round of the storage bench measures, at one latency and with objects of one size. */
import { spawnSync } from "node:child_process";
import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { measure, type Measurement } from "./measured-process.ts";
import type { Contender, Outcome } from "./rounds.ts";
import { type StandIn, startStandIn } from "./stand-in.ts";
import type { StorageBench } from "./storage-bench.ts";

export interface Load {
  readonly objects: number;
  /** Bytes of each. */
  readonly size: number;
  readonly latencyMs: number;
}

/** The old procedure sees the first thousand objects of a bucket, and of those only what lies in no folder. */
const mostPerBucket = 1000;

export function bucketsOf({ objects, size }: Load): readonly BucketLoad[] {
  const count = Math.ceil(objects / mostPerBucket);
  return Array.from({ length: count }, (_, index) => ({
    bucket: `photos-${String(index).padStart(2, "0")}`,
    objects: Math.min(mostPerBucket, objects - index * mostPerBucket),
    size,
  }));
}

interface BucketLoad {
  readonly bucket: string;
  readonly objects: number;
  readonly size: number;
}

export interface StorageRace extends AsyncDisposable {
  readonly contenders: readonly Contender[];
}

export async function startRace(bench: StorageBench, load: Load): Promise<StorageRace> {
  const filled = bucketsOf(load);
  const { latencyMs } = load;
  const project = await startStandIn({ filled, latencyMs });
  try {
    const kept = await bench.newFolder("kept");
    await bench.backUp(project, kept, ["--jobs", "32"]);
    const oldKept = await bench.newFolder("old-kept");
    await oldProcedure(project, "backup", filled, oldKept);
    return {
      contenders: [
        oldBackup(bench, project, filled),
        firstBackup(bench, project, load, 8),
        firstBackup(bench, project, load, 32),
        changedBackup(bench, project, load, kept),
        ownRestore(bench, load, kept),
        oldRestore(bench, load, oldKept),
        ...stockTools(bench, oldKept),
      ],
      [Symbol.asyncDispose]: async () => {
        await project[Symbol.asyncDispose]();
        await rm(kept, { recursive: true });
        await rm(oldKept, { recursive: true });
      },
    };
  } catch (cause) {
    await project[Symbol.asyncDispose]();
    throw cause;
  }
}

function oldBackup(bench: StorageBench, project: StandIn, filled: readonly BucketLoad[]): Contender {
  return {
    name: "old",
    run: async () => {
      const folder = await bench.newFolder("old");
      const measured = await oldProcedure(project, "backup", filled, folder);
      await requireFiles(folder, filled);
      await rm(folder, { recursive: true });
      return outcomeOf(measured);
    },
  };
}

function firstBackup(bench: StorageBench, project: StandIn, load: Load, jobs: number): Contender {
  return {
    name: `first, ${jobs}`,
    run: async () => {
      const store = await bench.newFolder("first");
      const measured = await bench.backUp(project, store, ["--jobs", String(jobs)]);
      requireCount("stored", measured.answer.account.stored, load.objects);
      await rm(store, { recursive: true });
      return outcomeOf(measured);
    },
  };
}

function changedBackup(bench: StorageBench, project: StandIn, load: Load, store: string): Contender {
  return {
    name: "changed",
    run: async () => {
      const changed = await changeSome(project, load);
      const measured = await bench.backUp(project, store, ["--jobs", "8"]);
      const { account } = measured.answer;
      requireCount("fetched again", account.stored, changed);
      requireCount("bytes fetched again", account.fetchedBytes, changed * load.size);
      requireCount("carried", account.carried, load.objects - changed);
      return outcomeOf(measured);
    },
  };
}

/** Every hundredth object, and at least one. */
async function changeSome(project: StandIn, load: Load): Promise<number> {
  const chosen = bucketsOf(load).flatMap(({ bucket, objects }) =>
    Array.from(
      { length: Math.ceil(objects / 100) },
      (_, index) => `${bucket}/photo-${String(index * 100).padStart(5, "0")}.jpg`,
    ),
  );
  const { secretKey } = project;
  for (let at = 0; at < chosen.length; at += 16) {
    const putting = chosen.slice(at, at + 16).map(async (path) => {
      const body = new Uint8Array(load.size);
      for (let from = 0; from < body.length; from += 65_536)
        crypto.getRandomValues(body.subarray(from, from + 65_536));
      const headers = { apikey: secretKey, "content-type": "image/jpeg", "x-upsert": "true" };
      const url = `${project.url}/storage/v1/object/${path}`;
      const { ok, status } = await fetch(url, { method: "POST", headers, body });
      if (!ok) throw new Error(`The stand-in took no change: ${status}.`);
    });
    await Promise.all(putting);
  }
  return chosen.length;
}

function ownRestore(bench: StorageBench, load: Load, store: string): Contender {
  return {
    name: "restore",
    run: async () =>
      await withEmptyProject(
        bench,
        load,
        [],
        async (target) => await bench.restore(target, store, ["--jobs", "8"]),
      ),
  };
}

function oldRestore(bench: StorageBench, load: Load, folder: string): Contender {
  const filled = bucketsOf(load);
  // It creates no buckets.
  const empty = filled.map(({ bucket, size }) => ({ bucket, objects: 0, size }));
  return {
    name: "old restore",
    run: async () =>
      await withEmptyProject(
        bench,
        load,
        empty,
        async (target) => await oldProcedure(target, "restore", filled, folder),
      ),
  };
}

async function withEmptyProject(
  bench: StorageBench,
  { latencyMs }: Load,
  filled: readonly BucketLoad[],
  restore: (target: StandIn) => Promise<Measurement>,
): Promise<Outcome> {
  const folder = await bench.newFolder("target");
  await using target = await startStandIn({ latencyMs, folder, filled });
  const measured = await restore(target);
  await rm(folder, { recursive: true });
  return outcomeOf(measured);
}

/** `version` is a command of both, not an option. */
export function hasStockTools(): boolean {
  return ["rclone", "restic"].every(
    (program) => spawnSync(program, ["version"], { stdio: "ignore" }).status === 0,
  );
}

/** From a folder, so without the network, which favours them: the stand-in does not speak S3. */
function stockTools(bench: StorageBench, files: string): readonly Contender[] {
  if (!hasStockTools()) return [];
  const contender: Contender = {
    name: "rclone and restic",
    run: async () => {
      const [copy, repository] = [await bench.newFolder("copy"), await bench.newFolder("repository")];
      const env = { RESTIC_REPOSITORY: repository, RESTIC_PASSWORD: "bench" };
      await measure({ program: "restic", args: ["init", "--quiet"], env });
      const script = `rclone sync ${files} ${copy} && restic backup --quiet --no-cache ${copy}`;
      const measured = await measure({ program: "/bin/sh", args: ["-c", script], env });
      await rm(copy, { recursive: true });
      await rm(repository, { recursive: true });
      return outcomeOf(measured);
    },
  };
  return [contender];
}

async function oldProcedure(
  project: StandIn,
  act: "backup" | "restore",
  filled: readonly BucketLoad[],
  folder: string,
): Promise<Measurement> {
  const script = join(import.meta.dirname, "old-storage-procedure.ts");
  return await measure({
    program: process.execPath,
    args: [script, act, ...filled.map(({ bucket }) => bucket)],
    env: {
      SUPABASE_URL: `${project.url}/storage/v1`,
      SUPABASE_SERVICE_ROLE_KEY: project.serviceKey,
      BACKUP_DIR: folder,
    },
  });
}

/** The old procedure ends well also where it saw nothing. */
async function requireFiles(folder: string, filled: readonly BucketLoad[]): Promise<void> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile());
  const expected = filled.reduce((sum, { objects }) => sum + objects, 0);
  requireCount("files of the old procedure", files.length, expected);
}

function requireCount(what: string, found: number, expected: number): void {
  if (found !== expected) throw new Error(`${what}: ${found} instead of ${expected}.`);
}

function outcomeOf({ seconds, peakMiB, childrenPeakMiB, cpuSeconds }: Measurement): Outcome {
  return { seconds, peakMiB, childrenPeakMiB, cpuSeconds };
}
