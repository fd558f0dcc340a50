/**
 * A Supabase Storage API on 127.0.0.1, behind its gateway, that speaks the real routes over HTTP. It serves the test's
 * own process, and by `serve.ts` others.
 */
import { randomUUID } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { ApiError, errors, type Exchange, sendJson } from "./answers.ts";
import { type Blob, BlobKeeper, seededBlob } from "./blobs.ts";
import { bucketRoute, notFound } from "./buckets.ts";
import { Faults } from "./faults.ts";
import { list, listV2 } from "./listing.ts";
import { download, info, isProbe, removeMany, removeOne } from "./objects.ts";
import { Resumables } from "./resumable.ts";
import { type BucketRow, memoryRows, type ObjectRow, type Rows } from "./rows.ts";
import { type Keys, makeKeys, roleOf } from "./rules.ts";
import { storeObject, upload, type UploadContext } from "./uploads.ts";

export { seededBytes } from "./blobs.ts";
export type { Effect, Fault } from "./faults.ts";
export type { BucketRow, ObjectRow, Rows } from "./rows.ts";

export interface StorageServerOptions {
  /** Default: rows in memory. `postgresRows` keeps them in a database. */
  readonly rows?: Rows;
  /** Where uploaded bytes are kept. Default: in memory. */
  readonly folder?: string;
  readonly port?: number;
  readonly now?: () => Date;
  /** Milliseconds before each answer. */
  readonly latencyMs?: number;
  /** The project's largest file. Default 50 GB. */
  readonly fileSizeLimit?: number;
  /** Default true; before 1.19 the request is an upload into a bucket `list-v2`, and errors carry no code. */
  readonly hasListV2?: boolean;
  /** Default 500, the file backend's answer where bytes are gone; S3's is 404. */
  readonly bytesGone?: 500 | 404;
  /** Default false, as all servers since 2022: for snapshots of before, which may have such keys. */
  readonly readsOddKeys?: boolean;
  /** Both keys are the same for all, unless a test must tell its own from others'. */
  readonly jwtSecret?: string;
  readonly secretKey?: string;
  /** Default true; self-hosted stacks may know legacy keys only. */
  readonly knowsSecretKeys?: boolean;
  /** Default false, as the Storage API. */
  readonly honoursIfMatch?: boolean;
  /** Default 24 h. */
  readonly uploadExpiryMs?: number;
}

export interface SeededObject {
  readonly name: string;
  readonly size: number;
  /** Default: the name. Bytes depend on it alone: `seededBytes(seed, 0, size)`. */
  readonly seed?: string;
  readonly contentType?: string;
  readonly cacheControl?: string;
  readonly userMetadata?: Readonly<Record<string, unknown>> | null;
}

export type Route =
  | "bucket"
  | "list"
  | "list-v2"
  | "info"
  | "download"
  /** A download of one byte, which proves that there are any. */
  | "probe"
  | "upload"
  | "remove"
  | "resumable-create"
  | "resumable-patch"
  | "resumable-head"
  | "other";

export interface StorageServer extends AsyncDisposable, Keys {
  /** `http://127.0.0.1:port`, as a project's URL. */
  readonly url: string;
  readonly rows: Rows;
  readonly blobs: Map<string, Blob>;
  readonly faults: Faults;
  readonly counters: { bytesServed: number; bytesReceived: number; readonly requests: Record<Route, number> };
  readonly resumables: Resumables;
  latencyMs: number;
  /** The most requests that were under way at once. */
  readonly mostAtOnce: number;
  resetCounters(): void;
  addBucket(id: string, settings?: Partial<BucketRow>): Promise<void>;
  /** An object without an upload; keys that the API refuses may be given too, as old projects have them. */
  addObject(bucket: string, object: SeededObject): Promise<ObjectRow>;
  /** Does what `emptyBucket` only queues. */
  runQueue(): Promise<void>;
  close(): Promise<void>;
}

