/**
 * A verified copy takes the place of an existing database: both renames in ONE transaction sent as ONE query, while
 * a second connection ends the old database's sessions. Statement by statement, a kill in between was an outage in
 * 13 of 40 tries; in one transaction in none (the server finishes the query even after its client died).
 */
import { LifeboatError } from "../errors.ts";
import { openClient, type Sql, withClient } from "./client.ts";
import { saysItFailed } from "./commit.ts";
import { askUntilAnswered, backendOf, requireEnded, settled } from "./stopping-sessions.ts";
import { type Connection, withDatabase } from "./connection.ts";
import { quoteIdentifier, quoteLiteral } from "./identifiers.ts";
import {
  beforeDatabaseName,
  isNewDatabaseName,
  readMark,
  type RestoreMark,
  sharedNamePart,
  writeMark,
} from "./restore-names.ts";

export interface SwapRequest {
  /** To the maintenance database: the database being renamed cannot be the one we are in. */
  readonly server: Connection;
  readonly database: string;
  readonly newName: string;
  /** Id of this restore; names what stood before. */
  readonly id: string;
  readonly connectionLimit: number;
  readonly comment: string | null;
  /** Looked at right before each try. */
  readonly signal: AbortSignal;
  /** Called in the turn in which the renaming is sent: from here on nothing takes it back. */
  readonly onSent: () => void;
}

export interface Leftover {
  readonly name: string;
  /** undefined: killed between CREATE DATABASE and COMMENT. */
  readonly mark?: RestoreMark;
}

const maxTries = 5;
const terminateEveryMs = 5;

/** A database that is there on every server and is neither the target nor one that restores rename. */
export async function maintenanceConnection(server: Connection, target: string): Promise<Connection> {
  const candidates = ["postgres", "template1"].filter((name) => name !== target);
  let refusal: unknown;
  for (const name of candidates) {
    const connection = withDatabase(server, name);
    try {
      await withClient(connection, () => Promise.resolve());
      return connection;
    } catch (error) {
      if (!(error instanceof LifeboatError) || error.code !== "database-missing") throw error;
      refusal = error;
    }
  }
  throw refusal;
}

/**
 * Holds off every other restore of databases whose names cannot be told apart, until the returned session ends;
 * it also ends with our process, which is why a second run may drop what a killed one left.
 */
export async function lockRestore(server: Connection, database: string): Promise<Sql> {
  const sql = await openClient(server);
  const key = `lifeboat restore ${sharedNamePart(database)}`;
  await sql.query(
    "set tcp_keepalives_idle = 30; set tcp_keepalives_interval = 10; set tcp_keepalives_count = 3",
  );
  const { rows } = await sql.query<{ locked: string }>(
    "select pg_catalog.pg_try_advisory_lock(pg_catalog.hashtextextended($1, 0)) as locked",
    [key],
  );
  if (rows[0]?.locked === "t") return sql;
  await sql.end();
  throw new LifeboatError("restore-running", `Another restore into ${quoteIdentifier(database)} is at work.`);
}

/** What killed restores of this database left: the catalog alone says so. Only for the holder of the lock. */
export async function findLeftovers(sql: Sql, database: string): Promise<readonly Leftover[]> {
  const { rows } = await sql.query<{ datname: string; comment: string | null }>(
    `select datname, pg_catalog.shobj_description(oid, 'pg_database') as comment
       from pg_catalog.pg_database where not datistemplate order by datname`,
  );
  return rows
    .filter(({ datname }) => isNewDatabaseName(datname, database))
    .map(({ datname, comment }) => ({ name: datname, comment, mark: readMark(comment) }))
    .filter(({ comment, mark }) => comment === null || mark?.database === database)
    .map(({ name, mark }) => (mark === undefined ? { name } : { name, mark }));
}

export async function markDatabase(sql: Sql, name: string, mark: RestoreMark): Promise<void> {
  await sql.query(`comment on database ${quoteIdentifier(name)} is ${quoteLiteral(writeMark(mark))}`);
}

/** Gives the verified copy a name that is free. */
export async function takeName(sql: Sql, request: Omit<SwapRequest, "id">): Promise<void> {
  const { server: connection, signal } = request;
  const backend = await backendOf(sql);
  await endPooledSessions(sql, request.newName);
  signal.throwIfAborted();
  request.onSent();
  try {
    const renaming = sql.query(
      `begin; alter database ${quoteIdentifier(request.newName)} rename to ${quoteIdentifier(request.database)};
       ${finishing(request)}; commit`,
    );
    await settled(renaming, { sql, connection, backend }, signal);
  } catch (cause) {
    await sql.query("rollback").catch(() => {});
    if (!saysItFailed(cause) && (await isRenamed(request, request.database, backend))) return;
    throw new LifeboatError(
      "restore-swap-failed",
      `The verified database could not take the name ${quoteIdentifier(request.database)}: ${(cause as Error).message}.`,
      { cause },
    );
  }
}

/**
 * Swaps, and returns the name under which the old database is kept (closed to connections). Throws
 * `restore-swap-failed` where the old one is still in place, and `restore-state-unknown` where nobody could be asked.
 */
