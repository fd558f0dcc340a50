/** Content hashes from a backup's own bytes: what is sealed is compared with what the database said, table by table. */
import { addHashes, emptyHash, type TableHash } from "./content-hash.ts";
import { readCopyLines } from "./copy-lines.ts";
import { createRowHasher, type RowHasher } from "./copy-row-hash.ts";

export interface ArchivedTable extends TableHash {
  /** Length of the rows in COPY's text format, newlines included. */
  readonly bytes: number;
  /** As the archive declares it; in the database's own, lines hash like its values. */
  readonly encoding?: string;
}

/** Key of a table in `hashArchive`'s answer; no name holds a NUL. */
export function tableKey(schema: string, name: string): string {
  return `${schema}\0${name}`;
}

/**
 * The hash `lifeboat-1` of every table in the text that `pg_restore -f -` writes. The dump must have been made in the
 * database's own encoding, with `libpqEnvironment`'s settings. Rows stand under the table that their
 * COPY names: compare at the root of partitions. Throws `snapshot-damaged` if the text breaks off.
 */
export async function hashArchive(text: AsyncIterable<Uint8Array>): Promise<Map<string, ArchivedTable>> {
  const tables = new Map<string, ArchivedTable>();
  let finish = (): void => {};
  await readCopyLines(text, (statement) => {
    finish();
    const hasher = createRowHasher(statement.columns);
    let bytes = 0;
    finish = () => {
      const key = tableKey(statement.schema, statement.name);
      const { encoding } = statement;
      const added = addTable(tables.get(key), hasher, bytes);
      tables.set(key, encoding === undefined ? added : { ...added, encoding });
      finish = () => {};
    };
    return (line, start, end) => {
      bytes += end - start + 1;
      hasher.add(line, start, end);
    };
  });
  finish();
  return tables;
}

function addTable(before: ArchivedTable | undefined, hasher: RowHasher, bytes: number): ArchivedTable {
  const { rows, hash } = hasher.result();
  return {
    rows: (before?.rows ?? 0) + rows,
    hash: addHashes(before?.hash ?? emptyHash, hash),
    bytes: (before?.bytes ?? 0) + bytes,
  };
}
