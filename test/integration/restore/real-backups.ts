/** Real servers and real backups (pg_dump | zstd) for the restore tests. */
import { execFileSync } from "node:child_process";
import { tmpdir } from "node:os";
import { zstdCompressSync } from "node:zlib";
import { type Connection, withDatabase } from "../../../src/postgres/connection.ts";
import { type Sql, withClient } from "../../../src/postgres/client.ts";
import { quoteIdentifier, quoteQualified } from "../../../src/postgres/identifiers.ts";
import { libpqEnvironment } from "../../../src/postgres/libpq.ts";
import { readProperties, readRoles } from "../../../src/postgres/database-properties.ts";
import { readShared } from "../../../src/postgres/read-shared.ts";
import type { PartSource } from "../../../src/postgres/restore-stream.ts";
import { startThrowawayServer, type ThrowawayServer } from "../../../src/postgres/throwaway-server.ts";
import { type Contents, partRoles } from "../../../src/snapshot/contents.ts";
import { newSnapshotId } from "../../../src/snapshot/ids.ts";
import { systemClock } from "../../../src/system/clock.ts";
import { childEnvironment } from "../../../src/system/environment.ts";
import { silentLogger } from "../../../src/system/logger.ts";

export const binDir = "/usr/lib/postgresql/15/bin";
export const tools = { pgRestore: `${binDir}/pg_restore`, zstd: "zstd" };

export async function startServer(settings: Record<string, string> = {}): Promise<ThrowawayServer> {
  return await startThrowawayServer({
    binDir,
    major: 15,
    folder: tmpdir(),
    settings,
    clock: systemClock,
    logger: silentLogger,
  });
}

export interface RealBackup {
  readonly contents: Contents;
  readonly source: PartSource;
  /** The compressed parts by name, for tests that break them. */
  readonly parts: ReadonlyMap<string, Buffer>;
}

export function newId(): string {
  return newSnapshotId(new Date());
}

export async function run(connection: Connection, sql: string): Promise<Record<string, string>[]> {
  return await withClient(connection, async (client) => {
    const result = await client.query<Record<string, string>>(sql);
    const last = Array.isArray(result) ? (result as (typeof result)[]).at(-1) : result;
    return last?.rows ?? [];
  });
}

export async function createDatabaseWith(server: Connection, name: string, sql: string): Promise<Connection> {
  await run(server, `create database ${quoteIdentifier(name)} template template0`);
  const connection = withDatabase(server, name);
  await run(connection, sql);
  return connection;
}

/** Backs up a database; tables named in `own` (`schema.name` quoted) each get a part of their own. */
export async function backUp(connection: Connection, own: readonly string[] = []): Promise<RealBackup> {
  const dump = (...args: string[]): Buffer => pgDump(connection, "-Fc", "-Z0", "--encoding=UTF8", ...args);
  const raw: [string, (typeof partRoles)[number], Buffer][] = [
    ["schema.zst.age", "schema", dump("--section=pre-data", "--section=post-data", "--create")],
    ["rest.zst.age", "rest", dump("--section=data", ...own.map((table) => `--exclude-table-data=${table}`))],
    ...own.map((table, index): [string, "data", Buffer] => [
      `data-${index + 1}.zst.age`,
      "data",
      dump("--section=data", `--table=${table}`),
    ]),
    ["globals.sql.zst.age", "globals", pgDumpAll(connection)],
  ];
  const id = newId();
  const parts = new Map(raw.map(([name, , bytes]) => [name, zstdCompressSync(bytes)]));
  const extent = { length: 1, sha256: "0" };
  const database = await withClient(connection, (sql) => readDatabase(sql, connection.database, own));
  const contents: Contents = {
    formatVersion: 1,
    id,
    source: "database",
    files: raw.map(([name, role, bytes]) => ({
      name,
      role,
      header: extent,
      payload: extent,
      rawBytes: bytes.length,
    })),
    database,
  };
  return { contents, parts, source: sourceOf(parts) };
}

