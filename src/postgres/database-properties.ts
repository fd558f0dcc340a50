/** What belongs to the database itself, its extensions and its roles: none of it is in a table. */
import type { DatabaseContents, DatabaseProperties, SequenceContents } from "../snapshot/contents.ts";
import type { Sql } from "./client.ts";
import { quoteQualified } from "./identifiers.ts";
import { orRefused, undoneRows } from "./undone.ts";

/** The properties of an existing database; undefined where the server has none of that name. */
export async function readProperties(
  sql: Sql,
  name: string,
  serverMajor: number,
): Promise<DatabaseProperties | undefined> {
  // Locale columns moved twice: PostgreSQL 15 added ICU for databases, 17 renamed its column.
  const provider = serverMajor >= 15 ? "d.datlocprovider" : "'c'";
  const locale = serverMajor >= 17 ? "d.datlocale" : serverMajor >= 15 ? "d.daticulocale" : "null";
  const { rows } = await sql.query<Record<string, string | null>>(
    `select d.oid, r.rolname, pg_catalog.pg_encoding_to_char(d.encoding) as encoding, d.datcollate, d.datctype,
            ${provider} as provider, ${locale} as locale, d.datconnlimit, d.datacl::text as acl,
            pg_catalog.shobj_description(d.oid, 'pg_database') as comment
       from pg_catalog.pg_database d join pg_catalog.pg_roles r on r.oid = d.datdba where d.datname = $1`,
    [name],
  );
  const row = rows[0];
  if (row === undefined) return undefined;
  const settings = await sql.query<{ role: string; setting: string }>(
    `select coalesce(r.rolname, '') as role, c.setting
       from pg_catalog.pg_db_role_setting s cross join unnest(s.setconfig) with ordinality c(setting, n)
       left join pg_catalog.pg_roles r on r.oid = s.setrole
      where s.setdatabase = $1 and (s.setrole = 0 or r.rolname is not null) order by 1, c.n`,
    [row["oid"]],
  );
  return {
    name,
    owner: row["rolname"] ?? "",
    encoding: row["encoding"] ?? "",
    collate: row["datcollate"] ?? "",
    ctype: row["datctype"] ?? "",
    localeProvider: { c: "libc", i: "icu", b: "builtin" }[row["provider"] ?? "c"] ?? "",
    locale: row["locale"] ?? null,
    comment: row["comment"] ?? null,
    connectionLimit: Number(row["datconnlimit"]),
    acl: row["acl"] ?? null,
    settings: settings.rows,
  };
}

/** Of extension `e`: what may have privileges, policies or rows of its own in an archive. */
const extensionMembers = `
  select distinct coalesce(s.nspname, '') as schema, o.name
  from pg_catalog.pg_depend d
  cross join lateral (
    select c.relnamespace as namespace, c.relname as name from pg_catalog.pg_class c
      where d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass and c.oid = d.objid
    union all select p.pronamespace, p.proname from pg_catalog.pg_proc p
      where d.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass and p.oid = d.objid
    union all select t.typnamespace, t.typname from pg_catalog.pg_type t
      where d.classid = 'pg_catalog.pg_type'::pg_catalog.regclass and t.oid = d.objid
    union all select null, n.nspname from pg_catalog.pg_namespace n
      where d.classid = 'pg_catalog.pg_namespace'::pg_catalog.regclass and n.oid = d.objid
    union all select null, w.fdwname from pg_catalog.pg_foreign_data_wrapper w
      where d.classid = 'pg_catalog.pg_foreign_data_wrapper'::pg_catalog.regclass and w.oid = d.objid
    union all select null, l.lanname from pg_catalog.pg_language l
      where d.classid = 'pg_catalog.pg_language'::pg_catalog.regclass and l.oid = d.objid
  ) o
  left join pg_catalog.pg_namespace s on s.oid = o.namespace
  where d.deptype = 'e' and d.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass and d.refobjid = e.oid`;

export async function readExtensions(sql: Sql): Promise<DatabaseContents["extensions"]> {
  const { rows } = await sql.query<{ name: string; version: string; schema: string; members: string }>(`
    select e.extname as name, e.extversion as version, n.nspname as schema,
           coalesce((select pg_catalog.json_agg(pg_catalog.json_build_object('schema', m.schema, 'name', m.name)
                       order by m.schema, m.name)
                     from (${extensionMembers}) m), '[]') as members
    from pg_catalog.pg_extension e join pg_catalog.pg_namespace n on n.oid = e.extnamespace
    order by e.extname collate "C"`);
  return rows.map(({ name, version, schema, members }) => ({
    name,
    version,
    schema,
    members: JSON.parse(members) as { schema: string; name: string }[],
  }));
}

