/** Whether the role may read all that pg_dump will read, asked before anything is dumped: one answer for everything. */
import { LifeboatError } from "../errors.ts";
import type { Sql } from "./client.ts";
import { isLockable, type SourceTable } from "./table-listing.ts";

interface Missing {
  readonly kind: "schema" | "table" | "sequence" | "large object" | "rows";
  /** Quoted as SQL needs it. */
  readonly name: string;
}

/** Sequences as pg_dump takes them; a large object's rights are looked up by hand, for servers older than 18 cannot say. */
const missingRights = `
  with kept as (
    select c.oid, c.relkind, c.relnamespace, c.relrowsecurity, c.relforcerowsecurity, c.relowner,
           pg_catalog.format('%I.%I', n.nspname, c.relname) as name
      from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
      left join pg_catalog.pg_depend d on d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass and d.objid = c.oid
       and d.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass and d.deptype = 'e'
      left join pg_catalog.pg_extension e on e.oid = d.refobjid
     where c.oid::int8 = any ($1::int8[])
        or c.relkind = 'S' and c.relpersistence <> 't' and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
           and (e.oid is null or c.oid = any (e.extconfig)))
  select 'schema' as kind, pg_catalog.quote_ident(n.nspname) as name from pg_catalog.pg_namespace n
   where n.oid in (select relnamespace from kept) and not pg_catalog.has_schema_privilege(n.oid, 'USAGE')
  union all
  select case relkind when 'S' then 'sequence' else 'table' end, name from kept
   where not pg_catalog.has_table_privilege(oid, 'SELECT')
  union all
  select 'large object', l.oid::text from pg_catalog.pg_largeobject_metadata l
   where pg_catalog.current_setting('lo_compat_privileges') = 'off'
     and not pg_catalog.pg_has_role(l.lomowner, 'USAGE')
     and not exists (select from pg_catalog.aclexplode(l.lomacl) a where a.privilege_type = 'SELECT'
                       and (a.grantee = 0 or pg_catalog.pg_has_role(a.grantee, 'USAGE')))
     and not (pg_catalog.current_setting('server_version_num')::int >= 190000
              and pg_catalog.pg_has_role('pg_read_all_data', 'USAGE'))
  union all
  select 'rows', kept.name from kept, pg_catalog.pg_roles r
   where r.rolname = current_user and kept.relrowsecurity and not (r.rolsuper or r.rolbypassrls)
     and (kept.relforcerowsecurity or not pg_catalog.pg_has_role(kept.relowner, 'USAGE'))
  order by 1 desc, 2`;

/** Throws `privilege-missing` with everything that this role may not read, and the statements that help. */
export async function refuseUnreadable(sql: Sql, tables: readonly SourceTable[]): Promise<void> {
  const oids = tables.filter(isLockable).map(({ oid }) => oid);
  const { rows } = await sql.query<{ kind: Missing["kind"]; name: string }>(missingRights, [oids]);
  if (rows.length === 0) return;
  const { rows: who } = await sql.query<{ role: string }>(
    "select pg_catalog.quote_ident(current_user) as role",
  );
  const role = who[0]?.role ?? "<the backup role>";
  const told = counted(rows, oids.length);
  throw new LifeboatError("privilege-missing", `${told}: ${named(rows)}.`, {
    publicSentence: `${told}.`,
    inside: grants(rows, role).join("\n"),
    hint: `As an administrator run: ${shortest(rows, role).join(" ")}`,
  });
}

const mostNamed = 5;

function named(rows: readonly Missing[]): string {
  const names = rows
    .slice(0, mostNamed)
    .map(({ kind, name }) => `${kind === "rows" ? "" : `${kind} `}${name}`);
  const more = rows.length - names.length;
  return `${names.join(", ")}${more > 0 ? ` and ${more} more` : ""}`;
}

function counted(rows: readonly Missing[], tables: number): string {
  const of = (kind: Missing["kind"]): number => rows.filter((one) => one.kind === kind).length;
  const parts = [
    ...(of("table") > 0 ? [`${of("table")} of ${tables} tables`] : []),
    ...(["sequence", "large object", "schema"] as const).flatMap((kind) =>
      of(kind) > 0 ? [`${of(kind)} ${kind}${of(kind) > 1 ? "s" : ""}`] : [],
    ),
  ];
  const hiding = of("rows");
  const hidden =
    hiding > 0 ? `row-level security would hide rows of ${hiding} ${hiding > 1 ? "tables" : "table"}` : "";
  if (parts.length === 0) return `R${hidden.slice(1)}`;
  return `The role may not read ${parts.join(", ")}${hidden === "" ? "" : `, and ${hidden}`}`;
}

function grants(rows: readonly Missing[], role: string): readonly string[] {
  const bypass = rows.some(({ kind }) => kind === "rows") ? [`ALTER ROLE ${role} BYPASSRLS;`] : [];
  return [
    ...rows.flatMap(({ kind, name }) =>
      kind === "rows"
        ? []
        : [`GRANT ${kind === "schema" ? "USAGE" : "SELECT"} ON ${kind.toUpperCase()} ${name} TO ${role};`],
    ),
    ...bypass,
  ];
}

/** pg_read_all_data stands for all tables, sequences and schemas, and for no large object before PostgreSQL 19. */
function shortest(rows: readonly Missing[], role: string): readonly string[] {
  const ordinary = rows.filter(({ kind }) => kind !== "large object" && kind !== "rows");
  const special = rows.filter((row) => !ordinary.includes(row));
  const objects = special.filter(({ kind }) => kind === "large object");
  const listed = grants(special, role);
  const few =
    objects.length > mostNamed ? [...listed.slice(0, mostNamed), "… (one for each large object)"] : listed;
  const rest = objects.length > mostNamed && special.length > objects.length ? listed.slice(-1) : [];
  const all = `GRANT pg_read_all_data TO ${role};`;
  const each = grants(ordinary, role);
  return [
    ...(each.length === 0
      ? []
      : each.length <= 2
        ? [...each, `or, for all tables and sequences: ${all}`]
        : [all]),
    ...few,
    ...rest,
  ];
}
