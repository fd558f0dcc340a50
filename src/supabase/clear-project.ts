/**
 * Takes a user's own out of an existing project, one object at a time: schema public stays (its rights are the
 * platform's), and rows of the platform's tables are deleted under the replica role, because TRUNCATE … CASCADE on
 * auth.users would empty tables that refer to it. Everything happens in the transaction of the restore.
 */
import type { Sql } from "../postgres/client.ts";
import { quoteIdentifier, quoteQualified } from "../postgres/identifiers.ts";
import { attempt } from "./attempt.ts";
import type { RunElevated } from "./elevated.ts";
import {
  isPlatformEventTrigger,
  isPlatformFunction,
  isPlatformPublication,
  isPlatformTrigger,
  realtimePublication,
} from "./managed.ts";
import { loadsRows } from "./managed-rows.ts";
import { BorrowedRoles } from "./owners.ts";
import { dropDetachedQueues } from "./queues.ts";
import { takeUsersGrants } from "./users-grants.ts";
import { notMember, type ProjectFacts } from "./project-facts.ts";

export interface Clearing {
  readonly facts: ProjectFacts;
  readonly targetMajor: number;
  readonly runElevated: RunElevated;
  /** Secrets are only deleted where the backup brings its own. */
  readonly secrets: boolean;
}

/** The session is under the replica role already. */
export async function clearProject(sql: Sql, clearing: Clearing): Promise<void> {
  const { facts, runElevated, targetMajor } = clearing;
  await dropEventTriggers(sql, runElevated);
  await dropPublications(sql, runElevated);
  await dropFromManagedTables(sql, runElevated);
  const borrowed = new BorrowedRoles(sql);
  await borrowed.borrow(await ownersInTheWay(sql), targetMajor);
  await dropForeign(sql, runElevated);
  await dropCasts(sql);
  await dropSchemas(sql, facts);
  await dropIn(sql, "public");
  await dropIn(sql, "extensions");
  await sql.query("select pg_catalog.lo_unlink(oid) from pg_catalog.pg_largeobject_metadata");
  await borrowed.giveBack();
  await takeUsersGrants(sql);
  if (facts.extensions.has("pgmq")) await dropDetachedQueues(sql);
  if (facts.takesCronJobs) await unschedule(sql);
  if (facts.takesSecrets && clearing.secrets) await sql.query("delete from vault.secrets");
}

/** One that runs as another role is only a superuser's to take away: it stays, and is compared by name. */
async function unschedule(sql: Sql): Promise<void> {
  const { rows } = await sql.query<{ jobid: string }>("select jobid from cron.job");
  for (const { jobid } of rows) {
    await attempt(sql, () => sql.query("select cron.unschedule($1::bigint)", [jobid]), ["XX000"]);
  }
}

async function dropEventTriggers(sql: Sql, runElevated: RunElevated): Promise<void> {
  const { rows } = await sql.query<{ evtname: string }>(
    `select evtname from pg_catalog.pg_event_trigger e where ${notMember("pg_event_trigger", "e.oid")}`,
  );
  for (const { evtname } of rows) {
    if (!isPlatformEventTrigger(evtname))
      await runElevated(sql, `drop event trigger ${quoteIdentifier(evtname)}`);
  }
}

async function dropPublications(sql: Sql, runElevated: RunElevated): Promise<void> {
  const { rows } = await sql.query<{ pubname: string }>("select pubname from pg_catalog.pg_publication");
  for (const { pubname } of rows) {
    // Its tables leave it when they are dropped.
    if (pubname === realtimePublication || isPlatformPublication(pubname)) continue;
    await runElevated(sql, `drop publication ${quoteIdentifier(pubname)}`);
  }
}

async function dropFromManagedTables(sql: Sql, runElevated: RunElevated): Promise<void> {
  const { rows } = await sql.query<{ what: string; schema: string; name: string; on: string }>(
    `select 'policy' as what, n.nspname as schema, p.polname as name, c.relname as on from pg_catalog.pg_policy p
       join pg_catalog.pg_class c on c.oid = p.polrelid join pg_catalog.pg_namespace n on n.oid = c.relnamespace
      where n.nspname in ('auth', 'storage', 'realtime')
     union all select 'trigger', n.nspname, t.tgname, c.relname from pg_catalog.pg_trigger t
       join pg_catalog.pg_class c on c.oid = t.tgrelid join pg_catalog.pg_namespace n on n.oid = c.relnamespace
      where n.nspname in ('auth', 'storage', 'realtime') and not t.tgisinternal and t.tgparentid = 0`,
  );
  for (const { what, schema, name, on } of rows) {
    if (what === "trigger" && isPlatformTrigger(schema, `${on} ${name}`)) continue;
    await runElevated(sql, `drop ${what} ${quoteIdentifier(name)} on ${quoteQualified(schema, on)}`);
  }
}

