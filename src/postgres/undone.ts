/** Questions inside an open transaction that leave nothing behind: no lock, and no end of the transaction where they fail. */
import type { QueryResult, QueryResultRow } from "pg";
import type { Sql } from "./client.ts";

const begun = "savepoint lifeboat_question";
const ended = "rollback to savepoint lifeboat_question; release savepoint lifeboat_question";

/**
 * Undoes whatever `work` did. What it locked is free again: thousands of tables in one transaction would fill the
 * server's lock table, which pg_dump needs for itself.
 */
export async function undone<T>(sql: Sql, work: () => Promise<T>): Promise<T> {
  await sql.query(begun);
  let answer: T;
  try {
    answer = await work();
  } catch (cause) {
    // Over a connection that is gone nothing can be undone; the reason is what counts.
    await sql.query(ended).catch(() => {});
    throw cause;
  }
  await sql.query(ended);
  return answer;
}

/** The rows of one query, in one round trip. */
export async function undoneRows<T extends QueryResultRow>(sql: Sql, query: string): Promise<readonly T[]> {
  try {
    // Several statements have several results, which the types of `pg` do not know.
    const text = `${begun}; ${query}\n; ${ended}`;
    const results = (await sql.query<T>(text)) as unknown as readonly QueryResult<T>[];
    return results[1]?.rows ?? [];
  } catch (cause) {
    await sql.query(ended).catch(() => {});
    throw cause;
  }
}

/** undefined where the server refused; every other error is thrown. */
export async function orRefused<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work;
  } catch (cause) {
    if (!isRefusal(cause)) throw cause;
    return undefined;
  }
}

/** Whether the server said no to a statement, and the session and its transaction go on. */
export function isRefusal(cause: unknown): boolean {
  const { code, severity } = cause as { readonly code?: string; readonly severity?: string };
  return severity === "ERROR" && code !== undefined && !/^(?:57|08|25P0)/.test(code);
}
