/** COMMIT, and the truth about it: a transaction whose answer got lost is asked for by its number. */
import { LifeboatError } from "../errors.ts";
import type { Sql } from "./client.ts";
import type { Connection } from "./connection.ts";
import { askUntilAnswered, backendOf, requireEnded, settled } from "./stopping-sessions.ts";

export interface Commit {
  /** Where a second session can ask how it ended. */
  readonly connection: Connection;
  readonly signal: AbortSignal;
  /** Called in the turn in which COMMIT is sent: from here on nothing takes it back. */
  readonly onSent: () => void;
  /** What no rollback takes back (a sequence's value): done once nothing stops the transaction any more. */
  readonly lastSteps?: () => Promise<void>;
  /** The server rolled back instead. */
  readonly refusal: () => LifeboatError;
  /** Nobody could be asked; `how` is the statement that tells. */
  readonly unknown: (how: string, cause: unknown) => LifeboatError;
}

/** Throws where the transaction is rolled back, and `unknown`'s error where that is not known. */
export async function commit(sql: Sql, options: Commit): Promise<void> {
  const { connection, signal, onSent, refusal, unknown } = options;
  const { backend, id } = await transactionOf(sql);
  signal.throwIfAborted();
  onSent();
  await options.lastSteps?.().catch(lostBefore);
  try {
    const { command } = await settled(sql.query("commit"), { sql, connection, backend }, signal);
    // A transaction that failed unnoticed answers COMMIT with ROLLBACK, and no error.
    if (command !== "COMMIT") throw refusal();
  } catch (cause) {
    if (cause instanceof LifeboatError || saysItFailed(cause)) throw cause;
    const state = await stateOf(id, backend, options);
    if (state === "committed") return;
    if (state === "aborted") throw refusal();
    throw unknown(`select txid_status(${id ?? ""})`, cause);
  }
}

/** A connection that is gone by now has committed nothing. */
async function transactionOf(sql: Sql): Promise<{ readonly backend: string; readonly id: string | null }> {
  try {
    const backend = await backendOf(sql);
    const { rows } = await sql.query<{ id: string | null }>(
      "select pg_catalog.txid_current_if_assigned() as id",
    );
    return { backend, id: rows[0]?.id ?? null };
  } catch (cause) {
    return lostBefore(cause);
  }
}

function lostBefore(cause: unknown): never {
  if (cause instanceof LifeboatError || saysItFailed(cause)) throw cause;
  const sentence = "The connection was lost before anything was committed.";
  throw new LifeboatError("database-unreachable", sentence, { cause });
}

async function stateOf(
  id: string | null,
  backend: string,
  { connection, signal }: Commit,
): Promise<string | undefined> {
  // Without a number it had changed nothing.
  if (id === null) return "aborted";
  return await askUntilAnswered(
    connection,
    async (sql) => {
      await requireEnded(sql, backend);
      const { rows } = await sql.query<{ state: string | null }>(
        "select pg_catalog.txid_status($1::bigint) as state",
        [id],
      );
      return rows[0]?.state ?? undefined;
    },
    signal,
  );
}

/** The server's own word that a transaction is rolled back; a connection that broke says nothing. */
export function saysItFailed(cause: unknown): boolean {
  const { code } = cause as { code?: unknown };
  return isSqlState(code) && code !== "57P01";
}

export function isSqlState(code: unknown): boolean {
  return typeof code === "string" && /^[0-9A-Z]{5}$/.test(code);
}
