/** Statements that a target may refuse without the restore failing for it. */
import { LifeboatError } from "../errors.ts";
import type { Sql } from "../postgres/client.ts";

/** Not allowed to this role; not settable at run time; a parameter or role that this server does not know. */
const refusals = new Set(["42501", "55P02", "42704", "0LP01", "42939", "0A000"]);

/** Runs `work`, or nothing of it; returns the server's reason where it refused. Anything else is thrown. */
export async function attempt(
  sql: Sql,
  work: () => Promise<unknown>,
  more: readonly string[] = [],
): Promise<string | undefined> {
  await sql.query("savepoint lifeboat_attempt");
  try {
    await work();
    await sql.query("release savepoint lifeboat_attempt");
    return undefined;
  } catch (error) {
    const { code, message } = serverError(error);
    if (!refusals.has(code ?? "") && !more.includes(code ?? "")) throw error;
    await sql.query("rollback to savepoint lifeboat_attempt; release savepoint lifeboat_attempt");
    return message;
  }
}

/** The server's own error, also where it is the cause of ours. */
export function serverError(error: unknown): { readonly code?: string; readonly message: string } {
  const own = error as { code?: string; message: string; cause?: unknown };
  return own instanceof LifeboatError && own.cause !== undefined
    ? (own.cause as { code?: string; message: string })
    : own;
}
