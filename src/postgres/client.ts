/** Our own SQL connections: errors in plain sentences, time limits off, text output the same on every server. */
import pg from "pg";
import { LifeboatError } from "../errors.ts";
import { type Connection, describeServer } from "./connection.ts";
import { bannedHint, connectRefusal } from "../supabase/connect-refusals.ts";
import { databaseAddress } from "../supabase/database-address.ts";
import { sessionSettings } from "./session-settings.ts";
import { rootCertificates } from "./tls.ts";

export type Sql = pg.Client;

/**
 * Every value as PostgreSQL wrote it: dates and numbers must not pass through JavaScript's types.
 * Booleans and int4 counters would be harmless, but one rule is easier to trust.
 */
const textOnly = { getTypeParser: () => (value: string | Buffer) => value.toString() };

/**
 * Connects. All values come back as text; `search_path` is empty, so SQL must qualify every name.
 * Throws `database-unreachable`, `database-login-refused` or `database-missing` with the cure.
 */
export async function openClient(connection: Connection): Promise<Sql> {
  const client = new pg.Client({
    host: connection.host,
    port: connection.port,
    user: connection.user,
    database: connection.database,
    ...(connection.password === undefined ? {} : { password: connection.password }),
    ssl: sslOptions(connection),
    application_name: "lifeboat",
    connectionTimeoutMillis: 30_000,
    keepAlive: true,
    // A peer that vanished without a word is noticed in minutes, not after the two hours of most systems.
    keepAliveInitialDelayMillis: 30_000,
    types: textOnly as unknown as pg.CustomTypesConfig,
  });
  // A connection that the server ends between two queries must not end the process; the next query will fail.
  client.on("error", () => {});
  try {
    await client.connect();
    await client.query(sessionSettings);
    return client;
  } catch (cause) {
    await client.end().catch(() => {});
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

function sslOptions(connection: Connection): pg.ClientConfig["ssl"] {
  switch (connection.sslMode) {
    case "disable":
    case "allow":
    case "prefer":
      return false;
    case "require":
      return { rejectUnauthorized: false };
    case "verify-ca":
      return { ca: rootCertificates(connection), checkServerIdentity: () => undefined };
    case "verify-full":
      return { ca: rootCertificates(connection) };
  }
}

function connectError(connection: Connection, cause: unknown): LifeboatError {
  if (cause instanceof LifeboatError) return cause;
  const server = describeServer(connection);
  const { code, message } = cause as { code?: string; message: string };
  const refusal = connectRefusal(message);
  if (refusal !== undefined) {
    return new LifeboatError(refusal.code, `The server ${server} let us not in: ${message}.`, {
      cause,
      hint: refusal.hint,
    });
  }
  if (code === "28P01" || code === "28000") {
    return new LifeboatError(
      "database-login-refused",
      `The server ${server} refused the login: ${message}.`,
      {
        cause,
      },
    );
  }
  if (code === "3D000") {
    return new LifeboatError("database-missing", `The server ${server} has no such database.`, { cause });
  }
  const why = message === "" ? String(code) : message;
  const perhapsBanned = code === "ECONNREFUSED" && databaseAddress(connection).hosted;
  return new LifeboatError("database-unreachable", `No connection to ${server}: ${why}.`, {
    cause,
    ...(perhapsBanned ? { hint: bannedHint } : {}),
  });
}
