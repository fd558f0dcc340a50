/**
 * Statements that `postgres` may run on the platform only because supautils lends it a superuser for their length:
 * policies on the platform's tables, event triggers, publications FOR ALL TABLES, foreign data wrappers, roles that
 * replicate or bypass row security. They run on
 * the ordinary connection; a stock server, which has no supautils, refuses them, so tests put another way in its place.
 */
import type { Sql } from "../postgres/client.ts";

export type RunElevated = (sql: Sql, statement: string) => Promise<void>;

export const runElevated: RunElevated = async (sql, statement) => {
  await sql.query(statement);
};
