/** Questions to the target before and after its tables' rows are replaced, all inside the replacing transaction. */
import { LifeboatError } from "../errors.ts";
import type { TableContents } from "../snapshot/contents.ts";
import type { Sql } from "./client.ts";
import { quoteIdentifier, quoteQualified } from "./identifiers.ts";
import type { TableName } from "./toc-selection.ts";

/** oid of an existing table, or undefined; something else of that name is an error. */
export async function findTable(sql: Sql, { schema, name }: TableName): Promise<string | undefined> {
  const { rows } = await sql.query<{ oid: string; relkind: string }>(
    `select c.oid, c.relkind from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
      where n.nspname = $1 and c.relname = $2`,
    [schema, name],
  );
  const row = rows[0];
  if (row === undefined) return undefined;
  if (row.relkind === "r" || row.relkind === "p") return row.oid;
  throw new LifeboatError(
    "restore-table-refused",
    `${quoteQualified(schema, name)} is not a table in the target, but something else of that name.`,
    { publicSentence: "A chosen table is not a table in the target, but something else of that name." },
  );
}

export async function findSchemas(sql: Sql): Promise<ReadonlySet<string>> {
  const { rows } = await sql.query<{ nspname: string }>("select nspname from pg_catalog.pg_namespace");
  return new Set(rows.map(({ nspname }) => nspname));
}

export async function requireTypes(sql: Sql, types: readonly TableName[]): Promise<void> {
  for (const { schema, name } of types) {
    const { rows } = await sql.query(
      `select from pg_catalog.pg_type t join pg_catalog.pg_namespace n on n.oid = t.typnamespace
        where n.nspname = $1 and t.typname = $2`,
      [schema, name],
    );
    if (rows.length > 0) continue;
    throw new LifeboatError(
      "restore-table-refused",
      `The table needs the type ${quoteQualified(schema, name)}, which the target does not have.`,
      {
        hint: "Create the type in the target first, or restore the whole database beside it and copy from there.",
        publicSentence: "A chosen table needs a type that the target does not have.",
      },
    );
  }
}

/** Every backed-up column must be there and writable; further ones must not need a value. */
export async function requireColumns(sql: Sql, oid: string, table: TableContents): Promise<void> {
  const { rows } = await sql.query<{ attname: string; generated: string; needed: string }>(
    `select attname, attgenerated <> '' as generated,
            attnotnull and not atthasdef and attidentity = '' and attgenerated = '' needed
       from pg_catalog.pg_attribute where attrelid = $1 and attnum > 0 and not attisdropped`,
    [oid],
  );
  const here = new Map(rows.map((row) => [row.attname, row]));
  const problems = [
    ...table.columns
      .filter((name) => !here.has(name))
      .map((name) => `column ${quoteIdentifier(name)} is missing`),
    ...table.columns
      .filter((name) => here.get(name)?.generated === "t")
      .map((name) => `column ${quoteIdentifier(name)} is a generated one here`),
    ...rows
      .filter(({ attname, needed }) => needed === "t" && !table.columns.includes(attname))
      .map(({ attname }) => `column ${quoteIdentifier(attname)} is new, NOT NULL and without a default`),
  ];
  if (problems.length === 0) return;
  throw new LifeboatError(
    "restore-table-refused",
    `${quoteQualified(table.schema, table.name)} has other columns than the backup: ${problems.join("; ")}.`,
    { publicSentence: `A chosen table has other columns than the backup: ${problems.length} of them.` },
  );
}

/** These tables' own oids and those of all their partitions. */
export async function partitionTrees(sql: Sql, oids: readonly string[]): Promise<readonly string[]> {
  const { rows } = await sql.query<{ relid: string }>(
    `select o.oid relid from unnest($1::oid[]) o(oid)
      union select p.relid::oid from unnest($1::oid[]) o(oid) cross join lateral pg_catalog.pg_partition_tree(o.oid) p`,
    [oids],
  );
  return rows.map(({ relid }) => relid);
}

/**
 * Silences what fires even for replicas (ENABLE ALWAYS, ENABLE REPLICA) and the rest by the replica role; returns
 * the statements that put the former back. Throws where this role may not: firing them would change other rows.
 */
