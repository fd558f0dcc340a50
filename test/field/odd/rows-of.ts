/** Every row of a database, table by table, whatever the order of rows and columns: told by SQL alone, none of it ours. */
import type { TestServer } from "../../support/servers.ts";

const statements = `
  select format(
    'select %L as place, count(*)::text || '' '' || coalesce(md5(string_agg(r, E''\\n'' order by r)), '''') as rows
     from (select row(%s)::text collate "C" as r from only %I.%I) x',
    format('%I.%I', n.nspname, c.relname),
    (select string_agg(quote_ident(a.attname), ', ' order by a.attname collate "C") from pg_attribute a
     where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped),
    n.nspname, c.relname) as statement
  from pg_class c join pg_namespace n on n.oid = c.relnamespace
  where c.relkind = 'r' and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
  union all select format('select %L, last_value::text || is_called::text from %I.%I', c.oid::regclass, n.nspname, c.relname)
  from pg_class c join pg_namespace n on n.oid = c.relnamespace where c.relkind = 'S'
  union all select format('select %L, md5(lo_get(%s))', 'large object ' || oid, oid) from pg_largeobject_metadata`;

/** By table. A materialized view is as old as its last refresh, which a restore does anew. */
export async function rowsOf(server: TestServer, database: string): Promise<ReadonlyMap<string, string>> {
  const asked = await server.sql(database, statements);
  const all = asked.map(({ statement }) => statement ?? "").join(" union all ");
  const rows = all === "" ? [] : await server.sql(database, all);
  return new Map(rows.map(({ place, rows: told }) => [place ?? "", told ?? ""]));
}
