/** Text of a database that is not what its encoding says, or has no equivalent in UTF-8. */
import { LifeboatError } from "../errors.ts";
import type { Sql } from "./client.ts";
import { listTables } from "./table-listing.ts";
import { undone } from "./undone.ts";

/** Whether the server could not turn its text into UTF-8. */
export function isIllegible(cause: unknown): boolean {
  return ["22021", "22P05"].includes((cause as { readonly code?: string }).code ?? "");
}

/**
 * `work` reads; where some of what it reads is illegible, every such byte comes as U+FFFD. `sql` is in a transaction,
 * which goes on.
 */
export async function evenIllegible<T>(sql: Sql, work: () => Promise<T>): Promise<T> {
  try {
    return await undone(sql, work);
  } catch (cause) {
    if (!isIllegible(cause)) throw cause;
    return await undone(sql, async () => {
      await sql.query("set local client_encoding = 'SQL_ASCII'");
      return await work();
    });
  }
}

/** What to say where tables cannot be called by their names; undefined where all can. */
export async function illegibleNames(sql: Sql): Promise<LifeboatError | undefined> {
  await sql.query("rollback; set client_encoding = 'SQL_ASCII'");
  const tables = (await listTables(sql)).filter(({ schema, name, columns }) =>
    [schema, name, ...columns.map((column) => column.name)].some((part) => part.includes("\ufffd")),
  );
  if (tables.length === 0) return undefined;
  return new LifeboatError(
    "names-illegible",
    `${tables.length} ${tables.length === 1 ? "table has" : "tables have"} a name, or a column's name, that is no text in UTF-8.`,
    { inside: tables.map(({ schema, name }) => `${schema}.${name}`).join("\n") },
  );
}