export async function silenceTriggers(sql: Sql, oids: readonly string[]): Promise<readonly string[]> {
  try {
    await sql.query("set local session_replication_role = replica");
  } catch (cause) {
    throw new LifeboatError(
      "restore-table-refused",
      "This role may not silence triggers and foreign keys, which would act on every restored row.",
      {
        hint: "Restore as a superuser, or: GRANT SET ON PARAMETER session_replication_role TO the role (PostgreSQL 15).",
        cause,
      },
    );
  }
  const { rows } = await sql.query<{ nspname: string; relname: string; tgname: string; tgenabled: string }>(
    `select n.nspname, c.relname, t.tgname, t.tgenabled from pg_catalog.pg_trigger t
       join pg_catalog.pg_class c on c.oid = t.tgrelid join pg_catalog.pg_namespace n on n.oid = c.relnamespace
      where t.tgrelid = any ($1::oid[]) and t.tgenabled in ('A', 'R') and not t.tgisinternal`,
    [oids],
  );
  const alter = (
    { nspname, relname, tgname }: { nspname: string; relname: string; tgname: string },
    word: string,
  ) => `alter table only ${quoteQualified(nspname, relname)} ${word} trigger ${quoteIdentifier(tgname)}`;
  for (const row of rows) await sql.query(alter(row, "disable"));
  return rows.map((row) => alter(row, row.tgenabled === "A" ? "enable always" : "enable replica"));
}

export interface Dangling {
  readonly constraint: string;
  readonly table: string;
  readonly rows: string;
}

/** Foreign keys from and to these tables: rows that lack their partner. Nobody checked while they were silent. */
export async function danglingReferences(sql: Sql, oids: readonly string[]): Promise<readonly Dangling[]> {
  const { rows } = await sql.query<{ conname: string; child: string; violations: string }>(
    `select k.conname, k.conrelid::pg_catalog.regclass::text child,
            pg_catalog.format('select count(*) n from %s %s c where %s and not exists (select from %s %s p where %s)',
              case cr.relkind when 'p' then '' else 'only' end, k.conrelid::pg_catalog.regclass,
              pg_catalog.string_agg(pg_catalog.format('c.%I is not null', ca.attname), ' and '),
              case pr.relkind when 'p' then '' else 'only' end, k.confrelid::pg_catalog.regclass,
              pg_catalog.string_agg(pg_catalog.format('p.%I operator(%I.%s) c.%I', pa.attname, o.nspname,
                                                      o.oprname, ca.attname), ' and ')) violations
       from pg_catalog.pg_constraint k
       join pg_catalog.pg_class cr on cr.oid = k.conrelid join pg_catalog.pg_class pr on pr.oid = k.confrelid
       cross join lateral unnest(k.conkey, k.confkey, k.conpfeqop) u(child, parent, op)
       join pg_catalog.pg_attribute ca on ca.attrelid = k.conrelid and ca.attnum = u.child
       join pg_catalog.pg_attribute pa on pa.attrelid = k.confrelid and pa.attnum = u.parent
       join lateral (select n.nspname, op.oprname from pg_catalog.pg_operator op
                       join pg_catalog.pg_namespace n on n.oid = op.oprnamespace where op.oid = u.op) o on true
      where k.contype = 'f' and k.convalidated and (k.conrelid = any ($1::oid[]) or k.confrelid = any ($1::oid[]))
      group by k.oid, k.conname, k.conrelid, k.confrelid, cr.relkind, pr.relkind order by 1`,
    [oids],
  );
  const dangling: Dangling[] = [];
  for (const { conname, child, violations } of rows) {
    const found = await sql.query<{ n: string }>(violations);
    const count = found.rows[0]?.n ?? "0";
    if (count !== "0") dangling.push({ constraint: conname, table: child, rows: count });
  }
  return dangling;
}

export async function requireReferences(sql: Sql, oids: readonly string[]): Promise<void> {
  const [first] = await danglingReferences(sql, oids);
  if (first === undefined) return;
  throw new LifeboatError(
    "restore-table-refused",
    `${first.rows} rows of ${first.table} would refer to rows that are not there (foreign key ${quoteIdentifier(first.constraint)}).`,
    {
      hint: "Restore the tables on both sides of the foreign key together, or take a snapshot that fits.",
      publicSentence: `${first.rows} rows would refer to rows that are not there: restore the tables on both sides of the foreign key together.`,
    },
  );
}

/** Sequences that belong to columns of these tables, as `schema` and `name`. */
export async function ownedSequences(sql: Sql, oids: readonly string[]): Promise<readonly TableName[]> {
  const { rows } = await sql.query<{ schema: string; name: string }>(
    `select n.nspname as schema, c.relname as name from pg_catalog.pg_depend d
       join pg_catalog.pg_class c on c.oid = d.objid and c.relkind = 'S'
       join pg_catalog.pg_namespace n on n.oid = c.relnamespace
      where d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass and d.deptype in ('a', 'i')
        and d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass and d.refobjid = any ($1::oid[])`,
    [oids],
  );
  return rows;
}
