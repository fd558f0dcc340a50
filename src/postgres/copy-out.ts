/** A table's own rows by COPY, which pg_dump uses too: no planner looks at the table's indexes and statistics. */
import pg from "pg";
import type { Sql } from "./client.ts";
import { createLineSplitter, type LineTaker } from "./copy-lines.ts";

/** Passes every line to `take` and returns how many there were. The statement must be a `copy … to stdout`. */
export async function copyOut(sql: Sql, statement: string, take: LineTaker): Promise<number> {
  let rows = 0;
  const lines = createLineSplitter((bytes, start, end) => {
    rows++;
    take(bytes, start, end);
  });
  const query = new pg.Query(statement) as unknown as CopyQuery;
  let failure: { readonly cause: unknown } | undefined;
  // What is thrown here would end the process, not the query.
  query.handleCopyData = ({ chunk }) => {
    if (failure !== undefined) return;
    try {
      lines.push(chunk);
    } catch (cause) {
      failure = { cause };
    }
  };
  await new Promise<void>((resolve, reject) => {
    query.callback = (error) => (error ? reject(error) : resolve());
    sql.query(query);
  });
  if (failure !== undefined) throw failure.cause;
  lines.end();
  return rows;
}

/** What `pg` calls while the rows come; its types do not show it. */
interface CopyQuery extends pg.Submittable {
  callback: (error?: Error | null) => void;
  handleCopyData: (message: { readonly chunk: Buffer }) => void;
}
