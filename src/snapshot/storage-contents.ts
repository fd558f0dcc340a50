/** The storage half of contents.json: all about the buckets but the objects themselves, which index.zst.age lists. */
import { z } from "zod";
import { listOf } from "./list-of.ts";

const count = z.int().nonnegative();

const bucket = z.looseObject({
  id: z.string(),
  name: z.string(),
  public: z.boolean(),
  /** Bytes; null: the project's own limit. */
  fileSizeLimit: count.nullable(),
  allowedMimeTypes: listOf(z.string()).readonly().nullable(),
  owner: z.string().nullable().exactOptional(),
  ownerId: z.string().nullable().exactOptional(),
  createdAt: z.string().exactOptional(),
  updatedAt: z.string().exactOptional(),
  avifAutodetection: z.boolean().exactOptional(),
  type: z.string().exactOptional(),
});

const objectName = z.looseObject({ bucket: z.string(), name: z.string() });

export const storageContents = z.looseObject({
  /** Chosen buckets, also empty ones. */
  buckets: listOf(bucket),
  /** How the objects were listed; the walk cannot see keys with empty segments. */
  listing: z.enum(["sql", "list-v2", "list-walk"]),
  /** What was asked for; absent means everything. */
  selection: z.looseObject({
    buckets: listOf(z.string()).readonly().exactOptional(),
    include: listOf(z.string()).readonly().exactOptional(),
    exclude: listOf(z.string()).readonly().exactOptional(),
  }),
  /** Every object of the inventory is in exactly one of these. */
  account: z.looseObject({
    stored: count,
    carried: count,
    /** Deleted while the backup read; a second look found them gone. */
    vanished: listOf(objectName),
    failed: listOf(objectName.extend({ code: z.string(), sentence: z.string() })),
  }),
  /** Where a database URL was given: what the rows of storage.objects and the Storage API do not agree on. */
  consistency: z
    .looseObject({
      rowsWithoutBytes: listOf(objectName),
      bytesWithoutRows: listOf(objectName),
    })
    .exactOptional(),
  /** Buckets that hold no objects of the Storage API (analytics, vectors) and are in no backup. */
  notCovered: listOf(z.looseObject({ kind: z.string(), name: z.string() })),
});

export type StorageContents = z.infer<typeof storageContents>;