/** Roles of a user's own that own something here. */
async function ownersInTheWay(sql: Sql): Promise<readonly string[]> {
  const { rows } = await sql.query<{ rolname: string }>(
    `select distinct r.rolname from pg_catalog.pg_shdepend d join pg_catalog.pg_roles r on r.oid = d.refobjid
      where d.deptype = 'o' and d.refclassid = 'pg_catalog.pg_authid'::pg_catalog.regclass
        and d.dbid = (select oid from pg_catalog.pg_database where datname = pg_catalog.current_database())
        and not r.rolsuper and r.rolname !~ '^(supabase_|pgbouncer|pg_)' and r.rolname <> current_user`,
  );
  return rows.map(({ rolname }) => rolname);
}

async function dropSchemas(sql: Sql, { managedSchemas }: ProjectFacts): Promise<void> {
  const { rows } = await sql.query<{ nspname: string }>(
    `select nspname from pg_catalog.pg_namespace n
      where nspname !~ '^pg_' and nspname not in ('public', 'information_schema') and ${notMember("pg_namespace", "n.oid")}`,
  );
  for (const { nspname } of rows) {
    if (!managedSchemas.has(nspname)) await sql.query(`drop schema ${quoteIdentifier(nspname)} cascade`);
  }
}

/** With their user mappings and foreign tables. */
async function dropForeign(sql: Sql, runElevated: RunElevated): Promise<void> {
  const { rows } = await sql.query<{ kind: string; name: string }>(
    `select 'server' as kind, srvname as name from pg_catalog.pg_foreign_server s
      where ${notMember("pg_foreign_server", "s.oid")} and ${notPlatforms("srvowner")}
     union all select 'foreign data wrapper', fdwname from pg_catalog.pg_foreign_data_wrapper w
      where ${notMember("pg_foreign_data_wrapper", "w.oid")} and ${notPlatforms("fdwowner")}`,
  );
  for (const { kind, name } of rows) {
    await runElevated(sql, `drop ${kind} if exists ${quoteIdentifier(name)} cascade`);
  }
}

/** Between types of an extension or of the server; the others go with their types. */
async function dropCasts(sql: Sql): Promise<void> {
  const { rows } = await sql.query<{ identity: string }>(
    `select i.identity from pg_catalog.pg_cast c,
       lateral pg_catalog.pg_identify_object('pg_catalog.pg_cast'::pg_catalog.regclass, c.oid, 0) i
      where c.oid >= 16384 and ${notMember("pg_cast", "c.oid")} and ${notInternal("pg_cast", "c.oid")}`,
  );
  for (const { identity } of rows) await sql.query(`drop cast if exists ${identity} cascade`);
}

/** Kinds in an order in which little is left for CASCADE. */
const kindsInSchema: readonly (readonly [catalog: string, prefix: string, condition: string])[] = [
  ["pg_class", "rel", "relkind in ('v', 'm')"],
  ["pg_class", "rel", "relkind in ('r', 'p', 'f') and not relispartition"],
  ["pg_class", "rel", "relkind = 'S'"],
  ["pg_class", "rel", "relkind = 'c'"],
  // A range's constructors go with it.
  ["pg_proc", "pro", notInternal("pg_proc", "o.oid")],
  ["pg_operator", "opr", "true"],
  ["pg_type", "typ", "typtype in ('e', 'd', 'r')"],
  ["pg_collation", "coll", "true"],
  ["pg_conversion", "con", "true"],
  ["pg_ts_config", "cfg", "true"],
  ["pg_ts_dict", "dict", "true"],
];

/** Objects of a user's own in a schema that stays. */
async function dropIn(sql: Sql, schema: "public" | "extensions"): Promise<void> {
  for (const [catalog, prefix, condition] of kindsInSchema) {
    const { rows } = await sql.query<{ type: string; identity: string; name: string }>(
      `select i.type, i.identity, o.${prefix}name as name from pg_catalog.${catalog} o,
         lateral pg_catalog.pg_identify_object('pg_catalog.${catalog}'::pg_catalog.regclass, o.oid, 0) i
        where o.${prefix}namespace = pg_catalog.to_regnamespace('${schema}')::pg_catalog.oid and ${condition}
          and ${notMember(catalog, "o.oid")}${schema === "public" ? "" : ` and ${notPlatforms(`${prefix}owner`)}`}
        order by o.oid desc`,
    );
    for (const { type, identity, name } of rows) {
      if (schema !== "public" && isPlatformFunction(name)) continue;
      const word = type === "composite type" ? "type" : type;
      await sql.query(`drop ${word} if exists ${identity} cascade`);
    }
  }
}

function notPlatforms(owner: string): string {
  return `pg_catalog.pg_get_userbyid(${owner}) !~ '^supabase_'`;
}

/** Not made by the server for another object. */
function notInternal(catalog: string, oid: string): string {
  return `not exists (select from pg_catalog.pg_depend y where y.classid = 'pg_catalog.${catalog}'::pg_catalog.regclass
          and y.objid = ${oid} and y.deptype = 'i')`;
}

/** Sign-ins too, whether or not the backup's are loaded: nobody stays signed in who is not there any more. */
export async function deleteManagedRows(sql: Sql, facts: ProjectFacts): Promise<void> {
  for (const [name, { mayInsert }] of facts.tables) {
    const [schema = "", table = ""] = name.split(".");
    if (mayInsert && loadsRows(schema, table, true))
      await sql.query(`delete from ${quoteQualified(schema, table)}`);
  }
}
