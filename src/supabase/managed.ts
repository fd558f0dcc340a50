/** What of a Supabase project's database the platform makes and keeps itself: schemas, roles, triggers, publications. */
import { isPlatformRole } from "./platform-roles.ts";

/** Schemas whose objects come and go with the platform's own releases, or with an extension. */
const managedSchemas: ReadonlySet<string> = new Set([
  ...["auth", "storage", "realtime", "vault", "cron", "net", "graphql", "graphql_public", "extensions"],
  ...["supabase_functions", "pgbouncer", "pgsodium", "pgsodium_masks", "pgmq", "pgtle", "repack", "topology"],
  ...["tiger", "tiger_data", "etl", "dbdev", "_analytics", "_realtime", "_supavisor", "information_schema"],
]);

export function isManagedSchema(schema: string): boolean {
  return managedSchemas.has(schema) || /^(?:pg_|_?timescaledb_)/.test(schema);
}

/** Managed schemas to whose tables a user may add policies and triggers. */
const extensibleSchemas: ReadonlySet<string> = new Set(["auth", "storage", "realtime"]);

export function takesPolicies(schema: string): boolean {
  return extensibleSchemas.has(schema);
}

/** Roles of the platform that `postgres` cannot become: what they own in a user's schema is `postgres`' after a restore. */
export function ownerAfterRestore(owner: string): string {
  return isPlatformRole(owner) ? "postgres" : owner;
}

const platformEventTriggers: ReadonlySet<string> = new Set([
  ...["pgrst_ddl_watch", "pgrst_drop_watch", "issue_graphql_placeholder"],
  ...["issue_pg_cron_access", "issue_pg_graphql_access", "issue_pg_net_access"],
]);

export function isPlatformEventTrigger(name: string): boolean {
  return platformEventTriggers.has(name);
}

/** What they run, in schema `extensions`; in projects of before 2025 `postgres` owns it. */
const platformFunctions: ReadonlySet<string> = new Set([
  ...["pgrst_ddl_watch", "pgrst_drop_watch", "set_graphql_placeholder", "notify_api_restart"],
  ...["grant_pg_cron_access", "grant_pg_graphql_access", "grant_pg_net_access"],
]);

export function isPlatformFunction(name: string): boolean {
  return platformFunctions.has(name);
}

/** `schema.table trigger` */
const platformTriggers: ReadonlySet<string> = new Set([
  "storage.objects update_objects_updated_at",
  "storage.objects protect_objects_delete",
  "storage.objects objects_insert_create_prefix",
  "storage.objects objects_update_create_prefix",
  "storage.objects objects_delete_delete_prefix",
  "storage.objects objects_delete_cleanup",
  "storage.objects objects_update_cleanup",
  "storage.objects objects_update_level_trigger",
  "storage.objects objects_insert_level_trigger",
  "storage.prefixes prefixes_create_hierarchy",
  "storage.prefixes prefixes_delete_hierarchy",
  "storage.prefixes prefixes_delete_cleanup",
  "storage.buckets enforce_bucket_name_length_trigger",
  "storage.buckets protect_buckets_delete",
  "realtime.subscription tr_check_filters",
]);

/** `tag` is the archive's: `table trigger`. */
export function isPlatformTrigger(schema: string, tag: string): boolean {
  return platformTriggers.has(`${schema}.${tag}`);
}

/** Every project has it, without tables. */
export const realtimePublication = "supabase_realtime";

/** Made and filled by the Realtime service. */
export function isPlatformPublication(name: string): boolean {
  return /^supabase_realtime_messages_publication/.test(name);
}

/** The platform's roles whose settings it lets `postgres` change; which of them, the server decides. */
const settableRoles: ReadonlySet<string> = new Set([
  ...["anon", "authenticated", "authenticator", "service_role", "postgres"],
]);

/** Libraries are the platform's own: another release may lack one, and nobody could log in. */
export function mayBeSetForPlatformRole(role: string, setting: string): boolean {
  return settableRoles.has(role) && !setting.startsWith("session_preload_libraries=");
}
