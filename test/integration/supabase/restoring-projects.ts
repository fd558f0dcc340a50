/** Backs a Supabase-shaped project up and restores it into another one, as an action does. */
import { restoreSnapshot, type SnapshotRestoreReport } from "../../../src/operations/restore-snapshot.ts";
import type {
  RestoreSurroundings,
  SnapshotRestoreRequest,
} from "../../../src/operations/snapshot-restore-request.ts";
import { partSource, readSealedContents } from "../../../src/operations/sealed-files.ts";
import { parseToc } from "../../../src/postgres/archive-toc.ts";
import { readPart } from "../../../src/postgres/restore-stream.ts";
import type { SnapshotJson } from "../../../src/snapshot/snapshot-json.ts";
import { toolPath } from "../../../src/postgres/client-tools.ts";
import { type Connection, parseConnection } from "../../../src/postgres/connection.ts";
import { libpqEnvironment } from "../../../src/postgres/libpq.ts";
import type { RunElevated } from "../../../src/supabase/elevated.ts";
import { systemClock } from "../../../src/system/clock.ts";
import { silentLogger } from "../../../src/system/logger.ts";
import { runTool } from "../../../src/system/process.ts";
import {
  type SupabaseCluster,
  supabaseCluster,
  type SupabaseOptions,
} from "../../support/supabase/cluster.ts";
import { type Safe, toolsOf } from "../backup/backing-up.ts";

/** As `postgres`, who is no superuser. */
export function connectionOf(cluster: SupabaseCluster, database = "postgres"): Connection {
  return parseConnection(cluster.url(database), "test's URL");
}

const standInSchema = "superuser_stand_in";

/** A cluster where a superuser does what supautils allows on the platform. */
export async function targetCluster(options: SupabaseOptions): Promise<SupabaseCluster> {
  const cluster = await supabaseCluster(options);
  await addStandIn(cluster, "postgres");
  return cluster;
}

/** In another database of such a cluster. */
export async function addStandIn(cluster: SupabaseCluster, database: string): Promise<void> {
  await cluster.asAdmin(
    `create schema ${standInSchema};
     create function ${standInSchema}.run(statement text) returns void language plpgsql security definer as
       $$ begin execute statement; end $$;
     grant usage on schema ${standInSchema} to postgres`,
    database,
  );
}

/** In the open transaction of the restore, which a second connection could not see into. */
export const asSuperuser: RunElevated = async (sql, statement) => {
  await sql.query(`select ${standInSchema}.run($1)`, [statement]);
};

export type ProjectRestore = Partial<Omit<SnapshotRestoreRequest, "request">> & {
  readonly inPlace?: boolean;
  readonly confirm?: string;
  readonly accept?: readonly string[];
  /** Default `postgres`. */
  readonly database?: string;
};

export function restoreInto(
  cluster: SupabaseCluster,
  safe: Safe,
  id: string,
  { inPlace = false, confirm, accept, database = "postgres", ...wanted }: ProjectRestore = {},
  surroundings: Partial<RestoreSurroundings> = {},
): Promise<SnapshotRestoreReport> {
  return restoreSnapshot(
    {
      source: "database",
      choice: { kind: "id", id },
      identities: safe.identities,
      request: {
        target: connectionOf(cluster, database),
        mode: { kind: inPlace ? "in-place" : "new-database" },
        jobs: 2,
        ...(confirm === undefined ? {} : { confirm }),
        ...(accept === undefined ? {} : { accept }),
      },
      dryRun: false,
      planHash: undefined,
      hooks: {},
      ...wanted,
    },
    {
      store: safe.store,
      clock: systemClock,
      logger: silentLogger,
      signal: new AbortController().signal,
      zstd: "zstd",
      runHook: () => Promise.resolve(),
      clientTools: toolsOf,
      runElevated: asSuperuser,
      beforeRestore: {
        temporaryFolder: safe.folder,
        lifeboatVersion: "0.0.0",
        serverPrograms: () => Promise.resolve(),
        extensionPackages: () => Promise.resolve(),
      },
      ...surroundings,
    },
  );
}

/** How many entries of each kind stock `pg_restore --list` finds in a snapshot's archives. */
export async function listedKinds(
  safe: Safe,
  snapshot: SnapshotJson,
  major: number,
): Promise<Readonly<Record<string, number>>> {
  const contents = await readSealedContents(safe.store, snapshot, safe.identities);
  const source = partSource(safe.store, snapshot, safe.identities);
  const kinds: Record<string, number> = {};
  for (const { name, role } of contents.files) {
    if (role !== "schema" && role !== "rest" && role !== "data") continue;
    const archive = await readPart({ source, name, zstd: "zstd" }, 1 << 30);
    const program = toolPath(await toolsOf(major), "pg_restore");
    const { stdout } = await runTool({ program, args: ["--list", "--create"] }, { input: archive });
    for (const { kind } of parseToc(stdout.toString("utf8"))) kinds[kind] = (kinds[kind] ?? 0) + 1;
  }
  return kinds;
}

/** Stock pg_dump's text as the superuser, who sees everything; without the stand-in. */
export async function dumped(
  cluster: SupabaseCluster,
  major: number,
  ...args: readonly string[]
): Promise<string> {
  const connection = parseConnection(cluster.url("postgres", "supabase_admin"), "test's URL");
  const { stdout } = await runTool({
    program: toolPath(await toolsOf(major), "pg_dump"),
    args: ["--encoding=UTF8", "--no-password", `--exclude-schema=${standInSchema}`, ...args],
    env: libpqEnvironment({ ...connection, password: cluster.server.password }),
  });
  return stdout.toString("utf8").replaceAll(/^\\(un)?restrict .*\n/gm, "");
}
