/** What a restore must know about the Supabase project it goes into, asked once and without changing anything. */
import type { Sql } from "../postgres/client.ts";
import type { TargetColumn } from "./managed-rows.ts";
import {
  isManagedSchema,
  isPlatformEventTrigger,
  isPlatformPublication,
  isPlatformTrigger,
} from "./managed.ts";
import { realtimePublication } from "./managed.ts";

export interface ProjectFacts {
  /** What a user put there, by kind, none of it zero; empty: a fresh project. */
  readonly content: readonly { readonly what: string; readonly count: number }[];
  readonly extensions: ReadonlySet<string>;
  /** Of them, those in a schema of the user's own, with which they are dropped. */
  readonly ownExtensions: ReadonlySet<string>;
  /** The platform's, by name or by owner. */
  readonly managedSchemas: ReadonlySet<string>;
  readonly publications: ReadonlySet<string>;
  /** Tables of auth and storage by `schema.table`. */
  readonly tables: ReadonlyMap<string, ManagedTable>;
  readonly takesCronJobs: boolean;
  readonly takesSecrets: boolean;
  /** How many objects one transaction may lock, about. */
  readonly lockSlots: number;
}

export interface ManagedTable {
  readonly columns: readonly TargetColumn[];
  readonly mayInsert: boolean;
}

/** A database `postgres` beside the role supabase_admin, which owns its schema auth. */
export async function looksLikeProject(sql: Sql): Promise<boolean> {
  const { rows } = await sql.query<{ found: string }>(
    `select count(*) as found from pg_catalog.pg_namespace n join pg_catalog.pg_roles r on r.oid = n.nspowner
      where n.nspname = 'auth' and r.rolname = 'supabase_admin' and pg_catalog.current_database() = 'postgres'`,
  );
  return rows[0]?.found === "1";
}

export async function readProjectFacts(sql: Sql): Promise<ProjectFacts> {
  const one = await sql.query<Record<string, string>>(
    `select pg_catalog.to_regclass('cron.job') is not null as cron,
            pg_catalog.to_regclass('vault.secrets') is not null as vault,
            pg_catalog.current_setting('max_locks_per_transaction')::integer *
              (pg_catalog.current_setting('max_connections')::integer +
               pg_catalog.current_setting('max_prepared_transactions')::integer) as slots`,
  );
  const extensions = await sql.query<{ extname: string; nspname: string }>(
    `select e.extname, n.nspname from pg_catalog.pg_extension e
       join pg_catalog.pg_namespace n on n.oid = e.extnamespace`,
  );
  const schemas = await sql.query<{ nspname: string; own: string }>(
    `select n.nspname, not ${notPlatforms} as own from pg_catalog.pg_namespace n`,
  );
  const publications = await sql.query<{ pubname: string }>("select pubname from pg_catalog.pg_publication");
  const managedSchemas = new Set(
    schemas.rows
      .filter(({ nspname, own }) => own === "t" || isManagedSchema(nspname))
      .map(({ nspname }) => nspname),
  );
  const ownExtensions = extensions.rows.filter(
    ({ nspname }) => nspname !== "public" && !managedSchemas.has(nspname),
  );
  return {
    content: await readContent(sql),
    ownExtensions: new Set(ownExtensions.map(({ extname }) => extname)),
    publications: new Set(publications.rows.map(({ pubname }) => pubname)),
    extensions: new Set(extensions.rows.map(({ extname }) => extname)),
    managedSchemas,
    tables: await readManagedTables(sql),
    takesCronJobs: one.rows[0]?.["cron"] === "t",
    takesSecrets: one.rows[0]?.["vault"] === "t",
    lockSlots: Number(one.rows[0]?.["slots"]),
  };
}

async function readManagedTables(sql: Sql): Promise<ReadonlyMap<string, ManagedTable>> {
  const { rows } = await sql.query<Record<string, string>>(
    `select n.nspname || '.' || c.relname as name, a.attname, a.attgenerated <> '' as generated,
            a.attnotnull and not a.atthasdef and a.attidentity = '' as must,
            pg_catalog.has_table_privilege(c.oid, 'INSERT') as may
       from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
       join pg_catalog.pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
      where n.nspname in ('auth', 'storage') and c.relkind in ('r', 'p') order by a.attnum`,
  );
  return new Map(
    [...Map.groupBy(rows, (row) => row["name"] ?? "")].map(([name, columns]) => [
      name,
      {
        mayInsert: columns[0]?.["may"] === "t",
        columns: columns.map((column) => ({
          name: column["attname"] ?? "",
          generated: column["generated"] === "t",
          mustBeGiven: column["must"] === "t",
        })),
      },
    ]),
  );
}

