/**
 * `npm run demo`: a database and the files in its buckets are backed up, verified, lost and restored, a Supabase project
 * is restored into a new one, and comparisons of our own say whether they are the same. Everything happens in a temporary
 * folder, in PostgreSQL servers and a Storage API of its own; nothing stays behind.
 */
import { existsSync, readdirSync } from "node:fs";
import { mkdir, mkdtemp, realpath, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type pg from "pg";
import { startThrowawayServer } from "../src/postgres/throwaway-server.ts";
import type { ReportLine } from "../src/supabase/project-report.ts";
import { systemClock } from "../src/system/clock.ts";
import { runTool } from "../src/system/process.ts";
import { type Buckets, startBuckets } from "./demo-buckets.ts";
import { differences, type Fingerprint, fingerprint, totalRows } from "./demo-comparison.ts";
import { findLifeboat, type Lifeboat } from "./demo-lifeboat.ts";
import { createProjects, fullProject, newProject, ownTables, visitorsRights } from "./demo-project.ts";
import { createShop, withClient } from "./demo-shop.ts";

const database = "shop";

const stopped = new AbortController();
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.on(signal, () => stopped.abort(new Error("Stopped; cleaning up.")));
}

const startedMs = performance.now();
const folder = await realpath(await mkdtemp(join(tmpdir(), "lb-demo-")));
try {
  await demonstrate();
  say(`\nThe whole demo took ${seconds(startedMs)}. Nothing of it stays on this machine.`);
} catch (error) {
  say(`\nThe demo failed: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
} finally {
  await rm(folder, { recursive: true, force: true, maxRetries: 5 });
}

async function demonstrate(): Promise<void> {
  const lifeboat = await findLifeboat(folder, stopped.signal, say);
  const { major, binDir } = await newestPostgres();
  step(`Start a throwaway PostgreSQL ${major} and fill a shop as Supabase would hold it`);
  await using server = await startThrowawayServer({
    binDir,
    major,
    folder: tmpdir(),
    clock: systemClock,
    logger: { info: say, warning: say, debug: () => {} },
  });
  const { host, port, user } = server.connection;
  const way: pg.ClientConfig = { host, port, user, database };
  await untilStopped(createShop(way, database));
  const before = await untilStopped(fingerprint(way));
  say(
    `${totalRows(before)} rows in ${before.tables.size} tables and materialized views. Their fingerprints are taken.`,
  );

  step("Make two keys, one to keep offline, and back up for both");
  const identity = join(folder, "identity.txt");
  const store = join(folder, "store");
  await mkdir(store);
  const recipients: string[] = [];
  for (const out of [identity, join(folder, "offline.txt")]) {
    const { recipient } = (await lifeboat.run(["keygen", "--out", out])) as { recipient: string };
    recipients.push("--recipient", recipient);
  }
  const url = `postgresql://${user}@/${database}?host=${encodeURIComponent(host)}&port=${port}`;
  const common = ["--store", pathToFileURL(store).href, "--postgres-bin", binDir];
  const backupMs = performance.now();
  const { snapshot } = (await lifeboat.run(
    ["backup", "database", ...common, "--database-url", "env:SHOP_URL", ...recipients],
    { SHOP_URL: url },
  )) as { snapshot: { id: string; files: readonly unknown[]; totals: { sealedBytes: number } } };
  const { id, files, totals } = snapshot;
  say(
    `${id}: ${files.length} sealed files, ${(totals.sealedBytes / 1e6).toFixed(1)} MB, ${seconds(backupMs)}.`,
  );

  step("Verify it: open every file, restore it into a server of its own, compare");
  const verifyMs = performance.now();
  // Isolated where the machine can do that; elsewhere the backup is this demo's own, and trusted.
  const verification = ["--identity-file", identity, "--level", "restored", "--trust-contents"];
  await lifeboat.run(["verify", ...common, ...verification]);
  say(`Verified in ${seconds(verifyMs)}.`);

  step("Disaster: DROP DATABASE");
  await withClient({ ...way, database: "postgres" }, async (client) => {
    await client.query(`drop database ${database} with (force)`);
    const { rows } = await client.query("select from pg_database where datname = $1", [database]);
    if (rows.length > 0) throw new Error("The database is still there.");
  });
  say("The database is gone.");

  step("Restore");
  const restoreMs = performance.now();
  await lifeboat.run(
    ["restore", "database", ...common, "--target-url", "env:SHOP_URL", "--identity-file", identity],
    { SHOP_URL: url },
  );
  const recovery = seconds(restoreMs);

  step("Compare with the fingerprints taken before");
  const after = await untilStopped(fingerprint(way));
  say(comparison(before, after));
  const different = differences(before, after);
  if (different.length > 0) throw new Error(`these are not as they were: ${different.join(", ")}.`);
  say(`\nAll ${totalRows(after)} rows are back, and everything around them. Time to recover: ${recovery}.`);

  const safe = { store, identity, recipients };
  await demonstrateBuckets(lifeboat, safe);
  await demonstrateProject(lifeboat, safe, { major, binDir });
}

interface Safe {
  readonly store: string;
  readonly identity: string;
  /** Flags of a backup. */
  readonly recipients: readonly string[];
}

/** No backup of the database holds the files that its users have uploaded. */
async function demonstrateBuckets(lifeboat: Lifeboat, { store, identity, recipients }: Safe): Promise<void> {
  step("Start a Storage API and fill three buckets");
  await using buckets = await startBuckets();
  const before = await untilStopped(buckets.fingerprints());
  const settings = await buckets.settings();
  say(`${before.size} objects. Their SHA-256, types, cache controls and metadata are taken.`);

  step("Back them up twice, and verify: the second backup fetches nothing");
  const index = join(folder, "index.txt");
  await lifeboat.run(["keygen", "--out", index]);
  const stored = ["--store", pathToFileURL(store).href];
  const key = { STORAGE_KEY: buckets.key };
  const project = ["--supabase-url", buckets.url, "--supabase-key", "env:STORAGE_KEY"];
  const args = ["backup", "storage", ...stored, ...project, ...recipients];
  for (const turn of ["First", "Second"]) {
    const turnMs = performance.now();
    const { account } = (await lifeboat.run([...args, "--index-identity-file", index], key)) as {
      account: { stored: number; carried: number };
    };
    say(`${turn}: ${account.stored} fetched, ${account.carried} unchanged, ${seconds(turnMs)}.`);
  }
  const open = [...stored, "--source", "storage", "--identity-file", identity];
  await lifeboat.run(["verify", ...open, "--level", "restored"]);

  step("Disaster: every object and bucket is deleted");
  await buckets.lose();
  say("The buckets are gone.");

  step("Restore, and compare with what was there before");
  const restoreMs = performance.now();
  await lifeboat.run(["restore", "storage", ...open, ...project], key);
  const recovery = seconds(restoreMs);
  await compareBuckets(buckets, before, settings);
  say(`All ${before.size} objects are back with their buckets' settings. Time to recover: ${recovery}.`);
}

async function compareBuckets(
  buckets: Buckets,
  before: ReadonlyMap<string, string>,
  settings: string,
): Promise<void> {
  const after = await untilStopped(buckets.fingerprints());
  const names = [...new Set([...before.keys(), ...after.keys()])];
  const different = names.filter((name) => before.get(name) !== after.get(name));
  if (different.length > 0) throw new Error(`these are not as they were: ${different.join(", ")}.`);
  if ((await buckets.settings()) !== settings) throw new Error("the buckets' settings are not as they were.");
}

/** On a stock server: what only Supabase's supautils would let `postgres` do is listed in the report. */
async function demonstrateProject(
  lifeboat: Lifeboat,
  { store, identity, recipients }: Safe,
  programs: { readonly major: number; readonly binDir: string },
): Promise<void> {
  step("Shape a server like Supabase's, with a full project and a new one");
  const logger = { info: say, warning: say, debug: () => {} };
  const place = { folder: tmpdir(), clock: systemClock, logger };
  await using server = await startThrowawayServer({ ...programs, ...place });
  await untilStopped(createProjects(server));
  const { host, port } = server.connection;
  const wayTo = (name: string) => ({ host, port, user: "postgres", database: name });
  const urlOf = (name: string) =>
    `postgresql://postgres@/${name}?host=${encodeURIComponent(host)}&port=${port}`;
  const before = await untilStopped(fingerprint(wayTo(fullProject)));
  const rights = await untilStopped(visitorsRights(wayTo(fullProject)));

  step("Back the full project up as `postgres`, who is no superuser, and restore it into the new one");
  const stored = ["--store", pathToFileURL(store).href, "--source", "project"];
  const common = [...stored, "--postgres-bin", programs.binDir];
  const [from, to] = [{ PROJECT_URL: urlOf(fullProject) }, { PROJECT_URL: urlOf(newProject) }];
  const source = ["--database-url", "env:PROJECT_URL"];
  await lifeboat.run(["backup", "database", ...common, ...source, "--vault", ...recipients], from);
  const restoreMs = performance.now();
  // A project is known by its database's name, `postgres`, which only one of two in the same cluster can have.
  const target = [
    "--target-url",
    "env:PROJECT_URL",
    "--target-kind",
    "supabase",
    "--identity-file",
    identity,
  ];
  const { restored } = (await lifeboat.run(["restore", "database", ...common, ...target], to)) as {
    restored: { project: { lines: readonly ReportLine[] } };
  };
  const recovery = seconds(restoreMs);

  step("Compare the projects, and what visitors may do there");
  const after = await untilStopped(fingerprint(wayTo(newProject)));
  const own = ownTables(before);
  const different = own.filter((name) => before.tables.get(name)?.md5 !== after.tables.get(name)?.md5);
  if (different.length > 0) throw new Error(`these are not as they were: ${different.join(", ")}.`);
  const rightsNow = await untilStopped(visitorsRights(wayTo(newProject)));
  if (rights.join() !== rightsNow.join()) throw new Error("visitors' rights are not as they were.");
  const total = (of: "inBackup" | "restored" | "kept" | "needsPerson"): number =>
    restored.project.lines.reduce((sum, line) => sum + line[of], 0);
  say(
    `${own.length} tables and ${rights.length} rights of anon and authenticated are the same. Of ${total("inBackup")} objects ` +
      `${total("restored")} are restored, ${total("kept")} are as the platform made them, ${total("needsPerson")} need a ` +
      `person (here mostly what only supautils allows). Time to recover: ${recovery}.`,
  );
}

/** A Ctrl-C must not wait for a long query: the server goes away under it. */
async function untilStopped<T>(work: Promise<T>): Promise<T> {
  const { signal } = stopped;
  signal.throwIfAborted();
  work.catch(() => {});
  const aborted = new Promise<never>((_, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason as Error), { once: true });
  });
  return await Promise.race([work, aborted]);
}

