/** Two Supabase projects in one cluster, from test/fixtures/supabase: one full, one new. */
import pg from "pg";
import type { ThrowawayServer } from "../src/postgres/throwaway-server.ts";
import {
  fillProject,
  imitated,
  runFixture,
  shapePlatform,
  type SqlRunner,
} from "../test/support/supabase/fixture.ts";
import type { Fingerprint } from "./demo-comparison.ts";
import { withClient } from "./demo-shop.ts";

export const fullProject = "postgres";
export const newProject = "new_project";

/** As on the platform, `postgres` is no superuser afterwards: the server's own one gives up its name. */
export async function createProjects({ connection: { host, port } }: ThrowawayServer): Promise<void> {
  const as =
    (user: string): SqlRunner =>
    (text, database) =>
      withClient({ host, port, user, database }, (client: pg.Client) => client.query(text));
  const asAdmin = as("supabase_admin");
  await as("postgres")("create role supabase_admin superuser login", "postgres");
  await asAdmin("alter role postgres rename to initial_superuser", "postgres");
  await runFixture(asAdmin, "roles", "postgres");
  await asAdmin("alter database postgres owner to postgres", "postgres");
  await asAdmin(`create database ${newProject} owner postgres template template0`, "postgres");
  for (const database of [fullProject, newProject]) await shapePlatform(asAdmin, database, imitated);
  await fillProject({ asAdmin, asPostgres: as("postgres") }, fullProject, imitated);
}

/** What a visitor (`anon`) and somebody signed in (`authenticated`) may do with each of the project's own tables. */
export async function visitorsRights(way: pg.ClientConfig): Promise<readonly string[]> {
  return await withClient(way, async (client) => {
    const { rows } = await client.query<{ may: string }>(`
      select concat_ws(' ', r.role, p.privilege, c.oid::regclass) as may
      from pg_class c, unnest(array['anon', 'authenticated']) r (role),
        unnest(array['select', 'insert', 'update', 'delete', 'truncate']) p (privilege)
      where c.relkind in ('r', 'p', 'v', 'm') and pg_get_userbyid(c.relowner) = 'postgres'
        and has_table_privilege(r.role, c.oid, p.privilege)
      order by 1`);
    return rows.map(({ may }) => may);
  });
}

/** The project's own tables, and those of the platform that hold its people and files. */
export function ownTables({ tables }: Fingerprint): readonly string[] {
  const platform =
    /^"?(?:auth|cron|extensions|graphql\w*|net|pgbouncer|realtime|storage|supabase_functions|vault)"?\./;
  const filled = ["auth.users", "auth.identities", "storage.buckets", "storage.objects"];
  return [...tables.keys()].filter((name) => !platform.test(name) || filled.includes(name));
}
