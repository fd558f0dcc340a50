/** What a project has now against what a backup of one has: what would be written, and what a person must do. */
import type { ProjectSettings } from "../snapshot/project-settings.ts";
import {
  acceptance,
  canonical,
  fieldsOf,
  flatFields,
  type WritableSetting,
  writableSettings,
} from "./flat-settings.ts";
import { isAuthSecret } from "./project-secrets.ts";
import { type FunctionListing, functionsOf, type SettingsRead } from "./read-project-settings.ts";
import { type ByHand, settingsByHand } from "./settings-by-hand.ts";

export interface Change {
  readonly setting: WritableSetting | "functions" | "third-party-auth";
  /** A field; of functions `slug` or `slug.field`. May name names from inside. */
  readonly field: string;
  /** undefined: not there. */
  readonly now: unknown;
  readonly wanted: unknown;
}

export interface SettingsDiff {
  readonly changes: readonly Change[];
  readonly byHand: readonly ByHand[];
}

export interface ProjectNow {
  /** The project's ref. */
  readonly project: string;
  readonly read: SettingsRead;
  /** SHA-256 of the bodies of its functions, by slug; those that the backup has. */
  readonly bodies: ReadonlyMap<string, string>;
}

export function compareSettings(backup: ProjectSettings, now: ProjectNow): SettingsDiff {
  const parts = [
    ...writableSettings.map((setting) => compareFields(setting, backup, now)),
    compareFunctions(backup, now),
    compareThirdParties(backup, now),
    { changes: [], byHand: settingsByHand(backup, now) },
  ];
  return {
    changes: parts.flatMap(({ changes }) => changes),
    byHand: parts.flatMap(({ byHand }) => byHand),
  };
}

function compareFields(setting: WritableSetting, backup: ProjectSettings, now: ProjectNow): SettingsDiff {
  const none = (reason: string): SettingsDiff => ({
    changes: [],
    byHand: [{ setting, what: "all of it", reason }],
  });
  const wanted = flatFields(setting, backup.settings);
  const present = flatFields(setting, now.read.present);
  if (wanted === undefined) {
    const isRefused = backup.unreadable.some((one) => one.setting === setting);
    return isRefused ? none("not in the backup: it could not be read then") : { changes: [], byHand: [] };
  }
  if (present === undefined) {
    const refused = now.read.unreadable.find((one) => one.setting === setting);
    return none(
      refused === undefined
        ? "the project does not have it now"
        : `it cannot be read now (status ${refused.status}), so nothing is written over it`,
    );
  }
  const changes: Change[] = [];
  const byHand: ByHand[] = [];
  for (const [field, value] of wanted) {
    const had = present.get(field);
    if (canonical(had) === canonical(value)) continue;
    if (setting === "auth" && isAuthSecret(field)) {
      byHand.push(secretByHand(field, value));
      continue;
    }
    const reason = reasonNotToWrite(setting, field, value);
    if (reason === undefined) changes.push({ setting, field, now: had, wanted: value });
    else if (reason !== "platform") byHand.push({ setting, what: field, reason });
  }
  // Postgres's are written as a whole: what the backup does not name goes back to the platform's default.
  for (const [field, had] of setting === "postgres" ? present : []) {
    if (!wanted.has(field)) changes.push({ setting, field, now: had, wanted: undefined });
  }
  return { changes, byHand };
}

function secretByHand(what: string, value: unknown): ByHand {
  const setting = "auth";
  if (value === null || value === "")
    return { setting, what, reason: "the backup has no such secret; the project's own is left alone" };
  const reason =
    "a secret: the API returns a digest, not the value; enter it again unless it is there already";
  return { setting, what, reason, isSecret: true };
}

/** `platform`: it is as the platform made it, and nobody's business. */
function reasonNotToWrite(setting: WritableSetting, field: string, value: unknown): string | undefined {
  if (setting === "data-api" && field === "jwt_secret") return "each project has its own";
  switch (acceptance(setting, field, value)) {
    case "yes":
      return undefined;
    case "not-null":
      return "not set in the backup, and the API cannot unset it";
    case "no":
      return setting === "storage" ? "platform" : "the API does not take it back";
  }
}

