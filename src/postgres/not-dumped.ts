/** What pg_dump leaves out of its archives by design: no restore brings it back, and none is worse for it. */
import type { CatalogObject, NotDumped } from "../snapshot/contents.ts";
import type { Sql } from "./client.ts";

/** Kind of user mappings whose options are not in the backup. */
export const mappingOptions = "user-mapping-options";

const isSuperuser = "(select rolsuper from pg_catalog.pg_roles where rolname = current_user)";

const query = `
  select 'index' as kind, i.indexrelid::pg_catalog.regclass::text as identity, 'invalid' as reason
  from pg_catalog.pg_index i join pg_catalog.pg_class t on t.oid = i.indrelid
  join pg_catalog.pg_namespace n on n.oid = t.relnamespace
  where not (i.indisready and (i.indisvalid or t.relkind = 'p')) and n.nspname !~ '^pg_'
  union all
  select 'table', c.oid::pg_catalog.regclass::text, 'replica identity without its index'
  from pg_catalog.pg_class c where c.relreplident = 'i'
    and not exists (select from pg_catalog.pg_index i where i.indrelid = c.oid and i.indisreplident and i.indisvalid)
  union all
  select 'comment', k.conrelid::pg_catalog.regclass::text || ' ' || pg_catalog.quote_ident(k.conname), 'on an inherited constraint'
  from pg_catalog.pg_constraint k
  where k.conrelid <> 0 and not k.conislocal and k.contype in ('c', 'f')
    and exists (select from pg_catalog.pg_description d
                where d.classoid = 'pg_catalog.pg_constraint'::pg_catalog.regclass and d.objoid = k.oid)
  union all
  select 'subscription', pg_catalog.quote_ident(s.subname), 'the backup role is no superuser'
  from pg_catalog.pg_subscription s join pg_catalog.pg_database d on d.oid = s.subdbid
  where d.datname = pg_catalog.current_database() and not ${isSuperuser}
  order by 1, 2`;

/** As pg_user_mappings shows options: NULL is none, or none that this role may see. */
const hiddenMappings = `
  select m.umid, pg_catalog.format('%s on server %I', pg_catalog.quote_ident(m.usename), s.srvname) as identity
  from pg_catalog.pg_user_mappings m join pg_catalog.pg_foreign_server s on s.oid = m.srvid
  where m.umoptions is null and not ${isSuperuser} and not case when m.umuser = 0
    then pg_catalog.pg_has_role(s.srvowner, 'USAGE')
    else m.usename = current_user and (pg_catalog.pg_has_role(s.srvowner, 'USAGE')
      or pg_catalog.has_server_privilege(s.oid, 'USAGE')) end
  order by 2`;

export async function listNotDumped(sql: Sql): Promise<readonly NotDumped[]> {
  const { rows } = await sql.query<{ kind: string; identity: string; reason: string }>(query);
  return [...rows, ...(await mappingsWithoutOptions(sql))];
}

async function mappingsWithoutOptions(sql: Sql): Promise<readonly NotDumped[]> {
  const { rows: hidden } = await sql.query<{ umid: string; identity: string }>(hiddenMappings);
  if (hidden.length === 0) return [];
  // pg_dump asks the view; a member of pg_read_all_data can see in the catalog which of them have options at all.
  const { rows } = await sql.query<{ readable: string }>(
    "select pg_catalog.has_table_privilege('pg_catalog.pg_user_mapping', 'SELECT') as readable",
  );
  const filled =
    rows[0]?.readable === "t"
      ? await sql.query<{ oid: string }>(
          "select oid from pg_catalog.pg_user_mapping where umoptions is not null",
        )
      : undefined;
  const withOptions = filled && new Set(filled.rows.map(({ oid }) => oid));
  return hidden
    .filter(({ umid }) => withOptions?.has(umid) !== false)
    .map(({ identity }) => ({ kind: mappingOptions, identity, reason: "the backup role may not see them" }));
}

/** Whether pg_dump leaves out the object, or what a comment is about. */
export function isLeftOut({ kind, identity }: CatalogObject, notDumped: readonly NotDumped[]): boolean {
  return notDumped.some(
    (left) =>
      left.kind === "subscription" &&
      (kind === left.kind
        ? identity === left.identity
        : kind === "comment" && identity === `subscription ${left.identity}`),
  );
}
