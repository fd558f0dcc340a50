/** Two projects held against each other by stock pg_dump and the catalogs, never by what a restore reports. */
import type { SupabaseCluster } from "../../support/supabase/cluster.ts";
import { dumped } from "./restoring-projects.ts";

/** Rows that a restore leaves to the platform, or makes by its functions: compared by tests of their own. */
export const notCopied = [
  ...["auth.sessions", "auth.refresh_tokens", "auth.flow_state", "auth.schema_migrations"],
  ...[
    "storage.migrations",
    "net.http_request_queue",
    "supabase_functions.hooks",
    "cron.job",
    "vault.secrets",
  ],
];

/**
 * Every definition with owners, rights, comments and policies. `whole_app` is the superuser's at the source, because only
 * one may publish a schema, and `postgres`' after the restore.
 */
export async function schemaOf(
  cluster: SupabaseCluster,
  client: number,
  ...args: readonly string[]
): Promise<string> {
  const text = await dumped(cluster, client, "--schema-only", ...args);
  return text
    .split("\n")
    .filter(
      (line) =>
        !/^-- Dumped|^SET transaction_timeout|whole_app( app)?;.* Owner: |PUBLICATION whole_app OWNER/.test(
          line,
        ),
    )
    .join("\n");
}

/** Of servers and clients of two majors: without the platform's own, and what the two only spell differently. */
export async function usersSchemaOf(cluster: SupabaseCluster, client: number): Promise<string> {
  const managed = [
    "auth",
    "storage",
    "realtime",
    "vault",
    "cron",
    "net",
    "graphql",
    "graphql_public",
    "supabase_functions",
  ];
  const text = await schemaOf(
    cluster,
    client,
    ...[...managed, "extensions", "pgbouncer"].map((name) => `--exclude-schema=${name}`),
  );
  return text
    .split("\n")
    .filter(
      (line) =>
        !/ (?:extensions|realtime)\.| SCHEMA (?:extensions|realtime)| Schema: (?:extensions|realtime)|pg_stat_statements/.test(
          line,
        ),
    )
    .join("\n")
    .replaceAll(/^ALTER (?:TABLE|SEQUENCE|VIEW|MATERIALIZED VIEW) (.* OWNER TO )/gm, "ALTER $1")
    .replaceAll(/^(ALTER DEFAULT .*?) {2}(TO|FROM) /gm, "$1 $2 ")
    .replaceAll(/\borders\.(?=status|net)/g, "")
    .replaceAll(/^(?:--)?\n/gm, "");
}

/** Rows, large objects and sequences, sorted because rows have no order. */
export async function rowsOf(cluster: SupabaseCluster, client: number): Promise<string> {
  const excluded = notCopied.map((table) => `--exclude-table-data=${table}`);
  const text = await dumped(cluster, client, "--data-only", "--load-via-partition-root", ...excluded);
  return text
    .split("\n")
    .filter(
      (line) => !/^--|^$|^SET transaction_timeout|setval\('(?:cron|net|supabase_functions)\./.test(line),
    )
    .toSorted()
    .join("\n");
}

const matrix = `
  with wanted (role) as (values ('anon'), ('authenticated'), ('service_role'), ('app_reader'), ('app_writer'), ('app_owner'))
  select role, 'table' as kind, c.oid::regclass::text as name, (select string_agg(p, ' ' order by p) from unnest(array[
           'SELECT','INSERT','UPDATE','DELETE','TRUNCATE','REFERENCES','TRIGGER','SELECT WITH GRANT OPTION']) p
         where has_table_privilege(role, c.oid, p)) as rights
    from wanted, pg_class c where c.relkind in ('r', 'p', 'v', 'm') and c.relnamespace::regnamespace::text !~ '^(pg_|information_schema|superuser_stand_in)'
  union all select role, 'column', c.oid::regclass || '.' || a.attname, (select string_agg(p, ' ' order by p)
         from unnest(array['SELECT','INSERT','UPDATE']) p where has_column_privilege(role, c.oid, a.attnum, p))
    from wanted, pg_class c join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
   where c.relkind in ('r', 'p') and c.relnamespace::regnamespace::text in ('public', 'app', '"Büro & Lager"')
  union all select role, 'sequence', c.oid::regclass::text, (select string_agg(p, ' ' order by p)
         from unnest(array['USAGE','SELECT','UPDATE']) p where has_sequence_privilege(role, c.oid, p))
    from wanted, pg_class c where c.relkind = 'S' and c.relnamespace::regnamespace::text !~ '^pg_'
  union all select role, 'function', p.oid::regprocedure::text, has_function_privilege(role, p.oid, 'EXECUTE')::text
    from wanted, pg_proc p where p.pronamespace::regnamespace::text !~ '^(pg_catalog|information_schema|superuser_stand_in)'
  union all select role, 'schema', n.nspname, (select string_agg(p, ' ' order by p)
         from unnest(array['USAGE','CREATE']) p where has_schema_privilege(role, n.oid, p))
    from wanted, pg_namespace n where n.nspname !~ '^(pg_|superuser_stand_in)'
  union all select role, 'type', t.oid::regtype::text, has_type_privilege(role, t.oid, 'USAGE')::text
    from wanted, pg_type t where t.typnamespace::regnamespace::text in ('public', 'app')
     -- A multirange comes with its range, and pg_dump writes no rights of it.
     and t.typname !~ '_multirange$'
  order by 1, 2, 3, 4`;

/** One line for each role and object: what the role may do with it, however it came to that. */
export async function rightsMatrix(cluster: SupabaseCluster): Promise<readonly string[]> {
  const rows = await cluster.asAdmin(matrix);
  return rows.map((row) => [row["role"], row["kind"], row["name"], row["rights"] ?? "-"].join(" | "));
}

/** Custom roles, who is in them, and all settings but the one that takes a superuser. */
export async function rolesOf(cluster: SupabaseCluster): Promise<readonly unknown[]> {
  const roles = await cluster.asAdmin(
    `select rolname, rolsuper, rolinherit, rolcreaterole, rolcreatedb, rolcanlogin, rolreplication, rolbypassrls,
            rolconnlimit, rolvaliduntil from pg_roles where rolname !~ '^pg_' order by 1`,
  );
  const memberships = await cluster.asAdmin(
    `select r.rolname as role, m.rolname as member, bool_or(a.admin_option) as admin from pg_auth_members a
       join pg_roles r on r.oid = a.roleid join pg_roles m on m.oid = a.member
      where r.rolname ~ '^app_' and m.rolname <> 'postgres' group by 1, 2 order by 1, 2`,
  );
  const settings = await cluster.asAdmin(
    `select coalesce(r.rolname, '') as role, setdatabase <> 0 as own, c.setting from pg_db_role_setting s
       cross join unnest(setconfig) c(setting) left join pg_roles r on r.oid = setrole
      where c.setting !~ '^app.settings' order by 1, 2, 3`,
  );
  return [...roles, ...memberships, ...settings];
}
