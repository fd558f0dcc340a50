/** contents.json's `supabase`: what pg_dump does not write, or not so that it can be put back. */
import type { Sql } from "../postgres/client.ts";
import type { Connection } from "../postgres/connection.ts";
import type {
  CronJobContents,
  PublicationContents,
  SupabaseComponent,
  SupabaseContents,
} from "../snapshot/supabase-contents.ts";
import { databaseAddress } from "./database-address.ts";
import type { SupabaseTraces } from "./profile.ts";
import { readQueues } from "./queues.ts";

/** `sql` is in a transaction that sees one moment. What is sealed beside is filled in by whoever seals it. */
export async function readSupabase(
  sql: Sql,
  { connection, major, traces }: SupabaseReading,
): Promise<SupabaseContents> {
  const address = databaseAddress(connection);
  return {
    projectRef: address.projectRef ?? null,
    generation: await readGeneration(sql),
    connection: address.kind === "direct" || address.kind === "session-pooler" ? address.kind : "other",
    components: [...traces.components],
    migrations: await readMigrations(sql, traces.components),
    memberships: await readMemberships(sql),
    roleSettings: await readRoleSettings(sql),
    publications: await readPublications(sql, major),
    cronJobs: await readCronJobs(sql),
    queues: (await mayRead(sql, "pgmq.meta")) ? [...(await readQueues(sql))] : [],
    vaultSecrets: await countReadable(sql, "vault.secrets"),
    vaultSealed: false,
    verifiers: false,
    defaultAcls: await readDefaultAcls(sql),
  };
}

export interface SupabaseReading {
  readonly connection: Connection;
  readonly major: number;
  readonly traces: SupabaseTraces;
}

/** Rows of a table; null where it is not there or may not be read. */
export async function countReadable(sql: Sql, table: string): Promise<number | null> {
  if (!(await mayRead(sql, table))) return null;
  const { rows } = await sql.query<{ count: string }>(`select count(*) as count from ${table}`);
  return Number(rows[0]?.count);
}

export async function mayRead(sql: Sql, table: string): Promise<boolean> {
  const { rows } = await sql.query<{ readable: string | null }>(
    `select pg_catalog.has_schema_privilege(c.relnamespace, 'USAGE')
            and pg_catalog.has_table_privilege(c.oid, 'SELECT') as readable
     from pg_catalog.pg_class c where c.oid = pg_catalog.to_regclass($1)`,
    [table],
  );
  return rows[0]?.readable === "t";
}

/** Projects since 2026-05-30 grant nothing on new tables by default; older ones everything. */
async function readGeneration(sql: Sql): Promise<"classic" | "2026"> {
  const { rows } = await sql.query(
    `select from pg_catalog.pg_default_acl d, pg_catalog.aclexplode(d.defaclacl) a
     where d.defaclrole = (select oid from pg_catalog.pg_roles where rolname = 'postgres')
       and d.defaclnamespace = pg_catalog.to_regnamespace('public') and d.defaclobjtype = 'r'
       and a.privilege_type = 'SELECT'
       and a.grantee in (select oid from pg_catalog.pg_roles where rolname in ('anon', 'authenticated', 'service_role'))`,
  );
  return rows.length > 0 ? "classic" : "2026";
}

/** Newest by name, which is a time, but for Storage, which numbers them. */
const migrationTables = {
  auth: ["auth.schema_migrations", 'max(version::text collate "C")'],
  storage: ["storage.migrations", "(pg_catalog.array_agg(name::text order by id desc))[1]"],
  realtime: ["realtime.schema_migrations", "max(version)::text"],
} as const;

async function readMigrations(
  sql: Sql,
  components: readonly SupabaseComponent[],
): Promise<SupabaseContents["migrations"]> {
  const heads: SupabaseContents["migrations"] = {};
  for (const component of ["auth", "storage", "realtime"] as const) {
    const [table, newest] = migrationTables[component];
    if (!components.includes(component) || !(await mayRead(sql, table))) continue;
    const { rows } = await sql.query<{ count: string; newest: string | null }>(
      `select count(*) as count, ${newest} as newest from ${table}`,
    );
    heads[component] = { count: Number(rows[0]?.count), newest: rows[0]?.newest ?? null };
  }
  return heads;
}

