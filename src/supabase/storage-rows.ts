/**
 * The tables of the schema `storage`, read in one moment. SQL is the better lister: it sees every key, and versions,
 * owners and user metadata, which listings leave out.
 */
import { LifeboatError } from "../errors.ts";
import { openClient, type Sql } from "../postgres/client.ts";
import type { Connection } from "../postgres/connection.ts";
import { type Bucket, compareObjects, type InventoryObject } from "../storage/objects.ts";
import { fromMetadata } from "./storage-metadata.ts";
import { columnsOf, rowsFailed, stamp } from "./storage-tables.ts";

/** A bucket whose contents are not in storage.objects: a backup of objects does not cover it. */
export interface SpecialBucket {
  readonly id: string;
  /** `ANALYTICS`, `VECTOR`, or what newer projects have. */
  readonly type: string;
  /** Of a vector bucket. */
  readonly indexes?: number;
}

export interface StorageRows extends AsyncDisposable {
  /** By id. Those of other types than `STANDARD` are here too. */
  buckets(): Promise<readonly Bucket[]>;
  specialBuckets(): Promise<readonly SpecialBucket[]>;
  /**
   * In the order of `compareObjects`, a thousand in memory at a time; one such reading at once. Throws
   * `storage-list-failed` where the database does not sort as it should, `storage-rows-failed` where it gives up.
   */
  objects(buckets?: readonly string[]): AsyncIterable<InventoryObject>;
}

const fetchSize = 1000;

/**
 * Opens one REPEATABLE READ READ ONLY transaction that all reading shares; time limits are off. Throws
 * `storage-schema-missing`, `privilege-missing` or a connection's errors.
 */
export async function openStorageRows(connection: Connection): Promise<StorageRows> {
  const sql = await openClient(connection);
  try {
    await sql.query("begin isolation level repeatable read read only");
    await columnsOf(sql, "objects");
    await columnsOf(sql, "buckets");
  } catch (cause) {
    await sql.end().catch(() => {});
    throw rowsFailed(cause);
  }
  return {
    buckets: () => readBuckets(sql).catch(rethrown),
    specialBuckets: () => readSpecialBuckets(sql).catch(rethrown),
    objects: (buckets) => readObjects(sql, buckets),
    [Symbol.asyncDispose]: async () => {
      await sql.end().catch(() => {});
    },
  };
}

function rethrown(cause: unknown): never {
  throw rowsFailed(cause);
}

async function readBuckets(sql: Sql): Promise<readonly Bucket[]> {
  const columns = await columnsOf(sql, "buckets");
  const optional = (column: string, expression = column): string =>
    columns.has(column) ? expression : `null as ${column}`;
  const { rows } = await sql.query<Record<string, string | null>>(
    `select id, name, ${optional("public")}, ${optional("file_size_limit")},
            ${optional("allowed_mime_types", "pg_catalog.array_to_json(allowed_mime_types) as allowed_mime_types")},
            ${optional("owner")}, ${optional("owner_id")}, ${stamp("created_at")}, ${stamp("updated_at")},
            ${optional("avif_autodetection")}, ${optional("type")}
     from storage.buckets order by id collate "C"`,
  );
  return rows.map((row) => {
    const type = row["type"] ?? (columns.has("type") ? undefined : "STANDARD");
    return {
      id: row["id"] ?? "",
      name: row["name"] ?? "",
      public: row["public"] === "t",
      fileSizeLimit: row["file_size_limit"] == null ? null : Number(row["file_size_limit"]),
      allowedMimeTypes:
        row["allowed_mime_types"] == null ? null : (JSON.parse(row["allowed_mime_types"]) as string[]),
      ...(columns.has("owner") ? { owner: row["owner"] ?? null } : {}),
      ...(columns.has("owner_id") ? { ownerId: row["owner_id"] ?? null } : {}),
      ...(row["created_at"] == null ? {} : { createdAt: row["created_at"] }),
      ...(row["updated_at"] == null ? {} : { updatedAt: row["updated_at"] }),
      ...(row["avif_autodetection"] == null ? {} : { avifAutodetection: row["avif_autodetection"] === "t" }),
      ...(type === undefined ? {} : { type }),
    };
  });
}

