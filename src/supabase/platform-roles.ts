/** Roles that every Supabase project has from the platform: nobody else may make, alter or grant them there. */
const platformRoles: ReadonlySet<string> = new Set([
  "anon",
  "authenticated",
  "authenticator",
  "dashboard_user",
  "pgbouncer",
  "pgsodium_keyholder",
  "pgsodium_keyiduser",
  "pgsodium_keymaker",
  "pgtle_admin",
  "postgres",
  "service_role",
]);

/** Also PostgreSQL's own (`pg_…`). */
export function isPlatformRole(name: string): boolean {
  return platformRoles.has(name) || /^(?:supabase_|cli_login_|pg_)/.test(name);
}
