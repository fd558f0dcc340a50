/** Questions inside an open transaction that leave nothing behind: no lock, and no end of the transaction where they fail. */
import type { Sql } from "./client.ts";

/**
 * Undoes whatever `work` did. What it locked is free again: thousands of tables in one transaction would fill the
 * server's lock table, which pg_dump needs for itself.
 */
export async function undone<T>(sql: Sql, work: () => Promise<T>): Promise<T> {
  await sql.query("savepoint lifeboat_question");
  let answer: T;
  try {
    answer = await work();
  } catch (cause) {
    // Over a connection that is gone nothing can be undone; the reason is what counts.
    await endQuestion(sql).catch(() => {});
    throw cause;
  }
  await endQuestion(sql);
  return answer;
}

/** The same; undefined where the server refuses the question itself. */
export async function undoneOrRefused<T>(sql: Sql, work: () => Promise<T>): Promise<T | undefined> {
  try {
    return await undone(sql, work);
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

async function endQuestion(sql: Sql): Promise<void> {
  await sql.query("rollback to savepoint lifeboat_question; release savepoint lifeboat_question");
}
