/**
 * Every kind of object whose definition a restore must bring back, as text that can be compared.
 * One query a kind; each returns (identity, definition). Objects that belong to extensions are left to the extension.
 * All names come out qualified because our connections have an empty search_path.
 */
import { type CatalogObject, madeByServer } from "../snapshot/contents.ts";
import type { Sql } from "./client.ts";
import { evenIllegible } from "./illegible.ts";
import { isRefusal, undoneRows } from "./undone.ts";

const userSchema = "n.nspname !~ '^pg_' and n.nspname <> 'information_schema'";

/** Not part of an extension, nor made by PostgreSQL for itself. */
function own(catalog: string, alias: string): string {
  return `not exists (select from pg_catalog.pg_depend x where x.classid = 'pg_catalog.${catalog}'::pg_catalog.regclass
          and x.objid = ${alias}.oid and x.deptype in ('e', 'i') and x.refclassid in (
            'pg_catalog.pg_extension'::pg_catalog.regclass))`;
}

const relation = "pg_catalog.format('%I.%I', n.nspname, c.relname)";
/** aclitem[] in an order that does not depend on who granted first. */
function aclText(column: string): string {
  return `(select pg_catalog.string_agg(item::text, ',' order by item::text collate "C") from pg_catalog.unnest(${column}) item)`;
}

/**
 * Privileges that somebody gave or took. Spelt out or left out, the built-in ones are the same: pg_dump writes neither,
 * and what was granted and revoked again comes back as "left out".
 */
function ownAcl(column: string, kind: string, owner: string): string {
  const builtIn = `pg_catalog.acldefault((${kind})::"char", ${owner})`;
  return `(${column} is not null and ${aclText(column)} is distinct from ${aclText(builtIn)})`;
}

/** Made by a statement of its own. What comes with another object (a range's constructors) is not dumped, nor its ACL. */
function written(catalog: string, alias: string): string {
  return `not exists (select from pg_catalog.pg_depend x where x.classid = 'pg_catalog.${catalog}'::pg_catalog.regclass
          and x.objid = ${alias}.oid and x.deptype = 'i')`;
}

/** The oids below are PostgreSQL's own objects. */
const firstNormalOid = 16_384;

/** Catalogs of rarer kinds: name, its oid column and, where the catalog itself may not be read, a view. */
const nameable: readonly (readonly [catalog: string, oid: string, from?: string])[] = [
  ...["pg_operator", "pg_opclass", "pg_opfamily", "pg_cast", "pg_collation", "pg_conversion", "pg_language", "pg_am",
    "pg_ts_config", "pg_ts_dict", "pg_ts_parser", "pg_ts_template", "pg_transform", "pg_foreign_data_wrapper",
    "pg_foreign_server"].map((catalog) => [catalog, "oid"] as const),
  ["pg_user_mapping", "umid", "pg_user_mappings"],
]; // prettier-ignore

/** Kinds whose text is made by the server's deparser: other majors may spell the same thing otherwise. */
export const deparsedKinds: ReadonlySet<string> = new Set([
  "constraint", "domain-constraint", "index", "trigger", "policy", "view", "function", "rule", "table", "type", "statistics", "publication-part",
]); // prettier-ignore

/** Before PostgreSQL 18 a parent may have it ONLY for itself. pg_dump cannot say so: after a restore its heirs have it. */
const notNullOfParent = `(a.attinhcount > 0 and pg_catalog.current_setting('server_version_num')::integer < 180000 and exists (
      with recursive above (oid) as (select inhparent from pg_catalog.pg_inherits where inhrelid = c.oid
        union select i.inhparent from pg_catalog.pg_inherits i join above on i.inhrelid = above.oid)
      select from above join pg_catalog.pg_attribute p on p.attrelid = above.oid where p.attname = a.attname and p.attnotnull))`;