async function readMemberships(sql: Sql): Promise<SupabaseContents["memberships"]> {
  const { rows } = await sql.query<{ role: string; member: string; admin: string }>(
    `select r.rolname as role, m.rolname as member, pg_catalog.bool_or(a.admin_option) as admin
     from pg_catalog.pg_auth_members a join pg_catalog.pg_roles r on r.oid = a.roleid
     join pg_catalog.pg_roles m on m.oid = a.member group by 1, 2 order by 1, 2`,
  );
  return rows.map(({ role, member, admin }) => ({ role, member, admin: admin === "t" }));
}

async function readRoleSettings(sql: Sql): Promise<SupabaseContents["roleSettings"]> {
  const { rows } = await sql.query<{ role: string; setting: string }>(
    `select r.rolname as role, c.setting
     from pg_catalog.pg_db_role_setting s join pg_catalog.pg_roles r on r.oid = s.setrole
     cross join unnest(s.setconfig) with ordinality c(setting, n)
     where s.setdatabase = 0 order by 1, c.n`,
  );
  return rows.map(({ role, setting }) => ({ role, setting }));
}

async function readDefaultAcls(sql: Sql): Promise<SupabaseContents["defaultAcls"]> {
  const { rows } = await sql.query<{ role: string; schema: string | null; type: string; acl: string }>(
    `select pg_catalog.pg_get_userbyid(d.defaclrole) as role, n.nspname as schema, d.defaclobjtype as type,
            d.defaclacl::text as acl
     from pg_catalog.pg_default_acl d left join pg_catalog.pg_namespace n on n.oid = d.defaclnamespace
     order by 1, 2, 3`,
  );
  return rows.map(({ role, schema, type, acl }) => ({ role, schema, objectType: type, acl }));
}

/** Column lists, filters and whole schemas came with PostgreSQL 15. */
async function readPublications(sql: Sql, major: number): Promise<SupabaseContents["publications"]> {
  const recent = major >= 15;
  const schemas = recent
    ? `(select pg_catalog.json_agg(n.nspname order by n.nspname)
        from pg_catalog.pg_publication_namespace s join pg_catalog.pg_namespace n on n.oid = s.pnnspid
        where s.pnpubid = p.oid)`
    : "null";
  const columns = recent
    ? `(select pg_catalog.json_agg(a.attname order by a.attnum) from pg_catalog.pg_attribute a
        where a.attrelid = r.prrelid and a.attnum = any (r.prattrs))`
    : "null";
  const filter = recent ? "pg_catalog.pg_get_expr(r.prqual, r.prrelid)" : "null";
  const { rows } = await sql.query<{ publication: string }>(
    `select pg_catalog.json_build_object('name', p.pubname, 'owner', pg_catalog.pg_get_userbyid(p.pubowner),
         'allTables', p.puballtables, 'insert', p.pubinsert, 'update', p.pubupdate, 'delete', p.pubdelete,
         'truncate', p.pubtruncate, 'viaRoot', p.pubviaroot, 'schemas', coalesce(${schemas}, '[]'),
         'tables', coalesce((
           select pg_catalog.json_agg(pg_catalog.json_build_object('schema', n.nspname, 'name', c.relname,
                    'columns', ${columns}, 'where', ${filter}) order by n.nspname, c.relname)
           from pg_catalog.pg_publication_rel r join pg_catalog.pg_class c on c.oid = r.prrelid
           join pg_catalog.pg_namespace n on n.oid = c.relnamespace where r.prpubid = p.oid), '[]')) as publication
     from pg_catalog.pg_publication p order by p.pubname collate "C"`,
  );
  return rows.map(({ publication }) => JSON.parse(publication) as PublicationContents);
}

/** `jobname` came with pg_cron 1.3. */
async function readCronJobs(sql: Sql): Promise<SupabaseContents["cronJobs"]> {
  if (!(await mayRead(sql, "cron.job"))) return [];
  const { rows } = await sql.query<{ job: string }>(
    `select pg_catalog.json_build_object('jobid', j.jobid, 'name', pg_catalog.to_jsonb(j) ->> 'jobname',
       'schedule', j.schedule, 'command', j.command, 'database', j.database, 'username', j.username,
       'active', j.active) as job from cron.job j order by j.jobid`,
  );
  return rows.map(({ job }) => JSON.parse(job) as CronJobContents);
}
