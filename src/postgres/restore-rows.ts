/** Rows of chosen tables out of an archive and into an open transaction: pg_restore → COPY lines → COPY. */
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { from as copyFrom } from "pg-copy-streams";
import { LifeboatError } from "../errors.ts";
import { type RunningTool, startTool, toolFailed } from "../system/process.ts";
import type { Sql } from "./client.ts";
import {
  feedPart,
  type PartSource,
  type PartStream,
  type RestoreTools,
  writeHead,
} from "./restore-stream.ts";
import { type ArchiveToc, readArchiveToc, type TocEntry } from "./restore-toc.ts";
import { textIn } from "./archive-encoding.ts";
import { createSqlScanner } from "./copy-statement.ts";
import { quoteIdentifier } from "./identifiers.ts";
import { closeFile, tocListFile } from "./unnamed-file.ts";

const maxHeadBytes = 512 * 1024 * 1024;

/** The table of contents of a part, read from as much of it as is needed. */
export async function readPartToc(
  source: PartSource,
  tools: RestoreTools,
  name: string,
): Promise<ArchiveToc> {
  let toc: ArchiveToc | undefined;
  await writeHead({ source, name, zstd: tools.zstd }, maxHeadBytes, (head) => {
    toc = readArchiveToc(head);
    return toc !== undefined;
  });
  if (toc !== undefined) return toc;
  throw new LifeboatError("snapshot-damaged", `The part ${name} ends within its table of contents.`);
}

export interface CopyTarget {
  /** Quoted. */
  readonly table: string;
  /** Of the archive's columns only these; default: all. */
  readonly columns?: readonly string[];
}

/**
 * Copies the rows of `entries`, all out of one part, into the tables that `targetOf` names, in the transaction that is
 * open in `sql`. Throws unless every entry was found whole, up to its end mark.
 */
export async function copyRows(
  sql: Sql,
  part: PartStream,
  tools: RestoreTools,
  entries: readonly TocEntry[],
  targetOf: (entry: TocEntry) => CopyTarget,
): Promise<void> {
  await eachEntrysRows(part, tools, entries, async (entry, rows) => {
    const { table, columns } = targetOf(entry);
    const list = columns === undefined ? columnsOf(entry) : `(${columns.map(quoteIdentifier).join(", ")})`;
    const kept = columns === undefined ? rows : cellsOf(rows, columnNames(entry), columns);
    await pipeline(
      Readable.from(kept),
      sql.query(copyFrom(`COPY ${table} ${list} FROM STDIN${encodingOf(entry)}`)),
    );
  });
}

/**
 * Hands every entry's rows, in COPY's text form, to `consume`, which reads them to their end. Throws unless every entry
 * was found whole, up to its end mark.
 */
export async function eachEntrysRows(
  part: PartStream,
  tools: RestoreTools,
  entries: readonly TocEntry[],
  consume: (entry: TocEntry, rows: AsyncGenerator<Buffer>) => Promise<void>,
): Promise<void> {
  const listed = await startListed(tools, entries);
  const script = listed.child.stdout;
  if (script === null) throw new LifeboatError("unexpected", "pg_restore has no stdout.");
  const feeding = feedPart(part, listed, { stopsEarly: true });
  // Both ends are awaited below; this keeps a failure of one, while the other is still busy, from being unhandled.
  feeding.catch(() => {});
  const reader = new ScriptReader(script);
  let failure: { readonly cause: unknown } | undefined;
  try {
    // Several partitions may share one statement: pg_dump loads some through their root.
    const waiting = [...entries];
    while (waiting.length > 0) {
      const statement = await reader.skipToStatement(waiting.map(statementBytes));
      const index = waiting.findIndex((entry) => statement?.equals(statementBytes(entry)));
      const entry = waiting[index];
      if (entry === undefined)
        throw new LifeboatError("snapshot-damaged", `The part ${part.name} lacks rows it lists.`);
      waiting.splice(index, 1);
      await consume(entry, reader.rows());
    }
    // What follows the last row is read too, so that the program's own end, good or bad, is seen.
    await reader.drain();
  } catch (cause) {
    failure = { cause };
    listed.child.kill("SIGKILL");
    script.destroy();
  }
  // A source or child that failed is the cause; what the reader of its output met is the echo.
  await feeding.catch((cause: unknown) => {
    if (failure === undefined || !isOwnKill(cause)) failure = { cause };
  });
  if (failure !== undefined) throw failure.cause;
}