export async function swapDatabases(request: SwapRequest): Promise<string> {
  const { database, newName, id } = request;
  const keptName = beforeDatabaseName(database, id);
  const [old, kept, fresh] = [database, keptName, newName].map(quoteIdentifier);
  const swap = `begin; set local idle_in_transaction_session_timeout = '30s';
    alter database ${old ?? ""} rename to ${kept ?? ""};
    alter database ${fresh ?? ""} rename to ${old ?? ""};
    alter database ${kept ?? ""} allow_connections false;
    ${finishing(request)}; commit`;
  let failure: unknown;
  for (let tries = 0; tries < maxTries; tries += 1) {
    const attempt = await trySwap(request, swap);
    if (attempt === undefined) return keptName;
    failure = attempt.failure;
    const { backend } = attempt;
    // The query may have been finished after our connection broke: only the catalog knows.
    if (backend !== undefined && !saysItFailed(failure) && (await isRenamed(request, keptName, backend))) {
      return keptName;
    }
    request.signal.throwIfAborted();
    if (!isBusy(failure)) break;
  }
  const why = failure instanceof Error ? failure.message : String(failure);
  throw new LifeboatError(
    "restore-swap-failed",
    `The verified copy could not take the place of ${old ?? ""}, which is unchanged: ${why}.`,
    { cause: failure },
  );
}

function finishing({
  database,
  connectionLimit,
  comment,
}: Pick<SwapRequest, "database" | "connectionLimit" | "comment">): string {
  const quoted = quoteIdentifier(database);
  const words = comment === null ? "null" : quoteLiteral(comment);
  return `alter database ${quoted} connection limit ${connectionLimit}; comment on database ${quoted} is ${words}`;
}

/** undefined where it came about; without a `backend` nothing was sent. */
async function trySwap(
  { server, database, newName, signal, onSent }: SwapRequest,
  swap: string,
): Promise<{ readonly failure: unknown; readonly backend?: string } | undefined> {
  let backend: string | undefined;
  let swapper: Sql | undefined;
  let terminator: Sql | undefined;
  let done = false;
  try {
    [swapper, terminator] = [await openClient(server), await openClient(server)];
    const pid = await backendOf(swapper);
    await endPooledSessions(swapper, newName);
    signal.throwIfAborted();
    onSent();
    backend = pid;
    const session = { sql: swapper, connection: server, backend };
    const ending = endSessions(terminator, database, () => done);
    try {
      await settled(swapper.query(swap), session, signal);
    } finally {
      done = true;
      await ending;
    }
    return undefined;
  } catch (failure) {
    return backend === undefined ? { failure } : { failure, backend };
  } finally {
    // Ending the session rolls an aborted transaction back.
    await Promise.all([swapper?.end().catch(() => {}), terminator?.end().catch(() => {})]);
  }
}

/** We have left the copy, and nobody else knows it; a pooler keeps our sessions in it open. */
async function endPooledSessions(sql: Sql, newName: string): Promise<void> {
  await sql.query(
    `select pg_catalog.pg_terminate_backend(pid) from pg_catalog.pg_stat_activity
      where datname = $1 and usename = session_user and state = 'idle'`,
    [newName],
  );
}

/** Clients reconnect without pause, so their sessions are ended again and again until the rename is through. */
async function endSessions(sql: Sql, database: string, done: () => boolean): Promise<void> {
  // By oid: once the swap is through, the name is the new database's.
  const old = await sql.query<{ oid: string }>("select oid from pg_catalog.pg_database where datname = $1", [
    database,
  ]);
  while (!done()) {
    try {
      // One by one: a session of a superuser that we may not end must not keep us from ending the others.
      const { rows } = await sql.query<{ pid: string }>(
        "select pid from pg_catalog.pg_stat_activity where datid = $1",
        [old.rows[0]?.oid],
      );
      for (const { pid } of rows) {
        await sql.query("select pg_catalog.pg_terminate_backend($1::int)", [pid]).catch(() => {});
      }
    } catch {
      // The swap's own error says what matters; it decides.
      return;
    }
    await new Promise((resolve) => setTimeout(resolve, terminateEveryMs));
  }
}

/** Whether the renaming came about, which gave `name` to a database: the catalog tells. */
async function isRenamed(
  { server, newName, signal }: Omit<SwapRequest, "id">,
  name: string,
  backend: string,
): Promise<boolean> {
  const found = await askUntilAnswered(
    server,
    async (sql) => {
      await requireEnded(sql, backend);
      const { rows } = await sql.query<{ datname: string }>(
        "select datname from pg_catalog.pg_database where datname = any ($1)",
        [[name, newName]],
      );
      return rows.map(({ datname }) => datname);
    },
    signal,
  );
  if (found !== undefined) return found.includes(name) && !found.includes(newName);
  throw new LifeboatError(
    "restore-state-unknown",
    "The connection broke during the swap and the server cannot be reached to see how it ended.",
    { hint: `Once the server is back: ${howToSee(newName)}; then run again.` },
  );
}

/** The command that shows whether the copy took the target's place. */
export function howToSee(newName: string): string {
  const statement = `select 1 from pg_database where datname = ${quoteLiteral(newName)}`;
  return `\`psql -d postgres -c "${statement}"\` finds a row where the copy has not taken the target's place`;
}

/** object_in_use: somebody was quicker than the rename's five seconds. Also a deadlock or a lost connection. */
function isBusy(error: unknown): boolean {
  const code = (error as { code?: string }).code;
  return (
    code === "55006" || code === "40P01" || code === undefined || code.startsWith("08") || code === "57P01"
  );
}
