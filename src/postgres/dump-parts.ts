/** How one database becomes parallel archives, and the proof that they hold each table exactly once. */
import { LifeboatError } from "../errors.ts";
import { holdsAllLocks, type LockTable } from "./lock-table.ts";
import { hasRows, type SourceTable } from "./table-listing.ts";

export interface DumpPart {
  readonly name: "schema" | "rest" | `data-${number}`;
  readonly role: "schema" | "rest" | "data";
  /** The tables whose rows this part must hold, and no others. */
  readonly tables: readonly SourceTable[];
  /** pg_dump's arguments that choose them. */
  readonly selection: readonly string[];
}

/** Below this a table's own part costs more than it saves. */
const worthNamingBytes = 8 * 1024 * 1024;
/** Linux refuses argv beyond 2 MiB in all; patterns stand there twice, and environments count too. */
const maxPatternBytes = 400_000;

/** One schema archive, one archive of everything small, and at most `jobs` archives of large tables. */
export function planParts(
  tables: readonly SourceTable[],
  jobs: number,
  encoding = "UTF8",
): readonly DumpPart[] {
  // Patterns reach pg_dump in UTF-8, and it reads them in the archive's encoding.
  const large = largestThatFit(tables.filter((table) => encoding === "UTF8" || isAscii(table)));
  const groups = balance(large, jobs);
  const named = new Set(large.map(({ oid }) => oid));
  return [
    { name: "schema", role: "schema", tables: [], selection: ["--section=pre-data", "--section=post-data"] },
    {
      name: "rest",
      role: "rest",
      tables: tables.filter((table) => hasRows(table) && !named.has(table.oid)),
      selection: ["--section=data", ...large.map((table) => `--exclude-table-data=${exactPattern(table)}`)],
    },
    ...groups.map((group, index): DumpPart => ({
      name: `data-${index + 1}`,
      role: "data",
      tables: group,
      selection: ["--section=data", ...group.map((table) => `--table=${exactPattern(table)}`)],
    })),
  ];
}

/** Our own session, and the two parts that look at every table. */
const lockingSessions = 3;

/**
 * All parts start at once, because one that starts later could wait behind a queued schema change for ever. Only where
 * the server has no room for so many locks is the schema's part, which holds no rows, done before the others.
 */
export function inWaves(parts: readonly DumpPart[], locks: LockTable): readonly (readonly DumpPart[])[] {
  if (holdsAllLocks(locks, lockingSessions)) return [parts];
  return [parts.filter(({ role }) => role === "schema"), parts.filter(({ role }) => role !== "schema")];
}

function largestThatFit(tables: readonly SourceTable[]): readonly SourceTable[] {
  // Roots of partitions are never named: pg_dump would take none of their rows. Extension tables go by their filter.
  const candidates = tables
    .filter(
      (table) => table.kind === "table" && table.extension === undefined && table.bytes >= worthNamingBytes,
    )
    .toSorted((a, b) => b.bytes - a.bytes);
  let patternBytes = 0;
  return candidates.filter((table) => {
    patternBytes += exactPattern(table).length + 30;
    return patternBytes <= maxPatternBytes;
  });
}

function isAscii({ schema, name }: SourceTable): boolean {
  return !/[^\0-\x7f]/.test(schema + name);
}

/** Largest first into the emptiest group: a very big table ends up alone. */
function balance(tables: readonly SourceTable[], jobs: number): readonly (readonly SourceTable[])[] {
  const groups = Array.from({ length: Math.min(jobs, tables.length) }, () => ({
    bytes: 0,
    tables: [] as SourceTable[],
  }));
  for (const table of tables) {
    const emptiest = groups.reduce((least, group) => (group.bytes < least.bytes ? group : least));
    emptiest.bytes += table.bytes;
    emptiest.tables.push(table);
  }
  return groups.map((group) => group.tables);
}

/**
 * A pg_dump pattern that matches exactly this table, in every version from 13; beyond ASCII in UTF-8 only.
 * ASCII characters are written as regular-expression escapes: argv is readable by every process of the machine, and
 * names of tables must not stand there. Others stand in double quotes, because an escape would mean a code point of
 * the server's encoding.
 */
export function exactPattern(table: Pick<SourceTable, "schema" | "name">): string {
  return `${exactName(table.schema)}.${exactName(table.name)}`;
}

function exactName(name: string): string {
  // Neighbours share one pair of quotes: a closing and an opening one side by side would mean a quote character.
  return name.replaceAll(/[\0-\x7f]|[^\0-\x7f]+/g, (piece) => {
    const code = piece.charCodeAt(0);
    return code < 0x80 ? `\\u${code.toString(16).padStart(4, "0")}` : `"${piece}"`;
  });
}

/**
 * Proves from the archives' own tables of contents that every table stands in exactly the part that should hold it.
 * pg_dump says nothing when a pattern matches too little or too much, so this is the only proof.
 */
export function proveCoverage(
  parts: readonly DumpPart[],
  oidsInArchive: ReadonlyMap<string, readonly number[]>,
): void {
  for (const part of parts) {
    const expected = new Set(part.tables.map(({ oid }) => oid));
    const found = oidsInArchive.get(part.name) ?? [];
    const missing = expected.size - found.filter((oid) => expected.has(oid)).length;
    const foreign = found.filter((oid) => !expected.has(oid)).length;
    if (missing === 0 && foreign === 0 && new Set(found).size === found.length) continue;
    throw new LifeboatError(
      "coverage-unproven",
      `The archive "${part.name}" should hold the rows of ${expected.size} tables: ${missing} are missing and ` +
        `${foreign} do not belong there.`,
    );
  }
}
