/** `POST /object/list/…` and `/object/list-v2/…`: what they find, what they miss, and in which order. */
import { errors, type Exchange, readJson, sendJson } from "./answers.ts";
import type { ObjectRow, Rows } from "./rows.ts";

const largestList = 1500;
const largestListV2 = 1000;
type SortColumn = "name" | "updated_at" | "created_at" | "last_accessed_at";

interface Listed {
  readonly name: string;
  readonly id: string | null;
  readonly updated_at: string | null;
  readonly created_at: string | null;
  readonly last_accessed_at: string | null;
  readonly metadata: unknown;
}

/** One level; relative names; case of the prefix ignored, so that `Foo/` and `foo/` are one folder. */
export async function list(exchange: Exchange, bucket: string, rows: Rows): Promise<void> {
  const body = await readJson(exchange.request);
  if (typeof body["prefix"] !== "string")
    throw errors.invalidRequest("body must have required property 'prefix'");
  const limit = Math.min(Number(body["limit"] ?? 100), largestList);
  const offset = Number(body["offset"] ?? 0);
  const sortBy = (body["sortBy"] ?? {}) as { column?: SortColumn; order?: string };
  const prefix =
    body["prefix"] === "" || body["prefix"].endsWith("/") ? body["prefix"] : `${body["prefix"]}/`;
  const search = typeof body["search"] === "string" ? body["search"] : "";
  // Row level security: without the service role there is nothing to see, and no error either.
  const found = exchange.role === "service_role" ? await rows.ignoringCase(bucket, prefix + search) : [];
  const entries = oneLevel(found, prefix.length);
  const column = sortBy.column ?? "name";
  if (column !== "name") {
    const by = (entry: Listed): string => entry[column] ?? "";
    entries.sort((one, other) => (by(one) < by(other) ? -1 : by(one) > by(other) ? 1 : 0));
  }
  if (sortBy.order === "desc") entries.reverse();
  sendJson(exchange.response, 200, entries.slice(offset, offset + limit));
}

function oneLevel(found: readonly ObjectRow[], prefixLength: number): Listed[] {
  const entries: Listed[] = [];
  const folders = new Set<string>();
  for (const row of found) {
    const relative = row.name.slice(prefixLength);
    const slash = relative.indexOf("/");
    // Keys with an empty segment: a leading or trailing slash, `//`.
    if (relative === "" || slash === 0) continue;
    if (slash < 0) {
      entries.push({ ...listed(row), name: relative });
      continue;
    }
    const folder = relative.slice(0, slash);
    if (folders.has(folder.toLowerCase())) continue;
    folders.add(folder.toLowerCase());
    entries.push({
      name: folder,
      id: null,
      updated_at: null,
      created_at: null,
      last_accessed_at: null,
      metadata: null,
    });
  }
  return entries;
}

/** Full keys in the order of COLLATE "C"; with `with_delimiter` one level of them. */
export async function listV2(exchange: Exchange, bucket: string, rows: Rows): Promise<void> {
  const body = await readJson(exchange.request);
  const limit = Math.min(Number(body["limit"] ?? largestListV2), largestListV2);
  if (!Number.isInteger(limit) || limit < 1) throw errors.invalidRequest("body/limit must be >= 1");
  const prefix = typeof body["prefix"] === "string" ? body["prefix"] : "";
  const cursor = typeof body["cursor"] === "string" ? body["cursor"] : undefined;
  const after = cursor === undefined ? undefined : decodeCursor(cursor);
  const objects: Listed[] = [];
  const folders: { name: string }[] = [];
  let last: string | undefined;
  let more = false;
  const visible = exchange.role === "service_role" || exchange.role === "anon";
  for await (const row of rowsAfter(rows, bucket, prefix, after, limit + 1)) {
    if (!visible || exchange.role === "anon") break;
    const slash = body["with_delimiter"] === true ? row.name.indexOf("/", prefix.length) : -1;
    const folder = slash < 0 ? undefined : row.name.slice(0, slash + 1);
    if (folder !== undefined && folders.at(-1)?.name === folder) continue;
    if (folder !== undefined && after !== undefined && after.startsWith(folder)) continue;
    if (objects.length + folders.length === limit) {
      more = true;
      break;
    }
    if (folder === undefined) objects.push(listed(row));
    else folders.push({ name: folder });
    last = folder ?? row.name;
  }
  sendJson(exchange.response, 200, {
    hasNext: more,
    ...(more && last !== undefined ? { nextCursor: encodeCursor(last), nextCursorKey: last } : {}),
    folders,
    objects,
  });
}

async function* rowsAfter(
  rows: Rows,
  bucket: string,
  prefix: string,
  after: string | undefined,
  pageSize: number,
): AsyncGenerator<ObjectRow, void, undefined> {
  let from = after;
  for (;;) {
    const page = await rows.page(bucket, prefix, from, pageSize);
    yield* page;
    if (page.length < pageSize) return;
    from = page.at(-1)!.name;
  }
}

function listed(row: ObjectRow): Listed {
  const { id, name, updated_at, created_at, last_accessed_at, metadata } = row;
  return { id, name, updated_at, created_at, last_accessed_at, metadata };
}

function encodeCursor(name: string): string {
  return Buffer.from(`l:${name}\no:asc\nc:name`).toString("base64");
}

function decodeCursor(cursor: string): string {
  const name = /^l:(.*)\no:asc/s.exec(Buffer.from(cursor, "base64").toString("utf8"))?.[1];
  if (name === undefined) throw errors.invalidRequest("Invalid cursor");
  return name;
}
