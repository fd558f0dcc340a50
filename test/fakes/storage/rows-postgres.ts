/** The stand-in's rows in a real database, so that SQL and the Storage API see the same. */
import { readFile } from "node:fs/promises";
import pg from "pg";
import type { BucketRow, ObjectRow, Rows } from "./rows.ts";

const stamp = (column: string): string =>
  `to_char(${column} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as ${column}`;
const bucketColumns = `id, name, coalesce(owner::text, '') as owner, public, ${stamp("created_at")},
  ${stamp("updated_at")}, file_size_limit::float8 as file_size_limit, allowed_mime_types, type::text as type`;
const objectColumns = `id, name, version, metadata, user_metadata, ${stamp("created_at")}, ${stamp("updated_at")},
  ${stamp("last_accessed_at")}`;

/** Creates the schema `storage` where it is missing. The URL's role must own it. */
export async function postgresRows(url: string): Promise<Rows> {
  const pool = new pg.Pool({ connectionString: url, max: 4 });
  pool.on("error", () => {});
  const query = async <T extends pg.QueryResultRow>(text: string, values: unknown[] = []): Promise<T[]> =>
    (await pool.query<T>(text, values)).rows;
  const [found] = await query<{ there: string | null }>(
    "select to_regclass('storage.objects')::text as there",
  );
  if (found?.there == null) {
    await pool.query(await readFile(`${import.meta.dirname}/storage-schema.sql`, "utf8"));
  }
  return {
    buckets: () => query<BucketRow>(`select ${bucketColumns} from storage.buckets order by id collate "C"`),
    bucket: async (id) =>
      (await query<BucketRow>(`select ${bucketColumns} from storage.buckets where id = $1`, [id]))[0],
    addBucket: async (row) => {
      const added = await query(
        `insert into storage.buckets (id, name, public, file_size_limit, allowed_mime_types, type)
         values ($1, $2, $3, $4, $5, $6::storage.buckettype) on conflict do nothing returning id`,
        [row.id, row.name, row.public, row.file_size_limit, row.allowed_mime_types, row.type],
      );
      return added.length === 1;
    },
    changeBucket: async (id, change) => {
      for (const [column, value] of Object.entries(change)) {
        await query(`update storage.buckets set ${column} = $2, updated_at = now() where id = $1`, [
          id,
          value,
        ]);
      }
    },
    removeBucket: async (id) => {
      await query("delete from storage.buckets where id = $1", [id]);
    },
    object: async (bucket, name) =>
      (
        await query<ObjectRow>(
          `select ${objectColumns} from storage.objects where bucket_id = $1 and name = $2`,
          [bucket, name],
        )
      )[0],
    page: (bucket, prefix, after, limit) =>
      query<ObjectRow>(
        `select ${objectColumns} from storage.objects
         where bucket_id = $1 and starts_with(name, $2) and ($3::text is null or name collate "C" > $3)
         order by name collate "C" limit $4`,
        [bucket, prefix, after ?? null, limit],
      ),
    ignoringCase: (bucket, prefix) =>
      query<ObjectRow>(
        `select ${objectColumns} from storage.objects where bucket_id = $1 and starts_with(lower(name), lower($2))
         order by lower(name) collate "C", name collate "C"`,
        [bucket, prefix],
      ),
    upsert: async (bucket, { name, version, metadata, userMetadata }) => {
      const [row] = await query<ObjectRow>(
        `insert into storage.objects (bucket_id, name, version, metadata, user_metadata)
         values ($1, $2, $3, $4, $5) on conflict (bucket_id, name) do update
         set version = excluded.version, metadata = excluded.metadata, user_metadata = excluded.user_metadata
         returning ${objectColumns}`,
        [
          bucket,
          name,
          version,
          JSON.stringify(metadata),
          userMetadata === null ? null : JSON.stringify(userMetadata),
        ],
      );
      return row!;
    },
    remove: (bucket, names) =>
      query<ObjectRow>(
        `delete from storage.objects where bucket_id = $1 and name = any ($2) returning ${objectColumns}`,
        [bucket, names],
      ),
    close: () => pool.end(),
  };
}
