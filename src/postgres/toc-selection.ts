/** Chosen tables and schemas: what a person wrote, what the snapshot has, and which archive entries belong to it. */
import { LifeboatError } from "../errors.ts";
import type { TableContents } from "../snapshot/contents.ts";
import { quoteQualified } from "./identifiers.ts";
import { nearNames, type TableName } from "./restore-near-names.ts";
import type { ArchiveToc, TocEntry } from "./restore-toc.ts";

export type { TableName };

export interface Selection {
  readonly tables: readonly TableName[];
  /** Every table in these schemas. */
  readonly schemas: readonly string[];
}

/** One chosen table: itself or, for a partitioned root, all leaves that hold its rows. */
export interface SelectedTable {
  readonly table: TableContents;
  readonly leaves: readonly TableContents[];
}

const part = String.raw`(?:"((?:[^"]|"")+)"|([^\s".]+))`;
const qualifiedName = new RegExp(`^${part}\\.${part}$`, "su");
const singleName = new RegExp(`^${part}$`, "su");

/** `schema.table` by SQL's rules: parts without quotes are folded to lower case. */
export function parseTableName(text: string): TableName {
  const match = qualifiedName.exec(text.trim());
  if (match === null) {
    throw new LifeboatError(
      "restore-selection",
      `The table ${JSON.stringify(text)} is not written as schema.table.`,
    );
  }
  return { schema: partOf(match[1], match[2]), name: partOf(match[3], match[4]) };
}

export function parseSchemaName(text: string): string {
  const match = singleName.exec(text.trim());
  if (match === null) {
    throw new LifeboatError("restore-selection", `The schema ${JSON.stringify(text)} is not a name.`, {
      hint: 'Quote a name with upper case, spaces or dots: "My Schema".',
    });
  }
  return partOf(match[1], match[2]);
}

function partOf(quoted: string | undefined, plain: string | undefined): string {
  return quoted === undefined ? (plain ?? "").toLowerCase() : quoted.replaceAll('""', '"');
}

/** The chosen tables, each once. Throws `restore-selection` with names that come near where one is not there. */
export function selectTables(all: readonly TableContents[], selection: Selection): readonly SelectedTable[] {
  const chosen = new Map<number, TableContents>();
  for (const wanted of selection.tables) {
    const table = all.find(({ schema, name }) => schema === wanted.schema && name === wanted.name);
    if (table === undefined) throw notThere(wanted, all);
    chosen.set(table.oid, table);
  }
  for (const schema of selection.schemas) {
    const inside = all.filter((table) => table.schema === schema && table.extension === undefined);
    if (inside.length === 0) throw schemaNotThere(schema, all);
    for (const table of inside) {
      // Views' and foreign servers' rows are nobody's to restore; choosing a schema does not ask for them.
      if (table.kind === "table" || table.kind === "partitioned") chosen.set(table.oid, table);
    }
  }
  const tables = [...chosen.values()];
  for (const table of tables) {
    if (table.kind !== "table" && table.kind !== "partitioned") {
      throw refused(table, `is a ${table.kind.replace("-", " ")}, whose rows are not in a backup`);
    }
    if (table.notBackedUp !== undefined) throw refused(table, `was not backed up: ${table.notBackedUp}`);
  }
  // A root brings its partitions; a partition chosen beside its root is already there.
  return tables
    .filter((table) => table.root === undefined || !chosen.has(table.root))
    .map((table) => ({ table, leaves: leavesOf(table, all) }));
}

function leavesOf(table: TableContents, all: readonly TableContents[]): readonly TableContents[] {
  if (table.kind === "table") return [table];
  if (table.root !== undefined) {
    throw refused(table, "is a partition that is partitioned itself; choose the topmost table");
  }
  return all.filter(({ root, kind }) => root === table.oid && kind === "table");
}

/** Kinds that belong to the table on which they depend and which their definition names. */
const definedOn: Readonly<Record<string, (definition: string, qualified: string) => boolean>> = {
  CONSTRAINT: altersTable,
  "CHECK CONSTRAINT": altersTable,
  "FK CONSTRAINT": altersTable,
  DEFAULT: altersTable,
  INDEX: (definition, name) =>
    definition.includes(` ON ${name} USING `) || definition.includes(` ON ONLY ${name} USING `),
  POLICY: (definition, name) => definition.includes(` ON ${name} `) || definition.includes(` ON ${name};`),
  TRIGGER: (definition, name) => definition.includes(` ON ${name} `),
  RULE: (definition, name) => definition.includes(` TO ${name} `) || definition.includes(` TO ${name}\n`),
};

function altersTable(definition: string, qualified: string): boolean {
  return [
    `ALTER TABLE ONLY ${qualified} `,
    `ALTER TABLE ${qualified} `,
    `ALTER TABLE ONLY ${qualified}\n`,
    `ALTER TABLE ${qualified}\n`,
  ].some((start) => definition.trimStart().startsWith(start));
}

/** Kinds that follow whatever they depend on, once that is chosen. */
const followers = new Set([
  "ACL",
  "COMMENT",
  "INDEX ATTACH",
  "SECURITY LABEL",
  "SEQUENCE OWNED BY",
  "STATISTICS",
  "TABLE ATTACH",
]);

