/**
 * After a restore: what the Storage API sets anew in an object's row is put back as it was. `version` names the new
 * bytes and `metadata` describes them, so neither is touched.
 */
import { type Sql, withClient } from "../postgres/client.ts";
import type { Connection } from "../postgres/connection.ts";
import type { InventoryObject } from "../storage/objects.ts";
import { columnsOf, rowsFailed } from "./storage-tables.ts";

export interface RowRepair {
  /** Rows that were found; `changed` of them were not as they had been. */
  readonly found: number;
  readonly changed: number;
  /** Objects that have no row: they were not uploaded, or were deleted since. */
  readonly missing: number;
  /** `kept`: this role may not switch the trigger off that sets updated_at, so the time is that of the restore. */
  readonly updatedAt: "restored" | "kept";
}

const batchSize = 500;

/** Columns by the property that holds their value; a property that is absent leaves its column alone. */
const columns = [
  { column: "created_at", property: "createdAt", value: "(doc ->> 'createdAt')::pg_catalog.timestamptz" },
  { column: "updated_at", property: "updatedAt", value: "(doc ->> 'updatedAt')::pg_catalog.timestamptz" },
  {
    column: "last_accessed_at",
    property: "lastAccessedAt",
    value: "(doc ->> 'lastAccessedAt')::pg_catalog.timestamptz",
  },
  { column: "owner", property: "owner", value: "(doc ->> 'owner')::pg_catalog.uuid" },
  { column: "owner_id", property: "ownerId", value: "doc ->> 'ownerId'" },
  // SQL's null and {} differ: the first is what an upload without metadata had before a restore made it {}.
  {
    column: "user_metadata",
    property: "userMetadata",
    value: "nullif(doc -> 'userMetadata', 'null'::pg_catalog.jsonb)",
  },
] as const;

/** Each batch is a transaction of its own: run again after a failure, rows that are right stay as they are. */
export function repairRows(
  connection: Connection,
  objects: AsyncIterable<InventoryObject>,
): Promise<RowRepair> {
  return withClient(connection, async (sql) => {
    try {
      const there = await columnsOf(sql, "objects");
      const mayRestoreTime = await maySilenceTriggers(sql);
      const own = columns.filter(
        ({ column }) => there.has(column) && (mayRestoreTime || column !== "updated_at"),
      );
      const text = statement(own);
      const total = { found: 0, changed: 0, missing: 0 };
      for await (const batch of batches(objects)) {
        await sql.query("begin");
        if (mayRestoreTime) await sql.query("set local session_replication_role = replica");
        const { rows } = await sql.query<{ found: string; changed: string }>(text, [JSON.stringify(batch)]);
        await sql.query("commit");
        total.found += Number(rows[0]?.found);
        total.changed += Number(rows[0]?.changed);
        total.missing += batch.length - Number(rows[0]?.found);
      }
      return { ...total, updatedAt: mayRestoreTime ? "restored" : "kept" };
    } catch (cause) {
      throw rowsFailed(cause);
    }
  });
}

/** Only as `replica` the trigger that sets updated_at to now does not fire. */
async function maySilenceTriggers(sql: Sql): Promise<boolean> {
  await sql.query("begin");
  try {
    await sql.query("set local session_replication_role = replica");
    return true;
  } catch (cause) {
    if ((cause as { code?: string }).code === "42501") return false;
    throw cause;
  } finally {
    await sql.query("rollback");
  }
}

function statement(own: readonly (typeof columns)[number][]): string {
  const values = own.map(
    ({ column, property, value }) => `case when doc ? '${property}' then ${value} else o.${column} end`,
  );
  const rows = `storage.objects as o, given where o.bucket_id = doc ->> 'bucket' and o.name = doc ->> 'name'`;
  return `
    with given as materialized (select doc from pg_catalog.jsonb_array_elements($1::pg_catalog.jsonb) as doc),
    changed as (
      update storage.objects as o set ${own.map(({ column }, at) => `${column} = ${values[at] ?? ""}`).join(", ")}
      from given where o.bucket_id = doc ->> 'bucket' and o.name = doc ->> 'name'
        and (${own.map(({ column }) => `o.${column}`).join(", ")}) is distinct from (${values.join(", ")})
      returning 1
    )
    select (select pg_catalog.count(*) from ${rows}) as found, (select pg_catalog.count(*) from changed) as changed`;
}

async function* batches(
  objects: AsyncIterable<InventoryObject>,
): AsyncGenerator<readonly Partial<InventoryObject>[], void, undefined> {
  let batch: Partial<InventoryObject>[] = [];
  for await (const {
    bucket,
    name,
    createdAt,
    updatedAt,
    lastAccessedAt,
    owner,
    ownerId,
    userMetadata,
  } of objects) {
    const given = { bucket, name, createdAt, updatedAt, lastAccessedAt, owner, ownerId, userMetadata };
    // JSON leaves out what is undefined, and keeps null.
    batch.push(given as Partial<InventoryObject>);
    if (batch.length < batchSize) continue;
    yield batch;
    batch = [];
  }
  if (batch.length > 0) yield batch;
}
