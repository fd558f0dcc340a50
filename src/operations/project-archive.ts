/** A snapshot's tables of contents as a restore into a Supabase project sees them: each entry in its class. */
import type { RestoreTools, PartSource } from "../postgres/restore-stream.ts";
import { columnNames, eachEntrysRows, readPartToc, wholeLines } from "../postgres/restore-rows.ts";
import type { TocEntry } from "../postgres/restore-toc.ts";
import { type Contents, databaseOf, type DatabaseContents } from "../snapshot/contents.ts";
import {
  type Classified,
  type ClassifyContext,
  classifyEntries,
  type Verdict,
} from "../supabase/classify.ts";
import { fitColumns, literalDefaults } from "../supabase/managed-rows.ts";
import { isManagedSchema } from "../supabase/managed.ts";
import { isQueues } from "../supabase/queues.ts";
import type { ProjectFacts } from "../supabase/project-facts.ts";

export interface ClassifiedPart {
  readonly name: string;
  readonly role: "schema" | "rest" | "data";
  readonly entries: readonly Classified[];
}

export interface ProjectArchive {
  readonly parts: readonly ClassifiedPart[];
  /** Of managed tables' entries (by oid), the columns that are loaded. */
  readonly columns: ReadonlyMap<number, readonly string[]>;
  /** Why the rows of a managed table would not fit; any of them refuses the restore before anything changes. */
  readonly refusals: readonly string[];
  /** Services that the target has, or gets by the extensions that the restore creates. */
  readonly services: {
    readonly cronJobs: boolean;
    readonly secrets: boolean;
    readonly queues: boolean;
  };
}

export interface ArchiveReading {
  readonly contents: Contents;
  readonly source: PartSource;
  readonly tools: RestoreTools;
}

/** Reads heads of parts; rows only of those tables of which the target lacks a column. */
export async function readProjectArchive(
  reading: ArchiveReading,
  facts: ProjectFacts,
  wanted: {
    readonly availableExtensions: ReadonlySet<string>;
    readonly signIns: boolean;
    readonly inPlace: boolean;
  },
): Promise<ProjectArchive> {
  const { contents, source, tools } = reading;
  const database = databaseOf(contents);
  const { managedSchemas, publications } = facts;
  const extensions = new Set(
    [...facts.extensions].filter((name) => !(wanted.inPlace && facts.ownExtensions.has(name))),
  );
  const context: ClassifyContext = {
    missingExtensions: new Set(
      database.extensions
        .map(({ name }) => name)
        .filter((name) => !extensions.has(name) && !wanted.availableExtensions.has(name)),
    ),
    presentExtensions: extensions,
    signIns: wanted.signIns,
    vaultSealed: database.supabase?.vaultSealed === true,
    managedSchemas,
    publications,
  };
  const parts: ClassifiedPart[] = [];
  let bases: ReadonlyMap<number | string, Verdict> = new Map();
  const files = contents.files.filter(({ role }) => role === "schema" || role === "rest" || role === "data");
  // The schema's classes decide about rows.
  for (const { name, role } of files.toSorted((a) => (a.role === "schema" ? -1 : 1))) {
    const { entries } = await readPartToc(source, tools, name);
    const classified = classifyEntries(entries, { ...context, bases });
    if (role === "schema") bases = basesOf(classified, database, context.missingExtensions);
    parts.push({ name, role: role as ClassifiedPart["role"], entries: classified });
  }
  return await fitManagedRows(parts, facts, reading);
}

function basesOf(
  entries: readonly Classified[],
  { tables }: DatabaseContents,
  missingExtensions: ReadonlySet<string>,
): ReadonlyMap<number | string, Verdict> {
  // Tables of extensions are in no schema archive; rows of some are in the others.
  const members = tables.flatMap(({ oid, extension }): [number, Verdict][] =>
    extension !== undefined && missingExtensions.has(extension)
      ? [[oid, ["extension-missing", "the target lacks the extension"]]]
      : [],
  );
  return new Map([
    ...members,
    ...entries.flatMap(({ entry, class: kind, reason }): [number | string, Verdict][] => {
      if (entry.kind === "TABLE") return [[entry.oid, [kind, reason]]];
      return entry.kind === "SEQUENCE" ? [[`${entry.schema}.${entry.tag}`, [kind, reason]]] : [];
    }),
  ]);
}

