/**
 * contents.json: everything known about the inside of a snapshot. It is sealed like a part, so it may name names.
 * Numbers that can pass 2^53 (hashes, sequence values) are strings.
 */
import { z } from "zod";
import { LifeboatError } from "../errors.ts";
import { type ApplicationContents, applicationContents } from "./application-contents.ts";
import { isSnapshotId } from "./ids.ts";
import { sharedContents } from "./shared-contents.ts";
import { type StorageContents, storageContents } from "./storage-contents.ts";
import { supabaseContents } from "./supabase-contents.ts";
import { parseJsonWithin, tooLarge } from "../system/bounded.ts";
import { mostJsonValues, sizeLimits } from "./size-limits.ts";
import { listOf } from "./list-of.ts";

const extent = z.looseObject({ length: z.int().nonnegative(), sha256: z.string() });
const count = z.int().nonnegative();

/** A table's content hash `lifeboat-1`: 16 lower-case hex digits (docs/format.md has the definition). */
const contentHash = z.string().regex(/^[0-9a-f]{16}$/);

const table = z.looseObject({
  /** In the source; the archives' tables of contents name tables by it. */
  oid: count,
  schema: z.string(),
  name: z.string(),
  kind: z.enum(["table", "partitioned", "foreign", "materialized-view"]),
  /** oid of the topmost partitioned table, for partitions: contents are compared there. */
  root: count.optional(),
  unlogged: z.boolean(),
  /** Unlogged, and the backup was made of a standby, which has none of its rows. */
  onPrimaryOnly: z.boolean().optional(),
  /** Name of the extension that owns the table. */
  extension: z.string().optional(),
  /** SQL condition (with WHERE) of an extension's configuration table: only these rows are backed up. */
  extensionCondition: z.string().optional(),
  /** Columns whose values are stored (generated ones are not), in no promised order. */
  columns: listOf(z.string()),
  /** Bytes on disk when the backup planned its parts. */
  bytes: count,
  /** Exact, own rows only; absent for partitioned roots, materialized views and foreign tables. */
  rows: count.optional(),
  hash: contentHash.optional(),
  /** The sealed file that holds the rows. */
  part: z.string().optional(),
  /** Why the rows are in no part. */
  notBackedUp: z.string().optional(),
  /** An extension's own table that has rows, all of which are left out. */
  hasRowsLeftOut: z.boolean().optional(),
  /** Of an extension's own table, the rows that pg_dump leaves out. Absent in snapshots of before 2026-12. */
  leftOut: z.looseObject({ rows: count, hash: contentHash.optional() }).optional(),
});

const sequence = z.looseObject({
  schema: z.string(),
  name: z.string(),
  /** null: the role could not read it. */
  lastValue: z.string().nullable(),
  isCalled: z.boolean().nullable(),
  /** Unlogged, and the backup was made of a standby, which cannot read it. */
  onPrimaryOnly: z.boolean().optional(),
  increment: z.string(),
});

/** Definition of an `other` object that comes by itself: a range's cast to its multirange, since PostgreSQL 14. */
export const madeByServer = "made by the server";

/** Any catalog object with a definition that can be compared as text after a restore. */
const catalogObject = z.looseObject({
  /** `constraint`, `index`, `policy`, `trigger`, `view`, `function`, `acl`, `default-privileges`, `publication`, … */
  kind: z.string(),
  identity: z.string(),
  definition: z.string(),
});

/** Something of the source that pg_dump never writes: `index` / `s.i` / `invalid`. */
const notDumped = z.looseObject({ kind: z.string(), identity: z.string(), reason: z.string() });

const role = z.looseObject({
  name: z.string(),
  attributes: z.string(),
});

const databaseProperties = z.looseObject({
  name: z.string(),
  owner: z.string(),
  encoding: z.string(),
  collate: z.string(),
  ctype: z.string(),
  /** `libc`, `icu` or `builtin`. */
  localeProvider: z.string(),
  /** ICU or builtin locale. */
  locale: z.string().nullable(),
  comment: z.string().nullable(),
  connectionLimit: z.int(),
  acl: z.string().nullable(),
  /** `ALTER DATABASE … SET`, also per role: `role` is "" for all. */
  settings: listOf(z.looseObject({ role: z.string(), setting: z.string() })),
});

