/** `/bucket` routes. */
import { errors, type Exchange, readJson, sendJson } from "./answers.ts";
import type { BucketRow, Rows } from "./rows.ts";
import { checkBucketName, fileSizeLimit } from "./rules.ts";

export interface BucketSettings {
  /** Emptying is asynchronous: nothing happens before a test calls `runQueue`. */
  readonly queue: (() => Promise<void>)[];
  readonly now: () => Date;
}

export async function bucketRoute(
  exchange: Exchange,
  segments: readonly string[],
  rows: Rows,
  settings: BucketSettings,
): Promise<void> {
  const { method, response } = exchange;
  const [id, action] = segments;
  if (id === undefined || id === "") {
    if (method === "GET") return listBuckets(exchange, rows);
    if (method === "POST") return createBucket(exchange, rows);
  } else if (action === "empty" && method === "POST") {
    await findBucket(exchange, rows, id);
    const before = settings.now().toISOString();
    settings.queue.push(async () => {
      const old = (await rows.ignoringCase(id, "")).filter((row) => row.created_at <= before);
      await rows.remove(
        id,
        old.map((row) => row.name),
      );
    });
    sendJson(response, 200, {
      message: "Empty bucket has been queued. Completion may take up to an hour.",
    });
    return;
  } else if (action === undefined) {
    const bucket = await findBucket(exchange, rows, id);
    if (method === "GET") {
      // `type` is in the list only.
      sendJson(response, 200, { ...bucket, type: undefined });
      return;
    }
    if (method === "PUT") return updateBucket(exchange, rows, id);
    if (method === "DELETE") {
      if ((await rows.page(id, "", undefined, 1)).length > 0) throw errors.bucketNotEmpty();
      await rows.removeBucket(id);
      sendJson(response, 200, { message: "Successfully deleted" });
      return;
    }
  }
  notFound(exchange);
}

export function notFound({ method, path, response }: Exchange): void {
  sendJson(response, 404, {
    message: `Route ${method}:${path} not found`,
    error: "Not Found",
    statusCode: "404",
  });
}

export async function findBucket(
  exchange: Pick<Exchange, "role">,
  rows: Rows,
  id: string,
): Promise<BucketRow> {
  const bucket = exchange.role === "service_role" ? await rows.bucket(id) : undefined;
  if (bucket === undefined) throw errors.noSuchBucket();
  return bucket;
}

async function listBuckets({ query, response, role }: Exchange, rows: Rows): Promise<void> {
  const limit = Number(query.get("limit") ?? Number.POSITIVE_INFINITY);
  const offset = Number(query.get("offset") ?? 0);
  const search = query.get("search");
  const column = (query.get("sortColumn") ?? "id") as "id" | "name" | "created_at" | "updated_at";
  const all = role === "service_role" ? [...(await rows.buckets())] : [];
  all.sort((one, other) => (one[column] < other[column] ? -1 : one[column] > other[column] ? 1 : 0));
  if (query.get("sortOrder") === "desc") all.reverse();
  const wanted = search === null ? all : all.filter((bucket) => bucket.name.includes(search));
  sendJson(response, 200, wanted.slice(offset, offset + limit));
}

async function createBucket({ request, response, role }: Exchange, rows: Rows): Promise<void> {
  const body = await readJson(request);
  const name = body["name"];
  if (typeof name !== "string") throw errors.invalidRequest("body must have required property 'name'");
  checkBucketName(name);
  if (role !== "service_role") throw errors.accessDenied();
  const added = await rows.addBucket({
    id: typeof body["id"] === "string" && body["id"] !== "" ? body["id"] : name,
    name,
    public: body["public"] === true,
    file_size_limit: fileSizeLimit(body["file_size_limit"]) ?? null,
    allowed_mime_types: mimeTypes(body["allowed_mime_types"]) ?? null,
    type: typeof body["type"] === "string" ? body["type"] : "STANDARD",
  });
  if (!added) throw errors.bucketExists();
  sendJson(response, 200, { name });
}

async function updateBucket({ request, response }: Exchange, rows: Rows, id: string): Promise<void> {
  const body = await readJson(request);
  const limit = fileSizeLimit(body["file_size_limit"]);
  const types = mimeTypes(body["allowed_mime_types"]);
  await rows.changeBucket(id, {
    ...(typeof body["public"] === "boolean" ? { public: body["public"] } : {}),
    ...(limit === undefined ? {} : { file_size_limit: limit }),
    ...(types === undefined ? {} : { allowed_mime_types: types }),
  });
  sendJson(response, 200, { message: "Successfully updated" });
}

function mimeTypes(value: unknown): readonly string[] | null | undefined {
  if (value === undefined || value === null) return value;
  return (value as string[]).filter((type) => type !== "");
}