/** Hands parts out in pieces, as unsealing does. */
export function sourceOf(parts: ReadonlyMap<string, Buffer>): PartSource {
  return {
    async *zstdStream(name) {
      const bytes = parts.get(name);
      if (bytes === undefined) throw new Error(`there is no part ${name}`);
      for (let at = 0; at < bytes.length; at += 65_536) {
        await new Promise((resolve) => setImmediate(resolve));
        yield bytes.subarray(at, at + 65_536);
      }
    },
  };
}

/** A source that ends with an error once it has handed out this share of one part. */
export function breakingSource(parts: ReadonlyMap<string, Buffer>, name: string, share: number): PartSource {
  const whole = sourceOf(parts);
  return {
    async *zstdStream(asked) {
      const limit = asked === name ? (parts.get(name)?.length ?? 0) * share : Infinity;
      let given = 0;
      for await (const chunk of whole.zstdStream(asked)) {
        if (given + chunk.length > limit) {
          yield chunk.subarray(0, Math.max(0, limit - given));
          throw new Error("the sealed part is damaged");
        }
        given += chunk.length;
        yield chunk;
      }
      if (asked === name) throw new Error("the sealed part is damaged");
    },
  };
}

function pgDump(connection: Connection, ...args: string[]): Buffer {
  const env = childEnvironment(libpqEnvironment(connection));
  return execFileSync(`${binDir}/pg_dump`, args, {
    env,
    maxBuffer: 1 << 30,
    stdio: ["ignore", "pipe", "ignore"],
  });
}

function pgDumpAll(connection: Connection): Buffer {
  const env = childEnvironment(libpqEnvironment(connection));
  return execFileSync(`${binDir}/pg_dumpall`, ["--globals-only"], {
    env,
    stdio: ["ignore", "pipe", "ignore"],
  });
}

/** Everything that pg_dump says about a database, rows included: two databases are equal when this is. */
export function wholeText(connection: Connection, ...args: string[]): string {
  return pgDump(connection, ...args)
    .toString()
    .replace(/^\\(un)?restrict .*\n/gm, "");
}

async function readDatabase(sql: Sql, name: string, own: readonly string[]): Promise<Contents["database"]> {
  const properties = await readProperties(sql, name, 15);
  if (properties === undefined) throw new Error("no such database");
  const tables = await sql.query<Record<string, string | null> & { columns: string }>(`
    select c.oid, n.nspname as schema, c.relname as name, c.relkind, pg_catalog.pg_relation_size(c.oid) bytes,
           case when c.relispartition then pg_catalog.pg_partition_root(c.oid)::oid end root,
           (select coalesce(pg_catalog.json_agg(attname), '[]') from pg_catalog.pg_attribute
             where attrelid = c.oid and attnum > 0 and not attisdropped and attgenerated = '') columns
      from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
     where c.relkind in ('r', 'p') and n.nspname !~ '^pg_' and n.nspname <> 'information_schema' order by c.oid`);
  const sequences = await sql.query<{ schema: string; name: string; last: string | null; increment: string }>(
    `select schemaname as schema, sequencename as name, last_value as last, increment_by as increment
       from pg_catalog.pg_sequences`,
  );
  return {
    properties,
    server: { version: "15.18", major: 15 },
    client: { version: "15.18" },
    moment: { time: "2026-11-23T03:12:07Z" },
    extensions: [],
    roles: [...(await readRoles(sql))],
    shared: await readShared(sql, 15),
    tables: tables.rows.map((row) => {
      const qualified = quoteQualified(row["schema"] ?? "", row["name"] ?? "");
      const part = own.indexOf(qualified);
      return {
        oid: Number(row["oid"]),
        schema: row["schema"] ?? "",
        name: row["name"] ?? "",
        kind: row["relkind"] === "p" ? ("partitioned" as const) : ("table" as const),
        ...(row["root"] === null ? {} : { root: Number(row["root"]) }),
        unlogged: false,
        columns: JSON.parse(row.columns) as string[],
        bytes: Number(row["bytes"]),
        ...(row["relkind"] === "p" ? {} : { part: part < 0 ? "rest.zst.age" : `data-${part + 1}.zst.age` }),
      };
    }),
    sequences: sequences.rows.map(({ schema, name: sequence, last, increment }) => ({
      schema,
      name: sequence,
      lastValue: last,
      isCalled: last !== null,
      increment,
    })),
    objects: [],
    largeObjects: { count: 0 },
  };
}
