/** A session with our settings, or the reason why there is none. */
import type pg from "pg";
import { beginSession } from "./begin-session.ts";
import { connectError } from "./connect-error.ts";
import type { Connection } from "./connection.ts";
import { refuseTransactionPooler } from "./pooler.ts";
import { reach } from "./reach.ts";

export interface OpenSession {
  readonly client: pg.Client;
  /** The server's process. */
  readonly backend: string;
}

export async function openSession(connection: Connection): Promise<OpenSession> {
  let client: pg.Client | undefined;
  try {
    const reached = await reach(connection);
    client = reached.client;
    const backend = await refuseTransactionPooler(client, connection);
    await beginSession(client, connection, reached.skipsLibraries);
    return { client, backend };
  } catch (cause) {
    await client?.end().catch(() => {});
    throw connectError(connection, cause);
  }
}
