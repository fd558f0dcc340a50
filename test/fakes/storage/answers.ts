/** One request to the stand-in, and the errors as the Storage API words them. */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Effect } from "./faults.ts";

export type Role = "service_role" | "anon" | "none";

export interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly method: string;
  /** As it came, undecoded, without query: `//` and `%2F` mean something here. */
  readonly path: string;
  readonly query: URLSearchParams;
  readonly role: Role;
  /** What a test asked to go wrong with the answer's body. */
  readonly effect: Effect | undefined;
}

/** An error as the server words it: the HTTP status is mostly 400, and the true one stands in the body. */
export class ApiError extends Error {
  readonly httpStatus: number;
  readonly body: Readonly<Record<string, string>>;

  constructor(trueStatus: number, code: string, message: string, error = code, httpStatus?: number) {
    super(message);
    this.httpStatus = httpStatus ?? (trueStatus === 500 ? 500 : 400);
    this.body = { statusCode: String(trueStatus), error, message, code };
  }
}

export const errors = {
  noSuchBucket: () => new ApiError(404, "NoSuchBucket", "Bucket not found", "Bucket not found"),
  noSuchKey: () => new ApiError(404, "NoSuchKey", "Object not found", "not_found"),
  bucketExists: () => new ApiError(409, "BucketAlreadyExists", "The resource already exists", "Duplicate"),
  keyExists: () => new ApiError(409, "KeyAlreadyExists", "The resource already exists", "Duplicate"),
  bucketNotEmpty: () => new ApiError(409, "ResourceNotEmpty", "The bucket you tried to delete is not empty"),
  tooLarge: () =>
    new ApiError(413, "EntityTooLarge", "The object exceeded the maximum allowed size", "Payload too large"),
  invalidKey: (key: string) => new ApiError(400, "InvalidKey", `Invalid key: ${key}`),
  invalidBucketName: () => new ApiError(400, "InvalidBucketName", "Bucket name invalid", "Invalid Input"),
  invalidMime: (type: string) =>
    new ApiError(415, "InvalidMimeType", `mime type ${type} is not supported`, "invalid_mime_type"),
  invalidRequest: (message: string) => new ApiError(400, "InvalidRequest", message),
  invalidToken: () => new ApiError(403, "AccessDenied", "Invalid Compact JWS", "Unauthorized"),
  accessDenied: () =>
    new ApiError(403, "AccessDenied", "new row violates row-level security policy", "Unauthorized"),
  internal: (message = "Internal Server Error") => new ApiError(500, "InternalError", message, "Internal"),
} as const;

export function sendJson(
  response: ServerResponse,
  status: number,
  document: unknown,
  headers: Readonly<Record<string, string>> = {},
): void {
  const text = JSON.stringify(document);
  response.writeHead(status, {
    "content-type": "application/json; charset=utf-8",
    "content-length": String(Buffer.byteLength(text)),
    ...headers,
  });
  response.end(text);
}

export async function readWhole(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

export async function readJson(request: IncomingMessage): Promise<Record<string, unknown>> {
  const text = (await readWhole(request)).toString("utf8");
  try {
    return JSON.parse(text === "" ? "{}" : text) as Record<string, unknown>;
  } catch {
    throw new ApiError(400, "InvalidRequest", "Body is not valid JSON", "Bad Request");
  }
}
