/**
 * A project's Storage API. Buckets and listings by the vendor's client, object bytes by fetch, because the vendor's
 * client neither encodes keys nor resumes. Every method tries again what is worth it and then throws; nothing is
 * ever shortened. Sentences for everybody name neither bucket nor object.
 */
import { StorageClient } from "@supabase/storage-js";
import type { Bucket, InventoryObject } from "../storage/objects.ts";
import { changeBucket, listBuckets, listSpecialBuckets, makeBucket } from "./storage-buckets.ts";
import { type StorageConnection, storageHeaders } from "./storage-connection.ts";
import { type Expected, hasBytes, type ObjectBody, openDownload } from "./storage-download.ts";
import { objectInfo } from "./storage-info.ts";
import { listObjects, type ObjectListing } from "./storage-listing.ts";
import { removeObjects } from "./storage-remove.ts";
import type { SpecialBucket } from "./storage-rows.ts";
import { type StorageOptions, StorageTransport } from "./storage-transport.ts";
import { type OpenBytes, uploadObject, type UploadMetadata } from "./storage-upload.ts";

export { parseStorageConnection, type StorageConnection } from "./storage-connection.ts";
export type { Expected, ObjectBody } from "./storage-download.ts";
export type { HowListed, ObjectListing } from "./storage-listing.ts";
export type { StorageOptions } from "./storage-transport.ts";
export type { OpenBytes, UploadMetadata } from "./storage-upload.ts";

export interface StorageApi {
  /** All of them, by id, special types included with their type. */
  buckets(): Promise<readonly Bucket[]>;
  /** Those for analytics and vectors that the API itself lists; none where it does not know them. */
  specialBuckets(): Promise<readonly SpecialBucket[]>;
  /**
   * Throws `storage-bucket-exists`. Its id becomes its name, and owner and times are new: only SQL keeps those. With
   * limits `none` its size and type limits are left for `updateBucket`, because they bind a restore too.
   */
  createBucket(bucket: Bucket, limits: "none" | "own"): Promise<void>;
  updateBucket(bucket: Bucket): Promise<void>;
  /** `prefix`: of the key, case counts. */
  list(bucket: string, prefix?: string): ObjectListing;
  /** undefined: there is no such object. Throws `storage-bucket-missing`. */
  info(bucket: string, name: string): Promise<InventoryObject | undefined>;
  /** Holds a slot of the limiter until the body is read or disposed of. */
  download(bucket: string, name: string, expected?: Expected): Promise<ObjectBody>;
  /**
   * Whether bytes come, be there a row or not: rows that a database restore brought back have none. `surely`: more
   * tries, for whoever would replace the object.
   */
  hasBytes(object: Pick<InventoryObject, "bucket" | "name" | "size">, surely?: boolean): Promise<boolean>;
  /**
   * Replaces what is there. `open` is called again for each try that starts over. The bytes must not come from a
   * download through the same limiter: both wait for a slot.
   */
  upload(object: UploadMetadata, size: number, open: OpenBytes): Promise<void>;
  /** What its own clock says; undefined where it does not say. */
  serverTime(): Promise<Date | undefined>;
  /** Proven gone. */
  remove(bucket: string, names: readonly string[]): Promise<void>;
}

export function storageApi(connection: StorageConnection, options: StorageOptions): StorageApi {
  const transport = new StorageTransport(connection, options);
  const client = new StorageClient(
    `${connection.url}/storage/v1`,
    storageHeaders(connection),
    transport.fetch,
  );
  return {
    buckets: () => listBuckets(client),
    specialBuckets: () => listSpecialBuckets(transport),
    createBucket: (bucket, limits) => makeBucket(client, bucket, limits),
    updateBucket: (bucket) => changeBucket(client, bucket),
    list: (bucket, prefix) => listObjects(client, transport, bucket, prefix),
    info: (bucket, name) => objectInfo(transport, bucket, name),
    download: (bucket, name, expected) => openDownload(transport, bucket, name, expected),
    hasBytes: (object, surely = false) => hasBytes(transport, object, surely),
    upload: (object, size, open) => uploadObject(transport, object, size, open),
    serverTime: () => serverTime(transport),
    remove: (bucket, names) => removeObjects(client, transport, bucket, names),
  };
}

/** One try: whoever needs the service finds out by his own work that it does not answer. */
async function serverTime(transport: StorageTransport): Promise<Date | undefined> {
  const { headers } = await transport.wholeOnce({ method: "GET", path: "/storage/v1/bucket?limit=1" });
  const date = new Date(headers.get("date") ?? "");
  return Number.isNaN(date.getTime()) ? undefined : date;
}