/** The newest PostgreSQL that has server and client programs in one folder. */
async function newestPostgres(): Promise<{ readonly major: number; readonly binDir: string }> {
  const parents = ["/usr/lib/postgresql", "/opt/homebrew/opt", "/usr/local/opt", "/usr/libexec"];
  const folders = parents
    .filter((parent) => existsSync(parent))
    .flatMap((parent) =>
      readdirSync(parent).flatMap((name) => [join(parent, name, "bin"), join(parent, name)]),
    );
  const found: { major: number; binDir: string }[] = [];
  for (const binDir of [...folders, "/usr/bin"]) {
    const programs = ["initdb", "postgres", "pg_dump", "pg_dumpall", "pg_restore", "psql"];
    if (!programs.every((program) => existsSync(join(binDir, program)))) continue;
    const { stdout } = await runTool({ program: join(binDir, "postgres"), args: ["--version"] });
    found.push({ major: Number(/\(PostgreSQL\) (\d+)/.exec(stdout.toString())?.[1]), binDir });
  }
  const newest = found.sort((one, other) => other.major - one.major)[0];
  if (newest !== undefined) return newest;
  throw new Error("No PostgreSQL server was found: run `npm run demo`, which installs one.");
}

function comparison(before: Fingerprint, after: Fingerprint): string {
  const lines = (["tables", "objects"] as const).flatMap((what) =>
    [...before[what]].map(([name, { count, md5 }]) => {
      const now = after[what].get(name);
      const verdict = now?.count === count && now.md5 === md5 ? "same" : "DIFFERENT";
      return `${name.padEnd(34)}${String(count).padStart(8)}${String(now?.count ?? "-").padStart(8)}  ${md5.slice(0, 8)}  ${verdict}`;
    }),
  );
  return [`${"".padEnd(34)}${"before".padStart(8)}${"after".padStart(8)}  MD5`, ...lines].join("\n");
}

function step(title: string): void {
  stopped.signal.throwIfAborted();
  say(`\n── ${title}`);
}

function seconds(sinceMs: number): string {
  return `${((performance.now() - sinceMs) / 1000).toFixed(1)} s`;
}

function say(text: string): void {
  console.log(text);
}
