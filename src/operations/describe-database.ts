/** contents.json's half about a database: everything a restore is later compared with. */
import type { ContentsFile, DatabaseContents, TableContents } from "../snapshot/contents.ts";
import { listObjects } from "../postgres/catalog-objects.ts";
import type { ClientTools } from "../postgres/client-tools.ts";
import { readExtensions, readProperties, readRoles, readSequences } from "../postgres/database-properties.ts";
import type { DumpPart } from "../postgres/dump-parts.ts";
import type { ServerFacts } from "../postgres/inspect-server.ts";
import { readLargeObjects } from "../postgres/large-objects.ts";
import { type Measures, measureTables } from "../postgres/measure-tables.ts";
import type { SnapshotSession } from "../postgres/snapshot-session.ts";
import { hasRows, type SourceTable } from "../postgres/table-listing.ts";

export interface Description {
  readonly database: DatabaseContents;
  /** Rows in all parts together. */
  readonly rows: number;
}

/** Reads it through a twin of the exporting session: the same moment, without disturbing the one that holds it. */
export async function describeDatabase(
  snapshot: SnapshotSession,
  server: ServerFacts,
  tools: ClientTools,
  parts: readonly DumpPart[],
  wanted: { readonly hashes: boolean },
): Promise<Description> {
  const sql = await snapshot.openTwin();
  try {
    const measures = await measureTables(sql, snapshot.tables, wanted);
    const partOf = new Map(parts.flatMap((part) => part.tables.map(({ oid }) => [oid, part] as const)));
    const database: DatabaseContents = {
      properties: await readProperties(sql, server.major),
      server: { version: server.version, major: server.major },
      client: { version: tools.version },
      moment: { time: snapshot.time, ...(snapshot.lsn === undefined ? {} : { lsn: snapshot.lsn }) },
      extensions: await readExtensions(sql),
      roles: await readRoles(sql),
      tables: snapshot.tables.map((table) => describeTable(table, measures, partOf.get(table.oid))),
      sequences: [...(await readSequences(sql))],
      objects: [...(await listObjects(sql))],
      largeObjects: await readLargeObjects(sql, wanted),
      ...(measures.hashesNotVerified === undefined ? {} : { hashesNotVerified: measures.hashesNotVerified }),
    };
    const rows = [...measures.byOid.values()].reduce((sum, measure) => sum + measure.rows, 0);
    return { database, rows };
  } finally {
    await sql.end().catch(() => {});
  }
}

function describeTable(table: SourceTable, measures: Measures, part: DumpPart | undefined): TableContents {
  const { columns, extensionCondition, ...identity } = table;
  return {
    ...identity,
    columns: columns.map(({ name }) => name),
    ...(extensionCondition === undefined ? {} : { extensionCondition }),
    ...measures.byOid.get(table.oid),
    ...(part === undefined ? {} : { part: sealedName(part.name) }),
    ...(hasRows(table) || table.kind === "partitioned" ? {} : { notBackedUp: whyNot(table) }),
  };
}

function whyNot(table: SourceTable): string {
  if (table.kind === "foreign") return "foreign table: its rows live on another server";
  if (table.kind === "materialized-view") return "materialized view: computed anew at restore";
  return `belongs to extension ${table.extension ?? ""}, which does not declare its rows as configuration`;
}

/** `schema` → `schema.zst.age` */
export function sealedName(part: string): ContentsFile["name"] {
  return `${part}.zst.age`;
}
