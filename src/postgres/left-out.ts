/** What no dump of one database holds: rows that extensions keep for themselves, and the server's other databases. */
import { createHash } from "node:crypto";
import type { Sql } from "./client.ts";
import { contentHashSql, countSql, emptyHash, withoutHash } from "./content-hash.ts";
import type { Measures, TableMeasure } from "./measure-tables.ts";
import type { SourceTable } from "./table-listing.ts";
import { orRefused, undoneRows } from "./undone.ts";

/**
 * Rows of extensions' own tables that pg_dump leaves out, by oid: all of a table that is not declared as configuration,
 * else those outside of its condition. What may not be read is not known.
 */
export async function measureLeftOut(
  sql: Sql,
  tables: readonly SourceTable[],
  { byOid, hashesNotVerified }: Measures,
  wanted: { readonly hashes: boolean },
): Promise<ReadonlyMap<number, TableMeasure>> {
  const left = new Map<number, TableMeasure>();
  const hashes = wanted.hashes && hashesNotVerified === undefined;
  for (const { oid, schema, name, kind, columns, extension, extensionCondition, onPrimaryOnly } of tables) {
    if (kind !== "table" || extension === undefined || extensionCondition === "" || onPrimaryOnly === true)
      continue;
    const table = { schema, name, columns };
    const all = await tolerant<{ rows: string; hash?: string }>(
      sql,
      hashes ? contentHashSql(table) : countSql(table),
    );
    if (all === undefined) continue;
    const dumped = byOid.get(oid) ?? { rows: 0, hash: emptyHash };
    const hash =
      all.hash === undefined || dumped.hash === undefined ? {} : { hash: withoutHash(all.hash, dumped.hash) };
    left.set(oid, { rows: Number(all.rows) - dumped.rows, ...hash });
  }
  return left;
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