/** Kinds that only a superuser or a named role could have made otherwise; compared like all others. */
const queries: Readonly<Record<string, string>> = {
  schema: `select pg_catalog.quote_ident(n.nspname), 'owner ' || pg_catalog.pg_get_userbyid(n.nspowner)
    from pg_catalog.pg_namespace n where ${userSchema} and ${own("pg_namespace", "n")}`,

  table: `select ${relation},
      pg_catalog.concat_ws(' ', c.relkind, c.relpersistence, 'owner', pg_catalog.pg_get_userbyid(c.relowner),
        case when c.relrowsecurity then 'rls' end, case when c.relforcerowsecurity then 'force-rls' end,
        'options', (select pg_catalog.string_agg(o, ',' order by o collate "C") from pg_catalog.unnest(c.reloptions) o),
        'replident', case when c.relreplident = 'i' and not exists (
          select from pg_catalog.pg_index i where i.indrelid = c.oid and i.indisreplident and i.indisvalid)
          then 'd' else c.relreplident end, 'partkey', pg_catalog.pg_get_partkeydef(c.oid),
        'bound', pg_catalog.pg_get_expr(c.relpartbound, c.oid), 'inherits',
        (select pg_catalog.string_agg(i.inhparent::pg_catalog.regclass::text, ',' order by i.inhseqno)
         from pg_catalog.pg_inherits i where i.inhrelid = c.oid), 'columns',
        (select pg_catalog.string_agg(pg_catalog.concat_ws(' ', pg_catalog.quote_ident(a.attname),
            pg_catalog.format_type(a.atttypid, a.atttypmod), case when a.attnotnull or ${notNullOfParent} then 'not null' end, a.attidentity,
            a.attgenerated, pg_catalog.pg_get_expr(d.adbin, d.adrelid),
            case when a.attcollation <> t.typcollation then a.attcollation::pg_catalog.regcollation::text end),
          ', ' order by a.attnum)
         from pg_catalog.pg_attribute a join pg_catalog.pg_type t on t.oid = a.atttypid
         left join pg_catalog.pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
         where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped))
    from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
    where c.relkind in ('r', 'p', 'f', 'c') and c.relpersistence <> 't' and ${userSchema} and ${own("pg_class", "c")}
      -- A composite type is a member as a type.
      and not exists (select from pg_catalog.pg_depend x where c.relkind = 'c' and x.objid = c.reltype
        and x.classid = 'pg_catalog.pg_type'::pg_catalog.regclass and x.deptype = 'e')`,

  view: `select ${relation}, pg_catalog.concat_ws(' ', c.relkind, 'owner', pg_catalog.pg_get_userbyid(c.relowner),
      (select pg_catalog.string_agg(o, ',' order by o collate "C") from pg_catalog.unnest(c.reloptions) o),
      case when c.relkind = 'm' and not c.relispopulated then 'unpopulated' end, pg_catalog.pg_get_viewdef(c.oid))
    from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
    where c.relkind in ('v', 'm') and ${userSchema} and ${own("pg_class", "c")}`,

  sequence: `select ${relation}, pg_catalog.concat_ws(' ', s.seqtypid::pg_catalog.regtype, s.seqstart, s.seqincrement,
      s.seqmin, s.seqmax, s.seqcache, s.seqcycle, 'owner', pg_catalog.pg_get_userbyid(c.relowner), 'owned by',
      (select d.refobjid::pg_catalog.regclass::text || '.' || pg_catalog.quote_ident(a.attname)
       from pg_catalog.pg_depend d join pg_catalog.pg_attribute a on a.attrelid = d.refobjid and a.attnum = d.refobjsubid
       where d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass and d.objid = c.oid and d.deptype in ('a', 'i')
         and d.refobjsubid > 0 limit 1))
    from pg_catalog.pg_sequence s join pg_catalog.pg_class c on c.oid = s.seqrelid
    join pg_catalog.pg_namespace n on n.oid = c.relnamespace
    where c.relpersistence <> 't' and ${userSchema} and ${own("pg_class", "c")}`,

  // Clones of a foreign key for partitions come with the key itself, under names of their own.
  // Of an inherited check pg_dump writes nothing: whether it was validated is the parent's after a restore.
  constraint: `select k.conrelid::pg_catalog.regclass::text || ' ' || pg_catalog.quote_ident(k.conname),
      case when k.contype = 'c' and not k.conislocal then pg_catalog.regexp_replace(pg_catalog.pg_get_constraintdef(k.oid), ' NOT VALID$', '')
      else pg_catalog.concat_ws(' ', pg_catalog.pg_get_constraintdef(k.oid), case when not k.convalidated then 'unvalidated' end) end
    from pg_catalog.pg_constraint k join pg_catalog.pg_namespace n on n.oid = k.connamespace
    where ${userSchema} and k.conrelid <> 0 and k.contype not in ('t', 'n') and not (k.contype = 'f' and k.conparentid <> 0)
      and exists (select from pg_catalog.pg_class c where c.oid = k.conrelid and ${own("pg_class", "c")})`,

  "domain-constraint": `select k.contypid::pg_catalog.regtype::text || ' ' || pg_catalog.quote_ident(k.conname),
      pg_catalog.concat_ws(' ', pg_catalog.pg_get_constraintdef(k.oid), case when not k.convalidated then 'unvalidated' end)
    from pg_catalog.pg_constraint k join pg_catalog.pg_namespace n on n.oid = k.connamespace
    where ${userSchema} and k.contypid <> 0 and k.contype not in ('t', 'n')
      and exists (select from pg_catalog.pg_type t where t.oid = k.contypid and ${own("pg_type", "t")})`,

  index: `select i.indexrelid::pg_catalog.regclass::text, pg_catalog.concat_ws(' ', pg_catalog.pg_get_indexdef(i.indexrelid),
      case when not i.indisvalid then 'invalid' end, case when i.indisclustered then 'clustered' end,
      case when i.indisreplident then 'replica identity' end)
    from pg_catalog.pg_index i join pg_catalog.pg_class c on c.oid = i.indrelid
    join pg_catalog.pg_namespace n on n.oid = c.relnamespace
    where i.indisready and (i.indisvalid or c.relkind = 'p') and ${userSchema} and ${own("pg_class", "c")}`,

  // A partition's clone comes with the trigger itself; only where it is enabled otherwise is it written.
  trigger: `select t.tgrelid::pg_catalog.regclass::text || ' ' || pg_catalog.quote_ident(t.tgname),
      case when t.tgparentid = 0 or t.tgenabled <> p.tgenabled
        then pg_catalog.concat_ws(' ', t.tgenabled, pg_catalog.pg_get_triggerdef(t.oid)) else '${madeByServer}' end
    from pg_catalog.pg_trigger t join pg_catalog.pg_class c on c.oid = t.tgrelid
    join pg_catalog.pg_namespace n on n.oid = c.relnamespace left join pg_catalog.pg_trigger p on p.oid = t.tgparentid
    where (not t.tgisinternal or t.tgparentid <> 0) and t.tgname !~ '^RI_ConstraintTrigger_' and ${userSchema} and ${own("pg_class", "c")}`,

  policy: `select p.polrelid::pg_catalog.regclass::text || ' ' || pg_catalog.quote_ident(p.polname),
      pg_catalog.concat_ws(' ', p.polcmd, p.polpermissive, 'to',
        (select pg_catalog.string_agg(coalesce(r.rolname, 'public'), ',' order by r.rolname collate "C")
         from pg_catalog.unnest(p.polroles) o left join pg_catalog.pg_roles r on r.oid = o),
        'using', pg_catalog.pg_get_expr(p.polqual, p.polrelid), 'check', pg_catalog.pg_get_expr(p.polwithcheck, p.polrelid))
    from pg_catalog.pg_policy p join pg_catalog.pg_class c on c.oid = p.polrelid
    join pg_catalog.pg_namespace n on n.oid = c.relnamespace where ${userSchema}`,

  rule: `select r.ev_class::pg_catalog.regclass::text || ' ' || pg_catalog.quote_ident(r.rulename),
      pg_catalog.concat_ws(' ', r.ev_enabled, pg_catalog.pg_get_ruledef(r.oid))
    from pg_catalog.pg_rewrite r join pg_catalog.pg_class c on c.oid = r.ev_class
    join pg_catalog.pg_namespace n on n.oid = c.relnamespace
    where r.rulename <> '_RETURN' and ${userSchema} and ${own("pg_class", "c")}`,

  function: `select p.oid::pg_catalog.regprocedure::text, pg_catalog.concat_ws(' ', p.prokind, 'owner',
      pg_catalog.pg_get_userbyid(p.proowner),
      case when p.prokind <> 'a' then pg_catalog.pg_get_functiondef(p.oid)
           else pg_catalog.pg_get_function_result(p.oid) end)
    from pg_catalog.pg_proc p join pg_catalog.pg_namespace n on n.oid = p.pronamespace
    where ${userSchema} and ${own("pg_proc", "p")}
      and ${written("pg_proc", "p")}`,

  type: `select t.oid::pg_catalog.regtype::text, pg_catalog.concat_ws(' ', t.typtype, 'owner',
      pg_catalog.pg_get_userbyid(t.typowner),
      (select pg_catalog.string_agg(pg_catalog.quote_literal(e.enumlabel), ',' order by e.enumsortorder)
       from pg_catalog.pg_enum e where e.enumtypid = t.oid),
      case when t.typtype = 'd' then pg_catalog.concat_ws(' ', pg_catalog.format_type(t.typbasetype, t.typtypmod),
        coalesce(pg_catalog.pg_get_expr(t.typdefaultbin, 0), t.typdefault),
        case when t.typnotnull then 'not null' end) end)
    from pg_catalog.pg_type t join pg_catalog.pg_namespace n on n.oid = t.typnamespace
    where t.typtype in ('e', 'd', 'r') and ${userSchema} and ${own("pg_type", "t")}`,

  statistics: `select pg_catalog.format('%I.%I', n.nspname, s.stxname), pg_catalog.pg_get_statisticsobjdef(s.oid)
    from pg_catalog.pg_statistic_ext s join pg_catalog.pg_namespace n on n.oid = s.stxnamespace where ${userSchema}`,

  "event-trigger": `select pg_catalog.quote_ident(t.evtname), pg_catalog.concat_ws(' ', t.evtevent, t.evtenabled,
      t.evtfoid::pg_catalog.regprocedure, pg_catalog.array_to_string(t.evttags, ','))
    from pg_catalog.pg_event_trigger t where ${own("pg_event_trigger", "t")}`,

  publication: `select pg_catalog.quote_ident(p.pubname), pg_catalog.concat_ws(' ', p.puballtables, p.pubinsert, p.pubupdate,
      p.pubdelete, p.pubtruncate, p.pubviaroot, 'owner', pg_catalog.pg_get_userbyid(p.pubowner),
      (select pg_catalog.string_agg(r.prrelid::pg_catalog.regclass::text, ',' order by r.prrelid::pg_catalog.regclass::text collate "C")
       from pg_catalog.pg_publication_rel r where r.prpubid = p.oid))
    from pg_catalog.pg_publication p`,

  // Without the connection, which only superusers may read; a restored one is disabled.
  subscription: `select pg_catalog.quote_ident(s.subname), pg_catalog.concat_ws(' ',
      (select pg_catalog.string_agg(pg_catalog.quote_ident(p), ',' order by p collate "C") from pg_catalog.unnest(s.subpublications) p),
      'slot', coalesce(s.subslotname::text, 'none'), s.subsynccommit, 'owner', pg_catalog.pg_get_userbyid(s.subowner))
    from pg_catalog.pg_subscription s join pg_catalog.pg_database d on d.oid = s.subdbid
    where d.datname = pg_catalog.current_database()`,

  "default-privileges": `select pg_catalog.concat_ws(' ', pg_catalog.pg_get_userbyid(d.defaclrole), coalesce(pg_catalog.quote_ident(n.nspname), '*'),
      d.defaclobjtype), coalesce(${aclText("d.defaclacl")}, '')
    from pg_catalog.pg_default_acl d left join pg_catalog.pg_namespace n on n.oid = d.defaclnamespace`,

  acl: `select 'schema ' || pg_catalog.quote_ident(n.nspname), ${aclText("n.nspacl")} from pg_catalog.pg_namespace n
      where ${ownAcl("n.nspacl", "'n'", "n.nspowner")} and ${userSchema} and ${own("pg_namespace", "n")}
    union all select 'relation ' || ${relation}, ${aclText("c.relacl")} from pg_catalog.pg_class c
      join pg_catalog.pg_namespace n on n.oid = c.relnamespace
      where ${ownAcl("c.relacl", "case c.relkind when 'S' then 's' else 'r' end", "c.relowner")}
        and c.relpersistence <> 't' and ${userSchema} and ${own("pg_class", "c")}
    union all select 'column ' || ${relation} || '.' || pg_catalog.quote_ident(a.attname), ${aclText("a.attacl")}
      from pg_catalog.pg_attribute a join pg_catalog.pg_class c on c.oid = a.attrelid
      join pg_catalog.pg_namespace n on n.oid = c.relnamespace
      where ${ownAcl("a.attacl", "'c'", "c.relowner")} and not a.attisdropped and ${userSchema} and ${own("pg_class", "c")}
    union all select 'function ' || p.oid::pg_catalog.regprocedure::text, ${aclText("p.proacl")} from pg_catalog.pg_proc p
      join pg_catalog.pg_namespace n on n.oid = p.pronamespace
      where ${ownAcl("p.proacl", "'f'", "p.proowner")} and ${userSchema} and ${own("pg_proc", "p")} and ${written("pg_proc", "p")}
    union all select 'type ' || t.oid::pg_catalog.regtype::text, ${aclText("t.typacl")} from pg_catalog.pg_type t
      join pg_catalog.pg_namespace n on n.oid = t.typnamespace
      where ${ownAcl("t.typacl", "'T'", "t.typowner")} and ${userSchema} and ${own("pg_type", "t")}
    union all select 'large object ' || l.oid::text, pg_catalog.concat_ws(' ',
        ${aclText("coalesce(l.lomacl, pg_catalog.acldefault('L', l.lomowner))")}, 'owner', pg_catalog.pg_get_userbyid(l.lomowner))
      from pg_catalog.pg_largeobject_metadata l`,

  comment: `select pg_catalog.concat_ws(' ', i.type, i.identity), d.description from pg_catalog.pg_description d,
      lateral pg_catalog.pg_identify_object(d.classoid, d.objoid, d.objsubid) i
    where (d.objoid >= ${firstNormalOid} or i.type = 'schema' and i.identity = 'public')
      and coalesce(i.schema !~ '^pg_' and i.schema <> 'information_schema', true)
      and d.classoid <> 'pg_catalog.pg_extension'::pg_catalog.regclass
      and not exists (select from pg_catalog.pg_constraint k where d.classoid = 'pg_catalog.pg_constraint'::pg_catalog.regclass
        and k.oid = d.objoid and k.conrelid <> 0 and not k.conislocal and k.contype in ('c', 'f'))
      and not exists (select from pg_catalog.pg_index x join pg_catalog.pg_class t on t.oid = x.indrelid
        where d.classoid = 'pg_catalog.pg_class'::pg_catalog.regclass and x.indexrelid = d.objoid
          and not (x.indisready and (x.indisvalid or t.relkind = 'p')))
      and not exists (select from pg_catalog.pg_depend x where x.classid = d.classoid and x.objid = d.objoid and x.deptype = 'e')`,

  // Their names only: a definition that pg_restore took is not taken apart again.
  other: `select pg_catalog.concat_ws(' ', i.type, i.identity), case when exists (
        select from pg_catalog.pg_depend x where x.classid = o.classoid and x.objid = o.oid and x.deptype = 'i')
        then '${madeByServer}' else '' end from (
      ${nameable.map(([catalog, oid, from]) => `select 'pg_catalog.${catalog}'::pg_catalog.regclass as classoid, ${oid} as oid from pg_catalog.${from ?? catalog}`).join(" union all ")}) o,
      lateral pg_catalog.pg_identify_object(o.classoid, o.oid, 0) i
    where o.oid >= ${firstNormalOid} and coalesce(i.schema !~ '^pg_' and i.schema <> 'information_schema', true)
      and not exists (select from pg_catalog.pg_depend x where x.classid = o.classoid and x.objid = o.oid and x.deptype = 'e')`,
};

