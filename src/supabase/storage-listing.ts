/** A bucket's objects, complete and in order, or an error: never a short list. */
import type { StorageClient } from "@supabase/storage-js";
import { z } from "zod";
import { compareUtf8, type InventoryObject } from "../storage/objects.ts";
import { clientError, failureOf, requireBucket } from "./storage-buckets.ts";
import { isUnknownRoute, isUploadRoute, listFailed } from "./storage-failures.ts";
import { fromMetadata, metadataSchema, text } from "./storage-metadata.ts";
import { encodeBucket } from "./storage-paths.ts";
import type { StorageTransport } from "./storage-transport.ts";
import { walkBucket } from "./storage-walk.ts";

export type HowListed = "list-v2" | "list-walk";

export interface ObjectListing {
  /** Known once the first object, or the end, has come. `list-walk`: the server is too old for list-v2. */
  readonly how: () => HowListed;
  /** One sentence about what this way of listing cannot see, without names; undefined: it sees everything. */
  readonly unseen: () => string | undefined;
  /**
   * Strictly ascending by `compareUtf8` of the name. Throws `storage-list-failed`, `storage-bucket-missing`,
   * `storage-temporary`. list-v2 tells neither version nor user metadata; a walk does, by one more request an object.
   */
  readonly objects: AsyncIterable<InventoryObject>;
}

const pageSize = 1000;

const objectSchema = z.looseObject({
  name: z.string(),
  key: z.string().nullish(),
  id: z.string(),
  version: z.string().nullish(),
  metadata: metadataSchema.optional(),
  created_at: z.string().nullish(),
  updated_at: z.string().nullish(),
  last_accessed_at: z.string().nullish(),
});

const pageSchema = z.looseObject({
  hasNext: z.boolean(),
  nextCursor: z.string().nullish(),
  objects: z.array(objectSchema),
});

const unseenByWalk =
  "The server has no list-v2, so folders were walked: objects whose key begins or ends with a slash or holds two in a " +
  "row are not seen.";

export function listObjects(
  client: StorageClient,
  transport: StorageTransport,
  bucket: string,
  prefix = "",
): ObjectListing {
  let how: HowListed = "list-v2";
  async function* objects(): AsyncGenerator<InventoryObject, void, undefined> {
    let count = 0;
    try {
      for await (const object of inOrder(listV2(client, bucket, prefix), prefix)) {
        count += 1;
        yield object;
      }
    } catch (thrown) {
      if (!(thrown instanceof NoListV2)) throw thrown;
      how = "list-walk";
      for await (const object of inOrder(walkBucket(client, transport, bucket, prefix), prefix)) {
        count += 1;
        yield object;
      }
    }
    if (count === 0) await requireBucket(client, bucket);
  }
  return {
    how: () => how,
    unseen: () => (how === "list-walk" ? unseenByWalk : undefined),
    objects: { [Symbol.asyncIterator]: objects },
  };
}

/** The server has no list-v2. Never leaves this file. */
class NoListV2 extends Error {}

async function* listV2(
  client: StorageClient,
  bucket: string,
  prefix: string,
): AsyncGenerator<InventoryObject, void, undefined> {
  const from = client.from(encodeBucket(bucket));
  const ask = (cursor: string | undefined): ReturnType<typeof from.listV2> => {
    const asked = from.listV2({
      limit: pageSize,
      ...(prefix === "" ? {} : { prefix }),
      ...(cursor === undefined ? {} : { cursor }),
    });
    // It is awaited once the page before is consumed, or never, where the consumer has stopped.
    asked.catch(() => {});
    return asked;
  };
  let cursor: string | undefined;
  let asked = ask(cursor);
  for (;;) {
    const { data, error } = await asked;
    if (error !== null) {
      const failure = failureOf(error);
      const isAbsent = failure !== undefined && (isUnknownRoute(failure) || isUploadRoute(failure));
      if (cursor === undefined && isAbsent) throw new NoListV2();
      throw clientError(error, `The bucket "${bucket}" could not be listed`, "A bucket could not be listed");
    }
    const page = pageSchema.safeParse(data);
    if (!page.success) throw listFailed("a page is not as expected", page.error);
    const { hasNext, nextCursor, objects } = page.data;
    const more = hasNext && typeof nextCursor === "string" && nextCursor !== cursor && objects.length > 0;
    // The next page is on its way while this one is compared: a request's latency would otherwise count a thousand times.
    if (more) asked = ask(nextCursor);
    for (const row of objects) yield objectOf(bucket, row);
    if (!hasNext) return;
    if (!more) throw listFailed("the server said that there is more, and not where");
    cursor = nextCursor;
  }
}

function objectOf(bucket: string, row: z.infer<typeof objectSchema>): InventoryObject {
  return {
    bucket,
    name: row.key ?? row.name,
    id: row.id,
    ...text("version", row.version),
    ...fromMetadata(row.metadata),
    ...text("createdAt", row.created_at),
    ...text("updatedAt", row.updated_at),
    ...text("lastAccessedAt", row.last_accessed_at),
  };
}

/** A page lost, repeated or of other objects shows in the order. */
async function* inOrder(
  objects: AsyncIterable<InventoryObject>,
  prefix: string,
): AsyncGenerator<InventoryObject, void, undefined> {
  let last: string | undefined;
  for await (const object of objects) {
    if (!object.name.startsWith(prefix)) throw listFailed("it holds objects that were not asked for");
    if (last !== undefined && compareUtf8(last, object.name) >= 0) throw listFailed("it is not in order");
    last = object.name;
    yield object;
  }
}
