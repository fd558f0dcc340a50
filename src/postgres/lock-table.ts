/** The table of locks that all sessions of a server share: how much fits into it, and what would be enough. */
import { LifeboatError } from "../errors.ts";
import type { Sql } from "./client.ts";

export interface LockTable {
  /** `max_locks_per_transaction`. */
  readonly perTransaction: number;
  /** What it is multiplied by: sessions and prepared transactions. */
  readonly sessions: number;
  /** What a dump of this database locks. */
  readonly relations: number;
}

export async function readLockTable(sql: Sql): Promise<LockTable> {
  const { rows } = await sql.query<Record<string, string>>(`
    select pg_catalog.current_setting('max_locks_per_transaction') as each,
      pg_catalog.current_setting('max_connections')::integer
        + pg_catalog.current_setting('max_prepared_transactions')::integer as sessions,
      (select pg_catalog.count(*) from pg_catalog.pg_class
        where relkind in ('r', 'p', 'S') and relpersistence <> 't' and oid >= 16384) as relations`);
  const { each, sessions, relations } = rows[0] ?? {};
  return { perTransaction: Number(each), sessions: Number(sessions), relations: Number(relations) };
}

/** Whether so many sessions may lock every table at once: the server has two places for each lock it counts with. */
export function holdsAllLocks(
  { perTransaction, sessions, relations }: LockTable,
  lockingSessions: number,
): boolean {
  return lockingSessions * relations <= 2 * perTransaction * sessions;
}

/** The same error with the value that suffices; others as they are. */
export function withEnoughLocks(thrown: unknown, table: LockTable): unknown {
  if (!(thrown instanceof LifeboatError) || thrown.code !== "locks-exhausted") return thrown;
  const { perTransaction, sessions, relations } = table;
  const enough = Math.max(2 * perTransaction, Math.ceil((2 * relations) / sessions / 64) * 64);
  return new LifeboatError("locks-exhausted", thrown.message, {
    hint: `Set max_locks_per_transaction = ${enough} on the server (now ${perTransaction}) and restart it.`,
    cause: thrown,
    ...(thrown.inside === undefined ? {} : { inside: thrown.inside }),
  });
}