function isOwnKill(cause: unknown): boolean {
  return cause instanceof LifeboatError && /^(?!zstd ).* ended with signal SIGKILL/.test(cause.message);
}

/** The SQL of chosen entries, to be sent as one query: without psql's own commands. */
export async function scriptOf(
  tools: RestoreTools,
  archive: Buffer,
  entries: readonly TocEntry[],
  more: readonly string[] = [],
): Promise<string> {
  if (entries.length === 0) return "";
  const encoding = readArchiveToc(archive)?.encoding;
  const listed = await startListed(tools, entries, more);
  const chunks: Buffer[] = [];
  listed.child.stdout?.on("data", (chunk: Buffer) => chunks.push(chunk));
  listed.child.stdin?.on("error", () => {});
  listed.child.stdin?.end(archive);
  const exit = await listed.exited;
  if (exit.code !== 0) throw toolFailed("pg_restore", exit);
  const script = textIn(encoding, Buffer.concat(chunks));
  const token = /^\\restrict ([A-Za-z0-9]+)$/m.exec(script)?.[1];
  const withoutFences =
    token === undefined
      ? script
      : script.replace(`\\restrict ${token}\n`, "").replace(`\\unrestrict ${token}\n`, "");
  // Servers before 17 do not know this setting; our session has no such limit anyway.
  return withoutFences
    .replace(/^SET transaction_timeout = 0;\n/m, "")
    .replace(/^SET client_encoding = '\w+';\n/m, "SET client_encoding = 'UTF8';\n");
}

function encodingOf({ stored }: TocEntry): string {
  return stored === undefined ? "" : ` WITH (ENCODING '${stored.encoding}')`;
}

function statementBytes({ stored, copyStatement }: TocEntry): Buffer {
  return Buffer.from(stored?.copyStatement ?? copyStatement);
}

/** `pg_restore --file=-` for the listed entries alone; the list travels in a file without a name. */
export async function startListed(
  tools: RestoreTools,
  entries: readonly TocEntry[],
  more: readonly string[] = [],
): Promise<RunningTool> {
  const fd = await tocListFile(entries);
  try {
    const args = ["--file=-", "--use-list=/dev/fd/3", ...more];
    return await startTool({ program: tools.pgRestore, args }, ["pipe", "pipe", "pipe", fd]);
  } finally {
    await closeFile(fd);
  }
}

/** `(a, "b c")` of an entry's COPY statement, or "" for a table without columns. */
export function columnsOf(entry: TocEntry): string {
  const name = String.raw`(?:"(?:[^"]|"")*"|[^\s"(.]+)`;
  const match = new RegExp(`^COPY ${name}\\.${name} (\\(.*\\))? ?FROM stdin;\\n$`, "s").exec(
    entry.copyStatement,
  );
  if (match === null)
    throw new LifeboatError("snapshot-damaged", "A COPY statement of the archive cannot be read.");
  return match[1] ?? "";
}

/** Names of the columns that an entry's rows have, in their order. */
export function columnNames(entry: TocEntry): readonly string[] {
  const scanner = createSqlScanner();
  for (const line of Buffer.from(entry.copyStatement).toString("latin1").split("\n")) {
    const statement = scanner.line(line);
    if (statement !== undefined) return statement.columns;
  }
  throw new LifeboatError("snapshot-damaged", "A COPY statement of the archive cannot be read.");
}

