/** Tablespaces are the machine's: where a server lacks one, everything is restored into the database's own. */
import type { Finding } from "../verification/findings.ts";
import { type Sql, withClient } from "./client.ts";
import type { Connection } from "./connection.ts";
import { quoteIdentifier } from "./identifiers.ts";
import type { ArchiveToc, TocEntry } from "./restore-toc.ts";

export interface TablespaceChoice {
  /** That the archive names and the server lacks. pg_restore does with all of its tablespaces or with none. */
  readonly missing: readonly string[];
  /** Moved afterwards, where some are missing. */
  readonly placed: readonly TocEntry[];
}

export async function chooseTablespaces(sql: Sql, { entries }: ArchiveToc): Promise<TablespaceChoice> {
  const named = entries.filter(({ tablespace = "" }) => tablespace !== "");
  const { rows } = await sql.query<{ name: string }>("select spcname as name from pg_catalog.pg_tablespace");
  const here = new Set(rows.map(({ name }) => name));
  const isHere = ({ tablespace = "" }: TocEntry): boolean => here.has(tablespace);
  const missing = new Set(named.filter((entry) => !isHere(entry)).map(({ tablespace = "" }) => tablespace));
  return { missing: [...missing].toSorted(), placed: missing.size === 0 ? [] : named.filter(isHere) };
}

/** What the server refuses to move stays where it is: it is only a place. */
export async function moveToTablespaces(connection: Connection, { placed }: TablespaceChoice): Promise<void> {
  if (placed.length === 0) return;
  await withClient(connection, async (sql) => {
    await sql.query("set default_transaction_read_only = off");
    for (const { dropStatement, kind, definition, schema, tablespace = "" } of placed) {
      const [, relation] = /^DROP ((?:TABLE|INDEX|MATERIALIZED VIEW) .*);\n$/s.exec(dropStatement) ?? [];
      // Of a key, the index of that name in the table's schema.
      const [, key] =
        kind === "CONSTRAINT" ? (/ ADD CONSTRAINT ("(?:[^"]|"")+"|\S+) /.exec(definition) ?? []) : [];
      const what = relation ?? (key === undefined ? undefined : `INDEX ${quoteIdentifier(schema)}.${key}`);
      if (what === undefined) continue;
      await sql.query(`alter ${what} set tablespace ${quoteIdentifier(tablespace)}`).catch(() => {});
    }
  });
}

export function tablespaceFindings({ missing }: TablespaceChoice): readonly Finding[] {
  if (missing.length === 0) return [];
  const names = missing.map(quoteIdentifier).join(", ");
  return [
    {
      level: "warning",
      code: "tablespace-left-out",
      fault: "target",
      sentence: `This server lacks ${missing.length === 1 ? "the tablespace" : "the tablespaces"} ${names}: what was in there is in the database's default tablespace.`,
      publicSentence: `This server lacks ${missing.length === 1 ? "1 tablespace" : `${missing.length} tablespaces`} of the backup: what was in there is in the database's default tablespace.`,
      remedy: "Nothing is lost. To move a table: ALTER TABLE NAME SET TABLESPACE NAME;",
    },
  ];
}
