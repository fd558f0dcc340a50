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
  return { url: parseUrl(url.trim(), names.url), key: checkKey(key.trim(), names.key) };
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

function checkKey(key: string, name: string): string {
  const refuse = (why: string): LifeboatError =>
    new LifeboatError("input-invalid", `The ${name} ${why}.`, { hint: keyHint });
  if (key === "") throw refuse("is empty");
  // Header values: a newline from a badly pasted secret would be refused much later, in other words.
  if (!/^[\x21-\x7e]+$/.test(key)) throw refuse("holds spaces or characters that no key has");
  if (key.startsWith("sb_secret_")) return key;
  if (key.startsWith("sb_publishable_")) throw refuse("is a publishable key");
  if (!isJwt(key)) throw refuse("is neither a secret key nor a legacy key");
  const role = roleOf(key);
  if (role !== "service_role") throw refuse(`is a legacy key without the role service_role`);
  return key;
}

function isJwt(key: string): boolean {
  return /^[\w-]+\.[\w-]+\.[\w-]+$/.test(key);
}

function roleOf(jwt: string): unknown {
  try {
    const payload: unknown = JSON.parse(Buffer.from(jwt.split(".")[1] ?? "", "base64url").toString("utf8"));
    return (payload as { role?: unknown } | null)?.role;
  } catch {
    return undefined;
  }
}
