/**
 * Only a superuser, or a member of the new owner, may give an object away. A restoring role that may create roles makes
 * itself a member of the owners for as long as the restore lasts.
 */
import type { Sql } from "./client.ts";
import { quoteIdentifier } from "./identifiers.ts";

/** Returns what takes the memberships back. `owners`: roles that objects of the backup belong to. */
export async function borrowOwners(sql: Sql, owners: Iterable<string>): Promise<() => Promise<void>> {
  const { rows } = await sql.query<{ name: string; sets: string }>(
    `select r.rolname as name, pg_catalog.current_setting('server_version_num')::int >= 160000 as sets
       from pg_catalog.pg_roles r, pg_catalog.pg_roles me
      where me.rolname = current_user and not me.rolsuper and not r.rolsuper and r.rolname <> current_user
        and r.rolname !~ '^pg_' and r.rolname = any ($1::text[])
        and not (pg_catalog.pg_has_role(r.oid, 'USAGE') and pg_catalog.pg_has_role(r.oid, case
          when pg_catalog.current_setting('server_version_num')::int >= 160000 then 'SET' else 'USAGE' end))`,
    [[...new Set(owners)]],
  );
  const lent: string[] = [];
  for (const { name, sets } of rows) {
    const options = sets === "t" ? " with inherit true, set true" : "";
    // Whoever may not is told by each object that it cannot give away.
    const granted = await sql.query(`grant ${quoteIdentifier(name)} to current_user${options}`).then(
      () => true,
      () => false,
    );
    if (granted) lent.push(name);
  }
  return async () => {
    for (const name of lent) {
      await sql
        .query(`revoke ${quoteIdentifier(name)} from current_user granted by current_user`)
        .catch(() => {});
    }
  };
}
