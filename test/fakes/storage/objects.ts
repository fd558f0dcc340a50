/** Reading and deleting objects. */
import { ApiError, errors, type Exchange, readJson, sendJson } from "./answers.ts";
import type { Blob } from "./blobs.ts";
import type { ObjectRow, Rows } from "./rows.ts";
import { checkKey } from "./rules.ts";

export interface ObjectContext {
  readonly rows: Rows;
  /** By version. */
  readonly blobs: Map<string, Blob>;
  readonly counters: { bytesServed: number; bytesReceived: number };
  /** Whether If-Match and If-Range count, as a proxy in front may make them; the Storage API itself ignores both. */
  readonly honoursIfMatch: boolean;
  /** How a body is answered whose bytes are gone: 500 is the file backend's, 404 that of S3. */
  readonly bytesGone: 500 | 404;
  /** Whether keys that no upload may have are served where rows have them. */
  readonly readsOddKeys: boolean;
}

export async function findObject(
  { role }: Pick<Exchange, "role">,
  { rows, readsOddKeys }: Pick<ObjectContext, "rows" | "readsOddKeys">,
  bucketId: string,
  key: string,
): Promise<ObjectRow> {
  // Reads refuse such keys as uploads do, whatever the rows hold.
  if (!readsOddKeys) checkKey(key);
  const bucket = await rows.bucket(bucketId);
  // Whoever may not see it is told that there is no bucket.
  if (bucket === undefined || (role === "none" && !bucket.public)) throw errors.noSuchBucket();
  const row = role === "service_role" || bucket.public ? await rows.object(bucketId, key) : undefined;
  if (row === undefined) throw errors.noSuchKey();
  return row;
}

export async function info(
  exchange: Exchange,
  context: ObjectContext,
  bucket: string,
  key: string,
): Promise<void> {
  const row = await findObject(exchange, context, bucket, key);
  const metadata = row.metadata ?? {};
  const size = Number(metadata["size"] ?? metadata["contentLength"]);
  sendJson(exchange.response, 200, {
    id: row.id,
    name: row.name,
    version: row.version,
    bucket_id: bucket,
    size: Number.isFinite(size) ? size : null,
    content_type: metadata["mimetype"] ?? null,
    cache_control: metadata["cacheControl"] ?? null,
    etag: metadata["eTag"] ?? null,
    metadata: row.user_metadata,
    last_modified: row.updated_at,
    created_at: row.created_at,
  });
}

export async function download(
  exchange: Exchange,
  context: ObjectContext,
  bucket: string,
  key: string,
): Promise<void> {
  const { request, response, effect } = exchange;
  const row = await findObject(exchange, context, bucket, key);
  const blob = context.blobs.get(row.version ?? "");
  if (blob === undefined && exchange.method === "HEAD") {
    // Answered from the row.
    response.writeHead(200, { etag: textOf(row.metadata?.["eTag"]) }).end();
    return;
  }
  if (blob === undefined) throw context.bytesGone === 404 ? errors.noSuchKey() : errors.internal();
  const etag = effect?.kind === "wrong-etag" ? '"00000000000000000000000000000000"' : blob.etag();
  if (request.headers["if-none-match"] === etag) {
    response.writeHead(304).end();
    return;
  }
  const ifMatch = context.honoursIfMatch ? request.headers["if-match"] : undefined;
  if (ifMatch !== undefined && ifMatch !== etag)
    throw new ApiError(412, "PreconditionFailed", "Precondition failed", undefined, 412);
  const ifRange = context.honoursIfMatch ? request.headers["if-range"] : undefined;
  const asked = ifRange !== undefined && ifRange !== etag ? undefined : request.headers.range;
  const range = asked === undefined ? undefined : parseRange(asked, blob.size);
  const [start, end] = range ?? [0, blob.size];
  const metadata = row.metadata ?? {};
  const type = typeof metadata["mimetype"] === "string" ? metadata["mimetype"] : "application/octet-stream";
  const chunked = effect?.kind === "chunked" || (effect?.kind === "short" && effect.framing === "chunked");
  response.writeHead(range === undefined ? 200 : 206, {
    "accept-ranges": "bytes",
    "content-type": type.includes("text/html") ? "text/plain" : type,
    etag,
    "cache-control": typeof metadata["cacheControl"] === "string" ? metadata["cacheControl"] : "no-cache",
    "last-modified": new Date(row.updated_at).toUTCString(),
    "x-robots-tag": "none",
    ...(chunked ? {} : { "content-length": String(end - start) }),
    ...(range === undefined ? {} : { "content-range": `bytes ${start}-${end - 1}/${blob.size}` }),
  });
  if (exchange.method === "HEAD") {
    response.end();
    return;
  }
  await sendBody(exchange, context, blob.read(start, end));
}

