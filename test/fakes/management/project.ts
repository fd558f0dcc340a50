/** One project of the stand-in: its settings as they are, and as the Management API shows them. */
import { createHash, createHmac, randomUUID } from "node:crypto";
import { isAuthSecret } from "../../../src/supabase/project-secrets.ts";
import { emptiest, operations } from "./schema.ts";

export interface FakeFunction {
  listing: Record<string, unknown>;
  bytes: Buffer;
  contentType: string;
}

export interface FakeProject {
  readonly ref: string;
  /** Plain: secrets too. */
  readonly auth: Record<string, unknown>;
  readonly dataApi: Record<string, unknown>;
  storage: Record<string, unknown>;
  readonly realtime: Record<string, unknown>;
  postgres: Record<string, unknown>;
  readonly pooler: Record<string, unknown>;
  network: { dbAllowedCidrs: string[]; dbAllowedCidrsV6: string[] };
  ssl: boolean;
  /** Values by name. */
  readonly secrets: Map<string, string>;
  readonly functions: Map<string, FakeFunction>;
  readonly thirdParties: Record<string, unknown>[];
  readonly signingKeys: Record<string, unknown>[];
  readonly apiKeys: Record<string, unknown>[];
  readonly addOns: Record<string, unknown>[];
  readonly ssoProviders: Record<string, unknown>[];
  /** undefined: the project has none, which is a 404. */
  hostname: Record<string, unknown> | undefined;
  vanity: string | undefined;
}

const at = "2026-11-01T08:00:00Z";

function initial(operation: string): Record<string, unknown> {
  return emptiest(operations[`get /v1/projects/{ref}${operation}`]!.response!) as Record<string, unknown>;
}

export function newProject(ref: string): FakeProject {
  return {
    ref,
    auth: initial("/config/auth"),
    dataApi: {
      db_schema: "public",
      max_rows: 1000,
      db_extra_search_path: "public, extensions",
      db_pool: null,
      jwt_secret: `jwt-secret-of-${ref}`,
    },
    storage: initial("/config/storage"),
    realtime: initial("/config/realtime"),
    postgres: {},
    pooler: { default_pool_size: null },
    network: { dbAllowedCidrs: ["0.0.0.0/0"], dbAllowedCidrsV6: ["::/0"] },
    ssl: false,
    secrets: new Map([["SUPABASE_URL", `https://${ref}.supabase.co`]]),
    functions: new Map(),
    thirdParties: [],
    signingKeys: [
      {
        id: randomUUID(),
        algorithm: "ES256",
        status: "in_use",
        public_jwk: { kty: "EC", x: "public" },
        created_at: at,
        updated_at: at,
      },
    ],
    apiKeys: [
      { name: "anon", type: "legacy", api_key: `eyJhbGciOiJub25lIn0.${ref}`, id: "anon", prefix: null },
      { name: "default", type: "secret", api_key: `sb_secret_${ref}`, id: randomUUID(), prefix: "sb_s" },
    ],
    addOns: [],
    ssoProviders: [],
    hostname: undefined,
    vanity: undefined,
  };
}

/** Auth's secrets as the platform shows them: a SHA-256 keyed with the project's ref. */
export function shownAuth({ auth, ref }: FakeProject): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(auth).map(([field, value]) => [
      field,
      isAuthSecret(field) && typeof value === "string" && value !== ""
        ? createHmac("sha256", ref).update(value).digest("hex")
        : value,
    ]),
  );
}

export function shownSecrets({ secrets }: FakeProject): unknown {
  return [...secrets].map(([name, value]) => ({
    name,
    value: createHash("sha256").update(value).digest("hex"),
    updated_at: at,
  }));
}

export function shownProject({ ref }: FakeProject): Record<string, unknown> {
  const empty = initial("");
  return {
    ...empty,
    id: ref,
    ref,
    name: `Project ${ref}`,
    region: "eu-central-1",
    organization_slug: "acme",
  };
}

export function shownPooler({ ref, pooler }: FakeProject): unknown {
  const connection = `postgres://postgres.${ref}:[YOUR-PASSWORD]@pooler.example:6543/postgres`;
  return [
    {
      identifier: ref,
      database_type: "PRIMARY",
      is_using_scram_auth: true,
      db_user: "postgres",
      db_host: "pooler.example",
      db_port: 6543,
      db_name: "postgres",
      connection_string: connection,
      connectionString: connection,
      max_client_conn: null,
      pool_mode: "transaction",
      ...pooler,
    },
  ];
}

export function putFunction(
  project: FakeProject,
  slug: string,
  { listing = {}, bytes, contentType = "application/octet-stream" }: Partial<FakeFunction>,
): FakeFunction {
  const old = project.functions.get(slug);
  const version = Number(old?.listing["version"] ?? 0) + 1;
  const stored = {
    listing: {
      id: randomUUID(),
      slug,
      name: slug,
      status: "ACTIVE",
      created_at: Date.parse(at),
      ...old?.listing,
      ...listing,
      version,
      updated_at: Date.parse(at) + version,
    },
    bytes: bytes ?? old?.bytes ?? Buffer.alloc(0),
    contentType,
  };
  project.functions.set(slug, stored);
  return stored;
}
