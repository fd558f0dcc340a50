/** Content hashes of all tables of a test database, from SQL and from its dump, leaves added up at their root. */
import pg from "pg";
import { type ArchivedTable, hashArchive, tableKey } from "../../src/postgres/archive-hash.ts";
import type { Sql } from "../../src/postgres/client.ts";
import { type Connection, parseConnection } from "../../src/postgres/connection.ts";
import {
  addHashes,
  contentHashSql,
  countSql,
  emptyHash,
  type HashedColumn,
  type HashedTable,
  hashedColumnsQuery,
  type TableHash,
} from "../../src/postgres/content-hash.ts";
import { sessionSettings } from "../../src/postgres/session-settings.ts";
import { libpqEnvironment } from "../../src/postgres/libpq.ts";
import { describeExit, exitedWell, startTool } from "../../src/system/process.ts";

export type TableHashes = Map<string, TableHash>;

interface Listed extends HashedTable {
  readonly key: string;
  readonly rootKey: string;
}

export async function hashedTables(sql: Sql): Promise<Listed[]> {
  const columns = new Map<string, HashedColumn[]>();
  const found = await sql.query<{ oid: string; name: string; textual: string }>(hashedColumnsQuery);
  for (const { oid, name, textual } of found.rows) {
    columns.set(oid, [...(columns.get(oid) ?? []), { name, textual: textual === "t" }]);
  }
  interface Table {
    readonly oid: string;
    readonly schema: string;
    readonly name: string;
    readonly root_schema: string;
    readonly root_name: string;
    readonly condition: string | null;
  }
  const { rows } = await sql.query<Table>(`
    select c.oid, n.nspname as schema, c.relname as name, rn.nspname as root_schema, r.relname as root_name, x.condition
    from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
    join pg_catalog.pg_class r on r.oid = coalesce(pg_catalog.pg_partition_root(c.oid), c.oid)
    join pg_catalog.pg_namespace rn on rn.oid = r.relnamespace
    left join (select u.config, u.condition from pg_catalog.pg_extension e,
      lateral rows from (pg_catalog.unnest(e.extconfig), pg_catalog.unnest(e.extcondition)) as u (config, condition)) x
      on x.config = c.oid
    where c.relkind = 'r' and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
      and (x.config is not null
        or not exists (select from pg_catalog.pg_depend d where d.objid = c.oid and d.deptype = 'e'))`);
  return rows.map((row) => ({
    schema: row.schema,
    name: row.name,
    columns: columns.get(row.oid) ?? [],
    ...(row.condition === null ? {} : { condition: row.condition }),
    key: tableKey(row.schema, row.name),
    rootKey: tableKey(row.root_schema, row.root_name),
  }));
}

/** One table's hash from SQL, checked against `countSql`. */
export async function hashTable(sql: Sql, table: HashedTable): Promise<TableHash> {
  const { rows } = await sql.query<{ rows: string; hash: string }>(contentHashSql(table));
  const counted = await sql.query<{ rows: string }>(countSql(table));
  if (rows.length !== 1 || rows[0]?.rows !== counted.rows[0]?.rows) throw new Error(`count of ${table.name}`);
  return { rows: Number(rows[0]?.rows), hash: rows[0]?.hash ?? "" };
}

/** A connection whose only settings are `sessionSettings`, so that these alone must do. */
export async function withHashClient<T>(url: string, work: (sql: Sql) => Promise<T>): Promise<T> {
  const { host, port, user, password, database } = parseConnection(url, "test's URL");
  const sql = new pg.Client({
    ...{ host, port, user, password, database },
    types: { getTypeParser: () => (value: string) => value } as unknown as pg.CustomTypesConfig,
  });
  await sql.connect();
  try {
    await sql.query(sessionSettings);
    return await work(sql);
  } finally {
    await sql.end();
  }
}

export async function sqlHashes(url: string): Promise<TableHashes> {
  return withHashClient(url, async (sql) => {
    const hashes: TableHashes = new Map();
    for (const table of await hashedTables(sql)) add(hashes, table.rootKey, await hashTable(sql, table));
    return hashes;
  });
}

/** pg_dump | pg_restore -f - of the data, hashed; tables that pg_dump sends as leaves are added to their root. */
export async function archiveHashes(url: string, binDir: string): Promise<TableHashes> {
  const tables = await dumpAndHash(parseConnection(url, "test's URL"), binDir);
  const roots = await withHashClient(url, hashedTables);
  const rootOf = new Map(roots.map((table) => [table.key, table.rootKey]));
  const hashes: TableHashes = new Map();
  for (const [key, { rows, hash }] of tables) add(hashes, rootOf.get(key) ?? key, { rows, hash });
  return hashes;
}

async function dumpAndHash(connection: Connection, binDir: string): Promise<Map<string, ArchivedTable>> {
  const restore = await startTool({ program: `${binDir}/pg_restore`, args: ["-f", "-"] }, [
    "pipe",
    "pipe",
    "pipe",
  ]);
  const dump = await startTool(
    {
      program: `${binDir}/pg_dump`,
      args: ["-Fc", "-Z0", "--section=data", "--encoding=UTF8"],
      env: libpqEnvironment(connection),
    },
    ["ignore", restore.child.stdin, "pipe"],
  );
  restore.child.stdin?.destroy();
  const tables = await hashArchive(restore.child.stdout!);
  for (const tool of [dump, restore]) {
    const exit = await tool.exited;
    if (!exitedWell(exit)) throw new Error(describeExit(tool.name, exit));
  }
  return tables;
}

function add(hashes: TableHashes, key: string, { rows, hash }: TableHash): void {
  const before = hashes.get(key);
  hashes.set(key, {
    rows: (before?.rows ?? 0) + rows,
    hash: addHashes(before?.hash ?? emptyHash, hash),
  });
}
