/** Built actions and commands in processes of their own, with what a test must know about them afterwards. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdir, mkdtemp, open, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { pathToFileURL } from "node:url";
import { generateIdentity } from "../../../src/seal/identities.ts";
import type { BuiltBundle } from "../../support/bundle.ts";
import { processesOf, type SeenProcess } from "../../support/processes.ts";

/** Stands in every row of the databases that are backed up here, and must stand nowhere else in the clear. */
export const marker = "LIFEBOAT-PLAINTEXT";

/** Rows that compress a little, as real ones do: about 60 MB, two tables large enough for parts of their own. */
export const rowsSql = `
  create table big (id int primary key, note text);
  insert into big select i, '${marker}' || repeat(md5(i::text), 6) from generate_series(1, 170000) i;
  create table middle (id int primary key, note text);
  insert into middle select i, '${marker}' || repeat(md5(i::text), 6) from generate_series(1, 45000) i;
  create table small (id int primary key, note text);
  insert into small select i, '${marker}' from generate_series(1, 500) i;
  analyze`;

/** One place for backups: a store, a key, and a folder for everything temporary. */
export interface Place {
  readonly folder: string;
  readonly store: string;
  /** TMPDIR and RUNNER_TEMP of all runs: also the mark by which their processes are known. */
  readonly temporary: string;
  readonly identityFile: string;
  readonly recipient: string;
}

export async function makePlace(): Promise<Place> {
  // Short, because a throwaway server's socket lies below it; open, because that server runs as another user.
  const folder = await mkdtemp("/tmp/lbf-");
  await chmod(folder, 0o755);
  const [store, temporary, identityFile] = [
    join(folder, "store"),
    join(folder, "t"),
    join(folder, "identity.txt"),
  ];
  for (const path of [store, temporary]) await mkdir(path, { mode: 0o755 });
  const { fileText, recipient } = await generateIdentity({ postQuantum: false, created: new Date() });
  await writeFile(identityFile, fileText, { mode: 0o600 });
  return { folder, store, temporary, identityFile, recipient };
}

export async function removePlace({ folder }: Place): Promise<void> {
  await rm(folder, { recursive: true, force: true });
}

export interface RunEnd {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Run {
  readonly child: ChildProcess;
  readonly ended: Promise<RunEnd>;
}

export function startRun(
  place: Pick<Place, "temporary">,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Run {
  const child = spawn(process.execPath, [...args], {
    cwd: place.temporary,
    env: {
      PATH: process.env["PATH"] ?? "",
      HOME: place.temporary,
      TMPDIR: place.temporary,
      RUNNER_TEMP: place.temporary,
      ...env,
    },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let stdout = "";
  let stderr = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
  const ended = once(child, "close").then(([code, signal]) => ({
    code: code as number | null,
    signal: signal as NodeJS.Signals | null,
    stdout,
    stderr,
  }));
  return { child, ended };
}

export function storeAddress(place: Place): string {
  return pathToFileURL(place.store).href;
}

export function backupCommand(bundle: BuiltBundle, place: Place, url: string): Parameters<typeof startRun> {
  const store = ["--store", storeAddress(place), "--recipient", place.recipient];
  const args = [
    bundle.cli,
    "backup",
    "database",
    "--database-url",
    "env:SOURCE_URL",
    "--jobs",
    "2",
    ...store,
  ];
  return [place, args, { SOURCE_URL: url }];
}

/** The action as the runner starts it. */
export function backupAction(
  bundle: BuiltBundle,
  place: Place,
  url: string,
  inputs: Readonly<Record<string, string>> = {},
  env: Readonly<Record<string, string>> = {},
): Parameters<typeof startRun> {
  const all: Readonly<Record<string, string>> = {
    "database-url": url,
    store: storeAddress(place),
    recipients: place.recipient,
    jobs: "2",
    ...inputs,
  };
  const variables = Object.entries(all).map(([name, value]) => [`INPUT_${name.toUpperCase()}`, value]);
  return [
    place,
    [bundle.action("db-backup")],
    {
      GITHUB_REPOSITORY: "octo/app",
      GITHUB_RUN_ID: "77",
      ...(Object.fromEntries(variables) as Record<string, string>),
      ...env,
    },
  ];
}

export function verifyCommand(
  bundle: BuiltBundle,
  place: Place,
  level: string,
  snapshot = "latest",
): Parameters<typeof startRun> {
  const store = ["--store", storeAddress(place), "--identity-file", place.identityFile];
  return [place, [bundle.cli, "verify", ...store, "--level", level, "--snapshot", snapshot]];
}

/** Waits until nothing that a run has started lives any more; what stays is returned. */
export async function orphansAfterGrace(place: Place, graceMs = 15_000): Promise<readonly SeenProcess[]> {
  for (let waited = 0; ; waited += 50) {
    const left = await processesOf(place.temporary);
    if (left.length === 0 || waited > graceMs) return left;
    await sleep(50);
  }
}

/** Files in store and temporary folders that hold anything but sealed bytes and our public JSON. */
export async function plaintextFiles(place: Place): Promise<readonly string[]> {
  const readable: string[] = [];
  for (const root of [place.store, place.temporary]) {
    for (const entry of await readdir(root, { recursive: true, withFileTypes: true })) {
      const path = join(entry.parentPath, entry.name);
      if (!entry.isFile() || (await isHarmless(path))) continue;
      readable.push(path.slice(place.folder.length));
    }
  }
  return readable;
}

const sealedMagic = Buffer.from("age-encryption.org/v1\n");

async function isHarmless(path: string): Promise<boolean> {
  const { size } = await stat(path);
  const head = Buffer.alloc(Math.min(size, sealedMagic.length));
  const file = await open(path);
  await file.read(head, 0, head.length, 0).finally(() => file.close());
  // Also the beginning of a file whose writer was killed.
  if (sealedMagic.subarray(0, head.length).equals(head)) return true;
  // owner.json, snapshot.json, evidence: public by design; the reserve of a store is noise.
  const text = await readFile(path, "latin1");
  const isReserve = basename(path) === ".reserve";
  return (isReserve || text.startsWith("{")) && !text.includes(marker);
}
