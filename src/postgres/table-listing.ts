/** The tables of a database as a backup sees them: who owns the rows, how large, and may we read them. */
import type { Sql } from "./client.ts";
import { quoteQualified } from "./identifiers.ts";

export interface SourceTable {
  readonly oid: number;
  readonly schema: string;
  readonly name: string;
  readonly kind: "table" | "partitioned" | "foreign" | "materialized-view";
  /** oid of the topmost partitioned table, for partitions below one. */
  readonly root?: number;
  readonly unlogged: boolean;
  /** Unlogged, and this server is a standby: it has none of the rows, and refuses to look for them. */
  readonly onPrimaryOnly?: true;
  readonly extension?: string;
  /** Configuration tables of extensions are dumped: with this condition (`WHERE …`, possibly empty). */
  readonly extensionCondition?: string;
  /** Stored columns, in order; generated ones are computed anew at restore. `textual`: text or varchar. */
  readonly columns: readonly { readonly name: string; readonly textual: boolean }[];
  /** Heap, TOAST and maps: bytes on disk. */
  readonly bytes: number;
}

/** Whether pg_dump writes this table's own rows. */
export function hasRows(table: SourceTable): boolean {
  if (table.onPrimaryOnly === true) return false;
  return table.kind === "table" && (table.extension === undefined || table.extensionCondition !== undefined);
}

/** Whether `LOCK TABLE` takes it and pg_dump will lock it too. */
export function isLockable(table: SourceTable): boolean {
  return (
    (table.kind === "table" || table.kind === "partitioned") &&
    (table.extension === undefined || table.extensionCondition !== undefined)
  );
}

const listing = `
  select c.oid::int8 as oid, n.nspname as schema, c.relname as name, c.relkind as relkind,
         case when c.relispartition then pg_catalog.pg_partition_root(c.oid)::oid::int8 end as root,
         c.relpersistence = 'u' as unlogged,
         c.relpersistence = 'u' and c.relkind = 'r' and pg_catalog.pg_is_in_recovery() as on_primary_only,
         e.extname as extension,
         case when config.position is not null then coalesce(e.extcondition[config.position], '') end as condition,
         columns.names as columns,
         -- A materialized view's size is a guess: asking for it would wait for a refresh, and nothing depends on it.
         case c.relkind when 'r' then pg_catalog.pg_table_size(c.oid) when 'm' then c.relpages::int8 * 8192
           else 0 end as bytes
  from pg_catalog.pg_class c
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
  left join pg_catalog.pg_depend d
    on d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass and d.objid = c.oid and d.objsubid = 0
   and d.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass and d.deptype = 'e'
  left join pg_catalog.pg_extension e on e.oid = d.refobjid
  left join lateral (select pg_catalog.array_position(e.extconfig, c.oid) as position) config on true
  left join lateral (
    select pg_catalog.json_agg(pg_catalog.json_build_object(
             'name', a.attname,
             'textual', a.atttypid in ('pg_catalog.text'::pg_catalog.regtype, 'pg_catalog.varchar'::pg_catalog.regtype)
           ) order by a.attnum) as names
    from pg_catalog.pg_attribute a
    where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and a.attgenerated = ''
  ) columns on true
  where c.relkind in ('r', 'p', 'f', 'm') and c.relpersistence <> 't'
    and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
  order by n.nspname collate "C", c.relname collate "C"`;

const kinds = { r: "table", p: "partitioned", f: "foreign", m: "materialized-view" } as const;

export async function listTables(sql: Sql): Promise<readonly SourceTable[]> {
  const { rows } = await sql.query<Record<string, string | null>>(listing);
  return rows.map((row) => ({
    oid: Number(row["oid"]),
    schema: row["schema"] ?? "",
    name: row["name"] ?? "",
    kind: kinds[row["relkind"] as keyof typeof kinds],
    ...(row["root"] === null ? {} : { root: Number(row["root"]) }),
    unlogged: row["unlogged"] === "t",
    ...(row["on_primary_only"] === "t" ? { onPrimaryOnly: true as const } : {}),
    ...(typeof row["extension"] === "string" ? { extension: row["extension"] } : {}),
    ...(typeof row["condition"] === "string" ? { extensionCondition: row["condition"] } : {}),
    columns: JSON.parse(row["columns"] ?? "[]") as SourceTable["columns"],
    bytes: Number(row["bytes"]),
  }));
}

/** What must not change between two listings: which tables there are, under which names. */
export function sameTables(before: readonly SourceTable[], after: readonly SourceTable[]): boolean {
  const identity = (tables: readonly SourceTable[]): string =>
    JSON.stringify(tables.map(({ oid, schema, name, kind, columns }) => [oid, schema, name, kind, columns]));
  return identity(before) === identity(after);
}

export function qualified(table: Pick<SourceTable, "schema" | "name">): string {
  return quoteQualified(table.schema, table.name);
}
