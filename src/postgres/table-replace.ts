/**
 * Chosen tables into an existing database, all in ONE transaction: missing ones are created, existing ones keep
 * their definition and get the backup's rows. Whatever goes wrong, the target is as it was.
 */
import { LifeboatError } from "../errors.ts";
import type { DatabaseContents, ContentsFile, TableContents } from "../snapshot/contents.ts";
import type { Finding } from "../verification/findings.ts";
import { openClient, type Sql } from "./client.ts";
import { commit, isSqlState } from "./commit.ts";
import type { Connection } from "./connection.ts";
import { quoteQualified } from "./identifiers.ts";
import { copyRows, readPartToc, scriptOf } from "./restore-rows.ts";
import { advanceSequences } from "./restore-sequences.ts";
import { type PartSource, readPart, type RestoreTools } from "./restore-stream.ts";
import {
  findSchemas,
  findTable,
  ownedSequences,
  partitionTrees,
  requireColumns,
  requireReferences,
  requireTypes,
  silenceTriggers,
} from "./restore-table-checks.ts";
import { type ArchiveToc, readArchiveToc, type TocEntry } from "./restore-toc.ts";
import { endWhenStopped } from "./stopping-sessions.ts";
import { entriesOfTables, type SelectedTable, type Selection, selectTables } from "./toc-selection.ts";

export interface TableRestore {
  /** To the database whose tables are restored. */
  readonly connection: Connection;
  readonly source: PartSource;
  readonly files: readonly ContentsFile[];
  readonly contents: DatabaseContents;
  readonly selection: Selection;
  readonly tools: RestoreTools;
  /**
   * Compares these tables with the backup, inside the transaction, before it is committed. An error finding, or
   * throwing, rolls everything back.
   */
  readonly verifyTables: (sql: Sql, tables: readonly TableContents[]) => Promise<readonly Finding[]>;
  /** Called when all is proven, right before COMMIT. */
  readonly beforeCommit?: () => Promise<void>;
  readonly signal: AbortSignal;
  /** Called in the turn in which COMMIT is sent. */
  readonly onSent: () => void;
}

export interface TableRestoreReport {
  readonly created: readonly string[];
  readonly replaced: readonly string[];
  readonly sequencesMoved: number;
  readonly findings: readonly Finding[];
}

const maxSchemaBytes = 1024 * 1024 * 1024;

/** Throws with the target unchanged, or `restore-state-unknown` where the connection broke during COMMIT. */
export async function restoreTables(options: TableRestore): Promise<TableRestoreReport> {
  const selected = selectTables(options.contents.tables, options.selection);
  const { connection, signal } = options;
  const sql = await openClient(connection);
  try {
    const letGo = await endWhenStopped(sql, connection, signal);
    // Writers may be busy, but not for ever: behind our waiting lock every other one queues.
    await sql.query("begin read write; set local lock_timeout = '60s'; set local lc_monetary = 'C'");
    const { oids, ...report } = await replaceInTransaction(options, selected, sql);
    await options.beforeCommit?.();
    letGo();
    let sequencesMoved = 0;
    const lastSteps = async (): Promise<void> => {
      sequencesMoved = await moveSequences(options.contents, oids, sql);
    };
    await commit(sql, { ...options, lastSteps, refusal: rolledBack, unknown: notKnown });
    return { ...report, sequencesMoved };
  } catch (error) {
    // Ending the session rolls back as well, should this not arrive.
    await sql.query("rollback").catch(() => {});
    throw asTableError(error);
  } finally {
    await sql.end().catch(() => {});
  }
}

async function replaceInTransaction(
  options: TableRestore,
  selected: readonly SelectedTable[],
  sql: Sql,
): Promise<Omit<TableRestoreReport, "sequencesMoved"> & { readonly oids: readonly string[] }> {
  const existing = new Map<SelectedTable, string>();
  for (const chosen of selected) {
    const oid = await findTable(sql, chosen.table);
    if (oid !== undefined) existing.set(chosen, oid);
  }
  const missing = selected.filter((chosen) => !existing.has(chosen));
  const script = await scriptsFor(options, missing, sql);
  for (const [{ table }, oid] of existing) {
    await requireColumns(sql, oid, table);
    await sql.query(`lock table ${nameOf(table)} in share row exclusive mode`);
  }
  await runScript(sql, script.beforeRows);
  const existingOids = await partitionTrees(sql, [...existing.values()]);
  const putBack = existingOids.length === 0 ? [] : await silenceTriggers(sql, existingOids);
  for (const { table } of existing.keys()) {
    // ONLY: children by inheritance are tables of their own, partitions are not.
    await sql.query(`delete from ${table.kind === "partitioned" ? "" : "only "}${nameOf(table)}`);
  }
  await loadRows(options, selected, sql);
  for (const statement of putBack) await sql.query(statement);
  if (existingOids.length > 0) await sql.query("set local session_replication_role = origin");
  await runScript(sql, script.afterRows);
  const roots: string[] = [];
  for (const { table } of selected) roots.push((await findTable(sql, table)) ?? "0");
  const oids = await partitionTrees(sql, roots);
  await requireReferences(sql, oids);
  await sql.query("set constraints all immediate");
  const findings = await options.verifyTables(
    sql,
    selected.map(({ table }) => table),
  );
  const bad = findings.find(({ level }) => level === "error");
  if (bad !== undefined) {
    throw new LifeboatError(
      "restore-not-verified",
      `The restored rows were compared and are not the backup's: ${bad.sentence}`,
      { publicSentence: `The restored rows were compared and are not the backup's: ${bad.publicSentence}.` },
    );
  }
  return {
    created: missing.map(({ table }) => nameOf(table)),
    replaced: [...existing.keys()].map(({ table }) => nameOf(table)),
    findings,
    oids,
  };
}

