/** What a restore must know about the server and database it goes to, asked once and without changing anything. */
import { readFile, statfs } from "node:fs/promises";
import { join } from "node:path";
import { LifeboatError } from "../errors.ts";
import type { DatabaseProperties } from "../snapshot/contents.ts";
import { runTool } from "../system/process.ts";
import { type Sql, withClient } from "./client.ts";
import { type Connection, isLocal } from "./connection.ts";
import { refuseHarmfulSettings } from "./libpq.ts";
import { readTargetRoles, type TargetRoles } from "./missing-roles.ts";
import { readProperties } from "./database-properties.ts";
import { readPreloads, type ServerPreloads } from "./preloaded-extensions.ts";
import { listSubscriptions } from "./subscriptions.ts";
import type { RestoreTools } from "./restore-stream.ts";
import { findLeftovers, type Leftover, maintenanceConnection } from "./swap.ts";

export interface TargetFacts {
  readonly server: { readonly version: string; readonly major: number };
  readonly user: {
    readonly name: string;
    readonly isSuperuser: boolean;
    readonly canCreateDatabases: boolean;
  };
  /** Major version of pg_restore. */
  readonly clientMajor: number;
  /** undefined: the server has no database of that name. */
  readonly existing: ExistingDatabase | undefined;
  readonly availableExtensions: ReadonlySet<string>;
  readonly preloads: ServerPreloads;
  readonly roles: TargetRoles;
  /** Of the disk with the server's data; undefined where it cannot be known from here. */
  readonly freeBytes: number | undefined;
  /** What killed restores of this database left. */
  readonly leftovers: readonly Leftover[];
}

export interface ExistingDatabase {
  readonly oid: string;
  readonly properties: DatabaseProperties;
  readonly bytes: number;
  /** They keep a database from being renamed. */
  readonly preparedTransactions: number;
  /** Logical replication goes on reading the database that was replaced. */
  readonly replicationSlots: number;
  /** That receive from a publisher; renaming keeps them and their slots. */
  readonly enabledSubscriptions: number;
}

/**
 * `target.database` is the database to restore into; it need not exist. Another database is asked, unless `through` one
 * is given.
 */
export async function readTargetFacts(
  target: Connection,
  tools: RestoreTools,
  through?: Connection,
): Promise<TargetFacts> {
  const clientMajor = await majorOf(tools.pgRestore);
  const asked = through ?? (await maintenanceConnection(target, target.database));
  return await withClient(asked, async (sql) => {
    refuseHarmfulSettings(asked, "restore");
    const { rows } = await sql.query<Record<string, string>>(
      `select pg_catalog.current_setting('server_version') as version,
              pg_catalog.current_setting('server_version_num') as number,
              r.rolname as name, r.rolsuper as super, r.rolsuper or r.rolcreatedb as createdb
         from pg_catalog.pg_roles r where r.rolname = current_user`,
    );
    const row = rows[0] ?? {};
    const major = Math.floor(Number(row["number"]) / 10_000);
    const extensions = await sql.query<{ name: string }>(
      "select name from pg_catalog.pg_available_extensions",
    );
    return {
      server: { version: row["version"] ?? "", major },
      user: {
        name: row["name"] ?? "",
        isSuperuser: row["super"] === "t",
        canCreateDatabases: row["createdb"] === "t",
      },
      clientMajor,
      existing: await existingDatabase(sql, target.database, major),
      availableExtensions: new Set(extensions.rows.map(({ name }) => name)),
      preloads: await readPreloads(sql),
      roles: await readTargetRoles(sql),
      freeBytes: await freeBytes(sql, target),
      leftovers: await findLeftovers(sql, target.database),
    };
  });
}

/** oid of a database by its name, or undefined. */
export async function databaseOid(sql: Sql, name: string): Promise<string | undefined> {
  const { rows } = await sql.query<{ oid: string }>(
    "select oid from pg_catalog.pg_database where datname = $1",
    [name],
  );
  return rows[0]?.oid;
}

async function existingDatabase(
  sql: Sql,
  name: string,
  major: number,
): Promise<ExistingDatabase | undefined> {
  const properties = await readProperties(sql, name, major);
  const oid = await databaseOid(sql, name);
  if (properties === undefined || oid === undefined) return undefined;
  const { rows } = await sql.query<Record<string, string>>(
    `select (select count(*) from pg_catalog.pg_prepared_xacts where database = $1) as prepared,
            (select count(*) from pg_catalog.pg_replication_slots where database = $1) as slots`,
    [name],
  );
  // Not everyone may ask for the size of every database; then the plan goes without it.
  const size = await sql
    .query<{ bytes: string }>("select pg_catalog.pg_database_size($1::oid) bytes", [oid])
    .catch(() => undefined);
  return {
    oid,
    properties,
    bytes: Number(size?.rows[0]?.bytes ?? 0),
    enabledSubscriptions: (await listSubscriptions(sql, name)).filter(({ isEnabled }) => isEnabled).length,
    preparedTransactions: Number(rows[0]?.["prepared"]),
    replicationSlots: Number(rows[0]?.["slots"]),
  };
}

/** Only where the data directory is certainly this machine's: a forwarded port looks local and is not. */
async function freeBytes(sql: Sql, target: Connection): Promise<number | undefined> {
  if (!isLocal(target.host)) return undefined;
  try {
    const { rows } = await sql.query<{ folder: string; started: string }>(
      `select pg_catalog.current_setting('data_directory') folder,
              pg_catalog.floor(extract(epoch from pg_catalog.pg_postmaster_start_time()))::bigint started`,
    );
    const folder = rows[0]?.folder ?? "";
    const [, directory, started] = (await readFile(join(folder, "postmaster.pid"), "utf8")).split("\n");
    // The file's time is taken a moment before the one that the server tells.
    const apart = Math.abs(Number(started) - Number(rows[0]?.started));
    if (directory !== folder || !(apart <= 5)) return undefined;
    const disk = await statfs(folder);
    return disk.bavail * disk.bsize;
  } catch {
    return undefined;
  }
}

async function majorOf(pgRestore: string): Promise<number> {
  const { stdout } = await runTool({ program: pgRestore, args: ["--version"] });
  const major = /\(PostgreSQL\) (\d+)/.exec(stdout.toString())?.[1];
  if (major !== undefined) return Number(major);
  throw new LifeboatError(
    "tool-missing",
    `"${pgRestore} --version" did not answer like PostgreSQL's pg_restore.`,
  );
}
