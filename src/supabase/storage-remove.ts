/** Deleting objects, proven by looking again: the server leaves out of its answer what it did not delete. */
import type { StorageClient } from "@supabase/storage-js";
import { LifeboatError } from "../errors.ts";
import { clientError } from "./storage-buckets.ts";
import { objectInfo } from "./storage-info.ts";
import { listObjects } from "./storage-listing.ts";
import { encodeBucket } from "./storage-paths.ts";
import type { StorageTransport } from "./storage-transport.ts";

const batchSize = 1000;
const lookupsAtOnce = 16;
/** Up to here each name is looked up; above, one listing of what they have in common answers for all. */
const mostLookups = 1000;

/** Names that are not there are no error. Throws `storage-remove-unproven` where one still is afterwards. */
export async function removeObjects(
  client: StorageClient,
  transport: StorageTransport,
  bucket: string,
  names: readonly string[],
): Promise<void> {
  for (let at = 0; at < names.length; at += batchSize) {
    const { error } = await client.from(encodeBucket(bucket)).remove(names.slice(at, at + batchSize));
    if (error !== null) {
      throw clientError(error, `Objects of "${bucket}" could not be deleted`, "Objects could not be deleted");
    }
  }
  const left =
    names.length <= mostLookups
      ? await leftByLookup(transport, bucket, names)
      : await leftByListing(client, transport, bucket, names);
  if (left === 0) return;
  throw new LifeboatError(
    "storage-remove-unproven",
    `${left} of ${names.length} objects are still there after the Storage API deleted them.`,
  );
}

async function leftByLookup(
  transport: StorageTransport,
  bucket: string,
  names: readonly string[],
): Promise<number> {
  let left = 0;
  for (let at = 0; at < names.length; at += lookupsAtOnce) {
    const batch = names.slice(at, at + lookupsAtOnce);
    const found = await Promise.all(batch.map((name) => objectInfo(transport, bucket, name)));
    left += found.filter((info) => info !== undefined).length;
  }
  return left;
}

async function leftByListing(
  client: StorageClient,
  transport: StorageTransport,
  bucket: string,
  names: readonly string[],
): Promise<number> {
  const gone = new Set(names);
  const listing = listObjects(client, transport, bucket, commonPrefix(names));
  let left = 0;
  for await (const { name } of listing.objects) if (gone.has(name)) left += 1;
  // A walk does not see every key.
  return listing.how() === "list-walk" ? leftByLookup(transport, bucket, names) : left;
}

function commonPrefix(names: readonly string[]): string {
  let prefix = names[0] ?? "";
  for (const name of names) while (!name.startsWith(prefix)) prefix = prefix.slice(0, -1);
  return prefix;
}
