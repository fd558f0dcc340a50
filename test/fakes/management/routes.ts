/** What each operation of the Management API does to a project. */
import {
  type FakeProject,
  putFunction,
  shownAuth,
  shownPooler,
  shownProject,
  shownSecrets,
} from "./project.ts";

export interface Asked {
  readonly project: FakeProject;
  /** Of a function. */
  readonly slug: string;
  /** The JSON that was sent. */
  readonly value: unknown;
  readonly body: Buffer;
  readonly searchParams: URLSearchParams;
}

export interface Answer {
  /** Default: the operation's. */
  readonly status?: number;
  readonly value?: unknown;
  readonly bytes?: Buffer;
  readonly contentType?: string;
}

type Fields = Record<string, unknown>;
type Route = (asked: Asked) => Answer;

const absent = (message: string): Answer => ({ status: 404, value: { message } });

function patchAuth({ project, value }: Asked): Answer {
  const next = { ...project.auth, ...(value as Fields) };
  const lacking = ["google", "github"].find(
    (provider) => next[`external_${provider}_enabled`] === true && !next[`external_${provider}_secret`],
  );
  if (lacking !== undefined)
    return { status: 400, value: { message: `external_${lacking}_secret is required` } };
  Object.assign(project.auth, next);
  return { value: shownAuth(project) };
}

/** Inner objects are merged, as the platform does. */
function merge(into: Fields, from: Fields): void {
  for (const [name, value] of Object.entries(from)) {
    const isObject = typeof value === "object" && value !== null && !Array.isArray(value);
    if (isObject) merge((into[name] ??= {}) as Fields, value as Fields);
    else into[name] = value;
  }
}

function listingOf(searchParams: URLSearchParams): Fields {
  const flags = ["verify_jwt", "import_map"];
  return Object.fromEntries(
    [...searchParams].map(([name, value]) => [name, flags.includes(name) ? value === "true" : value]),
  );
}

const base = "/v1/projects/{ref}";
const restrictions = ({ network }: FakeProject): Answer => ({
  value: { entitlement: "allowed", config: network, status: "applied" },
});
const enforcement = ({ ssl }: FakeProject): Answer => ({
  value: { currentConfig: { database: ssl }, appliedSuccessfully: true },
});

export const routes: Readonly<Record<string, Route>> = {
  [`get ${base}`]: ({ project }) => ({ value: shownProject(project) }),
  [`get ${base}/api-keys`]: ({ project }) => ({ value: project.apiKeys }),
  [`get ${base}/billing/addons`]: ({ project }) => ({
    value: { selected_addons: project.addOns, available_addons: [] },
  }),
  [`get ${base}/config/auth`]: ({ project }) => ({ value: shownAuth(project) }),
  [`patch ${base}/config/auth`]: patchAuth,
  [`get ${base}/config/auth/signing-keys`]: ({ project }) => ({ value: { keys: project.signingKeys } }),
  [`get ${base}/config/auth/sso/providers`]: ({ project }) =>
    project.auth["saml_enabled"] === true
      ? { value: { items: project.ssoProviders } }
      : absent("SAML 2.0 support is not enabled for this project"),
  [`get ${base}/config/auth/third-party-auth`]: ({ project }) => ({ value: project.thirdParties }),
  [`post ${base}/config/auth/third-party-auth`]: ({ project, value }) => {
    const at = "2026-11-01T08:00:00Z";
    const made = {
      id: `tpa-${project.thirdParties.length}`,
      type: "oidc",
      ...(value as Fields),
      inserted_at: at,
      updated_at: at,
    };
    project.thirdParties.push(made);
    return { value: made };
  },
  [`get ${base}/config/database/pooler`]: ({ project }) => ({ value: shownPooler(project) }),
  [`patch ${base}/config/database/pooler`]: ({ project, value }) => {
    Object.assign(project.pooler, value);
    return { value: { pool_mode: "transaction", ...project.pooler } };
  },
  [`get ${base}/config/database/postgres`]: ({ project }) => ({ value: project.postgres }),
  [`put ${base}/config/database/postgres`]: ({ project, value }) => {
    project.postgres = value as Fields;
    return { value: project.postgres };
  },
  [`get ${base}/config/realtime`]: ({ project }) => ({ value: project.realtime }),
  [`patch ${base}/config/realtime`]: ({ project, value }) => {
    Object.assign(project.realtime, value);
    return {};
  },
  [`get ${base}/config/storage`]: ({ project }) => ({ value: project.storage }),
  [`patch ${base}/config/storage`]: ({ project, value }) => {
    merge(project.storage, value as Fields);
    return {};
  },
  [`get ${base}/custom-hostname`]: ({ project }) =>
    project.hostname === undefined ? absent("No custom hostname") : { value: project.hostname },
  [`get ${base}/functions`]: ({ project }) => ({
    value: [...project.functions.values()].map(({ listing }) => listing),
  }),
  [`post ${base}/functions`]: ({ project, searchParams, body }) => {
    const slug = searchParams.get("slug") ?? "";
    if (project.functions.has(slug)) return { status: 400, value: { message: "Duplicated function slug" } };
    return { value: putFunction(project, slug, { listing: listingOf(searchParams), bytes: body }).listing };
  },
  [`patch ${base}/functions/{function_slug}`]: ({ project, slug, searchParams, body }) =>
    project.functions.has(slug)
      ? { value: putFunction(project, slug, { listing: listingOf(searchParams), bytes: body }).listing }
      : absent("Function not found"),
  [`get ${base}/functions/{function_slug}/body`]: ({ project, slug }) => {
    const found = project.functions.get(slug);
    return found === undefined
      ? absent("Function not found")
      : { bytes: found.bytes, contentType: found.contentType };
  },
  [`get ${base}/network-restrictions`]: ({ project }) => restrictions(project),
  [`post ${base}/network-restrictions/apply`]: ({ project, value }) => {
    project.network = { dbAllowedCidrs: [], dbAllowedCidrsV6: [], ...(value as Fields) };
    return restrictions(project);
  },
  [`get ${base}/postgrest`]: ({ project }) => ({ value: project.dataApi }),
  [`patch ${base}/postgrest`]: ({ project, value }) => {
    Object.assign(project.dataApi, value);
    return { value: { ...project.dataApi, jwt_secret: undefined } };
  },
  [`get ${base}/secrets`]: ({ project }) => ({ value: shownSecrets(project) }),
  [`get ${base}/ssl-enforcement`]: ({ project }) => enforcement(project),
  [`put ${base}/ssl-enforcement`]: ({ project, value }) => {
    project.ssl = (
      value as { readonly requestedConfig: { readonly database: boolean } }
    ).requestedConfig.database;
    return enforcement(project);
  },
  [`get ${base}/vanity-subdomain`]: ({ project }) => ({
    value:
      project.vanity === undefined
        ? { status: "not-used" }
        : { status: "active", custom_domain: project.vanity },
  }),
};