/** The chosen columns of COPY's text rows, which arrive in pieces of any size. */
async function* cellsOf(
  rows: AsyncIterable<Buffer>,
  all: readonly string[],
  chosen: readonly string[],
): AsyncGenerator<Buffer> {
  const places = chosen.map((name) => all.indexOf(name));
  for await (const lines of wholeLines(rows)) {
    const kept = lines.map((line) => {
      const cells = line.split("\t");
      return `${places.map((place) => cells[place] ?? "\\N").join("\t")}\n`;
    });
    if (kept.length > 0) yield Buffer.from(kept.join(""), "latin1");
  }
}

/** Lines without their ends, as latin1: a byte is a character, and cells never hold a raw tab or line end. */
export async function* wholeLines(pieces: AsyncIterable<Buffer>): AsyncGenerator<readonly string[]> {
  let held = "";
  for await (const piece of pieces) {
    const lines = (held + piece.toString("latin1")).split("\n");
    held = lines.pop() ?? "";
    yield lines;
  }
  if (held !== "") yield [held];
}

const lineEnd = Buffer.from("\n");
const endOfRows = Buffer.from("\\.\n");

/** Reads pg_restore's script by statements and rows, holding no more than a chunk of rows at once. */
class ScriptReader {
  readonly #chunks: AsyncIterator<Buffer>;
  #held: Buffer = lineEnd;

  constructor(script: AsyncIterable<Buffer>) {
    this.#chunks = script[Symbol.asyncIterator]();
  }

  async #more(): Promise<boolean> {
    const next = await this.#chunks.next();
    if (next.done === true) return false;
    this.#held = this.#held.length === 0 ? next.value : Buffer.concat([this.#held, next.value]);
    return true;
  }

  /** Skips to behind the first of these statements that stands at the beginning of a line. */
  async skipToStatement(statements: readonly Buffer[]): Promise<Buffer | undefined> {
    const wanted = statements.map((statement) => ({ statement, bytes: Buffer.concat([lineEnd, statement]) }));
    const longest = Math.max(...wanted.map(({ bytes }) => bytes.length));
    for (;;) {
      const found = wanted
        .map(({ statement, bytes }) => ({ statement, at: this.#held.indexOf(bytes), length: bytes.length }))
        .filter(({ at }) => at >= 0)
        .toSorted((a, b) => a.at - b.at)[0];
      if (found !== undefined) {
        this.#held = this.#held.subarray(found.at + found.length);
        return found.statement;
      }
      this.#held = this.#held.subarray(Math.max(0, this.#held.length - longest));
      if (!(await this.#more())) return undefined;
    }
  }

  /** The rows that follow a COPY statement, without the end mark; throws where the script ends before it. */
  async *rows(): AsyncGenerator<Buffer> {
    const mark = Buffer.concat([lineEnd, endOfRows]);
    let atStart = true;
    for (;;) {
      if (atStart) {
        while (this.#held.length < endOfRows.length) if (!(await this.#more())) throw cut();
        atStart = false;
        if (this.#held.subarray(0, endOfRows.length).equals(endOfRows)) {
          this.#held = this.#held.subarray(endOfRows.length - 1);
          return;
        }
      }
      const at = this.#held.indexOf(mark);
      if (at >= 0) {
        const rows = this.#held.subarray(0, at + 1);
        // The mark's own line end stays: the next statement is looked for behind one.
        this.#held = this.#held.subarray(at + mark.length - 1);
        yield rows;
        return;
      }
      const safe = this.#held.length - mark.length;
      if (safe > 0) {
        const rows = this.#held.subarray(0, safe);
        this.#held = this.#held.subarray(safe);
        yield rows;
      }
      if (!(await this.#more())) throw cut();
    }
  }

  async drain(): Promise<void> {
    while (await this.#more()) this.#held = lineEnd;
  }
}

function cut(): LifeboatError {
  return new LifeboatError("tool-failed", "pg_restore ended in the middle of a table's rows.");
}
