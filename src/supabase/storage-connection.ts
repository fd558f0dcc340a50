/** Where a project's Storage API is and the key that opens it, checked before anything is asked of it. */
import { LifeboatError } from "../errors.ts";
import { isLocal } from "../postgres/connection.ts";

export interface StorageConnection {
  /** `https://<ref>.supabase.co`, without `/storage/v1` and without a slash at the end. */
  readonly url: string;
  /** A secret key (`sb_secret_…`) or a legacy key with the role `service_role` (a JWT). */
  readonly key: string;
}

export interface InputNames {
  readonly url: string;
  readonly key: string;
}

const urlHint = "Write the project's URL as the dashboard shows it: https://<ref>.supabase.co.";
const keyHint =
  "Use a secret key (sb_secret_…) or the legacy service_role key from the project's API settings: with any other key " +
  "the Storage API hides buckets and objects without saying so.";

/**
 * Throws `input-invalid` whose message names the input and never repeats the key. Keys that row level security would
 * show an empty project are refused, because an empty listing is no error for the server.
 */
export function parseStorageConnection(
  url: string,
  key: string,
  names: InputNames = { url: "input `supabase-url`", key: "input `supabase-key`" },
): StorageConnection {
  const address = parseUrl(url.trim(), names.url);
  return { url: address, key: checkKey(key.trim(), names.key, new URL(address).hostname) };
}

/** What every request carries: a JWT in both headers, a secret key, which is none, in `apikey` alone. */
export function storageHeaders({ key }: StorageConnection): Record<string, string> {
  const bearer = isJwt(key) ? { authorization: `Bearer ${key}` } : {};
  // Secret keys are refused to browsers, which are told by their user agent.
  return { apikey: key, ...bearer, "user-agent": "lifeboat" };
}

function parseUrl(text: string, name: string): string {
  const refuse = (why: string): LifeboatError =>
    new LifeboatError("input-invalid", `The ${name} ${why}.`, { hint: urlHint });
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    throw refuse("is not a URL");
  }
  if (url.protocol !== "https:" && url.protocol !== "http:") throw refuse("does not begin with https://");
  if (url.username !== "" || url.password !== "") throw refuse("carries a user or password");
  if (url.protocol === "http:" && !isLocal(url.hostname.replace(/^\[(.*)\]$/, "$1"))) {
    throw refuse("begins with http://, which would send the key in clear over the network");
  }
  if (url.search !== "" || url.hash !== "") throw refuse("has parameters after the address");
  if (!/^\/(?:storage\/v1\/?)?$/.test(url.pathname)) throw refuse("has a path after the host");
  return url.origin;
}

function checkKey(key: string, name: string, host: string): string {
  const refuse = (why: string): LifeboatError =>
    new LifeboatError("input-invalid", `The ${name} ${why}.`, { hint: keyHint });
  if (key === "") throw refuse("is empty");
  // Header values: a newline from a badly pasted secret would be refused much later, in other words.
  if (!/^[\x21-\x7e]+$/.test(key)) throw refuse("holds spaces or characters that no key has");
  if (key.startsWith("sb_secret_")) return key;
  const other = otherKinds.find(([shape]) => shape.test(key))?.[1];
  if (other !== undefined) throw refuse(other);
  if (!isJwt(key)) throw refuse("is neither a secret key nor a legacy key (a database password?)");
  const { role, ref } = claimsOf(key);
  if (role === "anon") throw refuse("is the legacy anon key, without the role service_role");
  if (role === "authenticated") throw refuse("is a signed-in user's token, without the role service_role");
  if (role !== "service_role") throw refuse("is a JWT without the role service_role");
  const own = /^([a-z0-9]{20})\.(?:storage\.)?supabase\.co$/.exec(host)?.[1];
  if (own !== undefined && typeof ref === "string" && ref !== own)
    throw refuse("is the service_role key of another project than the URL's");
  return key;
}

/** What people paste instead, told by its form. */
const otherKinds: readonly (readonly [shape: RegExp, what: string])[] = [
  [/^sb_publishable_/, "is a publishable key"],
  [/^sbp_/, "is a personal access token, which only the Management API takes"],
  [/^postgres(?:ql)?:/i, "is a database URL"],
  [/^https?:/i, "is a URL"],
  [/^[0-9a-f]{32}$/, "is the ID of an S3 access key"],
  [/^[0-9a-f]{64}$/, "is the secret of an S3 access key"],
  [/^[A-Za-z0-9+/]{86}==$/, "is a JWT secret"],
];

function isJwt(key: string): boolean {
  return /^[\w-]+\.[\w-]+\.[\w-]+$/.test(key);
}

function claimsOf(jwt: string): { readonly role?: unknown; readonly ref?: unknown } {
  try {
    const payload: unknown = JSON.parse(Buffer.from(jwt.split(".")[1] ?? "", "base64url").toString("utf8"));
    return typeof payload === "object" && payload !== null ? payload : {};
  } catch {
    return {};
  }
}
