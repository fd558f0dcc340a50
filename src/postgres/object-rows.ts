/** The rows of Supabase's storage.objects in a restored database. */
import { randomBytes } from "node:crypto";
import type { Sql } from "./client.ts";

export interface ObjectRow {
  readonly bucket: string;
  readonly name: string;
  /** Bytes, where the row tells. */
  readonly size?: number;
  /** When it was made or replaced last, where the row tells. */
  readonly changedMs?: number;
}

const batch = 5000;

/** By bucket and name as bytes; nothing where there is no such table. By JSON, because its columns grew with the years. */
export async function* objectRows(sql: Sql): AsyncGenerator<ObjectRow, void, undefined> {
  const there = await sql.query<{ oid: string | null }>(
    "select pg_catalog.to_regclass('storage.objects') as oid",
  );
  if ((there.rows[0]?.oid ?? null) === null) return;
  const cursor = `objects_${randomBytes(4).toString("hex")}`;
  await sql.query("begin isolation level repeatable read read only");
  await sql.query(`
    declare ${cursor} no scroll cursor for
    select o.bucket_id as bucket, o.name, j.doc #>> '{metadata,size}' as size,
      greatest((j.doc ->> 'created_at')::timestamptz, (j.doc ->> 'updated_at')::timestamptz)
        at time zone 'UTC' as changed
    from storage.objects o, lateral (select pg_catalog.to_jsonb(o) as doc) j
    order by o.bucket_id collate "C", o.name collate "C"`);
  for (;;) {
    const { rows } = await sql.query<{
      bucket: string;
      name: string;
      size: string | null;
      changed: string | null;
    }>(`fetch ${batch} from ${cursor}`);
    for (const { bucket, name, size, changed } of rows) {
      yield {
        bucket,
        name,
        ...(size === null ? {} : { size: Number(size) }),
        ...(changed === null ? {} : { changedMs: Date.parse(`${changed.replace(" ", "T")}Z`) }),
      };
    }
    if (rows.length < batch) break;
  }
  await sql.query("commit");
}
