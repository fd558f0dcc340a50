/** Writes the changes of a diff into a project; one that is refused does not keep the others from being written. */
import { asLifeboatError } from "../errors.ts";
import type { ProjectSettings } from "../snapshot/project-settings.ts";
import { acceptance, flatFields, nested, type WritableSetting } from "./flat-settings.ts";
import type { ManagementApi, Reply } from "./management-api.ts";
import { isAuthSecret } from "./project-secrets.ts";
import type { Change } from "./settings-diff.ts";

/** Fields that one request was about. */
export interface Written {
  readonly setting: Change["setting"];
  readonly fields: readonly string[];
}

export interface NotWritten extends Written {
  /** Everybody may read it. */
  readonly reason: string;
  /** The API's own words, which may name names from inside. */
  readonly inside?: string;
}

export interface WriteOutcome {
  readonly written: Written[];
  readonly notWritten: NotWritten[];
  /** The API could not be asked any more: the rest was not tried. */
  isBroken: boolean;
  /** Asked for, and not answered yet. */
  sent: Written | undefined;
}

export interface SettingsWrite extends Written {
  readonly method: "PATCH" | "PUT" | "POST";
  readonly path: string;
  readonly what: string;
  readonly value: unknown;
  readonly isRepeatable: boolean;
}

const places: Readonly<Record<WritableSetting, Pick<SettingsWrite, "method" | "path" | "what">>> = {
  auth: { method: "PATCH", path: "/config/auth", what: "the auth settings" },
  "data-api": { method: "PATCH", path: "/postgrest", what: "the settings of the data API" },
  storage: { method: "PATCH", path: "/config/storage", what: "the settings of Storage" },
  realtime: { method: "PATCH", path: "/config/realtime", what: "the settings of Realtime" },
  pooler: { method: "PATCH", path: "/config/database/pooler", what: "the settings of the pooler" },
  postgres: { method: "PUT", path: "/config/database/postgres", what: "the settings of Postgres" },
  "ssl-enforcement": { method: "PUT", path: "/ssl-enforcement", what: "the SSL enforcement" },
  "network-restrictions": {
    method: "POST",
    path: "/network-restrictions/apply",
    what: "the network restrictions",
  },
};

/** The one request of a setting; none where nothing of it changes. */
export function writeOf(
  setting: WritableSetting,
  changes: readonly Change[],
  backup: ProjectSettings,
): SettingsWrite | undefined {
  const own = changes.filter((change) => change.setting === setting);
  if (own.length === 0) return undefined;
  const fields = own.map(({ field }) => field);
  const wanted = new Map(
    [...(flatFields(setting, backup.settings) ?? [])].filter(
      ([field, value]) =>
        acceptance(setting, field, value) === "yes" && !(setting === "auth" && isAuthSecret(field)),
    ),
  );
  return { setting, fields, ...places[setting], value: bodyOf(setting, fields, wanted), isRepeatable: true };
}

/** Only what changes; but an inner object is taken as a whole, and so are the two that replace what was there. */
function bodyOf(
  setting: WritableSetting,
  fields: readonly string[],
  wanted: ReadonlyMap<string, unknown>,
): unknown {
  if (setting === "ssl-enforcement") return { requestedConfig: Object.fromEntries(wanted) };
  if (setting === "postgres" || setting === "network-restrictions") return Object.fromEntries(wanted);
  const parentOf = (field: string): string => field.slice(0, field.lastIndexOf(".") + 1);
  const parents = new Set(fields.map(parentOf).filter((parent) => parent !== ""));
  return nested([...wanted].filter(([field]) => fields.includes(field) || parents.has(parentOf(field))));
}

/** What each third party was made from; a second try could add it twice. */
export function thirdPartyWrites(changes: readonly Change[]): readonly SettingsWrite[] {
  return changes
    .filter(({ setting }) => setting === "third-party-auth")
    .map(({ field, wanted }) => ({
      setting: "third-party-auth",
      fields: [field],
      method: "POST",
      path: "/config/auth/third-party-auth",
      what: "third-party auth",
      value: wanted,
      isRepeatable: false,
    }));
}

/** Never throws but for cancellation; `outcome` is filled. */
export async function performWrite(
  api: ManagementApi,
  write: SettingsWrite,
  outcome: WriteOutcome,
  signal: AbortSignal,
): Promise<void> {
  const { setting, fields } = write;
  signal.throwIfAborted();
  outcome.sent = write;
  const reply = await settle({ setting, fields }, outcome, () => api.write(write));
  outcome.sent = undefined;
  if (reply === undefined) return;
  if (!("failure" in reply)) {
    outcome.written.push({ setting, fields });
    return;
  }
  const { status } = reply.failure;
  const families = setting === "auth" && (status === 400 || status === 422) ? familiesOf(write) : [];
  if (families.length > 1) for (const family of families) await performWrite(api, family, outcome, signal);
  else outcome.notWritten.push(refused({ setting, fields }, reply));
}

const apiFailures = new Set<string>([
  "access-token-refused",
  "project-api-unreachable",
  "project-api-unusable",
]);

/** The reply of one request; undefined where it was not tried, or the API could not be asked: that is written down. */
export async function settle(
  { setting, fields }: Written,
  outcome: WriteOutcome,
  request: () => Promise<Reply>,
): Promise<Reply | undefined> {
  if (outcome.isBroken) {
    outcome.notWritten.push({
      setting,
      fields,
      reason: "not tried, because the API could not be asked before",
    });
    return undefined;
  }
  try {
    return await request();
  } catch (thrown) {
    apiFailureOnly(thrown);
    outcome.isBroken = true;
    outcome.notWritten.push({ setting, fields, reason: asLifeboatError(thrown).publicly.sentence });
    return undefined;
  }
}

/** Throws anything else again. */
export function apiFailureOnly(thrown: unknown): undefined {
  if (!apiFailures.has(asLifeboatError(thrown).code)) throw thrown;
}

export function refused(
  { setting, fields }: Written,
  { failure }: Extract<Reply, { readonly failure: unknown }>,
): NotWritten {
  return {
    setting,
    fields,
    reason: `the API refused it with status ${failure.status}`,
    ...(failure.message === "" ? {} : { inside: failure.message }),
  };
}

/** Auth settings that stand or fall together: a provider whose secret must be entered first, a hook, the mail server. */
function familiesOf(write: SettingsWrite): readonly SettingsWrite[] {
  const families = new Map<string, [string, unknown][]>();
  for (const [field, value] of Object.entries(write.value as Record<string, unknown>)) {
    const [family = ""] =
      /^(?:external_[a-z0-9]+|hook_(?:[a-z]+_)+?(?=enabled$|uri$)|mfa|sms|smtp|mailer|sessions|saml|oauth_server|security_captcha)/.exec(
        field,
      ) ?? [];
    families.set(family, [...(families.get(family) ?? []), [field, value]]);
  }
  return [...families.values()].map((fields) => ({
    ...write,
    fields: fields.map(([field]) => field),
    value: Object.fromEntries(fields),
  }));
}
