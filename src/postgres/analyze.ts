/** Statistics for a database that has just been filled: without them its first queries are planned blindly. */
import { allOrFirstError } from "../system/concurrency.ts";
import { withClient } from "./client.ts";
import type { Connection } from "./connection.ts";
import { isRefusal } from "./undone.ts";

/** What plain ANALYZE takes, largest first; a role may not analyze everything, which the server only warns about. */
const analyzable = `
  select pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(c.relname) as name
  from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
  where c.relkind in ('r', 'p', 'm') and c.relpersistence <> 't'
    -- The statistics of a whole tree would ask the servers of its foreign tables for rows.
    and not exists (
      with recursive below as (
        select i.inhrelid from pg_catalog.pg_inherits i where i.inhparent = c.oid
        union select i.inhrelid from pg_catalog.pg_inherits i join below b on i.inhparent = b.inhrelid)
      select from below b join pg_catalog.pg_class f on f.oid = b.inhrelid where f.relkind = 'f')
  order by c.relpages desc, c.oid`;

/** Without its statistics a table is only read more slowly: no reason to give up what was restored. */
function unlessRefused(cause: unknown): void {
  if (!isRefusal(cause)) throw cause;
}

/** As plain ANALYZE does, by several connections, because one is bound by one processor. */
export async function analyzeDatabase(connection: Connection, jobs: number): Promise<void> {
  const waiting = await withClient(connection, async (sql) => {
    const { rows } = await sql.query<{ name: string }>(analyzable);
    return rows.map(({ name }) => name);
  });
  const work = async (): Promise<void> =>
    await withClient(connection, async (sql) => {
      await sql.query("set default_transaction_read_only = off");
      // It evaluates what indexes are made of, and a function there may rely on the database's own path.
      await sql.query("reset search_path");
      for (let name = waiting.shift(); name !== undefined; name = waiting.shift()) {
        await sql.query(`analyze ${name}`).catch(unlessRefused);
      }
    });
  await allOrFirstError(Array.from({ length: jobs }, work), () => waiting.splice(0));
}
