/**
 * The table of contents at the head of a `pg_dump -Fc` archive, read exactly. The listing that pg_restore prints has
 * no quoting: with odd names it cannot be taken apart, and it says neither dependencies nor COPY statements.
 */
import { LifeboatError } from "../errors.ts";
import { declaredEncoding, textIn } from "./archive-encoding.ts";

export interface TocEntry {
  /** What a list for `pg_restore --use-list` names. */
  readonly dumpId: number;
  /** oid in the source; tables' rows carry their table's. */
  readonly oid: number;
  readonly tag: string;
  /** `TABLE`, `TABLE DATA`, `FK CONSTRAINT`, … */
  readonly kind: string;
  readonly section: "none" | "pre-data" | "data" | "post-data";
  readonly definition: string;
  readonly dropStatement: string;
  /** `COPY s.t (a, b) FROM stdin;` and a newline, for rows. */
  readonly copyStatement: string;
  /** Schema; "" where the object is in none. */
  readonly schema: string;
  /** "" is the database's own. */
  readonly tablespace?: string;
  /** The role that owns it; "" where nobody does. */
  readonly owner: string;
  readonly dependencies: readonly number[];
  /** Of the rows, where it is not UTF-8; the statement's own bytes stand beside it. */
  readonly stored?: { readonly encoding: string; readonly copyStatement: Uint8Array };
}

export interface ArchiveToc {
  /** Of the server that was dumped, as it calls itself. */
  readonly serverVersion: string;
  /** Of its texts and rows. */
  readonly encoding?: string;
  readonly entries: readonly TocEntry[];
}

/** 1.14 is pg_dump 12 to 15, 1.15 is 16, 1.16 is 17 and 18. */
const oldest = 14;
const newest = 16;
const sections = ["none", "none", "pre-data", "data", "post-data"] as const;
const maxEntries = 10_000_000;

/**
 * Reads the table of contents; undefined where `head` ends before it does. Throws `snapshot-damaged` for what is no
 * archive, and `snapshot-too-new` for a version that this reader does not know.
 */
export function readArchiveToc(head: Buffer): ArchiveToc | undefined {
  try {
    return readToc(new Reader(head));
  } catch (error) {
    if (error instanceof EndOfHead) return undefined;
    throw error;
  }
}

function readToc(reader: Reader): ArchiveToc {
  if (reader.bytes(5).toString("latin1") !== "PGDMP") throw damaged("does not begin as one");
  const [major, minor] = [reader.byte(), reader.byte()];
  reader.byte();
  if (major !== 1 || minor < oldest || minor > newest) {
    throw new LifeboatError(
      "snapshot-too-new",
      `An archive has pg_dump's format ${major}.${minor}; this Lifeboat reads 1.${oldest} to 1.${newest}.`,
    );
  }
  reader.intSize = reader.byte();
  const offsetSize = reader.byte();
  if (reader.byte() !== 1) throw damaged("is not in the custom format");
  if (minor >= 15) reader.byte();
  else reader.int();
  for (let field = 0; field < 7; field += 1) reader.int();
  reader.text();
  const serverVersion = reader.text() ?? "";
  reader.text();
  const count = reader.int();
  if (count < 0 || count > maxEntries) throw damaged("says it has an impossible number of entries");
  const entries: TocEntry[] = [];
  for (let index = 0; index < count; index += 1) {
    const entry = readEntry(reader, minor, offsetSize);
    if (entry.kind === "ENCODING") reader.encoding = declaredEncoding(entry.definition);
    entries.push(entry);
  }
  const { encoding } = reader;
  return { serverVersion, entries, ...(encoding === undefined ? {} : { encoding }) };
}

function readEntry(reader: Reader, minor: number, offsetSize: number): TocEntry {
  const dumpId = reader.int();
  reader.int();
  reader.text();
  const oid = Number(reader.text() ?? "0");
  const tag = reader.text() ?? "";
  const kind = reader.text() ?? "";
  const section = sections[reader.int()] ?? "none";
  const definition = reader.text() ?? "";
  const dropStatement = reader.text() ?? "";
  const copyBytes = reader.textBytes();
  const copyStatement = reader.read(copyBytes) ?? "";
  const schema = reader.text() ?? "";
  const tablespace = reader.text() ?? "";
  reader.text();
  if (minor >= 16) reader.int();
  const owner = reader.text() ?? "";
  reader.text();
  const dependencies: number[] = [];
  for (let next = reader.text(); next !== undefined; next = reader.text()) dependencies.push(Number(next));
  reader.bytes(1 + offsetSize);
  const statements = { definition, dropStatement, copyStatement };
  const { encoding = "UTF8" } = reader;
  const stored =
    copyBytes === undefined || encoding === "UTF8" ? {} : { stored: { encoding, copyStatement: copyBytes } };
  return {
    ...stored,
    dumpId,
    oid,
    tag,
    kind,
    section,
    ...statements,
    schema,
    tablespace,
    owner,
    dependencies,
  };
}

class EndOfHead extends Error {}

/** pg_dump's integers (a sign byte, then little-endian) and strings (a length, -1 for none). */
class Reader {
  intSize = 4;
  /** Of the texts; its entry stands before all others. */
  encoding: string | undefined;
  readonly #head: Buffer;
  #at = 0;

  constructor(head: Buffer) {
    this.#head = head;
  }

  bytes(length: number): Buffer {
    const from = this.#at;
    if (from + length > this.#head.length) throw new EndOfHead();
    this.#at += length;
    return this.#head.subarray(from, this.#at);
  }

  byte(): number {
    return this.bytes(1)[0] ?? 0;
  }

  int(): number {
    const negative = this.byte() !== 0;
    if (this.intSize < 1 || this.intSize > 6) throw damaged("has integers of an impossible size");
    const value = this.bytes(this.intSize).readUIntLE(0, this.intSize);
    return negative ? -value : value;
  }

  text(): string | undefined {
    return this.read(this.textBytes());
  }

  textBytes(): Buffer | undefined {
    const length = this.int();
    return length < 0 ? undefined : this.bytes(length);
  }

  read(text: Buffer | undefined): string | undefined {
    return text === undefined ? undefined : textIn(this.encoding, text);
  }
}

function damaged(why: string): LifeboatError {
  return new LifeboatError("snapshot-damaged", `A part should be a pg_dump archive, but ${why}.`);
}
