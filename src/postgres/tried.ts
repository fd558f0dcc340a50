/** One statement of a transaction that the server may refuse without the rest being lost. */
import type { Sql } from "./client.ts";

export interface Refusal {
  readonly code: string;
  readonly message: string;
}

/** undefined where it ran; a broken connection is thrown. */
export async function tried(sql: Sql, statement: string): Promise<Refusal | undefined> {
  await sql.query("savepoint lifeboat_tried");
  try {
    await sql.query(statement);
  } catch (error) {
    const { code, message } = error as { code?: string; message: string };
    if (code === undefined || !/^[0-9A-Z]{5}$/.test(code)) throw error;
    await sql.query("rollback to savepoint lifeboat_tried; release savepoint lifeboat_tried");
    return { code, message };
  }
  await sql.query("release savepoint lifeboat_tried");
  return undefined;
}
