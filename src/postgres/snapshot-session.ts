/**
 * One moment of a database, held open: locked, exported, and proven not to have moved meanwhile.
 * Without the locks a TRUNCATE, a rewrite or a rename between the snapshot and a part's start ends with exit code 0
 * and no rows, or another table's rows, and counts taken in the same snapshot agree with the loss.
 */
import { asLifeboatError, LifeboatError } from "../errors.ts";
import { openClient, type Sql } from "./client.ts";
import type { Connection } from "./connection.ts";
import { illegibleNames, isIllegible } from "./illegible.ts";
import { refuseUnreadable } from "./readable.ts";
import { isLockable, listTables, qualified, sameTables, type SourceTable } from "./table-listing.ts";

export interface SnapshotSession extends AsyncDisposable {
  /** For `pg_dump --snapshot` and `SET TRANSACTION SNAPSHOT`. */
  readonly name: string;
  /** Server time, RFC 3339. */
  readonly time: string;
  /** Write-ahead log position; undefined where the role may not ask. */
  readonly lsn: string | undefined;
  readonly tables: readonly SourceTable[];
  /** The exporting transaction itself, for catalog queries of the same moment. */
  readonly sql: Sql;
  /** Another connection that sees the same moment. */
  openTwin(): Promise<Sql>;
  /** Throws `snapshot-lost` unless the exporting transaction is still there, with its locks. */
  proveAlive(): Promise<void>;
  /** Breaks off what its connections are asked, also where the server will never answer. */
  interrupt(): void;
}

/** How long a lock of ours may wait behind somebody's ALTER TABLE; also given to pg_dump. */
export const lockWaitMs = 60_000;
const attempts = 5;

export async function openSnapshotSession(connection: Connection): Promise<SnapshotSession> {
  const sql = await openClient(connection);
  try {
    // The listing asks for the size of tables, which waits for whoever rewrites one.
    await sql.query(`set lock_timeout = ${lockWaitMs}`);
    for (let attempt = 1; attempt <= attempts; attempt += 1) {
      const before = await listTables(sql);
      await refuseUnreadable(sql, before);
      const moment = await lockAndExport(sql, before).catch(undefinedIfDropped);
      const after = moment === undefined ? [] : await listTables(sql);
      if (moment !== undefined && sameTables(before, after)) return session(connection, sql, after, moment);
      await sql.query("rollback");
    }
  } catch (cause) {
    const names = isIllegible(cause) ? await illegibleNames(sql) : undefined;
    await sql.end().catch(() => {});
    throw names ?? snapshotError(cause);
  }
  // A table that cannot be called by its name looks as if it had gone.
  const names = await illegibleNames(sql);
  await sql.end().catch(() => {});
  if (names !== undefined) throw names;
  throw new LifeboatError(
    "schema-in-motion",
    `Tables came or went during ${attempts} attempts to take a snapshot.`,
  );
}

interface Moment {
  readonly name: string;
  readonly time: string;
  readonly lsn: string | undefined;
}

async function lockAndExport(sql: Sql, tables: readonly SourceTable[]): Promise<Moment> {
  await sql.query("begin isolation level repeatable read read only");
  const names = tables.filter(isLockable).map((table) => `only ${qualified(table)}`);
  if (names.length > 0) {
    // LOCK takes no snapshot: rows that were committed while it waited are seen by the one exported next.
    await sql.query(`lock table ${names.join(", ")} in access share mode`);
  }
  const { rows } = await sql.query<Record<string, string>>(
    `select pg_catalog.to_char(pg_catalog.clock_timestamp(), 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as time,
            pg_catalog.pg_export_snapshot() as name`,
  );
  return { name: rows[0]?.["name"] ?? "", time: rows[0]?.["time"] ?? "", lsn: await walPosition(sql) };
}

/** A table or schema of the listing was gone when its lock came: the schema is in motion, as with two unequal listings. */
function undefinedIfDropped(cause: unknown): undefined {
  const { code } = cause as { code?: string };
  if (code === "42P01" || code === "3F000") return undefined;
  throw cause;
}

async function walPosition(sql: Sql): Promise<string | undefined> {
  await sql.query("savepoint wal_position");
  try {
    const { rows } = await sql.query<Record<string, string | null>>(
      `select case when pg_catalog.pg_is_in_recovery() then pg_catalog.pg_last_wal_replay_lsn()
                   else pg_catalog.pg_current_wal_lsn() end as lsn`,
    );
    return rows[0]?.["lsn"] ?? undefined;
  } catch {
    // Some providers revoke these functions; the position is a convenience, the time is not.
    await sql.query("rollback to savepoint wal_position");
    return undefined;
  }
}

function session(
  connection: Connection,
  sql: Sql,
  tables: readonly SourceTable[],
  moment: Moment,
): SnapshotSession {
  const connections = [sql];
  let interrupted = false;
  return {
    ...moment,
    tables,
    sql,
    async openTwin() {
      const twin = await openClient(connection);
      connections.push(twin);
      try {
        await twin.query("begin isolation level repeatable read read only");
        await twin.query(`set transaction snapshot '${moment.name}'`);
        return twin;
      } catch (cause) {
        await twin.end().catch(() => {});
        throw lost(cause);
      }
    },
    async proveAlive() {
      const held = await sql
        .query<Record<string, string>>(
          "select pg_catalog.pg_current_xact_id_if_assigned() is null and pg_catalog.current_setting('transaction_isolation') = 'repeatable read' as held",
        )
        .catch((cause: unknown) => {
          throw lost(cause);
        });
      if (held.rows[0]?.["held"] !== "t") throw lost();
    },
    interrupt() {
      interrupted = true;
      // With a query under way this closes the socket at once; without one there is nothing to break off.
      for (const one of connections) one.end().catch(() => {});
    },
    async [Symbol.asyncDispose]() {
      // A server that fell silent never says goodbye.
      if (!interrupted) await sql.end().catch(() => {});
    },
  };
}

function lost(cause?: unknown): LifeboatError {
  return new LifeboatError("snapshot-lost", "The connection that held the database's snapshot has ended.", {
    cause,
  });
}

function snapshotError(cause: unknown): unknown {
  const { code, message } = cause as { code?: string; message?: string };
  if (cause instanceof LifeboatError || code === undefined) return cause;
  if (code === "55P03") {
    return new LifeboatError(
      "lock-timeout",
      `A table stayed locked for more than ${lockWaitMs / 1000} s by another session's schema change.`,
      { cause },
    );
  }
  if (code === "42501")
    return new LifeboatError("privilege-missing", "The role may not read every table.", { cause });
  const known = asLifeboatError(cause);
  if (known.code === "locks-exhausted") return known;
  return new LifeboatError("snapshot-lost", `The database did not give a snapshot: ${String(message)}.`, {
    cause,
    publicSentence: "The database did not give a snapshot.",
  });
}
