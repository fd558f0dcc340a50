/** `POST` and `PUT /object/{bucket}/{key}`: a raw body or a multipart form. */
import { randomUUID } from "node:crypto";
import { errors, type Exchange, sendJson } from "./answers.ts";
import { type Blob, BlobKeeper } from "./blobs.ts";
import { readForm } from "./form.ts";
import type { ObjectContext } from "./objects.ts";
import type { BucketRow, ObjectRow } from "./rows.ts";
import { checkKey, checkMimeType, largestSize } from "./rules.ts";

export interface UploadContext extends ObjectContext {
  readonly keeper: BlobKeeper;
  readonly fileSizeLimit: number;
  readonly now: () => Date;
}

export async function upload(
  exchange: Exchange,
  context: UploadContext,
  bucketId: string,
  key: string,
): Promise<void> {
  const { request, response, method } = exchange;
  checkKey(key);
  if (exchange.role !== "service_role") throw errors.accessDenied();
  const bucket = await context.rows.bucket(bucketId);
  if (bucket === undefined) throw errors.noSuchBucket();
  const upsert = method === "PUT" || request.headers["x-upsert"] === "true";
  if (!upsert && (await context.rows.object(bucketId, key)) !== undefined) throw errors.keyExists();
  const limit = largestSize(bucket, key, context.fileSizeLimit);
  const bytes = arriving(exchange, context);
  const contentType = request.headers["content-type"] ?? "application/octet-stream";
  const form = contentType.startsWith("multipart/form-data")
    ? await readForm(contentType, bytes, limit)
    : undefined;
  const type = form?.contentType ?? contentType;
  checkMimeType(bucket, key, type);
  const version = randomUUID();
  const known = form === undefined && request.headers["content-length"] !== undefined;
  const blob = await context.keeper.keep(version, form?.file ?? bytes, {
    limit,
    tooLong: errors.tooLarge,
    // A length that is not known beforehand is streamed in parts of 16 MiB.
    parts: known ? undefined : 1,
  });
  if (known && blob.size !== Number(request.headers["content-length"])) {
    await blob.discard();
    throw errors.internal("Request stream closed before upload could complete");
  }
  const row = await storeObject(context, bucket, key, {
    blob,
    version,
    type,
    cacheControl: form === undefined ? (request.headers["cache-control"] ?? "no-cache") : form.cacheControl,
    userMetadata: { ...(form === undefined ? headerMetadata(request.headers["x-metadata"]) : form.metadata) },
    xRobotsTag: request.headers["x-robots-tag"] as string | undefined,
  });
  sendJson(response, 200, { Id: row.id, Key: `${bucketId}/${key}` });
}

interface Stored {
  readonly blob: Blob;
  readonly version: string;
  readonly type: string;
  readonly cacheControl: string;
  readonly userMetadata: Readonly<Record<string, unknown>> | null;
  readonly xRobotsTag: string | undefined;
}

export async function storeObject(
  { rows, blobs, now }: UploadContext,
  bucket: BucketRow,
  key: string,
  { blob, version, type, cacheControl, userMetadata, xRobotsTag }: Stored,
): Promise<ObjectRow> {
  blobs.set(version, blob);
  const before = await rows.object(bucket.id, key);
  const row = await rows.upsert(bucket.id, {
    name: key,
    version,
    metadata: {
      eTag: blob.etag(),
      size: blob.size,
      mimetype: type,
      cacheControl,
      lastModified: now().toISOString(),
      contentLength: blob.size,
      httpStatusCode: 200,
      ...(xRobotsTag === undefined ? {} : { xRobotsTag }),
    },
    userMetadata,
  });
  if (before !== undefined) {
    await blobs.get(before.version ?? "")?.discard();
    blobs.delete(before.version ?? "");
  }
  return row;
}

/** The request's bytes, counted; breaks the connection where a test asked for it. */
export async function* arriving(
  { request, effect }: Exchange,
  { counters }: Pick<ObjectContext, "counters">,
): AsyncGenerator<Uint8Array, void, undefined> {
  let read = 0;
  for await (const chunk of request) {
    const bytes = chunk as Buffer;
    const kept = effect?.kind === "reset" ? bytes.subarray(0, effect.after - read) : bytes;
    read += kept.length;
    counters.bytesReceived += kept.length;
    if (kept.length > 0) yield kept;
    if (kept.length < bytes.length) {
      request.socket.resetAndDestroy();
      throw new Error("reset by the test");
    }
  }
}

function headerMetadata(header: string | string[] | undefined): Record<string, unknown> | undefined {
  if (typeof header !== "string") return undefined;
  try {
    return JSON.parse(Buffer.from(header, "base64").toString("utf8")) as Record<string, unknown>;
  } catch {
    return undefined;
  }
}
