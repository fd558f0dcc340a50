/**
 * Uploads that give an object exactly the content type, cache control and user metadata it had. Three ways:
 * raw POST (cache control verbatim; the body goes again from its start when it breaks), TUS in chunks that are
 * resumed (cache control only `max-age=<n>` or `no-cache`), and a form (user metadata too large for a header; cache
 * control only `max-age=…` or `no-cache`). Above 6 MB TUS is used where it can say what has to be said.
 */
import { randomBytes } from "node:crypto";
import { LifeboatError } from "../errors.ts";
import type { InventoryObject } from "../storage/objects.ts";
import { failureError, parseFailure } from "./storage-failures.ts";
import { objectPath } from "./storage-paths.ts";
import { chunkBytes, uploadResumable } from "./storage-resumable.ts";
import type { StorageRequest, StorageTransport } from "./storage-transport.ts";

export type UploadMetadata = Pick<
  InventoryObject,
  "bucket" | "name" | "contentType" | "cacheControl" | "xRobotsTag" | "userMetadata"
>;

/** Opens the object's bytes from their start: once more for each try that cannot go on where it broke. */
export type OpenBytes = () => AsyncIterable<Uint8Array>;

/** Headers of one request share 16 KiB in the servers on the way. */
const longestMetadataHeader = 6 * 1024;
const defaultCacheControl = "no-cache";

/** Replaces what is there. Throws `storage-request-refused` for what the server does not take, whoever sends it. */
export async function uploadObject(
  transport: StorageTransport,
  object: UploadMetadata,
  size: number,
  open: OpenBytes,
): Promise<void> {
  const metadata = JSON.stringify(object.userMetadata ?? {});
  const encoded = Buffer.from(metadata).toString("base64");
  const header = metadata === "{}" ? undefined : encoded;
  const cacheControl = object.cacheControl ?? defaultCacheControl;
  if (encoded.length > longestMetadataHeader) {
    await uploadForm(transport, object, { size, open, metadata, cacheControl });
    return;
  }
  const tusCacheControl =
    /^max-age=(\d+)$/.exec(cacheControl)?.[1] ?? (cacheControl === "no-cache" ? "no-cache" : undefined);
  if (size > chunkBytes && tusCacheControl !== undefined && object.xRobotsTag === undefined) {
    await uploadResumable(transport, object, { size, open, cacheControl: tusCacheControl });
    return;
  }
  await send(transport, object, { size, open }, (body) => ({
    headers: {
      "content-type": object.contentType ?? "application/octet-stream",
      "cache-control": cacheControl,
      ...(object.xRobotsTag === undefined ? {} : { "x-robots-tag": object.xRobotsTag }),
      ...(header === undefined ? {} : { "x-metadata": header }),
    },
    body,
    length: size,
  }));
}

interface Source {
  readonly size: number;
  readonly open: OpenBytes;
}

interface Framed {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: AsyncIterable<Uint8Array>;
  readonly length: number;
}

async function uploadForm(
  transport: StorageTransport,
  object: UploadMetadata,
  {
    size,
    open,
    metadata,
    cacheControl,
  }: Source & { readonly metadata: string; readonly cacheControl: string },
): Promise<void> {
  const maxAge = /^max-age=(.+)$/s.exec(cacheControl)?.[1];
  if ((maxAge === undefined && cacheControl !== "no-cache") || object.xRobotsTag !== undefined) {
    throw new LifeboatError(
      "storage-request-refused",
      `"${object.bucket}/${object.name}" has so much user metadata that only a form takes it, and a form cannot keep its cache control "${cacheControl}".`,
      {
        publicSentence:
          "An object's user metadata and cache control cannot be uploaded together; with a database URL its row is repaired.",
        hint: "Upload it without its user metadata and repair the row by SQL (give a database URL).",
      },
    );
  }
  const boundary = `lifeboat-${randomBytes(16).toString("hex")}`;
  const type = object.contentType ?? "application/octet-stream";
  const fields = { ...(maxAge === undefined ? {} : { cacheControl: maxAge }), metadata, contentType: type };
  const head = Buffer.from(
    Object.entries(fields)
      .map(
        ([name, value]) =>
          `--${boundary}\r\ncontent-disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`,
      )
      .join("") +
      `--${boundary}\r\ncontent-disposition: form-data; name=""; filename="object"\r\ncontent-type: application/octet-stream\r\n\r\n`,
  );
  const tail = Buffer.from(`\r\n--${boundary}--\r\n`);
  async function* framed(body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
    yield head;
    yield* body;
    yield tail;
  }
  await send(transport, object, { size, open }, (body) => ({
    headers: { "content-type": `multipart/form-data; boundary=${boundary}` },
    body: framed(body),
    length: head.length + size + tail.length,
  }));
}

async function send(
  transport: StorageTransport,
  object: UploadMetadata,
  { size, open }: Source,
  frame: (body: AsyncIterable<Uint8Array>) => Framed,
): Promise<void> {
  const path = objectPath("object", object.bucket, object.name);
  const { status, bytes } = await transport.retried(async () => {
    const { headers, body, length } = frame(exactly(open(), size));
    const request: StorageRequest = {
      method: "POST",
      path,
      headers: { ...headers, "x-upsert": "true", "content-length": String(length) },
      // A small body is at hand whole, so that a refusal is read even where the server did not wait for the body.
      body: length <= 2 * chunkBytes ? await collect(body) : body,
    };
    return transport.wholeOnce(request);
  });
  if (status >= 400) throw uploadRefused(object, status, bytes.toString("utf8"));
}

export function uploadRefused({ bucket, name }: UploadMetadata, status: number, body: string): LifeboatError {
  const failure = parseFailure(status, body);
  return failureError(
    failure,
    `"${bucket}/${name}" could not be uploaded`,
    "An object could not be uploaded",
  );
}

/** Throws where the source is not of the size that was announced: the server must not take it for the object. */
export async function* exactly(
  bytes: AsyncIterable<Uint8Array>,
  size: number,
): AsyncGenerator<Uint8Array, void, undefined> {
  let seen = 0;
  for await (const chunk of bytes) {
    seen += chunk.length;
    if (seen > size) break;
    if (chunk.length > 0) yield chunk;
  }
  if (seen !== size) {
    throw new LifeboatError(
      "object-size-wrong",
      `An upload was announced with ${size} bytes and has ${seen > size ? "more" : seen}.`,
    );
  }
}

async function collect(bytes: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of bytes) chunks.push(chunk);
  return Buffer.concat(chunks);
}