/** Whether a first byte is asked for, to see whether there are any. */
export function isProbe({ headers }: Pick<Exchange["request"], "headers">): boolean {
  return headers.range === "bytes=0-0";
}

async function sendBody(
  { request, response, effect }: Exchange,
  { counters }: ObjectContext,
  bytes: AsyncIterable<Uint8Array>,
): Promise<void> {
  const cut = effect !== undefined && "after" in effect ? effect.after : Number.POSITIVE_INFINITY;
  let sent = 0;
  const stopped = async (): Promise<void> => {
    if (effect?.kind === "stall") return;
    if (effect?.kind === "short") {
      // With a Content-Length that promises more, the connection ends politely where bytes are missing.
      if (effect.framing === "chunked") response.end();
      else response.socket?.end();
      return;
    }
    // What was written must reach the wire before the reset does.
    await new Promise((resolve) => setTimeout(resolve, 20));
    response.socket?.resetAndDestroy();
  };
  response.flushHeaders();
  for await (const chunk of bytes) {
    if (response.destroyed) return;
    const part = chunk.subarray(0, cut - sent);
    sent += part.length;
    if (!isProbe(request)) counters.bytesServed += part.length;
    if (part.length > 0 && !response.write(part)) await drained(response);
    if (sent >= cut) return stopped();
  }
  response.end();
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : "";
}

function drained(response: Exchange["response"]): Promise<void> {
  return new Promise((resolve) => {
    const settle = (): void => {
      response.off("drain", settle).off("close", settle);
      resolve();
    };
    response.on("drain", settle).on("close", settle);
  });
}

function parseRange(header: string, size: number): [start: number, end: number] {
  const match = /^bytes=(\d*)-(\d*)$/.exec(header);
  const invalid = new ApiError(416, "InvalidRange", "invalid range provided", "invalid_range", 416);
  if (match === null || (match[1] === "" && match[2] === "")) throw invalid;
  if (match[1] === "") return [Math.max(0, size - Number(match[2])), size];
  const start = Number(match[1]);
  const end = match[2] === "" ? size : Math.min(size, Number(match[2]) + 1);
  if (start >= size || end <= start) throw invalid;
  return [start, end];
}

/** `DELETE /object/{bucket}` with a list of keys: what is not there, or may not be seen, is left out of the answer. */
export async function removeMany(exchange: Exchange, context: ObjectContext, bucket: string): Promise<void> {
  const body = await readJson(exchange.request);
  const keys = body["prefixes"];
  if (!Array.isArray(keys) || keys.length === 0)
    throw errors.invalidRequest("body/prefixes must NOT have fewer than 1 items");
  if (keys.length > 1000)
    throw errors.invalidRequest("Bulk object requests are limited to 1000 objects per request.");
  const gone = exchange.role === "service_role" ? await context.rows.remove(bucket, keys as string[]) : [];
  await discardBlobs(context, gone);
  sendJson(
    exchange.response,
    200,
    gone.map((row) => ({ ...row, bucket_id: bucket })),
  );
}

export async function removeOne(
  exchange: Exchange,
  context: ObjectContext,
  bucket: string,
  key: string,
): Promise<void> {
  await findObject(exchange, context, bucket, key);
  if (exchange.role !== "service_role") throw errors.accessDenied();
  await discardBlobs(context, await context.rows.remove(bucket, [key]));
  sendJson(exchange.response, 200, { message: "Successfully deleted" });
}

async function discardBlobs({ blobs }: ObjectContext, rows: readonly ObjectRow[]): Promise<void> {
  for (const { version } of rows) {
    await blobs.get(version ?? "")?.discard();
    blobs.delete(version ?? "");
  }
}
