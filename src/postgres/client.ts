/** Our own SQL connections: errors in plain sentences, time limits off, text output the same on every server. */
import type { Duplex } from "node:stream";
import type pg from "pg";
import type { Connection } from "./connection.ts";
import { openSession } from "./open-session.ts";
import { watchForStall } from "./stall-watch.ts";

export type Sql = pg.Client;

/**
 * Connects. All values come back as text; `search_path` is empty, so SQL must qualify every name.
 * Throws `database-unreachable`, `database-login-refused`, `database-missing` or another of `connectError`'s codes,
 * with the cure.
 */
export async function openClient(connection: Connection): Promise<Sql> {
  const { client, backend } = await openSession(connection);
  watchSession(client, backend, connection);
  return client;
}

/** What `pg` has and its types do not show. */
interface Inside {
  readonly connection: { readonly stream: Duplex };
  /** What COPY reads from us is a stream. */
  readonly _activeQuery: { readonly writable?: boolean } | null;
}

/** A query whose answer never comes fails once the server says that it is not at work on it. */
function watchSession(client: Sql, backend: string, connection: Connection): void {
  const inside = client as unknown as Inside;
  const { stream } = inside.connection;
  const watch = watchForStall({
    connection,
    where: { pid: backend },
    isWaiting() {
      const query = inside._activeQuery;
      if (query === null || stream.isPaused()) return false;
      return query.writable !== true || stream.writableLength > 0;
    },
    stop: (failure) => stream.destroy(failure),
  });
  stream.on("data", () => watch.moved()).on("drain", () => watch.moved());
  client.once("end", () => watch[Symbol.dispose]());
  stream.once("close", () => watch[Symbol.dispose]());
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
