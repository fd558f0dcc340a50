/**
 * Whether two databases are the same, by plain SQL that shares nothing with Lifeboat's own checks: MD5 over the text of
 * every row in order, and over the definitions of everything else.
 */
import pg from "pg";
import { withClient } from "./demo-shop.ts";

export interface Fingerprint {
  /** By the table's name, as it must be written in SQL. */
  readonly tables: ReadonlyMap<string, Measure>;
  /** By kind: sequences, policies, triggers, … */
  readonly objects: ReadonlyMap<string, Measure>;
}

export interface Measure {
  readonly count: number;
  readonly md5: string;
}

/** By names: the numbers of roles differ between servers. */
const privilege = "concat_ws(' ', a.grantor::regrole, a.grantee::regrole, a.privilege_type, a.is_grantable)";

/** Each gives one text column, one line for each object. */
const objectQueries: Readonly<Record<string, string>> = {
  sequences: "select s::text from pg_sequences s",
  "large objects": `
    select concat_ws(' ', l.oid, md5(lo_get(l.oid)), lomowner::regrole, lomacl, obj_description(l.oid, 'pg_largeobject'))
    from pg_largeobject_metadata l`,
  columns: `
    select concat_ws(' ', a.attrelid::regclass, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull,
                     a.attidentity, a.attgenerated, pg_get_expr(d.adbin, d.adrelid))
    from pg_attribute a
    join pg_class c on c.oid = a.attrelid
    left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
    where a.attnum > 0 and not a.attisdropped and c.relkind in ('r', 'p', 'v', 'm')
      and c.relnamespace in (select oid from ours)`,
  types: `
    select concat_ws(' ', t.oid::regtype, t.typtype, string_agg(e.enumlabel, ',' order by e.enumsortorder))
    from pg_type t left join pg_enum e on e.enumtypid = t.oid
    where t.typnamespace in (select oid from ours) group by t.oid, t.typtype`,
  constraints: `
    select concat_ws(' ', conrelid::regclass, conname, pg_get_constraintdef(oid), convalidated)
    from pg_constraint where connamespace in (select oid from ours)`,
  indexes: "select indexdef from pg_indexes where schemaname in (select nspname from ours)",
  views: `
    select concat_ws(' ', c.oid::regclass, c.reloptions, c.relispopulated, pg_get_viewdef(c.oid))
    from pg_class c where c.relkind in ('v', 'm') and c.relnamespace in (select oid from ours)`,
  functions: `
    select concat_ws(' ', pg_get_functiondef(p.oid), p.proowner::regrole) from pg_proc p
    where p.pronamespace in (select oid from ours) and p.prokind <> 'a'
      and not exists (select from pg_depend d where d.objid = p.oid and d.deptype = 'e')`,
  triggers: "select concat_ws(' ', pg_get_triggerdef(oid), tgenabled) from pg_trigger where not tgisinternal",
  policies: "select p::text from pg_policies p",
  "tables with row-level security": `
    select concat_ws(' ', oid::regclass, relforcerowsecurity) from pg_class where relrowsecurity`,
  "owners and privileges": `
    select concat_ws(' ', c.oid::regclass, c.relowner::regrole, string_agg(${privilege}, ' ' order by ${privilege}))
    from pg_class c left join lateral aclexplode(c.relacl) a on true
    where c.relnamespace in (select oid from ours) and c.relkind in ('r', 'p', 'v', 'm', 'S')
    group by c.oid, c.relowner`,
  "default privileges": `
    select concat_ws(' ', d.defaclrole::regrole, d.defaclnamespace::regnamespace, d.defaclobjtype, ${privilege})
    from pg_default_acl d cross join lateral aclexplode(d.defaclacl) a`,
  comments: `
    select concat_ws(' ', c.oid::regclass, d.objsubid, d.description)
    from pg_description d join pg_class c on c.oid = d.objoid and d.classoid = 'pg_class'::regclass
    where c.relnamespace in (select oid from ours)`,
  "published tables": "select p::text from pg_publication_tables p",
  extensions: "select concat_ws(' ', extname, extversion, extnamespace::regnamespace) from pg_extension",
};

const ours = `ours as (select oid, nspname from pg_namespace where nspname !~ '^(pg_|information_schema)')`;

/** All of it in one snapshot of the database. */
export async function fingerprint(config: pg.ClientConfig): Promise<Fingerprint> {
  return await withClient(config, async (client) => {
    await client.query(
      "begin isolation level repeatable read read only; set local timezone = 'UTC'; set local search_path = ''",
    );
    const { rows } = await client.query<{ name: string }>(
      `with ${ours} select c.oid::regclass::text as name from pg_class c
       where c.relkind in ('r', 'm') and c.relnamespace in (select oid from ours) order by 1`,
    );
    const tables = new Map<string, Measure>();
    for (const { name } of rows) {
      tables.set(name, await measure(client, `select "a row"::text from only ${name} "a row"`));
    }
    const objects = new Map<string, Measure>();
    for (const [kind, query] of Object.entries(objectQueries)) {
      objects.set(kind, await measure(client, `with ${ours} ${query}`));
    }
    return { tables, objects };
  });
}

/** `lines` gives one text column. */
async function measure(client: pg.Client, lines: string): Promise<Measure> {
  const { rows } = await client.query<{ count: string; md5: string }>(
    `select count(*)::text as count, md5(coalesce(string_agg(md5(line), '' order by md5(line) collate pg_catalog."C"), '')) as md5
     from (${lines}) as lines (line)`,
  );
  return { count: Number(rows[0]?.count), md5: rows[0]?.md5 ?? "" };
}

/** What is missing, new or different, by name; nothing where both are the same. */
export function differences(before: Fingerprint, after: Fingerprint): readonly string[] {
  return (["tables", "objects"] as const).flatMap((what) => {
    const names = new Set([...before[what].keys(), ...after[what].keys()]);
    return [...names].filter((name) => {
      const [one, other] = [before[what].get(name), after[what].get(name)];
      return one?.count !== other?.count || one?.md5 !== other?.md5;
    });
  });
}

export function totalRows({ tables }: Fingerprint): number {
  return [...tables.values()].reduce((sum, { count }) => sum + count, 0);
}
