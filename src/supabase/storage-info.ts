/** One object's row by the Storage API: what listings leave out, and whether it is there at all. */
import { z } from "zod";
import { LifeboatError } from "../errors.ts";
import type { InventoryObject } from "../storage/objects.ts";
import { failureError, isMissingObject, parseFailure } from "./storage-failures.ts";
import { sizeOf, text } from "./storage-metadata.ts";
import { objectPath } from "./storage-paths.ts";
import type { StorageTransport } from "./storage-transport.ts";

const infoSchema = z.looseObject({
  id: z.string(),
  version: z.string().nullish(),
  size: z.union([z.number(), z.string()]).nullish(),
  content_type: z.string().nullish(),
  cache_control: z.string().nullish(),
  etag: z.string().nullish(),
  metadata: z.record(z.string(), z.unknown()).nullish(),
  last_modified: z.string().nullish(),
  created_at: z.string().nullish(),
});

/** undefined: there is no such object. Throws `storage-bucket-missing` where there is no such bucket. */
export async function objectInfo(
  transport: StorageTransport,
  bucket: string,
  name: string,
): Promise<InventoryObject | undefined> {
  const path = objectPath("object/info", bucket, name);
  const { status, bytes } = await transport.whole({ method: "GET", path });
  const body = bytes.toString("utf8");
  if (status >= 400) {
    const failure = parseFailure(status, body);
    if (isMissingObject(failure)) return undefined;
    throw failureError(
      failure,
      `"${bucket}/${name}" could not be looked up`,
      "An object could not be looked up",
    );
  }
  const parsed = infoSchema.safeParse(JSON.parse(body));
  if (!parsed.success) throw strangeAnswer("about an object", parsed.error);
  const info = parsed.data;
  const size = sizeOf(info.size);
  return {
    bucket,
    name,
    id: info.id,
    ...text("version", info.version),
    ...(size === undefined ? {} : { size }),
    ...text("etag", info.etag),
    ...text("contentType", info.content_type),
    ...text("cacheControl", info.cache_control),
    userMetadata: info.metadata ?? null,
    ...text("createdAt", info.created_at),
    ...text("updatedAt", info.last_modified),
  };
}

/** An answer that is not of the agreed shape; its details may hold names. */
export function strangeAnswer(about: string, cause: Error): LifeboatError {
  return new LifeboatError(
    "storage-request-refused",
    `The Storage API's answer ${about} is not as expected: is the URL a Supabase project's?`,
    { inside: cause.message },
  );
}
