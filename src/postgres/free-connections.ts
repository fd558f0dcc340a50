/** How many sessions a role may still open, and what would have to be changed for more. */
import { setTimeout as delay } from "node:timers/promises";
import { LifeboatError } from "../errors.ts";
import type { Sql } from "./client.ts";

interface FreeConnections {
  readonly count: number;
  /** What sets the limit, in words; names are quoted. */
  readonly limit: string;
  /** How to have so many more. */
  more(missing: number): string;
}

/** The tightest of three limits: the role's, the database's, the server's. Undefined where none of them is in sight. */
async function freeConnections(sql: Sql): Promise<FreeConnections | undefined> {
  // Of two limits that are equally tight, the one that is easier to raise.
  const { rows } = await sql.query<Record<string, string>>(
    `with role as (select * from pg_catalog.pg_roles where rolname = current_user),
          -- What another role's session is, not everybody may see.
          used as (select usesysid, datid from pg_catalog.pg_stat_activity
                    where datid is not null and usesysid is not null and coalesce(backend_type, 'client backend') = 'client backend'),
          reserved as (select coalesce(pg_catalog.sum(setting::int), 0) as slots from pg_catalog.pg_settings
                        where name in ('superuser_reserved_connections', 'reserved_connections'))
     select * from (
       select 1 as place, 'role' as kind, pg_catalog.quote_ident(rolname) as name, rolconnlimit as most,
              rolconnlimit - (select count(*) from used where usesysid = role.oid) as free
         from role where rolconnlimit >= 0 and not rolsuper
       union all
       select 2, 'database', pg_catalog.quote_ident(datname), datconnlimit,
              datconnlimit - (select count(*) from used where datid = d.oid)
         from pg_catalog.pg_database d, role
        where datname = pg_catalog.current_database() and datconnlimit >= 0 and not rolsuper
       union all
       select 3, 'server', '', pg_catalog.current_setting('max_connections')::int,
              pg_catalog.current_setting('max_connections')::int - case when rolsuper then 0 else reserved.slots end
                - (select count(*) from used)
         from role, reserved) l (place, kind, name, most, free)
      order by free, place limit 1`,
  );
  const [row] = rows;
  if (row === undefined) return undefined;
  const [kind, name, most] = [row["kind"] ?? "", row["name"] ?? "", Number(row["most"])];
  return {
    count: Number(row["free"]),
    limit:
      kind === "server" ? `max_connections is ${most}` : `the ${kind} ${name} has CONNECTION LIMIT ${most}`,
    more: (missing) =>
      kind === "server"
        ? `End idle sessions, or set max_connections to ${most + missing} at least and restart the server.`
        : `As an administrator run: ALTER ${kind.toUpperCase()} ${name} CONNECTION LIMIT ${most + missing};`,
  };
}

/** Beside its parts: two twins of the snapshot that describe the database, and pg_dumpall. */
const besideParts = 3;
/** The server may still be clearing away a session that has just ended. */
const looks = 4;
const pauseMs = 250;

/**
 * The most jobs with which all sessions of a backup fit at once: they must, for one that starts later could wait for
 * ever. Throws `too-many-connections` where not even one job fits.
 */
export async function fittingJobs(
  sql: Sql,
  jobs: number,
  partsWith: (jobs: number) => number,
): Promise<number> {
  const needed = (count: number): number => partsWith(count) + besideParts;
  let free = await freeConnections(sql);
  for (let look = 1; look < looks && free !== undefined && free.count < needed(jobs); look += 1) {
    await delay(pauseMs);
    free = await freeConnections(sql);
  }
  if (free === undefined) return jobs;
  for (let fitting = jobs; fitting >= 1; fitting -= 1) if (needed(fitting) <= free.count) return fitting;
  const count = Math.max(0, free.count);
  throw new LifeboatError(
    "too-many-connections",
    `The backup needs ${needed(1) + 1} connections at once, even with one job, and can have ${count + 1}: ${free.limit}.`,
    { hint: free.more(needed(1) - free.count) },
  );
}
