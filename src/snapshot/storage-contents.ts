/** The storage half of contents.json: all about the buckets but the objects themselves, which index.zst.age lists. */
import { z } from "zod";

const count = z.int().nonnegative();

const bucket = z.looseObject({
  id: z.string(),
  name: z.string(),
  public: z.boolean(),
  /** Bytes; null: the project's own limit. */
  fileSizeLimit: count.nullable(),
  allowedMimeTypes: z.array(z.string()).readonly().nullable(),
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
  buckets: z.array(bucket),
  /** How the objects were listed; the walk cannot see keys with empty segments. */
  listing: z.enum(["sql", "list-v2", "list-walk"]),
  /** What was asked for; absent means everything. */
  selection: z.looseObject({
    buckets: z.array(z.string()).readonly().exactOptional(),
    include: z.array(z.string()).readonly().exactOptional(),
    exclude: z.array(z.string()).readonly().exactOptional(),
  }),
  /** Every object of the inventory is in exactly one of these. */
  account: z.looseObject({
    stored: count,
    carried: count,
    /** Deleted while the backup read; a second look found them gone. */
    vanished: z.array(objectName),
    failed: z.array(objectName.extend({ code: z.string(), sentence: z.string() })),
  }),
  /** Where a database URL was given: what the rows of storage.objects and the Storage API do not agree on. */
  consistency: z
    .looseObject({
      rowsWithoutBytes: z.array(objectName),
      bytesWithoutRows: z.array(objectName),
    })
    .exactOptional(),
  /** Buckets that hold no objects of the Storage API (analytics, vectors) and are in no backup. */
  notCovered: z.array(z.looseObject({ kind: z.string(), name: z.string() })),
});

export type StorageContents = z.infer<typeof storageContents>;
