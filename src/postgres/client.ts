/** Our own SQL connections: errors in plain sentences, time limits off, text output the same on every server. */
import type pg from "pg";
import { connectError } from "./connect-error.ts";
import type { Connection } from "./connection.ts";
import { beginSession } from "./begin-session.ts";
import { refuseTransactionPooler } from "./pooler.ts";
import { reach } from "./reach.ts";

export type Sql = pg.Client;

/**
 * Connects. All values come back as text; `search_path` is empty, so SQL must qualify every name.
 * Throws `database-unreachable`, `database-login-refused`, `database-missing` or another of `connectError`'s codes,
 * with the cure.
 */
export async function openClient(connection: Connection): Promise<Sql> {
  let client: Sql | undefined;
  try {
    const reached = await reach(connection);
    client = reached.client;
    await refuseTransactionPooler(client, connection);
    await beginSession(client, connection, reached.skipsLibraries);
    return client;
  } catch (cause) {
    await client?.end().catch(() => {});
    throw connectError(connection, cause);
  }
}

/** Runs `work` with a connection that is closed afterwards, whatever happens. */
export async function withClient<T>(connection: Connection, work: (sql: Sql) => Promise<T>): Promise<T> {
  const sql = await openClient(connection);
  try {
    return await work(sql);
  } finally {
    await sql.end().catch(() => {});
  }
}
