/** Extensions whose libraries a server must load when it starts, and pg_cron, which lives in one database of a server. */
import { existsSync, realpathSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Sql } from "./client.ts";
import { isNewDatabaseName } from "./restore-names.ts";

/** In the order in which they want to be loaded. */
const libraries: Readonly<Record<string, readonly string[]>> = {
  citus: ["citus"],
  timescaledb: ["timescaledb"],
  pg_stat_statements: ["pg_stat_statements"],
  pg_stat_kcache: ["pg_stat_statements", "pg_stat_kcache"],
  pg_stat_monitor: ["pg_stat_monitor"],
  pg_wait_sampling: ["pg_wait_sampling"],
  pg_qualstats: ["pg_qualstats"],
  pg_cron: ["pg_cron"],
  pgaudit: ["pgaudit"],
  pg_squeeze: ["pg_squeeze"],
  pglogical: ["pglogical"],
  pg_tle: ["pg_tle"],
  pg_duckdb: ["pg_duckdb"],
  pg_documentdb_core: ["pg_documentdb_core"],
  vchord: ["vchord"],
};

/** Whose CREATE EXTENSION comes about without: only what asks them for numbers fails then. */
const optional = new Set(["pg_stat_statements", "pg_stat_monitor", "pg_wait_sampling", "pg_qualstats"]);

export const cron = "pg_cron";

export interface ServerPreloads {
  /** undefined: the role may not know. */
  readonly libraries?: ReadonlySet<string>;
  /** The only database in which pg_cron can be. */
  readonly cronDatabase?: string;
}

export async function readPreloads(sql: Sql): Promise<ServerPreloads> {
  const { rows } = await sql.query<{ name: string; setting: string }>(
    "select name, setting from pg_catalog.pg_settings where name in ('shared_preload_libraries', 'cron.database_name')",
  );
  const value = (name: string): string | undefined => rows.find((row) => row.name === name)?.setting;
  const list = value("shared_preload_libraries");
  const cronDatabase = value("cron.database_name");
  return {
    ...(list === undefined
      ? {}
      : {
          libraries: new Set(
            list.split(",").map((path) => path.replaceAll(/^\s*"?(?:.*\/)?|(?:\.so)?"?\s*$/g, "")),
          ),
        }),
    ...(cronDatabase === undefined ? {} : { cronDatabase }),
  };
}

/** Why this server cannot create the extension although its files are there; undefined where it can. */
export function notPreloaded(extension: string, { libraries: loaded }: ServerPreloads): string | undefined {
  if (loaded === undefined || optional.has(extension)) return undefined;
  const missing = (libraries[extension] ?? []).filter((library) => !loaded.has(library));
  return missing.length === 0 ? undefined : `shared_preload_libraries lacks ${missing.join(", ")}`;
}

/** Whether pg_cron can be in a copy beside `database`, only in `database` itself, or in neither. */
export function placeOfCron(
  { cronDatabase }: ServerPreloads,
  database: string,
): "copy" | "target" | "elsewhere" {
  if (cronDatabase === undefined || isNewDatabaseName(cronDatabase, database)) return "copy";
  return cronDatabase === database ? "target" : "elsewhere";
}

/** Settings of a server for a copy of that name, as far as the libraries' files lie beside these programs. */
export function preloadSettings(
  binDir: string,
  extensions: readonly string[],
  copy: string,
): Readonly<Record<string, string>> {
  const wanted = Object.keys(libraries)
    .filter((name) => extensions.includes(name))
    .flatMap((name) => libraries[name] ?? []);
  const found = [...new Set(wanted)].filter((library) => hasLibrary(binDir, library));
  if (found.length === 0) return {};
  return {
    shared_preload_libraries: found.join(","),
    // None of their launchers starts, so nothing that a backup has scheduled runs.
    max_worker_processes: "0",
    ...(found.includes(cron) ? { "cron.database_name": copy, "cron.launch_active_jobs": "off" } : {}),
  };
}

/** From the programs to the libraries: Debian and Red Hat's own layout, built from source, Fedora, Alpine. */
const waysToLibraries = ["../lib", "../lib/postgresql", "../lib64/pgsql", "../../lib/postgresql"];

function hasLibrary(binDir: string, library: string): boolean {
  const programs = dirname(realpathSync(join(binDir, "postgres")));
  return waysToLibraries.some((way) =>
    [".so", ".dylib"].some((suffix) => existsSync(join(programs, way, library + suffix))),
  );
}
