/** The rows in the text that `pg_restore -f -` writes from an archive: per table the lines between COPY and `\.`. */
import { LifeboatError } from "../errors.ts";
import { type CopyStatement, createSqlScanner } from "./copy-statement.ts";

/** Takes one line, `bytes[start, end)` without its newline. The bytes are reused after the call. */
export type LineTaker = (bytes: Uint8Array, start: number, end: number) => void;

/** PostgreSQL makes no longer text. */
const longestLine = 1024 * 1024 * 1024;
const longestCopied = 32 * 1024 * 1024;
const newline = 0x0a;
const backslash = 0x5c;
const dot = 0x2e;

/**
 * Reads the text to its end and calls `beginTable` for each COPY statement (a table may have several: partitions
 * that pg_dump sends through their root), then what it returned with each row. Memory: one chunk and one line.
 * Throws `snapshot-damaged` where the text ends in the middle of a table or statement.
 */
export async function readCopyLines(
  text: AsyncIterable<Uint8Array>,
  beginTable: (statement: CopyStatement) => LineTaker,
): Promise<void> {
  const scanner = createSqlScanner();
  let takeRow: LineTaker | undefined;
  const takeLine: LineTaker = (bytes, start, end) => {
    if (takeRow === undefined) {
      const statement = scanner.line(latin1(bytes, start, end));
      if (statement !== undefined) takeRow = beginTable(statement);
    } else if (end - start === 2 && bytes[start] === backslash && bytes[start + 1] === dot) {
      takeRow = undefined;
    } else {
      takeRow(bytes, start, end);
    }
  };
  const lines = createLineSplitter(takeLine);
  for await (const chunk of text) lines.push(chunk);
  lines.end();
  if (takeRow !== undefined || !scanner.atRest()) {
    throw new LifeboatError("snapshot-damaged", "The text of an archive breaks off in the middle.");
  }
}

function latin1(bytes: Uint8Array, start: number, end: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString("latin1");
}

export interface LineSplitter {
  push(chunk: Uint8Array): void;
  end(): void;
}

/** Lines inside a chunk are passed where they lie; only one that crosses chunks is copied together. */
export function createLineSplitter(take: LineTaker): LineSplitter {
  let pending = Buffer.allocUnsafe(64 * 1024);
  let held = 0;
  const hold = (chunk: Uint8Array, start: number, end: number): void => {
    const needed = held + end - start;
    if (needed > pending.length) {
      // Memory that is never written to is never taken: a long line grows in one place, without copies of itself.
      const doubled = Math.max(needed, pending.length * 2);
      const larger = Buffer.allocUnsafe(doubled > longestCopied ? Math.max(needed, longestLine) : doubled);
      pending.copy(larger, 0, 0, held);
      pending = larger;
    }
    pending.set(chunk.subarray(start, end), held);
    held = needed;
  };
  return {
    push(chunk) {
      let start = 0;
      for (;;) {
        const end = chunk.indexOf(newline, start);
        if (end < 0) break;
        if (held === 0) take(chunk, start, end);
        else {
          hold(chunk, start, end);
          const length = held;
          held = 0;
          take(pending, 0, length);
        }
        start = end + 1;
      }
      hold(chunk, start, chunk.length);
      if (held === 0 && pending.length > longestCopied) pending = Buffer.allocUnsafe(64 * 1024);
    },
    end() {
      if (held > 0) take(pending, 0, held);
      held = 0;
    },
  };
}
