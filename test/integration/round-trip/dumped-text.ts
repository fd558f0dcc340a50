/** A database as stock pg_dump tells it: two databases are equal when their texts are. */
import { toolPath } from "../../../src/postgres/client-tools.ts";
import type { Connection } from "../../../src/postgres/connection.ts";
import { libpqEnvironment } from "../../../src/postgres/libpq.ts";
import { runTool } from "../../../src/system/process.ts";
import { toolsOf } from "../backup/backing-up.ts";

/** Every definition, with owners, grants, comments and policies, in pg_dump's own order. */
export async function dumpedSchema(connection: Connection, major: number): Promise<string> {
  return await dump(connection, major, ["--section=pre-data", "--section=post-data"]);
}

/** Every row and sequence value, sorted: rows have no order, and hash partitions may hold others. */
export async function dumpedRows(connection: Connection, major: number, ...more: string[]): Promise<string> {
  const text = await dump(connection, major, ["--section=data", "--load-via-partition-root", ...more]);
  return text
    .split("\n")
    .filter((line) => !line.startsWith("-- "))
    .toSorted()
    .join("\n");
}

async function dump(connection: Connection, major: number, args: readonly string[]): Promise<string> {
  const { stdout } = await runTool({
    program: toolPath(await toolsOf(major), "pg_dump"),
    args: ["--encoding=UTF8", "--no-password", ...args],
    env: libpqEnvironment(connection),
  });
  // A random word since 2025's security releases.
  return stdout.toString("utf8").replaceAll(/^\\(un)?restrict .*\n/gm, "");
}
