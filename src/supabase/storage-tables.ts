/** What the schema `storage` looks like here: projects of different years have different columns. */
import { LifeboatError } from "../errors.ts";
import type { Sql } from "../postgres/client.ts";

/** Names of a table's columns. Throws `storage-schema-missing` where there is no such table. */
export async function columnsOf(sql: Sql, table: string): Promise<ReadonlySet<string>> {
  const { rows } = await sql.query<{ name: string }>(
    `select attname as name from pg_catalog.pg_attribute
     where attrelid = pg_catalog.to_regclass($1) and attnum > 0 and not attisdropped`,
    [`storage.${table}`],
  );
  if (rows.length === 0) {
    throw new LifeboatError("storage-schema-missing", `The database has no table storage.${table}.`);
  }
  return new Set(rows.map(({ name }) => name));
}

/** A time as RFC 3339 to the microsecond; infinite ones as null. */
export function stamp(column: string): string {
  return `case when pg_catalog.isfinite(${column})
    then pg_catalog.to_char(${column} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') end as ${column}`;
}

/** Errors of the database, whose words may name objects. */
export function rowsFailed(cause: unknown): unknown {
  const { code, message } = cause as { code?: string; message?: string };
  if (cause instanceof LifeboatError) return cause;
  if (code === "42501") {
    return new LifeboatError(
      "privilege-missing",
      "The role may not read or change every row of storage.objects.",
      {
        cause,
        hint: "Use the project's role postgres, or another that row level security does not bind.",
      },
    );
  }
  return new LifeboatError("storage-rows-failed", `The rows of storage.objects: ${String(message)}.`, {
    cause,
    publicSentence: "The rows of storage.objects could not be read or changed.",
  });
}