async function readSpecialBuckets(sql: Sql): Promise<readonly SpecialBucket[]> {
  const found = new Map<string, SpecialBucket>();
  for (const { id, type } of await readBuckets(sql)) {
    if (type !== undefined && type !== "STANDARD") found.set(`${type} ${id}`, { id, type });
  }
  const tables = await sql.query<{
    analytics: string | null;
    vectors: string | null;
    indexes: string | null;
  }>(
    `select pg_catalog.to_regclass('storage.buckets_analytics')::text as analytics,
            pg_catalog.to_regclass('storage.buckets_vectors')::text as vectors,
            pg_catalog.to_regclass('storage.vector_indexes')::text as indexes`,
  );
  const there = tables.rows[0];
  if (there?.analytics != null) {
    // Older ones have an id for a name, newer ones a name beside a uuid and mark what was deleted.
    const columns = await columnsOf(sql, "buckets_analytics");
    const live = columns.has("deleted_at") ? "where deleted_at is null" : "";
    const { rows } = await sql.query<{ id: string }>(
      `select ${columns.has("name") ? "name" : "id"}::text as id from storage.buckets_analytics ${live}`,
    );
    for (const { id } of rows) found.set(`ANALYTICS ${id}`, { id, type: "ANALYTICS" });
  }
  if (there?.vectors != null) {
    const indexes =
      there.indexes == null
        ? "0"
        : "(select pg_catalog.count(*) from storage.vector_indexes as i where i.bucket_id = b.id)";
    const { rows } = await sql.query<{ id: string; indexes: string }>(
      `select id, ${indexes} as indexes from storage.buckets_vectors as b`,
    );
    for (const { id, indexes: count } of rows) {
      found.set(`VECTOR ${id}`, { id, type: "VECTOR", indexes: Number(count) });
    }
  }
  return [...found.entries()].sort(([one], [other]) => (one < other ? -1 : 1)).map(([, bucket]) => bucket);
}

async function* readObjects(
  sql: Sql,
  buckets: readonly string[] | undefined,
): AsyncGenerator<InventoryObject, void, undefined> {
  try {
    const columns = await columnsOf(sql, "objects");
    const wanted = buckets === undefined ? [] : ["bucket_id = any ($1)"];
    // What versioning keeps beside an object: earlier versions, and marks where one was deleted.
    if (columns.has("archived_at")) wanted.push("archived_at is null");
    if (columns.has("is_delete_marker")) wanted.push("not is_delete_marker");
    const plain = ["version", "owner", "owner_id", "user_metadata", "metadata"].filter((name) =>
      columns.has(name),
    );
    const times = ["created_at", "updated_at", "last_accessed_at"]
      .filter((name) => columns.has(name))
      .map(stamp);
    await sql.query(
      `declare storage_objects no scroll cursor for
       select ${["bucket_id", "name", "id", ...plain, ...times].join(", ")} from storage.objects
       ${wanted.length === 0 ? "" : `where ${wanted.join(" and ")}`}
       order by bucket_id collate "C", name collate "C"`,
      buckets === undefined ? [] : [[...buckets]],
    );
    let last: InventoryObject | undefined;
    for (;;) {
      const { rows } = await sql.query<Record<string, string | null>>(
        `fetch ${fetchSize} from storage_objects`,
      );
      for (const row of rows) {
        const object = objectOf(row);
        if (last !== undefined && compareObjects(last, object) >= 0) {
          throw new LifeboatError(
            "storage-list-failed",
            "The database does not sort storage.objects by bytes.",
            {
              hint: "Is its encoding UTF8? Run again without a database URL.",
            },
          );
        }
        last = object;
        yield object;
      }
      if (rows.length < fetchSize) break;
    }
  } catch (cause) {
    throw rowsFailed(cause);
  } finally {
    await sql.query("close storage_objects").catch(() => {});
  }
}

/** A column that this server does not have is absent; null stays null where it means something. */
function objectOf(row: Readonly<Record<string, string | null>>): InventoryObject {
  const json = (text: string | null | undefined): Record<string, unknown> | null =>
    text == null ? null : (JSON.parse(text) as Record<string, unknown>);
  return {
    bucket: row["bucket_id"] ?? "",
    name: row["name"] ?? "",
    ...(row["id"] == null ? {} : { id: row["id"] }),
    ...(row["version"] == null ? {} : { version: row["version"] }),
    ...fromMetadata(json(row["metadata"])),
    ...("user_metadata" in row ? { userMetadata: json(row["user_metadata"]) } : {}),
    ...("owner" in row ? { owner: row["owner"] } : {}),
    ...("owner_id" in row ? { ownerId: row["owner_id"] } : {}),
    ...(row["created_at"] == null ? {} : { createdAt: row["created_at"] }),
    ...(row["updated_at"] == null ? {} : { updatedAt: row["updated_at"] }),
    ...("last_accessed_at" in row ? { lastAccessedAt: row["last_accessed_at"] } : {}),
  };
}