/** Every role that is not PostgreSQL's own, without its password. */
export async function readRoles(sql: Sql): Promise<DatabaseContents["roles"]> {
  const { rows } = await sql.query<{ name: string; attributes: string }>(`
    select r.rolname as name, pg_catalog.concat_ws(' ',
      case when r.rolsuper then 'SUPERUSER' end, case when not r.rolinherit then 'NOINHERIT' end,
      case when r.rolcreaterole then 'CREATEROLE' end, case when r.rolcreatedb then 'CREATEDB' end,
      case when r.rolcanlogin then 'LOGIN' else 'NOLOGIN' end, case when r.rolreplication then 'REPLICATION' end,
      case when r.rolbypassrls then 'BYPASSRLS' end,
      case when r.rolconnlimit >= 0 then 'CONNECTION LIMIT ' || r.rolconnlimit end) as attributes
    from pg_catalog.pg_roles r where r.rolname !~ '^pg_' order by r.rolname collate "C"`);
  return rows.map(({ name, attributes }) => ({ name, attributes }));
}

/**
 * Current values. They are not part of any snapshot: after `nextval` by others the same transaction reads more, so a
 * restore compares "at or past".
 */
export async function readSequences(sql: Sql): Promise<readonly SequenceContents[]> {
  const { rows } = await sql.query<Record<string, string>>(`
    select n.nspname as schema, c.relname as name, s.seqincrement as increment,
           c.relpersistence = 'u' and pg_catalog.pg_is_in_recovery() as on_primary_only,
           pg_catalog.has_sequence_privilege(c.oid, 'SELECT')
             and not (c.relpersistence = 'u' and pg_catalog.pg_is_in_recovery()) as readable
    from pg_catalog.pg_sequence s join pg_catalog.pg_class c on c.oid = s.seqrelid
    join pg_catalog.pg_namespace n on n.oid = c.relnamespace
    where c.relpersistence <> 't' and not exists (
      select from pg_catalog.pg_depend x where x.classid = 'pg_catalog.pg_class'::pg_catalog.regclass
         and x.objid = c.oid and x.deptype = 'e')
    order by n.nspname collate "C", c.relname collate "C"`);
  const sequences: SequenceContents[] = [];
  for (const batch of batches(rows, 200)) {
    const readable = batch.filter((row) => row["readable"] === "t");
    const values = new Map<string, Record<string, string>>();
    for (const value of await valuesOf(sql, readable)) {
      values.set(keyOf(readable[Number(value["position"])] ?? {}), value);
    }
    for (const row of batch) {
      const value = values.get(keyOf(row));
      sequences.push({
        ...(row["on_primary_only"] === "t" ? { onPrimaryOnly: true } : {}),
        schema: row["schema"] ?? "",
        name: row["name"] ?? "",
        increment: row["increment"] ?? "1",
        lastValue: value?.["last_value"] ?? null,
        isCalled: value === undefined ? null : value["is_called"] === "true",
      });
    }
  }
  return sequences;
}

/** Of what may be read; `position` is the place in `rows`. One that the server refuses has none. */
async function valuesOf(
  sql: Sql,
  rows: readonly Record<string, string>[],
): Promise<readonly Record<string, string>[]> {
  const each = rows.map((row, index) => {
    return `select ${index} as position, last_value::text, is_called::text from ${keyOf(row)}`;
  });
  const ask = async (query: string): Promise<readonly Record<string, string>[] | undefined> =>
    await orRefused(undoneRows<Record<string, string>>(sql, query));
  if (each.length === 0) return [];
  const all = await ask(each.join(" union all "));
  if (all !== undefined) return all;
  const found: Record<string, string>[] = [];
  for (const one of each) found.push(...((await ask(one)) ?? []));
  return found;
}

/** In slices of at most `size`: one round trip for many small questions. */
export function* batches<T>(items: readonly T[], size: number): Generator<readonly T[]> {
  for (let start = 0; start < items.length; start += size) yield items.slice(start, start + size);
}

function keyOf(row: Record<string, string>): string {
  return quoteQualified(row["schema"] ?? "", row["name"] ?? "");
}
