/** Which keys, buckets, sizes, types and tokens the Storage API takes. */
import { createHmac } from "node:crypto";
import type { IncomingHttpHeaders } from "node:http";
import { ApiError, errors, type Role } from "./answers.ts";
import type { BucketRow } from "./rows.ts";

const objectKey = /^[A-Za-z0-9_/!.*'() &$=@;:+,?-]*$/;
const bucketName = /^[A-Za-z0-9_!.*'() &$=@;:+,?-]*$/;

export function checkKey(key: string): void {
  if (key === "" || !objectKey.test(key)) throw errors.invalidKey(key);
}

export function checkBucketName(name: string): void {
  const valid =
    name !== "" &&
    name.length < 101 &&
    name.trim() === name &&
    bucketName.test(name) &&
    !name.endsWith("--table-s3");
  if (!valid) throw errors.invalidBucketName();
}

/** `10MB` or bytes; null: no limit of its own. */
export function fileSizeLimit(value: unknown): number | null | undefined {
  if (value === undefined || value === null || typeof value === "number") return value;
  const text = typeof value === "string" ? value : "";
  const match = /^([0-9]+(?:\.[0-9]+)?)(gb|mb|kb|b)$/i.exec(text);
  if (match === null)
    throw errors.invalidRequest("Invalid file size format, hint: use 20GB / 20MB / 30KB / 3B");
  const unit = { b: 1, kb: 1000, mb: 1_000_000, gb: 1_000_000_000 }[match[2]!.toLowerCase()]!;
  return Math.round(Number(match[1]) * unit);
}

function isEmptyFolder(key: string): boolean {
  return key.endsWith(".emptyFolderPlaceholder");
}

/** Bytes that an object may have; service keys are held to it too. */
export function largestSize(bucket: BucketRow, key: string, projectLimit: number): number {
  if (isEmptyFolder(key)) return 0;
  return Math.min(bucket.file_size_limit ?? projectLimit, projectLimit);
}

export function checkMimeType(bucket: BucketRow, key: string, type: string): void {
  const allowed = bucket.allowed_mime_types;
  if (allowed === null || allowed.length === 0 || isEmptyFolder(key)) return;
  const [main, sub] = type.split("/");
  if (sub === undefined) throw errors.invalidMime(type);
  const fits = allowed.some((one) => {
    const [allowedMain, allowedSub] = one.split("/");
    return allowedMain === main && (allowedSub === "*" || allowedSub === sub);
  });
  if (!fits) throw errors.invalidMime(type);
}

export interface Keys {
  /** A legacy key: a JWT with the role `service_role`. */
  readonly serviceKey: string;
  readonly anonKey: string;
  /** `sb_secret_…`. */
  readonly secretKey: string;
}

export function makeKeys(jwtSecret: string, secretKey = "sb_secret_N7UND0UgjKTVK-Uodkm0Hg_xSvEMPvz"): Keys {
  return {
    serviceKey: jwt(
      { iss: "supabase", ref: "standin", role: "service_role", iat: 1, exp: 4_000_000_000 },
      jwtSecret,
    ),
    anonKey: jwt({ iss: "supabase", ref: "standin", role: "anon", iat: 1, exp: 4_000_000_000 }, jwtSecret),
    secretKey,
  };
}

function jwt(payload: Record<string, unknown>, secret: string): string {
  const encode = (part: unknown): string => Buffer.from(JSON.stringify(part)).toString("base64url");
  const head = `${encode({ alg: "HS256", typ: "JWT" })}.${encode(payload)}`;
  return `${head}.${createHmac("sha256", secret).update(head).digest("base64url")}`;
}

/**
 * The gateway and the Storage API behind it: a secret key travels in `apikey` alone (the gateway mints the JWT), a
 * legacy key in both headers.
 */
export function roleOf(headers: IncomingHttpHeaders, keys: Keys, knowsSecretKeys: boolean): Role {
  const apikey = headers["apikey"] as string | undefined;
  const bearer = /^Bearer (.*)$/.exec(headers.authorization ?? "")?.[1];
  if (apikey === undefined && bearer === undefined) return "none";
  if (apikey?.startsWith("sb_") === true) {
    if (apikey !== keys.secretKey || !knowsSecretKeys) throw gateway("Invalid API key");
    if (headers["user-agent"]?.startsWith("Mozilla/") === true)
      throw gateway("Forbidden use of secret API key in browser");
    return bearer === undefined || bearer === apikey ? "service_role" : roleOfToken(bearer, keys);
  }
  if (apikey === undefined)
    throw bearer?.startsWith("sb_") === true ? errors.invalidToken() : gateway("No API key found in request");
  if (apikey !== keys.serviceKey && apikey !== keys.anonKey) throw gateway("Invalid API key");
  return bearer === undefined ? "none" : roleOfToken(bearer, keys);
}

function roleOfToken(token: string, keys: Keys): Role {
  if (token === keys.serviceKey) return "service_role";
  if (token === keys.anonKey) return "anon";
  throw errors.invalidToken();
}

function gateway(message: string): ApiError {
  const error = new ApiError(401, "", message, "", 401);
  Object.assign(error, { body: { message } });
  return error;
}
