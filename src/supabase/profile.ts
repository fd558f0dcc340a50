/** Whether a database is a Supabase project's, and what of Supabase is in it. */
import type { Sql } from "../postgres/client.ts";
import type { SupabaseComponent } from "../snapshot/supabase-contents.ts";

/** `auto` decides by the catalog. */
export const supabaseChoices = ["auto", "true", "false"] as const;
export type SupabaseChoice = (typeof supabaseChoices)[number];

export interface SupabaseTraces {
  /** Of `apiRoles`, those that the cluster has. */
  readonly roles: readonly string[];
  readonly components: readonly SupabaseComponent[];
  /** Whether this role reads everything, tables of other owners and of tomorrow included. */
  readonly readsEverything: boolean;
}

const apiRoles = ["anon", "authenticated", "service_role"] as const;

/** What stands for a component: a table, or a schema where its tables are not promised. */
const marks: Readonly<Record<SupabaseComponent, string>> = {
  auth: "pg_catalog.to_regclass('auth.users') is not null",
  storage: "pg_catalog.to_regclass('storage.objects') is not null",
  realtime:
    "coalesce(pg_catalog.to_regclass('realtime.messages'), pg_catalog.to_regclass('realtime.subscription')) is not null",
  vault: "pg_catalog.to_regclass('vault.secrets') is not null",
  cron: "pg_catalog.to_regclass('cron.job') is not null",
  pgmq: "pg_catalog.to_regclass('pgmq.meta') is not null",
  net: "pg_catalog.to_regclass('net.http_request_queue') is not null",
  graphql: "pg_catalog.to_regnamespace('graphql') is not null",
  functions: "pg_catalog.to_regnamespace('supabase_functions') is not null",
};

export async function readTraces(sql: Sql): Promise<SupabaseTraces> {
  const { rows } = await sql.query<Record<string, string | null>>(
    `select ${Object.entries(marks)
      .map(([component, mark]) => `${mark} as ${component}`)
      .join(", ")},
       array(select rolname::text from pg_catalog.pg_roles
             where rolname in ('anon', 'authenticated', 'service_role'))::text as roles,
       (select rolsuper or exists (select from pg_catalog.pg_roles a where a.rolname = 'pg_read_all_data'
                                   and pg_catalog.pg_has_role(a.oid, 'USAGE'))
        from pg_catalog.pg_roles where rolname = current_user) as reads_everything`,
  );
  const row = rows[0] ?? {};
  return {
    roles: apiRoles.filter((role) => row["roles"]?.includes(role)),
    components: (Object.keys(marks) as SupabaseComponent[]).filter((component) => row[component] === "t"),
    readsEverything: row["reads_everything"] === "t",
  };
}

/**
 * The three roles of the Data API, and Auth's or Storage's tables: other products have the one or the other, none has
 * both. Roles alone say nothing, because they are the whole cluster's.
 */
export function isSupabase({ roles, components }: SupabaseTraces, choice: SupabaseChoice): boolean {
  if (choice !== "auto") return choice === "true";
  return roles.length === apiRoles.length && (components.includes("auth") || components.includes("storage"));
}
