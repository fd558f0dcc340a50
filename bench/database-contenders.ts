/** Everything that one round of the database bench measures: each starts from the same database and leaves nothing. */
import { spawnSync } from "node:child_process";
import { readdir, rm, stat } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { withClient } from "../src/postgres/client.ts";
import { parseConnection } from "../src/postgres/connection.ts";
import { measureTables } from "../src/postgres/measure-tables.ts";
import { listTables } from "../src/postgres/table-listing.ts";
import { measure, type Measurement } from "./measured-process.ts";
import type { Contender, Outcome } from "./rounds.ts";
import type { Workbench } from "./workbench.ts";

/** A snapshot that restores are measured with, in a store of its own. */
export interface RestoreSource {
  readonly store: string;
  readonly sqlGz: string;
}

/** As the product chooses where nobody says otherwise. */
const defaultJobs = String(Math.min(4, availableParallelism()));

export function backupContenders(bench: Workbench, database: string): readonly Contender[] {
  const { env, folder } = bench;
  const shell = async (script: string): Promise<Measurement> =>
    await measure({
      program: "/bin/bash",
      args: ["-euo", "pipefail", "-c", script],
      env: { ...env, PGDATABASE: database },
    });
  const lifeboat = (name: string, flags: readonly string[]): Contender => ({
    name,
    run: async () => {
      const measured = await bench.backUp(database, flags);
      const resultBytes = await folderBytes(bench.store);
      await bench.emptyStore();
      return { ...withoutText(measured), resultBytes };
    },
  });
  const partsOnly = (name: string, jobs: string): Contender => ({
    name,
    run: async () => {
      const script = join(import.meta.dirname, "parts-only.ts");
      const args = [script, bench.url(database), bench.store, bench.recipient, jobs];
      const measured = await measure({ program: process.execPath, args, env });
      await bench.emptyStore();
      return withoutText(measured);
    },
  });
  const stockPipe: Contender = {
    name: "stock pipe",
    run: async () => {
      const file = join(folder, "stock.age");
      const pipe = `pg_dump -Fc -Z0 | zstd -q -3 -T0 | age -r ${bench.recipient} > ${file}`;
      return await withFile(file, await shell(pipe));
    },
  };
  return [
    {
      name: "limit",
      run: async () => withoutText(await shell("pg_dump -Fc -Z0 > /dev/null")),
    },
    partsOnly("parts, one job", "1"),
    partsOnly("parts", defaultJobs),
    lifeboat("counts, one job", ["--content-hashes", "never", "--jobs", "1"]),
    lifeboat("counts", ["--content-hashes", "never"]),
    {
      name: "hash queries",
      run: async () => await hashQueries(bench, database),
    },
    lifeboat("hashes, one job", ["--content-hashes", "always", "--jobs", "1"]),
    lifeboat("hashes", ["--content-hashes", "always"]),
    ...(isInstalled("age") ? [stockPipe] : []),
    {
      name: "old",
      run: async () => await oldProcedure(shell, join(folder, "old.sql")),
    },
  ];
}

async function hashQueries(bench: Workbench, database: string): Promise<Outcome> {
  return await withClient(parseConnection(bench.url(database), "database URL"), async (sql) => {
    const tables = await listTables(sql);
    const started = performance.now();
    await measureTables(sql, tables, { hashes: true });
    return { seconds: (performance.now() - started) / 1000 };
  });
}

/** daily-backup.sh's two commands, then what backup-application.sh does to a secret file. */
async function oldProcedure(shell: (script: string) => Promise<Measurement>, file: string): Promise<Outcome> {
  const dumped = await shell(`pg_dump --no-password > ${file}`);
  const zipped = await shell(`gzip ${file}`);
  const gzipBytes = (await stat(`${file}.gz`)).size;
  const gpgOptions = "--batch --quiet --passphrase bench --pinentry-mode loopback";
  const plainSeconds = dumped.seconds + zipped.seconds;
  const plain = { seconds: plainSeconds, resultBytes: gzipBytes };
  if (!isInstalled("gpg")) {
    await rm(`${file}.gz`);
    return { ...plain, also: { "old without gpg": plain } };
  }
  const sealed = await shell(
    `gpg ${gpgOptions} --symmetric --cipher-algo AES256 --output ${file}.gpg ${file}.gz`,
  );
  await rm(`${file}.gz`);
  const gpgBytes = (await stat(`${file}.gpg`)).size;
  await rm(`${file}.gpg`);
  return {
    seconds: plainSeconds + sealed.seconds,
    resultBytes: gpgBytes,
    also: { "old without gpg": plain },
  };
}

export function restoreContenders(
  bench: Workbench,
  sources: Readonly<Record<string, RestoreSource>>,
): readonly Contender[] {
  const target = "restored";
  const drop = async (): Promise<void> => {
    await bench.server.sql("postgres", `drop database if exists ${target} with (force)`);
  };
  const ours = (name: string, { store }: RestoreSource): Contender => ({
    name,
    run: async () => {
      const args = [
        ...[bench.cli, "restore", "database", "--json", "--store", `file://${store}`, "--jobs", "2"],
        ...["--identity-file", bench.identityFile, "--target-url", "env:BENCH_TARGET"],
      ];
      const env = { ...bench.env, BENCH_TARGET: bench.url(target) };
      const measured = await measure({ program: process.execPath, args, env });
      await drop();
      return withoutText(measured);
    },
  });
  const [any] = Object.values(sources);
  return [
    ...Object.entries(sources).map(([name, source]) => ours(name, source)),
    {
      name: "old restore",
      run: async () => {
        const script = `createdb ${target}; gunzip -c ${any?.sqlGz ?? ""} | psql --quiet --dbname=${target} > /dev/null`;
        const args = ["-euo", "pipefail", "-c", script];
        const measured = await measure({ program: "/bin/bash", args, env: bench.env });
        await drop();
        return withoutText(measured);
      },
    },
  ];
}

export function isInstalled(program: string): boolean {
  return spawnSync(program, ["--version"], { stdio: "ignore" }).status === 0;
}

function withoutText({ seconds, peakMiB, childrenPeakMiB }: Measurement): Outcome {
  return { seconds, peakMiB, childrenPeakMiB };
}

async function withFile(file: string, measured: Measurement): Promise<Outcome> {
  const { size } = await stat(file);
  await rm(file);
  return { ...withoutText(measured), resultBytes: size };
}

async function folderBytes(folder: string): Promise<number> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  return (await Promise.all(files.map(async (file) => (await stat(file)).size))).reduce(
    (sum, size) => sum + size,
    0,
  );
}
