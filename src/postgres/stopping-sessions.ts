/**
 * Sessions of a run that was asked to stop. Closing our own end would let a long statement run on at the server, with
 * its locks; so a second connection ends it there. What cannot be taken back is awaited first, for a while.
 */
import { setTimeout as delay } from "node:timers/promises";
import { LifeboatError } from "../errors.ts";
import { openClient, type Sql, withClient } from "./client.ts";
import type { Connection } from "./connection.ts";

/** How long a statement that was sent may still come to its own end after the stop. */
const patienceMs = 2000;
/** How long the server may take to answer whom it is asked to end; our own end is closed then. */
const lastAnswerMs = 1500;

/** Ends the session when `signal` aborts, on the server and here, until the returned function is called. */
export async function endWhenStopped(
  sql: Sql,
  connection: Connection,
  signal: AbortSignal,
): Promise<() => void> {
  const backend = await backendOf(sql);
  signal.throwIfAborted();
  const stop = (): void => {
    void tell(connection, "select pg_catalog.pg_terminate_backend($1::int)", backend).finally(() =>
      sql.end().catch(() => {}),
    );
  };
  signal.addEventListener("abort", stop, { once: true });
  return () => signal.removeEventListener("abort", stop);
}

export async function backendOf(sql: Sql): Promise<string> {
  const { rows } = await sql.query<{ pid: string }>("select pg_catalog.pg_backend_pid() as pid");
  return rows[0]?.pid ?? "0";
}

/**
 * The end of a statement that was sent and may have come about. After a stop it has a moment; then the server is asked
 * to give it up, and at last the connection is closed: whoever sent it looks how things stand.
 */
export async function settled<T>(
  statement: Promise<T>,
  {
    sql,
    connection,
    backend,
  }: { readonly sql: Sql; readonly connection: Connection; readonly backend: string },
  signal: AbortSignal,
): Promise<T> {
  const over = new AbortController();
  const press = async (): Promise<void> => {
    await delay(patienceMs, undefined, { signal: over.signal, ref: false });
    await tell(connection, "select pg_catalog.pg_cancel_backend($1::int)", backend);
    await delay(lastAnswerMs, undefined, { signal: over.signal, ref: false });
    await sql.end().catch(() => {});
  };
  const stop = (): void => void press().catch(() => {});
  if (signal.aborted) stop();
  signal.addEventListener("abort", stop, { once: true });
  try {
    return await statement;
  } finally {
    over.abort();
    signal.removeEventListener("abort", stop);
  }
}

const unanswered = Symbol("unanswered");

/**
 * Asks the server again and again until it answers; undefined where it does not. A run that was asked to stop has no
 * time for a server that is away.
 */
export async function askUntilAnswered<T>(
  connection: Connection,
  ask: (sql: Sql) => Promise<T>,
  signal: AbortSignal,
): Promise<T | undefined> {
  for (let tries = 0; tries < (signal.aborted ? 3 : 20); tries += 1) {
    const answer = await withinMs(signal.aborted ? 800 : 35_000, withClient(connection, ask)).catch(
      () => unanswered,
    );
    if (answer !== unanswered) return answer as T;
    await delay(signal.aborted ? 200 : 500);
  }
  return undefined;
}

/** Throws while a session whose answer got lost is still at work; it is ended, so that its end can be looked at. */
export async function requireEnded(sql: Sql, backend: string): Promise<void> {
  const { rowCount } = await sql.query(
    `select pg_catalog.pg_terminate_backend(pid) from pg_catalog.pg_stat_activity
      where pid = $1::int and usename = current_user`,
    [backend],
  );
  if ((rowCount ?? 0) > 0) throw new LifeboatError("database-unreachable", "A session is still at work.");
}

/** Tells a second session what to do with the first; that it cannot be told is no error of its own. */
async function tell(connection: Connection, statement: string, backend: string): Promise<void> {
  await withinMs(
    lastAnswerMs,
    (async () => {
      const other = await openClient(connection);
      await other.query(statement, [backend]).finally(() => other.end().catch(() => {}));
    })(),
  ).catch(() => {});
}

/** The work's result, or `unanswered` after a while; what it still does is nobody's business any more. */
async function withinMs<T>(limitMs: number, work: Promise<T>): Promise<T | typeof unanswered> {
  return await Promise.race([work, delay(limitMs, unanswered, { ref: false })]);
}
