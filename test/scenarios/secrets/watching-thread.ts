/** The looking itself, in a loop: a thread of its own, because it must not wait for anybody. */
import { readdirSync, readFileSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parentPort, workerData } from "node:worker_threads";
import { findIn, type Needle } from "./encodings.ts";
import type { Seen, Watch } from "./watcher.ts";

const { folders, needles, stop, looks } = workerData as Watch & {
  readonly stop: Int32Array;
  readonly looks: Int32Array;
};

/** Where a program might write in spite of TMPDIR; other people's things are there too, so it is looked at less often. */
const publicPlaces = [...new Set([tmpdir(), "/tmp", "/dev/shm"])];
/** PostgreSQL's own data: a test's server, which holds the plaintext by right. */
const ofTestServers = /^lifeboat-postgres-\d+-/;
const ofThrowawayServer = /^lb-\d+-/;
const largestFileBytes = 256 * 1024 * 1024;
const startMs = Date.now();

const leaks = new Set<string>();
const commandLines = new Set<string>();
const lookedAt = new Map<string, string>();
const servers: Record<string, string> = {};
let filesRead = 0;

/**
 * The name of a table that is dumped alone must reach pg_dump, and before PostgreSQL 17 its arguments are the only way:
 * it stands there in escapes, unreadable for who glances at the process list.
 */
const isKnownEscape = ({ what, encoding }: Needle, program: string): boolean =>
  what === "a table" && encoding === "JSON escapes" && program.endsWith("pg_dump");

function lookAtProcesses(): void {
  for (const pid of readdirSync("/proc")) {
    if (!/^\d+$/.test(pid)) continue;
    const commandLine = attempt(() => readFileSync(`/proc/${pid}/cmdline`, "latin1"));
    if (commandLine === undefined || commandLines.has(commandLine)) continue;
    commandLines.add(commandLine);
    const program = commandLine.split("\0")[0] ?? "";
    for (const needle of findIn(Buffer.from(commandLine, "latin1"), needles)) {
      if (!isKnownEscape(needle, program)) report(needle, `in the command line of ${program}`);
    }
  }
}

function lookAtFolder(folder: string, isPublic: boolean, depth = 0): void {
  for (const entry of attempt(() => readdirSync(folder, { withFileTypes: true })) ?? []) {
    const path = join(folder, entry.name);
    for (const needle of findIn(entry.name, needles)) report(needle, `in the name of ${path}`);
    if (entry.isDirectory()) {
      if (ofTestServers.test(entry.name)) continue;
      if (ofThrowawayServer.test(entry.name)) {
        const mode = attempt(() => (statSync(path).mode & 0o777).toString(8));
        if (!isPublic && mode !== undefined) servers[path] = mode;
        continue;
      }
      if (!isPublic || depth < 2) lookAtFolder(path, isPublic, depth + 1);
    } else if (entry.isFile()) lookAtFile(path, isPublic);
  }
}

function lookAtFile(path: string, isPublic: boolean): void {
  const stat = attempt(() => statSync(path));
  if (stat === undefined || stat.size > largestFileBytes) return;
  if (isPublic && stat.mtimeMs < startMs) return;
  const version = `${stat.ino} ${stat.size} ${stat.mtimeMs}`;
  if (lookedAt.get(path) === version) return;
  lookedAt.set(path, version);
  const bytes = attempt(() => readFileSync(path));
  if (bytes === undefined) return;
  filesRead += 1;
  for (const needle of findIn(bytes, needles)) report(needle, `in the file ${path}`);
}

function report({ what, encoding }: Needle, where: string): void {
  leaks.add(`${what} as ${encoding} ${where}`);
}

/** Processes end and files go while we look. */
function attempt<T>(look: () => T): T | undefined {
  try {
    return look();
  } catch {
    return undefined;
  }
}

for (let round = 0; Atomics.load(stop, 0) === 0; round += 1) {
  // No program of interest lives shorter, and the others need the processor too.
  Atomics.wait(stop, 0, 0, 2);
  lookAtProcesses();
  if (round % 4 !== 0) continue;
  for (const folder of folders) lookAtFolder(folder, false);
  if (round % 200 === 0) for (const folder of publicPlaces) lookAtFolder(folder, true);
  Atomics.add(looks, 0, 1);
}
for (const folder of folders) lookAtFolder(folder, false);
for (const folder of publicPlaces) lookAtFolder(folder, true);

const programs = new Set(
  [...commandLines].map((line) => (line.split("\0")[0] ?? "").split("/").at(-1) ?? ""),
);
const seen: Seen = { leaks: [...leaks], programs: [...programs], servers, filesRead };
parentPort?.postMessage(seen);
