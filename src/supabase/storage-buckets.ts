/** Buckets and their settings by the Storage API. */
import type { StorageClient, StorageError } from "@supabase/storage-js";
import { z } from "zod";
import { LifeboatError } from "../errors.ts";
import type { Bucket } from "../storage/objects.ts";
import { type Failure, failureError } from "./storage-failures.ts";
import { strangeAnswer } from "./storage-info.ts";
import { text } from "./storage-metadata.ts";
import { encodeBucket } from "./storage-paths.ts";
import type { SpecialBucket } from "./storage-rows.ts";
import type { StorageTransport } from "./storage-transport.ts";
import { TemporaryFailure } from "./watched-request.ts";

const bucketSchema = z.looseObject({
  id: z.string(),
  name: z.string(),
  public: z.boolean().nullish(),
  owner: z.string().nullish(),
  created_at: z.string().nullish(),
  updated_at: z.string().nullish(),
  file_size_limit: z.number().nullish(),
  allowed_mime_types: z.array(z.string()).nullish(),
  type: z.string().nullish(),
});

const pageSize = 100;

/** All buckets in the order of their ids, special types included. Throws rather than give a part. */
export async function listBuckets(client: StorageClient): Promise<readonly Bucket[]> {
  const found = new Map<string, Bucket>();
  for (let offset = 0; ; offset += pageSize) {
    const { data, error } = await client.listBuckets({
      ...{ limit: pageSize, offset, sortColumn: "id", sortOrder: "asc" },
    });
    if (error !== null) throw clientError(error, "The buckets could not be listed");
    const page = z.array(bucketSchema).safeParse(data);
    if (!page.success) throw strangeAnswer("about buckets", page.error);
    const before = found.size;
    for (const row of page.data) found.set(row.id, bucketOf(row));
    // Servers that know no pages give all of them, again and again.
    if (page.data.length !== pageSize || found.size === before) break;
  }
  return [...found.values()].sort((one, other) => Buffer.compare(Buffer.from(one.id), Buffer.from(other.id)));
}

const specialSchema = z.array(z.looseObject({ id: z.string().nullish(), name: z.string().nullish() }));
const vectorsSchema = z.looseObject({
  vectorBuckets: z.array(z.looseObject({ vectorBucketName: z.string() })),
});

/** Only to warn of them: servers without these features have no such routes, and say so in several ways. */
export async function listSpecialBuckets(transport: StorageTransport): Promise<readonly SpecialBucket[]> {
  const ask = async (method: string, path: string): Promise<unknown> => {
    const headers = { "content-type": "application/json" };
    const request = {
      method,
      path: `/storage/v1/${path}`,
      ...(method === "POST" ? { headers, body: "{}" } : {}),
    };
    try {
      const { status, bytes } = await transport.wholeOnce(request);
      return status === 200 ? JSON.parse(bytes.toString("utf8")) : undefined;
    } catch (thrown) {
      if (thrown instanceof TemporaryFailure || thrown instanceof SyntaxError) return undefined;
      throw thrown;
    }
  };
  const analytics = specialSchema.safeParse(await ask("GET", "iceberg/bucket"));
  const vectors = vectorsSchema.safeParse(await ask("POST", "vector/ListVectorBuckets"));
  return [
    ...(analytics.data ?? []).map(({ id, name }) => ({ id: name ?? id ?? "", type: "ANALYTICS" })),
    ...(vectors.data?.vectorBuckets ?? []).map(({ vectorBucketName: id }) => ({ id, type: "VECTOR" })),
  ];
}

/** Throws `storage-bucket-missing`: listings of a bucket that is not there are empty, without an error. */
export async function requireBucket(client: StorageClient, id: string): Promise<void> {
  const { error } = await client.getBucket(encodeBucket(id));
  if (error !== null)
    throw clientError(error, `The bucket "${id}" could not be looked up`, "A bucket could not be looked up");
}

/** Throws `storage-bucket-exists`. With limits `none` anything may be uploaded until `changeBucket` sets them. */
export async function makeBucket(
  client: StorageClient,
  bucket: Bucket,
  limits: "none" | "own",
): Promise<void> {
  if (bucket.type !== undefined && bucket.type !== "STANDARD") {
    throw new LifeboatError(
      "storage-request-refused",
      `The bucket "${bucket.id}" is of type ${bucket.type}.`,
      {
        hint: "Buckets of this type hold no objects of the Storage API; make them in the dashboard.",
        publicSentence: `A bucket of type ${bucket.type} cannot be created.`,
      },
    );
  }
  const own = { fileSizeLimit: bucket.fileSizeLimit, allowedMimeTypes: mutable(bucket.allowedMimeTypes) };
  const { error } = await client.createBucket(bucket.id, {
    public: bucket.public,
    ...(limits === "own" ? own : { fileSizeLimit: null, allowedMimeTypes: null }),
  });
  if (error === null) return;
  const failure = failureOf(error);
  if (failure?.status === 409) {
    throw new LifeboatError("storage-bucket-exists", `The project has a bucket "${bucket.id}" already.`, {
      publicSentence: "The project has a bucket of this name already.",
    });
  }
  throw clientError(error, `The bucket "${bucket.id}" could not be created`, "A bucket could not be created");
}

/** Public or not, size limit and types, exactly as given. */
export async function changeBucket(client: StorageClient, bucket: Bucket): Promise<void> {
  const { error } = await client.updateBucket(encodeBucket(bucket.id), {
    public: bucket.public,
    fileSizeLimit: bucket.fileSizeLimit,
    allowedMimeTypes: mutable(bucket.allowedMimeTypes),
  });
  if (error !== null)
    throw clientError(
      error,
      `The bucket "${bucket.id}" could not be changed`,
      "A bucket could not be changed",
    );
}

function bucketOf(row: z.infer<typeof bucketSchema>): Bucket {
  return {
    id: row.id,
    name: row.name,
    public: row.public ?? false,
    fileSizeLimit: row.file_size_limit ?? null,
    allowedMimeTypes: row.allowed_mime_types ?? null,
    // An absent owner comes as an empty text.
    ...(row.owner === undefined ? {} : { owner: row.owner === "" ? null : row.owner }),
    ...text("createdAt", row.created_at),
    ...text("updatedAt", row.updated_at),
    ...text("type", row.type),
  };
}

function mutable(types: readonly string[] | null): string[] | null {
  return types === null ? null : [...types];
}

/** An error of storage-js as ours. Ours that travelled through it come out again. */
export function clientError(error: StorageError, what: string, publicly = what): unknown {
  const original = (error as { originalError?: unknown }).originalError;
  if (original instanceof Error) return original;
  const failure = failureOf(error);
  if (failure === undefined) return new LifeboatError("storage-temporary", `${publicly}.`, { cause: error });
  return failureError(failure, what, publicly);
}

export function failureOf(error: StorageError): Failure | undefined {
  const { status, statusCode, message } = error;
  if (status === undefined) return undefined;
  const code = (error as { code?: unknown }).code;
  const trueStatus = Number(statusCode);
  return {
    httpStatus: status,
    status: Number.isInteger(trueStatus) && trueStatus >= 400 ? trueStatus : status,
    ...(typeof code === "string" && code !== "" ? { code } : {}),
    message,
  };
}
