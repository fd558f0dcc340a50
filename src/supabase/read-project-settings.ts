/** What a Supabase project is beside its database and its buckets, asked of the Management API. */
import { LifeboatError } from "../errors.ts";
import { type ManagementApi, unusable } from "./management-api.ts";

/** Each setting, its path below the project, and what it is called in sentences. */
const settings = [
  ["project", "", "the project"],
  ["auth", "/config/auth", "the auth settings"],
  ["sso-providers", "/config/auth/sso/providers", "the SSO providers"],
  ["third-party-auth", "/config/auth/third-party-auth", "the third-party auth"],
  ["signing-keys", "/config/auth/signing-keys", "the signing keys"],
  ["api-keys", "/api-keys", "the API keys"],
  ["secrets", "/secrets", "the names of secrets"],
  ["data-api", "/postgrest", "the settings of the data API"],
  ["storage", "/config/storage", "the settings of Storage"],
  ["realtime", "/config/realtime", "the settings of Realtime"],
  ["postgres", "/config/database/postgres", "the settings of Postgres"],
  ["pooler", "/config/database/pooler", "the settings of the pooler"],
  ["network-restrictions", "/network-restrictions", "the network restrictions"],
  ["ssl-enforcement", "/ssl-enforcement", "the SSL enforcement"],
  ["custom-hostname", "/custom-hostname", "the custom hostname"],
  ["vanity-subdomain", "/vanity-subdomain", "the vanity subdomain"],
  ["add-ons", "/billing/addons", "the add-ons"],
  ["functions", "/functions", "the functions"],
] as const;

export type SettingName = (typeof settings)[number][0];

export interface SettingsRead {
  /** As the API answered. */
  readonly present: Partial<Record<SettingName, unknown>>;
  /** 404: the project does not have it. */
  readonly absent: readonly SettingName[];
  readonly unreadable: readonly { readonly setting: SettingName; readonly status: number }[];
}

/** One after the other: the API counts requests by the minute. Throws `access-token-refused` where nothing can be read. */
export async function readSettings(api: ManagementApi): Promise<SettingsRead> {
  const present: Partial<Record<SettingName, unknown>> = {};
  const absent: SettingName[] = [];
  const unreadable: { setting: SettingName; status: number }[] = [];
  for (const [setting, path, what] of settings) {
    const reply = await api.read(path, what);
    if ("value" in reply) present[setting] = reply.value;
    else if (setting === "project" && reply.failure.status === 404) throw unseen(404);
    else if (reply.failure.status === 404) absent.push(setting);
    else unreadable.push({ setting, status: reply.failure.status });
  }
  const [first] = unreadable;
  if (Object.keys(present).length === 0) throw unseen(first?.status ?? 404);
  return { present, absent, unreadable };
}

function unseen(status: number): LifeboatError {
  return new LifeboatError(
    "access-token-refused",
    `The Management API shows this access token no such project (status ${status}).`,
  );
}

/** What the API says of one function. */
export interface FunctionListing {
  readonly slug: string;
  readonly name?: string;
  readonly verify_jwt?: boolean;
  readonly import_map?: boolean;
  readonly entrypoint_path?: string;
  readonly import_map_path?: string;
  readonly ezbr_sha256?: string;
}

/** The slug is checked, because it becomes the name of a file and part of a path. */
export function functionsOf(answer: unknown): readonly FunctionListing[] {
  const wrong = (): LifeboatError => unusable({ what: "the functions" }, "is no list of functions");
  if (answer === undefined) return [];
  if (!Array.isArray(answer)) throw wrong();
  return (answer as readonly unknown[]).map((one) => {
    const { slug } = (one ?? {}) as { readonly slug?: unknown };
    if (typeof slug !== "string" || !/^[A-Za-z0-9_-]{1,200}$/.test(slug)) throw wrong();
    return one as FunctionListing;
  });
}

export interface FunctionBytes {
  readonly bytes: Buffer;
  readonly contentType: string | undefined;
}

/** The platform takes bundles up to 20 MB. */
const bodyBytes = 128 * 1024 * 1024;

/** The bundle as it is deployed; or the status that says that it cannot be had. */
export async function readFunctionBody(
  api: ManagementApi,
  slug: string,
): Promise<FunctionBytes | { readonly status: number }> {
  const what = "a function's body";
  const path = `/functions/${slug}/body`;
  const answer = await api.ask({ method: "GET", path, what, maxBytes: bodyBytes });
  if (answer.status >= 400) return { status: answer.status };
  return { bytes: answer.bytes, contentType: answer.contentType };
}
