/** Triggers of a user's own that every upload fires, and what was written while objects were uploaded. */
import { withClient } from "../postgres/client.ts";
import type { Connection } from "../postgres/connection.ts";
import { quoteQualified } from "../postgres/identifiers.ts";
import { isManagedSchema, isPlatformTrigger } from "./managed.ts";

const [onInsert, onUpdate] = [4, 16];

/** Names of those that are switched on, in order. */
export function readUploadTriggers(database: Connection): Promise<readonly string[]> {
  return withClient(database, async (sql) => {
    const { rows } = await sql.query<{ tgname: string }>(
      `select tgname from pg_catalog.pg_trigger where tgrelid = pg_catalog.to_regclass('storage.objects')::pg_catalog.oid
          and not tgisinternal and tgenabled in ('O', 'A') and tgtype & ${onInsert | onUpdate} <> 0
        order by tgname collate "C"`,
    );
    return rows
      .map(({ tgname }) => tgname)
      .filter((name) => !isPlatformTrigger("storage", `objects ${name}`));
  });
}

export function currentTransaction(database: Connection): Promise<string> {
  return withClient(database, async (sql) => {
    const { rows } = await sql.query<{ xid: string }>(
      "select pg_catalog.pg_current_xact_id()::pg_catalog.xid::text as xid",
    );
    return rows[0]?.xid ?? "";
  });
}

export interface WrittenTable {
  readonly name: string;
  /** Inserted or updated, by triggers or by anybody. */
  readonly rows: number;
}

/** Tables outside of the platform's schemas with rows that are younger than the transaction. */
export function writtenSince(database: Connection, transaction: string): Promise<readonly WrittenTable[]> {
  return withClient(database, async (sql) => {
    const { rows } = await sql.query<{ schema: string; table: string }>(
      `select n.nspname as schema, c.relname as table from pg_catalog.pg_class c
         join pg_catalog.pg_namespace n on n.oid = c.relnamespace
        where c.relkind = 'r' and n.nspname <> 'information_schema'
          and pg_catalog.has_schema_privilege(n.oid, 'USAGE') and pg_catalog.has_table_privilege(c.oid, 'SELECT')
        order by n.nspname collate "C", c.relname collate "C"`,
    );
    const written: WrittenTable[] = [];
    for (const { schema, table } of rows) {
      const isWebhooks = schema === "supabase_functions" && table === "hooks";
      if (isManagedSchema(schema) && !isWebhooks) continue;
      const found = await sql.query<{ count: string }>(
        `select pg_catalog.count(*) as count from only ${quoteQualified(schema, table)}
          where pg_catalog.age(xmin) <= pg_catalog.age($1::pg_catalog.xid)`,
        [transaction],
      );
      const count = Number(found.rows[0]?.count);
      if (count > 0) written.push({ name: `${schema}.${table}`, rows: count });
    }
    return written;
  });
}
