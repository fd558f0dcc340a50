/** An archive's table of contents, as `pg_restore -l` lists it. */
import { LifeboatError } from "../errors.ts";

export interface TocEntry {
  readonly dumpId: number;
  /** oid of the catalog that the object stands in; 0 for contents (TABLE DATA) and for what has none of its own. */
  readonly catalogOid: number;
  /** oid in the source: of the table, for TABLE DATA; 0 where the entry has none (comments, ACLs, SEQUENCE SET). */
  readonly oid: number;
  /** pg_dump's word: `TABLE`, `TABLE DATA`, `SEQUENCE SET`, … */
  readonly kind: string;
  /** Schema (`-` for none), name and owner with spaces between. For people: newlines in names became spaces. */
  readonly label: string;
  /** As listed, for `pg_restore -L`. */
  readonly line: string;
}

/** Kinds of more than one word, as pg_dump 13 to 18 write them; a word of capitals could begin a name as well. */
const longKinds = [
  "ACCESS METHOD",
  "BLOB COMMENTS",
  "BLOB METADATA",
  "CHECK CONSTRAINT",
  "DATABASE PROPERTIES",
  "DEFAULT ACL",
  "EVENT TRIGGER",
  "FK CONSTRAINT",
  "FOREIGN DATA WRAPPER",
  "FOREIGN SERVER",
  "FOREIGN TABLE",
  "INDEX ATTACH",
  "LARGE OBJECT",
  "MATERIALIZED VIEW DATA",
  "MATERIALIZED VIEW",
  "OPERATOR CLASS",
  "OPERATOR FAMILY",
  "PROCEDURAL LANGUAGE",
  "PUBLICATION TABLES IN SCHEMA",
  "PUBLICATION TABLE",
  "ROW SECURITY",
  "SECURITY LABEL",
  "SEQUENCE OWNED BY",
  "SEQUENCE SET",
  "SHELL TYPE",
  "STATISTICS DATA",
  "SUBSCRIPTION TABLE",
  "TABLE ATTACH",
  "TABLE DATA",
  "TEXT SEARCH CONFIGURATION",
  "TEXT SEARCH DICTIONARY",
  "TEXT SEARCH PARSER",
  "TEXT SEARCH TEMPLATE",
  "USER MAPPING",
];
const relationKinds = ["FOREIGN TABLE", "INDEX", "MATERIALIZED VIEW", "SEQUENCE", "TABLE", "VIEW"];
const pgClass = 1259;
const entryLine = /^(\d+); (\d+) (\d+) (.+)$/;

/** The entries of a listing, in its order. Throws `snapshot-damaged` at a line that is neither entry nor comment. */
export function parseToc(listing: string): TocEntry[] {
  const lines = listing.split("\n").filter((line) => line !== "" && !line.startsWith(";"));
  return lines.map((line) => {
    const match = entryLine.exec(line);
    if (match === null) {
      throw new LifeboatError(
        "snapshot-damaged",
        "An archive's table of contents holds a line of unknown form.",
      );
    }
    const [, dumpId, catalogOid, oid, rest = ""] = match;
    const kind = kindOf(rest, Number(catalogOid));
    const label = rest.slice(kind.length + 1);
    return { dumpId: Number(dumpId), catalogOid: Number(catalogOid), oid: Number(oid), kind, label, line };
  });
}

/**
 * oids of the tables whose rows the archive holds, in its order and as often as they stand there: every table of a
 * backup must stand in exactly one part.
 */
export function tableDataOids(listing: string): number[] {
  return parseToc(listing)
    .filter((entry) => entry.kind === "TABLE DATA")
    .map((entry) => entry.oid);
}

function kindOf(rest: string, catalogOid: number): string {
  // A table of a schema called DATA is no TABLE DATA: what stands in pg_class has one of pg_class's kinds.
  const kinds = catalogOid === pgClass ? relationKinds : longKinds;
  return kinds.find((kind) => rest.startsWith(`${kind} `)) ?? rest.split(" ", 1)[0] ?? "";
}
