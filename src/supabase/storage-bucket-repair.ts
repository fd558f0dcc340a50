/** What the Storage API cannot set in a bucket's row: a name unlike its id, owner, times and the AVIF flag. */
import { withClient } from "../postgres/client.ts";
import type { Connection } from "../postgres/connection.ts";
import type { Bucket } from "../storage/objects.ts";
import { columnsOf, rowsFailed } from "./storage-tables.ts";

const columns = [
  { column: "name", property: "name" },
  { column: "owner", property: "owner" },
  { column: "owner_id", property: "ownerId" },
  { column: "avif_autodetection", property: "avifAutodetection" },
  { column: "created_at", property: "createdAt" },
  { column: "updated_at", property: "updatedAt" },
] as const;

/** Ids of the buckets that have lost something of these. */
export async function repairBuckets(
  connection: Connection | undefined,
  buckets: readonly Bucket[],
): Promise<readonly string[]> {
  if (buckets.length === 0) return [];
  if (connection === undefined) return buckets.filter(hasMoreThanApiSets).map(({ id }) => id);
  return await withClient(connection, async (sql) => {
    const left: string[] = [];
    try {
      const there = await columnsOf(sql, "buckets");
      for (const bucket of buckets) {
        const known = columns.filter(
          ({ column, property }) => there.has(column) && bucket[property] !== undefined,
        );
        const set = known.map(({ column }, at) => `${column} = $${at + 2}`).join(", ");
        const values = known.map(({ property }) => asText(bucket[property]));
        try {
          await sql.query(`update storage.buckets set ${set} where id = $1`, [bucket.id, ...values]);
        } catch (cause) {
          // Another bucket has its name, or its owner is gone: everything else of it is as it was.
          if (!(cause as { code?: string }).code?.startsWith("23")) throw cause;
          left.push(bucket.id);
        }
      }
    } catch (cause) {
      throw rowsFailed(cause);
    }
    return left;
  });
}

function asText(value: string | boolean | null | undefined): string | null {
  return value == null ? null : String(value);
}

function hasMoreThanApiSets({ id, name, owner, ownerId, avifAutodetection }: Bucket): boolean {
  return name !== id || (owner ?? null) !== null || (ownerId ?? null) !== null || avifAutodetection === true;
}
