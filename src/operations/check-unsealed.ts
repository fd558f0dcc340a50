/** Level `unsealed`: authenticated to the last byte, decompressed, and every table's rows equal to the source's. */
import { type ArchivedTable, hashArchive, tableKey } from "../postgres/archive-hash.ts";
import { readArchive } from "../postgres/archive-text.ts";
import { emptyHash } from "../postgres/content-hash.ts";
import type { ClientTools } from "../postgres/client-tools.ts";
import { quoteQualified } from "../postgres/identifiers.ts";
import type { Identities } from "../seal/identities.ts";
import { decompressStream } from "../seal/zstd.ts";
import { type Contents, type ContentsFile, databaseOf, type DatabaseContents } from "../snapshot/contents.ts";
import type { SnapshotJson } from "../snapshot/snapshot-json.ts";
import type { Store } from "../store/store.ts";
import { judge, rowFindings } from "../verification/compare-database.ts";
import type { ComponentVerdict, Finding } from "../verification/findings.ts";
import { addTotals, type RowTotals, totalsByRoot } from "../verification/row-totals.ts";
import { damageFinding, drain } from "./check-stored.ts";
import { fileNamed, unsealFile } from "./sealed-files.ts";

export interface UnsealingSurroundings {
  readonly store: Store;
  readonly zstd: string | undefined;
  readonly tools: ClientTools;
}

export async function checkUnsealed(
  snapshot: SnapshotJson,
  contents: Contents,
  identities: Identities,
  surroundings: UnsealingSurroundings,
): Promise<readonly ComponentVerdict[]> {
  const damage: Finding[] = [];
  const { encoding } = databaseOf(contents).properties;
  const rows = new Map<string, RowTotals>();
  for (const file of contents.files) {
    try {
      const raw = plaintext(snapshot, file, identities, surroundings);
      if (!archiveRoles.has(file.role)) await drain(raw);
      else addRows(rows, await hashArchive(readArchive(surroundings.tools, raw)), encoding);
    } catch (cause) {
      damage.push(damageFinding(cause, fileNamed(snapshot, file.name)));
    }
  }
  const archives = judge("archives", contents.files.length, damage);
  return damage.length > 0 ? [archives] : [archives, compareRows(databaseOf(contents), rows)];
}

/** The others are read to their last byte; nothing says how many lines they should have. */
const archiveRoles: ReadonlySet<ContentsFile["role"]> = new Set(["schema", "rest", "data"]);

function plaintext(
  snapshot: SnapshotJson,
  file: ContentsFile,
  identities: Identities,
  { store, zstd }: UnsealingSurroundings,
): AsyncIterable<Uint8Array> {
  const sealed = unsealFile(store, snapshot, fileNamed(snapshot, file.name), identities);
  return decompressStream(sealed, { maxBytes: file.rawBytes, zstd });
}

/** Backups of before 2026-12 hold UTF-8, whatever their database was in: such lines do not hash like its values. */
function addRows(
  sum: Map<string, RowTotals>,
  archive: ReadonlyMap<string, ArchivedTable>,
  encoding: string,
): void {
  for (const [key, table] of archive) {
    const hash = table.encoding === encoding ? table.hash : undefined;
    sum.set(key, addTotals(sum.get(key), { rows: table.rows, hash }));
  }
}

/** The archive names leaves, or the root where pg_dump loads through it; both are added up at the root. */
function compareRows(database: DatabaseContents, archived: ReadonlyMap<string, RowTotals>): ComponentVerdict {
  const byOid = new Map(database.tables.map((table) => [table.oid, table]));
  const rootNames = new Map(
    database.tables.map((table) => {
      const root = table.root === undefined ? table : (byOid.get(table.root) ?? table);
      return [tableKey(table.schema, table.name), quoteQualified(root.schema, root.name)];
    }),
  );
  const found = new Map<string, RowTotals>();
  for (const [name, totals] of archived) {
    const root = rootNames.get(name) ?? name.replace("\0", ".");
    found.set(root, addTotals(found.get(root), totals));
  }
  const expected = totalsByRoot(database.tables);
  const comparable = [...archived.values()].every(({ hash }) => hash !== undefined);
  const findings = [...expected].flatMap(([name, totals]) => {
    const rows = found.get(name) ?? { rows: 0, hash: emptyHash };
    return rowFindings(name, comparable ? totals : { ...totals, hash: undefined }, rows);
  });
  const unhashed = comparable
    ? [...expected.values()].filter(({ hash }) => hash === undefined).length
    : expected.size;
  const missing: readonly Finding[] = unhashed === 0 ? [] : [notHashed(unhashed, comparable)];
  const unknown = [...found.keys()].filter((name) => !expected.has(name)).map(notInBackup);
  return judge("rows", expected.size, [...findings, ...unknown, ...missing]);
}

/** Coverage was proven when the backup was taken: what its contents do not name, it did not put there. */
function notInBackup(table: string): Finding {
  const sentence = `Table ${table} is in an archive, but the backup's contents do not name it.`;
  const publicSentence = "An archive holds a table that the backup's contents do not name.";
  const remedy =
    "Do not rely on this snapshot: take another one, verify it, and find out who sealed this one.";
  return { level: "error", code: "table-unexpected", sentence, publicSentence, remedy };
}

function notHashed(tables: number, comparable: boolean): Finding {
  const why = comparable
    ? "the backup recorded row counts only"
    : "the archives are not in the database's own encoding";
  const sentence = `Rows of ${tables} tables were counted, but their content was not compared: ${why}.`;
  const remedy = "Take backups with content hashes, or verify at level `restored`.";
  return { level: "warning", code: "content-not-hashed", sentence, publicSentence: sentence, remedy };
}