const databaseContents = z.looseObject({
  properties: databaseProperties,
  server: z.looseObject({ version: z.string(), major: z.int() }),
  client: z.looseObject({ version: z.string() }),
  /** The snapshot's moment: server time (RFC 3339) and write-ahead log position (absent where unreadable). */
  moment: z.looseObject({ time: z.string(), lsn: z.string().optional() }),
  extensions: listOf(
    z.looseObject({
      name: z.string(),
      version: z.string(),
      schema: z.string(),
      /** What belongs to it, each name once; `schema` is "" for schemas and the like. Archives grant rights on them. */
      members: listOf(z.looseObject({ schema: z.string(), name: z.string() })).optional(),
    }),
  ),
  roles: listOf(role),
  /** Absent in backups that were made before these were recorded. */
  shared: sharedContents.optional(),
  tables: listOf(table),
  sequences: listOf(sequence),
  objects: listOf(catalogObject),
  /** Kinds of objects whose definitions the server would not give; none of them stands in `objects`. */
  notDescribed: listOf(z.string()).optional(),
  /** Absent in snapshots of before 2026-12. */
  notDumped: listOf(notDumped).optional(),
  largeObjects: z.looseObject({
    count,
    /** Of the first 500 MB of each; snapshots of before 2026-12. */
    hash: contentHash.optional(),
    /** Of all their bytes, piece by piece (docs/format.md has the definition). */
    pieces: z.looseObject({ bytes: z.int().positive(), hash: contentHash }).optional(),
  }),
  /** Why there are no hashes, where some were wanted: a known answer that was wrong, an encoding. */
  hashesNotVerified: z.string().optional(),
  /** Databases of the same server that are not in this backup. */
  otherDatabases: count.optional(),
  /** Present for a Supabase database only. */
  supabase: supabaseContents.optional(),
});

export const partRoles = [
  "schema",
  "rest",
  "data",
  "globals",
  "vault",
  "role-verifiers",
  "index",
  "repository",
  "files",
  "config",
  "environment",
  "settings",
  "project-settings",
  "project-functions",
] as const;

const contentsSchema = z.looseObject({
  formatVersion: z.literal(1),
  id: z.string().refine(isSnapshotId),
  source: z.string(),
  files: listOf(
    z.looseObject({
      name: z.string(),
      role: z.enum(partRoles),
      header: extent,
      payload: extent,
      /** Bytes before compression. */
      rawBytes: count,
    }),
  ),
  database: databaseContents.optional(),
  storage: storageContents.optional(),
  application: applicationContents.optional(),
});

export type Contents = z.infer<typeof contentsSchema>;
export type DatabaseContents = z.infer<typeof databaseContents>;
export type DatabaseProperties = z.infer<typeof databaseProperties>;
export type TableContents = z.infer<typeof table>;
export type SequenceContents = z.infer<typeof sequence>;
export type NotDumped = z.infer<typeof notDumped>;
export type CatalogObject = z.infer<typeof catalogObject>;
export type ContentsFile = Contents["files"][number];

export function writeContents(contents: Contents): Uint8Array {
  const bytes = Buffer.from(`${JSON.stringify(contents, null, 1)}\n`);
  // What nobody could read afterwards must not be taken for a backup.
  const limit = { document: `contents.json of ${contents.id}`, maxBytes: sizeLimits.contents };
  if (bytes.length > limit.maxBytes) throw tooLarge(limit, bytes.length);
  return bytes;
}

/** Reads unsealed contents; throws `snapshot-damaged` unless they belong to the expected snapshot. */
export function readContents(
  document: Uint8Array,
  expected: { readonly source: string; readonly id: string },
): Contents {
  const damaged = (why: string, cause?: unknown): LifeboatError =>
    new LifeboatError("snapshot-damaged", `contents.json of ${expected.id} ${why}.`, { cause });
  let parsed: unknown;
  try {
    parsed = parseJsonWithin(document, mostJsonValues, `contents.json of ${expected.id}`);
  } catch (cause) {
    if (cause instanceof LifeboatError) throw cause;
    throw damaged("is not JSON", cause);
  }
  const result = contentsSchema.safeParse(parsed);
  if (!result.success) throw damaged("does not have the fields of the format", result.error);
  if (result.data.id !== expected.id || result.data.source !== expected.source) {
    throw damaged(`belongs to snapshot ${result.data.id}: files were swapped`);
  }
  return result.data;
}

/** The database half of a database snapshot's contents. */
export function databaseOf(contents: Contents): DatabaseContents {
  if (contents.database !== undefined) return contents.database;
  throw new LifeboatError("snapshot-damaged", `Snapshot ${contents.id} says nothing about a database.`);
}

/** The storage half of a storage snapshot's contents. */
export function storageOf(contents: Contents): StorageContents {
  if (contents.storage !== undefined) return contents.storage;
  throw new LifeboatError("snapshot-damaged", `Snapshot ${contents.id} says nothing about buckets.`);
}

/** The application half of an application snapshot's contents. */
export function applicationOf(contents: Contents): ApplicationContents {
  if (contents.application !== undefined) return contents.application;
  throw new LifeboatError("snapshot-damaged", `Snapshot ${contents.id} says nothing about an application.`);
}
