/** What pg_dump leaves out of its archives by design: no restore brings it back, and none is worse for it. */
import type { NotDumped } from "../snapshot/contents.ts";
import type { Sql } from "./client.ts";

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
  order by 1, 2`;

export async function listNotDumped(sql: Sql): Promise<readonly NotDumped[]> {
  return (await sql.query<{ kind: string; identity: string; reason: string }>(query)).rows;
}
