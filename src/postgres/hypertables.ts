/**
 * TimescaleDB keeps its hands off a database only between its own two functions; without them every chunk of an archive
 * meets its triggers and its catalog's rules. The extension must be there before the first of them.
 */
import type { DatabaseContents } from "../snapshot/contents.ts";
import { withClient } from "./client.ts";
import type { Connection } from "./connection.ts";

/** `connection`: a superuser's, to the empty database. Where the extension is not wanted, `load` just runs. */
export async function whileHypertablesRest<T>(
  connection: Connection,
  extensions: DatabaseContents["extensions"],
  load: () => Promise<T>,
): Promise<T> {
  // Any other schema than public is the archive's own to make.
  const wanted = extensions.some(({ name, schema }) => name === "timescaledb" && schema === "public");
  if (!wanted) return await load();
  const call = async (...statements: readonly string[]): Promise<void> =>
    await withClient(connection, async (sql) => {
      await sql.query("set default_transaction_read_only = off");
      for (const statement of statements) await sql.query(statement);
    });
  await call(
    "create extension if not exists timescaledb with schema public",
    "select public.timescaledb_pre_restore()",
  );
  const loaded = await load();
  await call("select public.timescaledb_post_restore()");
  return loaded;
}
