/** `/upload/resumable`: the TUS protocol as the hosted service speaks it. */
import { randomUUID } from "node:crypto";
import type { ServerResponse } from "node:http";
import { errors, type Exchange } from "./answers.ts";
import { notFound } from "./buckets.ts";
import { checkKey, checkMimeType, largestSize } from "./rules.ts";
import { arriving, storeObject, type UploadContext } from "./uploads.ts";

export const chunkBytes = 6 * 1024 * 1024;
/** The hosted service's parts, which the ETag counts. */
const partBytes = 50 * 1024 * 1024;

interface Resumable {
  readonly bucket: string;
  readonly key: string;
  readonly version: string;
  readonly length: number;
  readonly metadata: ReadonlyMap<string, string>;
  readonly chunks: Uint8Array[];
  offset: number;
  busy: boolean;
  readonly expires: number;
}

export class Resumables {
  readonly #uploads = new Map<string, Resumable>();
  readonly #context: UploadContext;
  readonly #expiryMs: number;

  constructor(context: UploadContext, expiryMs: number) {
    this.#context = context;
    this.#expiryMs = expiryMs;
  }

  get unfinished(): number {
    return [...this.#uploads.values()].filter((upload) => upload.offset < upload.length).length;
  }

  /** As if their 24 hours were over. */
  expireAll(): void {
    this.#uploads.clear();
  }

  async route(exchange: Exchange, id: string): Promise<void> {
    const { method, response } = exchange;
    response.setHeader("tus-resumable", "1.0.0");
    if (method === "POST" && id === "") return this.#create(exchange);
    const upload = this.#uploads.get(id);
    if (upload === undefined || upload.expires < this.#context.now().getTime()) {
      this.#uploads.delete(id);
      text(response, 404, "The file for this url was not found\n");
      return;
    }
    if (method === "HEAD") {
      response
        .writeHead(200, {
          "upload-offset": String(upload.offset),
          "upload-length": String(upload.length),
          "cache-control": "no-store",
        })
        .end();
      return;
    }
    if (method === "PATCH") return this.#patch(exchange, upload);
    if (method === "DELETE") {
      this.#uploads.delete(id);
      response.writeHead(204).end();
      return;
    }
    notFound(exchange);
  }

  async #create(exchange: Exchange): Promise<void> {
    const { request, response, role } = exchange;
    const metadata = parseMetadata(String(request.headers["upload-metadata"] ?? ""));
    const key = metadata.get("objectName") ?? "";
    const length = Number(request.headers["upload-length"]);
    const refuse = (error: { body: Readonly<Record<string, string>> }): void => {
      text(response, Number(error.body["statusCode"]), error.body["message"] ?? "");
    };
    try {
      checkKey(key);
      const bucket = await this.#context.rows.bucket(metadata.get("bucketName") ?? "");
      if (bucket === undefined) throw errors.noSuchBucket();
      if (role !== "service_role") throw errors.accessDenied();
      const there = await this.#context.rows.object(bucket.id, key);
      if (there !== undefined && request.headers["x-upsert"] !== "true") throw errors.keyExists();
      const type = metadata.get("contentType");
      if (type !== undefined) checkMimeType(bucket, key, type);
      if (!(length <= largestSize(bucket, key, this.#context.fileSizeLimit))) {
        text(response, 413, "Maximum size exceeded\n");
        return;
      }
      const version = randomUUID();
      const id = Buffer.from(`${bucket.id}/${key}/${version}`).toString("base64url");
      const expires = this.#context.now().getTime() + this.#expiryMs;
      const upload = {
        ...{ bucket: bucket.id, key, version, length, metadata, chunks: [], offset: 0, busy: false, expires },
      };
      this.#uploads.set(id, upload);
      response
        .writeHead(201, {
          // Hosts behind a gateway name themselves as they see it.
          location: `http://storage.internal:5000/upload/resumable/${id}`,
          "upload-expires": new Date(expires).toUTCString(),
        })
        .end();
    } catch (error) {
      refuse(error as { body: Readonly<Record<string, string>> });
    }
  }

  async #patch(exchange: Exchange, upload: Resumable): Promise<void> {
    const { request, response, role } = exchange;
    if (role !== "service_role") {
      text(response, 403, "new row violates row-level security policy");
      return;
    }
    if (request.headers["content-type"] !== "application/offset+octet-stream") {
      text(response, 403, "Content-Type header required\n");
      return;
    }
    // Checked with each chunk, not only where the upload was begun.
    const there = await this.#context.rows.object(upload.bucket, upload.key);
    if (there !== undefined && request.headers["x-upsert"] !== "true") {
      text(response, 409, "The resource already exists");
      return;
    }
    if (upload.busy) {
      text(response, 409, "Another request is writing to this upload\n");
      return;
    }
    if (Number(request.headers["upload-offset"]) !== upload.offset) {
      text(response, 409, "Upload-Offset conflict\n");
      return;
    }
    const coming = Number(request.headers["content-length"]);
    const isLast = upload.offset + coming === upload.length;
    if (coming !== chunkBytes && !(isLast && coming < chunkBytes)) {
      text(response, 400, "Chunks must be exactly 6 MiB\n");
      return;
    }
    upload.busy = true;
    try {
      for await (const chunk of arriving(exchange, this.#context)) {
        upload.chunks.push(chunk);
        upload.offset += chunk.length;
      }
    } finally {
      upload.busy = false;
    }
    if (upload.offset === upload.length) await this.#finish(upload);
    response.writeHead(204, { "upload-offset": String(upload.offset) }).end();
  }

  async #finish(upload: Resumable): Promise<void> {
    const bucket = await this.#context.rows.bucket(upload.bucket);
    if (bucket === undefined) throw errors.noSuchBucket();
    const blob = await this.#context.keeper.keep(upload.version, asStream(upload.chunks), {
      limit: Number.POSITIVE_INFINITY,
      tooLong: errors.tooLarge,
      parts: Math.max(1, Math.ceil(upload.length / partBytes)),
    });
    upload.chunks.length = 0;
    const cacheControl = upload.metadata.get("cacheControl") ?? "";
    const custom = upload.metadata.get("metadata");
    await storeObject(this.#context, bucket, upload.key, {
      blob,
      version: upload.version,
      type: upload.metadata.get("contentType") ?? "application/octet-stream",
      cacheControl: /^-?\d+$/.test(cacheControl) ? `max-age=${cacheControl}` : "no-cache",
      userMetadata: custom === undefined ? null : (JSON.parse(custom) as Record<string, unknown>),
      xRobotsTag: undefined,
    });
  }
}

async function* asStream(chunks: readonly Uint8Array[]): AsyncGenerator<Uint8Array, void, undefined> {
  await Promise.resolve();
  yield* chunks;
}

function parseMetadata(header: string): Map<string, string> {
  const pairs = header.split(",").map((pair) => pair.trim().split(" "));
  return new Map(
    pairs.map(([name, value]) => [name ?? "", Buffer.from(value ?? "", "base64").toString("utf8")]),
  );
}

function text(response: ServerResponse, status: number, message: string): void {
  // The rest of a refused body is not worth reading.
  response.writeHead(status, { "content-type": "text/plain", connection: "close" }).end(message);
}
