/** Whether somebody stands between a session and its server, and gives each transaction another one. */
import type pg from "pg";
import { LifeboatError } from "../errors.ts";
import type { Connection } from "./connection.ts";
import { reach } from "./reach.ts";

const proven = new Set<string>();

/**
 * The server's process behind the session. Throws `transaction-pooler` where a session is lent a server's for one transaction only: settings would reach other
 * people's transactions, and no snapshot can be held. Two sessions at once show it: the second gets the first one's.
 */
export async function refuseTransactionPooler(client: pg.Client, connection: Connection): Promise<string> {
  const { host, port, user, database } = connection;
  const key = JSON.stringify([host, port, user, database]);
  const own = await backendOf(client);
  // A pooler cannot give away its server's key for cancelling; it makes one up, with another process id.
  if (proven.has(key) || (client as unknown as { processID: number }).processID === Number(own)) return own;
  const { client: other } = await reach(connection);
  try {
    await other.query("begin").catch((cause: unknown) => {
      throw /statement pooling/.test((cause as Error).message) ? pooled(connection, cause) : cause;
    });
    if ((await backendOf(other)) === own || (await backendOf(client)) !== own) throw pooled(connection);
  } finally {
    await other.end().catch(() => {});
  }
  proven.add(key);
  return own;
}

async function backendOf(client: pg.Client): Promise<string> {
  const { rows } = await client.query<{ pid: string }>("select pg_catalog.pg_backend_pid() as pid");
  return rows[0]?.pid ?? "0";
}

function pooled({ port }: Connection, cause?: unknown): LifeboatError {
  return new LifeboatError(
    "transaction-pooler",
    `Port ${port} is a pooler that lends a server's session for one transaction only.`,
    {
      cause,
      hint: "Use the database's own address, or a pooler in session mode (PgBouncer: pool_mode = session).",
    },
  );
}