export async function startStorageServer(options: StorageServerOptions = {}): Promise<StorageServer> {
  const now = options.now ?? ((): Date => new Date());
  const rows = options.rows ?? memoryRows(now);
  const keys = makeKeys(
    options.jwtSecret ?? "standin-jwt-secret-with-at-least-32-characters",
    options.secretKey,
  );
  const counters = { bytesServed: 0, bytesReceived: 0, requests: noRequests() };
  const context: UploadContext = {
    rows,
    blobs: new Map(),
    counters,
    honoursIfMatch: options.honoursIfMatch ?? false,
    bytesGone: options.bytesGone ?? 500,
    readsOddKeys: options.readsOddKeys ?? false,
    keeper: new BlobKeeper(options.folder),
    fileSizeLimit: options.fileSizeLimit ?? 50 * 1024 ** 3,
    now,
  };
  const resumables = new Resumables(context, options.uploadExpiryMs ?? 24 * 3_600_000);
  const queue: (() => Promise<void>)[] = [];
  const faults = new Faults();
  const load = { now: 0, most: 0 };
  const settings = { latencyMs: options.latencyMs ?? 0 };

  const dispatch = async (exchange: Exchange): Promise<void> => {
    const { method, path, request } = exchange;
    const [area, ...rest] = path.split("/");
    const decoded = rest.map(decode);
    const route = routeOf(method, area, decoded);
    counters.requests[route === "download" && isProbe(request) ? "probe" : route] += 1;
    const isRead = method === "GET" || method === "HEAD";
    if (exchange.role === "none" && !(isRead && area !== "bucket")) {
      throw errors.invalidRequest("headers must have required property 'authorization'");
    }
    if (area === "bucket") return bucketRoute(exchange, decoded, rows, { queue, now });
    if (area === "upload" && decoded[0] === "resumable") return resumables.route(exchange, rest[1] ?? "");
    if (area !== "object") {
      notFound(exchange);
      return;
    }
    const [first = "", second = ""] = decoded;
    const keyFrom = (index: number): string => decode(rest.slice(index).join("/"));
    if (method === "POST" && first === "list" && rest.length === 2) return list(exchange, second, rows);
    if (method === "POST" && first === "list-v2" && rest.length === 2) {
      if (options.hasListV2 !== false) return listV2(exchange, second, rows);
      request.resume();
      throw errors.noSuchBucket();
    }
    if (isRead && first === "info") {
      return second === "authenticated"
        ? info(exchange, context, decoded[2] ?? "", keyFrom(3))
        : info(exchange, context, second, keyFrom(2));
    }
    if (isRead) {
      return first === "authenticated" || first === "public"
        ? download(exchange, context, second, keyFrom(2))
        : download(exchange, context, first, keyFrom(1));
    }
    if (method === "POST" || method === "PUT") return upload(exchange, context, first, keyFrom(1));
    if (method === "DELETE") {
      return rest.length === 1
        ? removeMany(exchange, context, first)
        : removeOne(exchange, context, first, keyFrom(1));
    }
    request.resume();
    notFound(exchange);
  };

  const server = createServer((request, response) => {
    load.now += 1;
    load.most = Math.max(load.most, load.now);
    response.once("close", () => (load.now -= 1));
    answer(request, response, { keys, options, faults, latencyMs: settings.latencyMs, dispatch }).catch(
      (error: unknown) => {
        if (response.headersSent || response.destroyed) response.destroy();
        else if (error instanceof ApiError)
          sendJson(response, error.httpStatus, wordsOf(error, options), { connection: "close" });
        else
          sendJson(
            response,
            500,
            { statusCode: "500", error: "Internal", message: String(error), code: "InternalError" },
            { connection: "close" },
          );
      },
    );
  });
  await new Promise<void>((resolve) => server.listen(options.port ?? 0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  let closed: Promise<void> | undefined;
  const close = (): Promise<void> =>
    (closed ??= (async () => {
      const ended = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeAllConnections();
      await ended;
      await rows.close();
    })());

  return {
    ...keys,
    url,
    rows,
    blobs: context.blobs,
    faults,
    counters,
    resumables,
    get latencyMs() {
      return settings.latencyMs;
    },
    set latencyMs(value) {
      settings.latencyMs = value;
    },
    get mostAtOnce() {
      return load.most;
    },
    resetCounters: () => {
      Object.assign(counters, { bytesServed: 0, bytesReceived: 0, requests: noRequests() });
      load.most = load.now;
    },
    addBucket: async (id, bucket = {}) => {
      const base = { public: false, file_size_limit: null, allowed_mime_types: null, type: "STANDARD" };
      await rows.addBucket({ ...base, ...bucket, id, name: bucket.name ?? id });
    },
    addObject: async (bucketId, object) => {
      const bucket = await rows.bucket(bucketId);
      if (bucket === undefined) throw new Error(`The stand-in has no bucket ${bucketId}.`);
      return storeObject(context, bucket, object.name, {
        blob: seededBlob(object.seed ?? object.name, object.size),
        version: randomUUID(),
        type: object.contentType ?? "application/octet-stream",
        cacheControl: object.cacheControl ?? "max-age=3600",
        userMetadata: object.userMetadata ?? null,
        xRobotsTag: undefined,
      });
    },
    runQueue: async () => {
      for (const work of queue.splice(0)) await work();
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}

interface Answering {
  readonly keys: Keys;
  readonly options: StorageServerOptions;
  readonly faults: Faults;
  readonly latencyMs: number;
  readonly dispatch: (exchange: Exchange) => Promise<void>;
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  { keys, options, faults, latencyMs, dispatch }: Answering,
): Promise<void> {
  const method = request.method ?? "GET";
  const [rawPath, query] = splitOnce(request.url ?? "/", "?");
  const effect = faults.take(`${method} ${rawPath}`);
  if (latencyMs > 0) await delay(latencyMs);
  if (effect?.kind === "drop") {
    request.socket.resetAndDestroy();
    return;
  }
  if (effect?.kind === "status") {
    request.resume();
    const body = effect.body ?? busy(effect.status);
    sendJson(response, effect.status, body, { ...effect.headers });
    return;
  }
  const path = /^\/storage\/v1\/(.*)$/s.exec(rawPath)?.[1];
  const role = roleOf(request.headers, keys, options.knowsSecretKeys ?? true);
  if (effect?.kind === "drop-answer") {
    response.writeHead = () => response;
    response.write = () => true;
    response.end = () => {
      request.socket.resetAndDestroy();
      return response;
    };
  }
  const exchange = {
    request,
    response,
    method,
    path: path ?? "",
    query: new URLSearchParams(query),
    role,
    effect,
  };
  if (path === undefined) notFound({ ...exchange, path: rawPath });
  else await dispatch(exchange);
}

function wordsOf({ body }: ApiError, { hasListV2 }: StorageServerOptions): ApiError["body"] {
  if (hasListV2 !== false) return body;
  return Object.fromEntries(Object.entries(body).filter(([name]) => name !== "code"));
}

/** What a server answers that has too much to do. */
function busy(status: number): Record<string, string> {
  const words: Partial<Record<number, [code: string, message: string]>> = {
    423: ["ResourceLocked", "The resource is locked"],
    429: ["SlowDown", "Too many connections issued to the database"],
    500: ["InternalError", "Internal Server Error"],
    503: ["LockTimeout", "Lock timeout"],
    544: ["DatabaseTimeout", "The connection to the database timed out"],
  };
  const [code, message] = words[status] ?? ["InternalError", "injected fault"];
  return { statusCode: String(status), error: code, message, code };
}

function routeOf(method: string, area: string | undefined, rest: readonly string[]): Route {
  if (area === "bucket") return "bucket";
  if (area === "upload") {
    if (method === "POST") return "resumable-create";
    return method === "PATCH" ? "resumable-patch" : "resumable-head";
  }
  if (area !== "object") return "other";
  if (method === "POST" && rest[0] === "list" && rest.length === 2) return "list";
  if (method === "POST" && rest[0] === "list-v2" && rest.length === 2) return "list-v2";
  if (method === "DELETE") return "remove";
  if (method === "POST" || method === "PUT") return "upload";
  return rest[0] === "info" ? "info" : "download";
}

function noRequests(): Record<Route, number> {
  return {
    ...{ bucket: 0, list: 0, "list-v2": 0, info: 0, download: 0, probe: 0, upload: 0, remove: 0 },
    ...{ "resumable-create": 0, "resumable-patch": 0, "resumable-head": 0, other: 0 },
  };
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    throw new ApiError(400, "InvalidRequest", "Malformed percent encoding in the path");
  }
}

function splitOnce(text: string, separator: string): [string, string] {
  const at = text.indexOf(separator);
  return at < 0 ? [text, ""] : [text.slice(0, at), text.slice(at + 1)];
}