async function fitManagedRows(
  parts: readonly ClassifiedPart[],
  facts: ProjectFacts,
  reading: ArchiveReading,
): Promise<ProjectArchive> {
  const rowsOf = new Map(databaseOf(reading.contents).tables.map(({ oid, rows = 1 }) => [oid, rows]));
  const columns = new Map<number, readonly string[]>();
  const refusals: string[] = [];
  const fitted: ClassifiedPart[] = [];
  const defaults = new Map(
    parts
      .flatMap(({ entries }) => entries)
      .filter(({ entry }) => entry.kind === "TABLE" && isManagedSchema(entry.schema))
      .map(({ entry }) => [`${entry.schema}.${entry.tag}`, literalDefaults(entry.definition)]),
  );
  for (const part of parts) {
    const suspect: { readonly entry: TocEntry; readonly mustBeNull: readonly string[] }[] = [];
    const entries = part.entries.map((classified): Classified => {
      const { entry } = classified;
      const isRows = entry.kind === "TABLE DATA" && classified.class === "restore";
      if (!isRows || !isManagedSchema(entry.schema) || isQueues(entry)) return classified;
      const name = `${entry.schema}.${entry.tag}`;
      const isEmpty = rowsOf.get(entry.oid) === 0;
      const target = facts.tables.get(name);
      if (target === undefined || !target.mayInsert) {
        const why =
          target === undefined ? "the target lacks the table" : "the platform lets nobody write there";
        if (isEmpty) return { entry, class: "kept", reason: `${why}; the backup has no rows of it` };
        if (target === undefined)
          refusals.push(`the target has no table ${name}, of which the backup has rows`);
        return { entry, class: "person", reason: why };
      }
      const fit = fitColumns(name, columnNames(entry), target.columns);
      columns.set(entry.oid, fit.common);
      if (!isEmpty && fit.mustBeNull.length > 0) suspect.push({ entry, mustBeNull: fit.mustBeNull });
      if (!isEmpty && fit.unfillable.length > 0) {
        refusals.push(
          `the target wants values in ${name} (${fit.unfillable.join(", ")}) that the backup does not have`,
        );
      }
      return classified;
    });
    for (const { entry, filled } of await filledColumns(part.name, suspect, reading, defaults)) {
      const told = [...filled].map(([column, rows]) => `${column} (${rows} ${rows === 1 ? "row" : "rows"})`);
      refusals.push(
        `the target's ${entry.schema}.${entry.tag} lacks columns in which the backup has other values than the default: ${told.join(", ")}`,
      );
    }
    fitted.push({ ...part, entries });
  }
  return { parts: fitted, columns, refusals, services: servicesAfter(fitted, facts) };
}

function servicesAfter(parts: readonly ClassifiedPart[], facts: ProjectFacts): ProjectArchive["services"] {
  const created = new Set(
    parts.flatMap(({ entries }) =>
      entries.flatMap(({ entry, class: kind }) =>
        entry.kind === "EXTENSION" && kind === "put-back" ? [entry.tag] : [],
      ),
    ),
  );
  return {
    cronJobs: facts.takesCronJobs || created.has("pg_cron"),
    secrets: facts.takesSecrets || created.has("supabase_vault"),
    queues: facts.extensions.has("pgmq") || created.has("pgmq"),
  };
}

/** Of the columns that the target lacks, those that hold more than nulls and their default, with how many rows. */
async function filledColumns(
  name: string,
  suspect: readonly { readonly entry: TocEntry; readonly mustBeNull: readonly string[] }[],
  { source, tools }: ArchiveReading,
  defaults: ReadonlyMap<string, ReadonlyMap<string, string>>,
): Promise<readonly { readonly entry: TocEntry; readonly filled: ReadonlyMap<string, number> }[]> {
  if (suspect.length === 0) return [];
  const found: { entry: TocEntry; filled: ReadonlyMap<string, number> }[] = [];
  const entries = suspect.map(({ entry }) => entry);
  await eachEntrysRows({ source, name, zstd: tools.zstd }, tools, entries, async (entry, rows) => {
    const all = columnNames(entry);
    const mustBeNull = suspect.find((item) => item.entry === entry)?.mustBeNull ?? [];
    const byDefault = defaults.get(`${entry.schema}.${entry.tag}`);
    const watched = mustBeNull.map((column) => ({
      column,
      at: all.indexOf(column),
      empty: byDefault?.get(column),
    }));
    const filled = new Map<string, number>();
    for await (const lines of wholeLines(rows)) {
      for (const line of lines) {
        const cells = line.split("\t");
        for (const { column, at, empty } of watched) {
          const cell = cells[at];
          if (cell !== "\\N" && cell !== empty) filled.set(column, (filled.get(column) ?? 0) + 1);
        }
      }
    }
    if (filled.size > 0) found.push({ entry, filled });
  });
  return found;
}

/** Of all parts, in their order. */
export function allEntries(archive: ProjectArchive): readonly Classified[] {
  return archive.parts.flatMap(({ entries }) => entries);
}