async function scriptsFor(
  { source, files, tools, selection, contents }: TableRestore,
  missing: readonly SelectedTable[],
  sql: Sql,
): Promise<{ readonly beforeRows: string; readonly afterRows: string }> {
  const schemas = await findSchemas(sql);
  const missingSchemas = new Set(
    [...selection.schemas, ...missing.map(({ table }) => table.schema)].filter((name) => !schemas.has(name)),
  );
  if (missing.length === 0 && missingSchemas.size === 0) return { beforeRows: "", afterRows: "" };
  for (const { table } of missing) {
    if (table.root === undefined) continue;
    throw new LifeboatError(
      "restore-table-refused",
      `${nameOf(table)} is a partition, which cannot be created without its root.`,
      {
        hint: "Choose the topmost table: its partitions come with it.",
        publicSentence: "A chosen table is a partition; choose the topmost one: its partitions come with it.",
      },
    );
  }
  const name = files.find(({ role }) => role === "schema")?.name ?? "";
  const archive = await readPart({ source, name, zstd: tools.zstd }, maxSchemaBytes);
  const toc = readArchiveToc(archive);
  if (toc === undefined) throw new LifeboatError("snapshot-damaged", "The schema archive is cut short.");
  const roots = new Set(missing.map(({ table }) => table.oid));
  const family = contents.tables.filter(
    ({ oid, root }) => roots.has(oid) || (root !== undefined && roots.has(root)),
  );
  const oids = new Set(family.map(({ oid }) => oid));
  const wholeSchemas = new Set(selection.schemas.filter((schema) => missingSchemas.has(schema)));
  const entries = entriesOfTables(toc, oids, { missingSchemas, wholeSchemas });
  await requireTypes(sql, entries.neededTypes);
  return {
    beforeRows: await scriptOf(tools, archive, entries.beforeRows),
    afterRows: await scriptOf(tools, archive, entries.afterRows),
  };
}

/** pg_restore's script settles the session to its own liking; ours is put back for the queries that follow. */
async function runScript(sql: Sql, script: string): Promise<void> {
  if (script === "") return;
  await sql.query(script);
  await sql.query(
    "set local search_path = ''; set local row_security = off; set local client_min_messages = notice",
  );
}

async function loadRows(
  { source, files, tools }: TableRestore,
  selected: readonly SelectedTable[],
  sql: Sql,
): Promise<void> {
  const rest = files.find(({ role }) => role === "rest")?.name;
  const byPart = Map.groupBy(
    selected.flatMap(({ table, leaves }) => leaves.map((leaf) => ({ leaf, root: table }))),
    ({ leaf }) => leaf.part ?? rest,
  );
  for (const [name, wanted] of byPart) {
    if (name === undefined)
      throw new LifeboatError("snapshot-damaged", "The snapshot has no archive of small tables.");
    const toc = await readPartToc(source, tools, name);
    const rowsOf = new Map(wanted.map(({ leaf, root }) => [entryOf(toc, leaf, name), root]));
    // In the archive's order: from a stream, pg_restore cannot go back.
    const entries = toc.entries.filter((entry) => rowsOf.has(entry));
    await copyRows(sql, { source, name, zstd: tools.zstd }, tools, entries, (entry) => ({
      table: nameOf(rowsOf.get(entry)),
    }));
  }
}

function entryOf(toc: ArchiveToc, leaf: TableContents, part: string): TocEntry {
  const entry = toc.entries.find(({ kind, oid }) => kind === "TABLE DATA" && oid === leaf.oid);
  if (entry !== undefined) return entry;
  throw new LifeboatError("snapshot-damaged", `The part ${part} does not have the rows of ${nameOf(leaf)}.`, {
    publicSentence: `The part ${part} does not have the rows of a table that should be in it.`,
  });
}

async function moveSequences(contents: DatabaseContents, oids: readonly string[], sql: Sql): Promise<number> {
  const owned = await ownedSequences(sql, oids);
  const recorded = contents.sequences.filter((sequence) =>
    owned.some(({ schema, name }) => schema === sequence.schema && name === sequence.name),
  );
  return await advanceSequences(sql, recorded);
}

function rolledBack(): LifeboatError {
  return new LifeboatError("restore-table-refused", "The server rolled the transaction back.");
}

function notKnown(how: string, cause: unknown): LifeboatError {
  return new LifeboatError(
    "restore-state-unknown",
    "The connection broke during COMMIT: either all chosen tables are restored or none is.",
    { hint: `\`psql -c "${how}"\` on the target says which; running again is safe either way.`, cause },
  );
}

function nameOf(table: TableContents | undefined): string {
  return table === undefined ? "" : quoteQualified(table.schema, table.name);
}

function asTableError(error: unknown): unknown {
  const { code, message } = error as { code?: unknown; message: string };
  // Only what the server said is about the target; a failing source keeps its own words.
  if (error instanceof LifeboatError || !isSqlState(code)) return error;
  return new LifeboatError("restore-table-refused", "The target refused the tables.", {
    inside: message,
    cause: error,
    publicSentence: "The target refused the tables.",
  });
}
