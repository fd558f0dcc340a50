/** What no dump of one database holds: rows that extensions keep for themselves, and the server's other databases. */
import { createHash } from "node:crypto";
import type { Sql } from "./client.ts";
import { quoteQualified } from "./identifiers.ts";
import type { SourceTable } from "./table-listing.ts";
import { orRefused, undoneRows } from "./undone.ts";

/** Oids of extension tables that pg_dump leaves out although they have rows. What may not be read is not known. */
export async function extensionTablesWithRows(
  sql: Sql,
  tables: readonly SourceTable[],
): Promise<ReadonlySet<number>> {
  const found = new Set<number>();
  for (const { oid, schema, name, kind, extension, extensionCondition } of tables) {
    if (kind !== "table" || extension === undefined || extensionCondition !== undefined) continue;
    const answer = await tolerant<{ filled: string }>(
      sql,
      `select exists (select from only ${quoteQualified(schema, name)}) as filled`,
    );
    if (answer?.filled === "t") found.add(oid);
  }
  return found;
}

/** Databases of the server that people connect to, besides this one and the empty one that initdb makes. */
export async function countOtherDatabases(sql: Sql): Promise<number> {
  const answer = await tolerant<{ others: string }>(
    sql,
    `select pg_catalog.count(*) as others from pg_catalog.pg_database
     where datallowconn and not datistemplate and datname <> pg_catalog.current_database() and datname <> 'postgres'`,
  );
  return Number(answer?.others ?? 0);
}

/**
 * Tells one database from another without naming it: the server's own identifier and the database's name, hashed.
 * Undefined where the role may not ask; a restore in place keeps it, another server never has it.
 */
export async function databaseFingerprint(sql: Sql): Promise<string | undefined> {
  const answer = await tolerant<{ system: string; name: string }>(
    sql,
    `select system_identifier::text as system, pg_catalog.current_database() as name
     from pg_catalog.pg_control_system()`,
  );
  if (answer === undefined) return undefined;
  const hash = createHash("sha256").update(`lifeboat database\0${answer.system}\0${answer.name}`);
  return hash.digest("hex").slice(0, 16);
}

/** The first row; undefined where the role may not ask. `sql` is in a transaction, which goes on. */
async function tolerant<T extends object>(sql: Sql, query: string): Promise<T | undefined> {
  const rows = await orRefused(undoneRows<Record<string, string>>(sql, query));
  return rows?.[0] as T | undefined;
}