/** Column lists, filters and whole schemas of publications: since PostgreSQL 15. */
const recentPublications = `select pg_catalog.quote_ident(p.pubname) || ' ' || r.prrelid::pg_catalog.regclass::text,
      pg_catalog.concat_ws(' ', (select pg_catalog.string_agg(pg_catalog.quote_ident(a.attname), ',' order by a.attnum)
          from pg_catalog.pg_attribute a where a.attrelid = r.prrelid and a.attnum = any (r.prattrs)),
        'where', pg_catalog.pg_get_expr(r.prqual, r.prrelid))
    from pg_catalog.pg_publication_rel r join pg_catalog.pg_publication p on p.oid = r.prpubid
    where r.prattrs is not null or r.prqual is not null
    union all select pg_catalog.quote_ident(p.pubname) || ' ' || pg_catalog.quote_ident(n.nspname), 'schema'
    from pg_catalog.pg_publication_namespace s join pg_catalog.pg_publication p on p.oid = s.pnpubid
    join pg_catalog.pg_namespace n on n.oid = s.pnnspid`;

/**
 * `sql` is in a transaction, which goes on. `onRefused` hears of kinds that the server did not describe: what somebody
 * drops meanwhile makes its deparser stumble. Without it that is an error.
 */
export async function listObjects(
  sql: Sql,
  onRefused?: (kind: string) => void,
): Promise<readonly CatalogObject[]> {
  const objects: CatalogObject[] = [];
  const { rows: server } = await sql.query<{ recent: string }>(
    "select pg_catalog.current_setting('server_version_num')::integer >= 150000 as recent",
  );
  const recent = server[0]?.recent === "t" ? { "publication-part": recentPublications } : {};
  for (const [kind, query] of Object.entries({ ...queries, ...recent })) {
    const found = await objectsOf(sql, kind, query, onRefused === undefined ? 0 : secondTries);
    if (found === undefined) onRefused?.(kind);
    else objects.push(...found);
  }
  return [...objects, ...(await listCronJobs(sql))];
}

