/** Whether the indexes of a restored database are valid and hold together, by PostgreSQL's own extension amcheck. */
import { randomBytes } from "node:crypto";
import { LifeboatError } from "../errors.ts";
import type { Sql } from "./client.ts";
import { quoteIdentifier } from "./identifiers.ts";

export interface ExaminedIndexes {
  /** B-tree indexes that were gone through: order of the keys, and every row of the table found in the index. */
  readonly examined: number;
  /** Indexes of other kinds, which amcheck does not know. */
  readonly otherKinds: number;
  readonly invalid: readonly string[];
  readonly damaged: readonly { readonly index: string; readonly problem: string }[];
  readonly unexamined: readonly { readonly index: string; readonly problem: string }[];
}

/** The oids below are PostgreSQL's own objects. */
const firstNormalOid = 16_384;

/**
 * Leaves the extension behind: for databases that are dropped afterwards. Throws `amcheck-missing` where there is none.
 * `superuser` makes the extension where `sql` may not; the check itself, which evaluates what indexes are made of, is
 * `sql`'s.
 */
export async function examineIndexes(sql: Sql, superuser?: Sql): Promise<ExaminedIndexes> {
  const { rows } = await sql.query<{ oid: string; name: string; kind: string; is_valid: string }>(`
    select i.indexrelid::text as oid, i.indexrelid::pg_catalog.regclass::text as name, m.amname as kind,
      i.indisvalid and i.indisready as is_valid
    from pg_catalog.pg_index i
    join pg_catalog.pg_class c on c.oid = i.indexrelid
    join pg_catalog.pg_am m on m.oid = c.relam
    where c.relkind = 'i' and c.relpersistence <> 't' and c.oid >= ${firstNormalOid}
    order by i.indexrelid`);
  const trees = rows.filter(({ kind, is_valid }) => kind === "btree" && is_valid === "t");
  const damaged: { index: string; problem: string }[] = [];
  const unexamined: { index: string; problem: string }[] = [];
  const check = trees.length === 0 ? "" : await checkFunction(sql, superuser);
  for (const { oid, name } of trees) {
    try {
      await sql.query(`select ${check}($1::pg_catalog.regclass, true)`, [oid]);
    } catch (cause) {
      const { code = "", message } = cause as { code?: string; message: string };
      // XX is the class of damaged data and of what must never happen; anything else says nothing about the index.
      (code.startsWith("XX") ? damaged : unexamined).push({ index: name, problem: message });
      if (code === "") throw cause;
    }
  }
  return {
    examined: trees.length - unexamined.length,
    otherKinds: rows.filter(({ kind }) => kind !== "btree").length,
    invalid: rows.filter(({ is_valid }) => is_valid !== "t").map(({ name }) => name),
    damaged,
    unexamined,
  };
}

/** Qualified name of bt_index_check: where the backup has the extension, it is there already. */
async function checkFunction(asker: Sql, superuser: Sql | undefined): Promise<string> {
  const sql = superuser ?? asker;
  const there = await sql.query<{ schema: string }>(`
    select n.nspname as schema from pg_catalog.pg_extension e
    join pg_catalog.pg_namespace n on n.oid = e.extnamespace where e.extname = 'amcheck'`);
  const found = there.rows[0]?.schema;
  const schema = found ?? `lifeboat_amcheck_${randomBytes(4).toString("hex")}`;
  if (found === undefined) {
    try {
      await sql.query(`create schema ${quoteIdentifier(schema)}`);
      await sql.query(`create extension amcheck with schema ${quoteIdentifier(schema)}`);
    } catch (cause) {
      throw new LifeboatError("amcheck-missing", "This server lacks the extension amcheck, or refuses it.", {
        cause,
      });
    }
  }
  const check = `${quoteIdentifier(schema)}.bt_index_check`;
  if (superuser !== undefined) {
    const { rows } = await asker.query<{ name: string }>("select current_user as name");
    const name = quoteIdentifier(rows[0]?.name ?? "");
    await sql.query(`grant usage on schema ${quoteIdentifier(schema)} to ${name}`);
    await sql.query(`grant execute on function ${check}(pg_catalog.regclass, boolean) to ${name}`);
  }
  return check;
}
