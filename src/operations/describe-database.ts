/** contents.json's half about a database: everything a restore is later compared with. */
import { LifeboatError } from "../errors.ts";
import type {
  ContentsFile,
  DatabaseContents,
  DatabaseProperties,
  TableContents,
} from "../snapshot/contents.ts";
import { type Sql, withClient } from "../postgres/client.ts";
import { listObjects } from "../postgres/catalog-objects.ts";
import type { ClientTools } from "../postgres/client-tools.ts";
import { readExtensions, readProperties, readRoles, readSequences } from "../postgres/database-properties.ts";
import { evenIllegible } from "../postgres/illegible.ts";
import { readShared } from "../postgres/read-shared.ts";
import type { DumpPart } from "../postgres/dump-parts.ts";
import type { Connection } from "../postgres/connection.ts";
import { emptyHash } from "../postgres/content-hash.ts";
import { inspectServer, type ServerFacts } from "../postgres/inspect-server.ts";
import { hasHash, readLargeObjects } from "../postgres/large-objects.ts";
import { countOtherDatabases, measureLeftOut } from "../postgres/left-out.ts";
import { type Measures, measureTables } from "../postgres/measure-tables.ts";
import type { SnapshotSession } from "../postgres/snapshot-session.ts";
import { isLeftOut, listNotDumped } from "../postgres/not-dumped.ts";
import { settleDefinitions } from "./settle-definitions.ts";
import { hasRows, listTables, type SourceTable } from "../postgres/table-listing.ts";

/** Reads it through a twin of the exporting session: the same moment, without disturbing the one that holds it. */
export async function describeDatabase(
  snapshot: SnapshotSession,
  server: ServerFacts,
  tools: ClientTools,
  parts: readonly DumpPart[],
  wanted: { readonly hashes: boolean },
): Promise<DatabaseContents> {
  const sql = await snapshot.openTwin();
  try {
    const reading = { server, tables: snapshot.tables, clientVersion: tools.version, hashes: wanted.hashes };
    const database = await readDatabase(sql, reading);
    const partOf = new Map(
      parts.flatMap((part) => part.tables.map(({ oid }) => [oid, sealedName(part.name)] as const)),
    );
    const moment = { time: snapshot.time, ...(snapshot.lsn === undefined ? {} : { lsn: snapshot.lsn }) };
    const tables = database.tables.map((table) => {
      const part = partOf.get(table.oid);
      const filled = table.notBackedUp !== undefined && (table.leftOut?.rows ?? 0) > 0;
      const told = filled ? { ...table, hasRowsLeftOut: true } : table;
      return part === undefined ? told : { ...told, part };
    });
    return {
      ...database,
      objects: database.objects.filter((object) => !isLeftOut(object, database.notDumped ?? [])),
      shared: await evenIllegible(sql, () => readShared(sql, server.major)),
      moment,
      tables,
      otherDatabases: await countOtherDatabases(sql),
    };
  } finally {
    await sql.end().catch(() => {});
  }
}

/** `sql` is in a transaction that sees one moment. */
async function readDatabase(
  sql: Sql,
  { server, tables, clientVersion, hashes, asIn }: Reading,
): Promise<DatabaseContents> {
  const measures = await measureTables(sql, tables, { hashes });
  const notDescribed: string[] = [];
  const objects = await listObjects(sql, (kind) => notDescribed.push(kind));
  const left = await measureLeftOut(sql, tables, measures, { hashes });
  return {
    properties: await evenIllegible(sql, () => currentProperties(sql, server.major)),
    server: { version: server.version, major: server.major },
    client: { version: clientVersion },
    moment: { time: "" },
    extensions: await evenIllegible(sql, () => readExtensions(sql)),
    roles: await evenIllegible(sql, () => readRoles(sql)),
    tables: tables.map((table) => {
      const leftOut = left.get(table.oid);
      const described = describeTable(table, measures);
      return leftOut === undefined ? described : { ...described, leftOut: { ...leftOut } };
    }),
    sequences: [...(await readSequences(sql))],
    objects: [...objects],
    ...(notDescribed.length === 0 ? {} : { notDescribed }),
    notDumped: [...(await listNotDumped(sql))],
    largeObjects: await readLargeObjects(sql, { hashes, ...(asIn === undefined ? {} : { asIn }) }),
    ...(measures.hashesNotVerified === undefined ? {} : { hashesNotVerified: measures.hashesNotVerified }),
  };
}

/** The same facts of a restored database, to be compared with the backup's: hashed where the backup was. */
export async function describeRestored(
  connection: Connection,
  backup: DatabaseContents,
): Promise<DatabaseContents> {
  return await withClient(connection, async (sql) => {
    const server = await inspectServer(sql);
    const tables = await listTables(sql);
    const asIn = backup.largeObjects;
    const hashes = backup.tables.some(({ hash }) => hash !== undefined) || hasHash(asIn);
    await sql.query("begin isolation level repeatable read read only");
    const found = await readDatabase(sql, { server, tables, clientVersion: server.version, hashes, asIn });
    await sql.query("commit; begin read write; set local check_function_bodies = off");
    // Backups of before 2026-12 record none.
    const subscribes = backup.objects.some(({ kind }) => kind === "subscription");
    const comparable = found.objects.filter(({ kind }) => subscribes || kind !== "subscription");
    return { ...found, objects: [...(await settleDefinitions(sql, backup.objects, comparable))] };
  });
}

interface Reading {
  readonly server: ServerFacts;
  readonly tables: readonly SourceTable[];
  readonly clientVersion: string;
  readonly hashes: boolean;
  /** The backup's, for the same kind of hash. */
  readonly asIn?: DatabaseContents["largeObjects"];
}

function describeTable(table: SourceTable, measures: Measures): TableContents {
  const { columns, extensionCondition, ...identity } = table;
  return {
    ...identity,
    columns: columns.map(({ name }) => name),
    ...(extensionCondition === undefined ? {} : { extensionCondition }),
    ...measures.byOid.get(table.oid),
    // What a restore of it has.
    ...(table.onPrimaryOnly === true ? { rows: 0, hash: emptyHash } : {}),
    ...(hasRows(table) || table.kind === "partitioned" ? {} : { notBackedUp: whyNot(table) }),
  };
}

function whyNot(table: SourceTable): string {
  if (table.onPrimaryOnly === true) return "unlogged table: a standby has none of its rows";
  if (table.kind === "foreign") return "foreign table: its rows live on another server";
  if (table.kind === "materialized-view") return "materialized view: computed anew at restore";
  return `belongs to extension ${table.extension ?? ""}, which does not declare its rows as configuration`;
}

/** `schema` → `schema.zst.age` */
export function sealedName(part: string): ContentsFile["name"] {
  return `${part}.zst.age`;
}

async function currentProperties(sql: Sql, major: number): Promise<DatabaseProperties> {
  const { rows } = await sql.query<{ name: string }>("select pg_catalog.current_database() as name");
  const properties = await readProperties(sql, rows[0]?.name ?? "", major);
  if (properties !== undefined) return properties;
  throw new LifeboatError("database-missing", "The database was renamed or dropped while it was read.");
}