/** Whoever drops things drops several. */
const secondTries = 2;

async function objectsOf(
  sql: Sql,
  kind: string,
  query: string,
  tries: number,
): Promise<readonly CatalogObject[] | undefined> {
  try {
    // The deparser locks what a view reads.
    const text = `select * from (${query}) o (identity, definition) order by identity collate "C", definition collate "C"`;
    const rows = await evenIllegible(sql, () =>
      undoneRows<{ identity: string; definition: string | null }>(sql, text),
    );
    return rows.map(({ identity, definition }) => ({ kind, identity, definition: definition ?? "" }));
  } catch (cause) {
    if (tries === 0 || !isRefusal(cause)) throw cause;
  }
  return tries > 1 ? await objectsOf(sql, kind, query, tries - 1) : undefined;
}

/** pg_cron's jobs, where the extension is there and the role may read them. */
async function listCronJobs(sql: Sql): Promise<readonly CatalogObject[]> {
  const readable = await sql.query<{ readable: string | null }>(
    `select pg_catalog.has_table_privilege(pg_catalog.to_regclass('cron.job'), 'SELECT') as readable`,
  );
  if (readable.rows[0]?.readable !== "t") return [];
  const { rows } = await sql.query<{ identity: string; definition: string }>(
    `select coalesce(jobname::text, command) as identity, pg_catalog.concat_ws(' ', schedule, database, username, active, command) as definition
     from cron.job order by 1, 2`,
  );
  return rows.map((row) => ({ kind: "cron-job", ...row }));
}