export interface TableEntries {
  /** In the archive's order. */
  readonly beforeRows: readonly TocEntry[];
  readonly afterRows: readonly TocEntry[];
  /** Types that must be there already: they are shared with other tables, so they are not brought along. */
  readonly neededTypes: readonly TableName[];
}

/**
 * Everything of the schema archive that makes up these tables (oids of the source), partitions included, and the
 * schemas that the target lacks; of `wholeSchemas` everything that is in them.
 */
export function entriesOfTables(
  toc: ArchiveToc,
  oids: ReadonlySet<number>,
  {
    missingSchemas,
    wholeSchemas,
  }: { missingSchemas: ReadonlySet<string>; wholeSchemas: ReadonlySet<string> },
): TableEntries {
  const byId = new Map(toc.entries.map((entry) => [entry.dumpId, entry]));
  const tables = toc.entries.filter(({ kind, oid }) => kind === "TABLE" && oids.has(oid));
  const chosen = new Set(tables.map(({ dumpId }) => dumpId));
  const nameOf = new Map(tables.map((entry) => [entry.dumpId, droppedName(entry)]));
  for (const entry of toc.entries) {
    const belongs = entry.dependencies.some((id) => {
      const name = nameOf.get(id);
      if (name === undefined) return false;
      if (entry.kind === "SEQUENCE") return true;
      return definedOn[entry.kind]?.(entry.definition, name) === true;
    });
    if (belongs || (entry.kind === "ROW SECURITY" && securesOne(entry, tables))) chosen.add(entry.dumpId);
  }
  // Sequences that a default reads without being owned by the column.
  for (const entry of toc.entries.filter(({ dumpId }) => chosen.has(dumpId))) {
    for (const id of entry.dependencies) if (byId.get(id)?.kind === "SEQUENCE") chosen.add(id);
  }
  const schemas = new Set(toc.entries.filter(({ dumpId }) => chosen.has(dumpId)).map(({ schema }) => schema));
  for (const entry of toc.entries) {
    const inWhole =
      wholeSchemas.has(entry.schema) && entry.kind !== "TABLE DATA" && entry.kind !== "SEQUENCE SET";
    const isSchema = entry.kind === "SCHEMA" && missingSchemas.has(entry.tag);
    if (inWhole || (isSchema && (schemas.has(entry.tag) || wholeSchemas.has(entry.tag))))
      chosen.add(entry.dumpId);
  }
  for (const entry of toc.entries) {
    if (followers.has(entry.kind) && entry.dependencies.some((id) => chosen.has(id)))
      chosen.add(entry.dumpId);
  }
  const entries = toc.entries.filter(({ dumpId }) => chosen.has(dumpId));
  return {
    beforeRows: entries.filter(({ section }) => section === "pre-data"),
    afterRows: entries.filter(({ section }) => section !== "pre-data"),
    neededTypes: neededTypes(entries, byId).filter(({ schema }) => !wholeSchemas.has(schema)),
  };
}

function securesOne(entry: TocEntry, tables: readonly TocEntry[]): boolean {
  return tables.some(({ schema, tag }) => schema === entry.schema && tag === entry.tag);
}

/** The table's name exactly as pg_dump quotes it everywhere in this archive. */
function droppedName(table: TocEntry): string {
  return /^DROP TABLE (.*);\n$/s.exec(table.dropStatement)?.[1] ?? quoteQualified(table.schema, table.tag);
}

function neededTypes(
  entries: readonly TocEntry[],
  byId: ReadonlyMap<number, TocEntry>,
): readonly TableName[] {
  const types = entries
    .flatMap(({ dependencies }) => dependencies.map((id) => byId.get(id)))
    .filter((entry) => entry?.kind === "TYPE" || entry?.kind === "DOMAIN")
    .map((entry) => ({ schema: entry?.schema ?? "", name: entry?.tag ?? "" }));
  return [...new Map(types.map((type) => [quoteQualified(type.schema, type.name), type])).values()];
}

function refused({ schema, name }: TableContents, why: string): LifeboatError {
  return new LifeboatError("restore-selection", `The table ${quoteQualified(schema, name)} ${why}.`, {
    publicSentence: `A chosen table ${why}.`,
  });
}

function notThere(wanted: TableName, all: readonly TableContents[]): LifeboatError {
  const near = nearNames(wanted, all).map((table) => quoteQualified(table.schema, table.name));
  return new LifeboatError(
    "restore-selection",
    `The snapshot has no table ${quoteQualified(wanted.schema, wanted.name)}.`,
    {
      ...(near.length === 0 ? {} : { hint: `Did you mean ${near.join(" or ")}?` }),
      publicSentence: "The snapshot has no table of a name that was chosen.",
    },
  );
}

function schemaNotThere(schema: string, all: readonly TableContents[]): LifeboatError {
  const schemas = [...new Set(all.map((table) => table.schema))].toSorted();
  return new LifeboatError(
    "restore-selection",
    `The snapshot has no tables in the schema ${JSON.stringify(schema)}.`,
    {
      hint: `It has tables in: ${schemas.slice(0, 20).join(", ")}.`,
      publicSentence: "The snapshot has no tables in a schema that was chosen.",
    },
  );
}