/** Not made by an extension. */
export function notMember(catalog: string, oid: string): string {
  return `not exists (select from pg_catalog.pg_depend x where x.classid = 'pg_catalog.${catalog}'::pg_catalog.regclass
          and x.objid = ${oid} and x.deptype = 'e')`;
}

/** Schemas that the platform made are its own, also those that this version does not know by name. */
const notPlatforms =
  "(n.nspname = 'public' or pg_catalog.pg_get_userbyid(n.nspowner) !~ '^(supabase_|pgbouncer$)')";

async function readContent(sql: Sql): Promise<ProjectFacts["content"]> {
  const { rows } = await sql.query<{ what: string; schema: string; name: string }>(
    `select 'tables, views and sequences' as what, n.nspname as schema, c.relname as name
       from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
      where c.relkind in ('r', 'p', 'v', 'm', 'f', 'S', 'c') and c.relpersistence <> 't' and ${notPlatforms} and ${notMember("pg_class", "c.oid")}
     union all select 'functions', n.nspname, p.proname from pg_catalog.pg_proc p
       join pg_catalog.pg_namespace n on n.oid = p.pronamespace where ${notPlatforms} and ${notMember("pg_proc", "p.oid")}
     union all select 'types', n.nspname, t.typname from pg_catalog.pg_type t
       join pg_catalog.pg_namespace n on n.oid = t.typnamespace
      where t.typtype in ('e', 'd', 'r') and ${notPlatforms} and ${notMember("pg_type", "t.oid")}
     union all select 'schemas', nspname, '' from pg_catalog.pg_namespace n
      where nspname <> 'public' and ${notPlatforms} and ${notMember("pg_namespace", "n.oid")}
     union all select 'triggers on the platform''s tables', n.nspname, c.relname || ' ' || t.tgname from pg_catalog.pg_trigger t
       join pg_catalog.pg_class c on c.oid = t.tgrelid join pg_catalog.pg_namespace n on n.oid = c.relnamespace
      where n.nspname in ('auth', 'storage', 'realtime') and not t.tgisinternal
     union all select 'policies on the platform''s tables', n.nspname, p.polname from pg_catalog.pg_policy p
       join pg_catalog.pg_class c on c.oid = p.polrelid join pg_catalog.pg_namespace n on n.oid = c.relnamespace
      where n.nspname in ('auth', 'storage', 'realtime')
     union all select 'event triggers', '', evtname from pg_catalog.pg_event_trigger e where ${notMember("pg_event_trigger", "e.oid")}
     union all select 'foreign servers', '', srvname from pg_catalog.pg_foreign_server s where ${notMember("pg_foreign_server", "s.oid")}
     union all select 'publications', '', pubname from pg_catalog.pg_publication
     union all select 'large objects', '', oid::text from pg_catalog.pg_largeobject_metadata`,
  );
  const users = rows.filter(({ what, schema, name }) => isUsers(what, schema, name));
  const content = [...Map.groupBy(users, ({ what }) => what)].map(([what, all]) => ({
    what,
    count: all.length,
  }));
  return [...content, ...(await countRows(sql))].filter(({ count }) => count > 0);
}

function isUsers(what: string, schema: string, name: string): boolean {
  if (what.startsWith("triggers")) return !isPlatformTrigger(schema, name);
  if (what.startsWith("policies")) return true;
  if (what === "event triggers") return !isPlatformEventTrigger(name);
  if (what === "publications") return name !== realtimePublication && !isPlatformPublication(name);
  return schema === "" || !isManagedSchema(schema);
}

const counted = [
  ["people (auth.users)", "auth.users"],
  ["buckets", "storage.buckets"],
  ["objects in buckets", "storage.objects"],
  ["scheduled jobs", "cron.job"],
  ["secrets", "vault.secrets"],
  ["queues", "pgmq.meta"],
] as const;

async function countRows(sql: Sql): Promise<{ what: string; count: number }[]> {
  const counts: { what: string; count: number }[] = [];
  for (const [what, table] of counted) {
    const there = await sql.query<{ readable: string | null }>(
      `select pg_catalog.has_table_privilege(pg_catalog.to_regclass($1), 'SELECT') as readable`,
      [table],
    );
    if (there.rows[0]?.readable !== "t") continue;
    const { rows } = await sql.query<{ count: string }>(`select count(*) from ${table}`);
    counts.push({ what, count: Number(rows[0]?.count) });
  }
  return counts;
}
