/** Large objects: how many there are and, where they may be read, a hash over all of them. */
import type { DatabaseContents } from "../snapshot/contents.ts";
import type { Sql } from "./client.ts";

/** lo_get returns at most 1 GiB of text; encoded as hex that is half of it. */
const longestHashedBytes = 500_000_000;

export async function readLargeObjects(
  sql: Sql,
  wanted: { readonly hashes: boolean },
): Promise<DatabaseContents["largeObjects"]> {
  const { rows } = await sql.query<{ count: string }>(
    "select count(*)::text as count from pg_catalog.pg_largeobject_metadata",
  );
  const count = Number(rows[0]?.count);
  if (!wanted.hashes || count === 0) return { count };
  await sql.query("savepoint large_objects");
  try {
    const hashed = await sql.query<{ hash: string }>(`
      select pg_catalog.lpad(pg_catalog.to_hex((coalesce(pg_catalog.sum(
               pg_catalog.hashtextextended(l.oid::text || ':' ||
                 pg_catalog.encode(pg_catalog.lo_get(l.oid, 0, ${longestHashedBytes}), 'hex'), 0)::numeric
             ), 0) % 9223372036854775808)::int8), 16, '0') as hash
      from pg_catalog.pg_largeobject_metadata l`);
    return { count, ...(hashed.rows[0] === undefined ? {} : { hash: hashed.rows[0].hash }) };
  } catch {
    // pg_dump decides whether they can be backed up; without the right to read them there is only no hash.
    await sql.query("rollback to savepoint large_objects");
    return { count };
  }
}