const functionFields = ["name", "verify_jwt", "import_map", "entrypoint_path", "import_map_path"] as const;

function compareFunctions(backup: ProjectSettings, now: ProjectNow): SettingsDiff {
  const changes: Change[] = [];
  const byHand: ByHand[] = [];
  const present = new Map(functionsOf(now.read.present.functions).map((one) => [one.slug, one]));
  const wanted = functionsOf(backup.settings["functions"]);
  const isReadable = now.read.present.functions !== undefined;
  for (const one of wanted) {
    const add = (reason: string): void => void byHand.push({ setting: "functions", what: one.slug, reason });
    const body = backup.functions.find(({ slug }) => slug === one.slug);
    if (body === undefined) add("its body is in no backup: deploy it from its sources");
    else if (!isReadable) add("the project's functions cannot be read now, so nothing is written over them");
    else if (body.contentType?.startsWith("multipart/") === true)
      add("its body came as sources, not as a bundle: deploy it from the restored files");
    else changes.push(...compareFunction(one, body.sha256, present.get(one.slug), now.bodies));
  }
  for (const slug of present.keys()) {
    if (!wanted.some((one) => one.slug === slug))
      byHand.push({ setting: "functions", what: slug, reason: "not in the backup; it is left alone" });
  }
  return { changes, byHand };
}

function compareFunction(
  wanted: FunctionListing,
  sha256: string,
  present: FunctionListing | undefined,
  bodies: ReadonlyMap<string, string>,
): readonly Change[] {
  const { slug } = wanted;
  const shown = `body with SHA-256 ${sha256}`;
  if (present === undefined) return [{ setting: "functions", field: slug, now: undefined, wanted: shown }];
  const changes: Change[] = [];
  const had = bodies.get(slug);
  if (had !== sha256) {
    const now = had === undefined ? undefined : `body with SHA-256 ${had}`;
    changes.push({ setting: "functions", field: slug, now, wanted: shown });
  }
  for (const field of functionFields) {
    if (wanted[field] === undefined || wanted[field] === present[field]) continue;
    changes.push({
      setting: "functions",
      field: `${slug}.${field}`,
      now: present[field],
      wanted: wanted[field],
    });
  }
  return changes;
}

function compareThirdParties(backup: ProjectSettings, now: ProjectNow): SettingsDiff {
  const setting = "third-party-auth";
  const wanted = thirdParties(backup.settings[setting]);
  if (wanted.length === 0) return { changes: [], byHand: [] };
  if (now.read.present[setting] === undefined) {
    const reason = "the project's own cannot be read now, so none is added";
    return { changes: [], byHand: [{ setting, what: "all of it", reason }] };
  }
  const present = new Set(thirdParties(now.read.present[setting]).map(spelling));
  const changes = wanted
    .filter((one) => !present.has(spelling(one)))
    .map((one) => {
      const [[name, value] = ["", ""]] = Object.entries(one);
      return {
        setting,
        field: typeof value === "string" ? value : name,
        now: undefined,
        wanted: one,
      } as const;
    });
  return { changes, byHand: [] };
}

/** What each was made from: one of an issuer, an address of keys, the keys themselves. */
function thirdParties(answer: unknown): readonly Readonly<Record<string, unknown>>[] {
  if (!Array.isArray(answer)) return [];
  return (answer as readonly unknown[]).flatMap((one) => {
    const fields = fieldsOf(one);
    const name = ["oidc_issuer_url", "jwks_url", "custom_jwks"].find(
      (field) => (fields[field] ?? null) !== null,
    );
    if (name === undefined) return [];
    return [{ [name]: fields[name] }];
  });
}

/** The same address in another spelling must not be added again with every restore; what is written stays as it was. */
function spelling(one: Readonly<Record<string, unknown>>): string {
  return canonical(one).replace(/\/+"\}$/, '"}');
}
