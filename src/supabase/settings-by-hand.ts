/** Settings that no restore writes: each that the backup has and the project lacks, with what a person does about it. */
import type { ProjectSettings } from "../snapshot/project-settings.ts";
import { fieldsOf } from "./flat-settings.ts";
import { secretsIn } from "./project-secrets.ts";
import type { SettingsRead } from "./read-project-settings.ts";

/** What is not written, and why; `what` may name names from inside, `setting` and `reason` never do. */
export interface ByHand {
  readonly setting: string;
  readonly what: string;
  readonly reason: string;
  /** A value that the API does not return, to be entered again. */
  readonly isSecret?: true;
}

type Settings = Readonly<Record<string, unknown>>;

interface ByHandRule {
  readonly setting: string;
  readonly reason: string;
  /** What there is, by names that can be compared between projects. */
  readonly names: (settings: Settings) => readonly string[];
}

const rules: readonly ByHandRule[] = [
  {
    setting: "sso-providers",
    reason: "its rows are in the database (auth.sso_providers): restore the database, which keeps their ids",
    names: ({ "sso-providers": answer }) =>
      itemsOf(fieldsOf(answer)["items"]).map((one) =>
        String(fieldsOf(one["saml"])["entity_id"] ?? one["id"]),
      ),
  },
  {
    setting: "signing-keys",
    reason: "the API never returns private keys: import your own copy, or everybody signs in again",
    names: ({ "signing-keys": answer }) =>
      itemsOf(fieldsOf(answer)["keys"])
        .filter(({ status }) => status !== "revoked")
        .map(({ id }) => String(id)),
  },
  {
    setting: "api-keys",
    reason: "each project makes its own: create it, and give it to whoever used the old one",
    names: ({ "api-keys": answer }) =>
      itemsOf(answer).map(({ type, name }) => `${String(type)} ${String(name)}`),
  },
  {
    setting: "custom-hostname",
    reason: "it needs a proof in the DNS: set it up again once the old project has let go of it",
    names: ({ "custom-hostname": answer }) => {
      const { status, custom_hostname: name } = fieldsOf(answer);
      return typeof name !== "string" || name === "" || status === "1_not_started" ? [] : [name];
    },
  },
  {
    setting: "vanity-subdomain",
    reason: "it is taken as long as the old project has it: activate it by the dashboard or the CLI",
    names: ({ "vanity-subdomain": answer }) => {
      const { custom_domain: name } = fieldsOf(answer);
      return typeof name === "string" ? [name] : [];
    },
  },
  {
    setting: "add-ons",
    reason: "add-ons cost money: choose them in the dashboard",
    names: ({ "add-ons": answer }) =>
      itemsOf(fieldsOf(answer)["selected_addons"]).map(({ variant }) => String(fieldsOf(variant)["id"])),
  },
];

export function settingsByHand(
  backup: ProjectSettings,
  now: { readonly read: SettingsRead },
): readonly ByHand[] {
  const listed = rules.flatMap(({ setting, reason, names }) => {
    const there = new Set(names(now.read.present));
    return names(backup.settings)
      .filter((name) => !there.has(name))
      .map((what) => ({ setting, what, reason }));
  });
  return [...listed, ...secretsByHand(backup, now)];
}

/** Those of functions; auth's are fields among others. */
function secretsByHand(backup: ProjectSettings, now: { readonly read: SettingsRead }): readonly ByHand[] {
  const digests = new Map(
    secretsIn({ secrets: now.read.present.secrets }).map(({ name, digest }) => [name, digest]),
  );
  return secretsIn({ secrets: backup.settings["secrets"] }).flatMap(({ setting, name, digest }) => {
    const had = digests.get(name);
    if (had === digest && digest !== "") return [];
    const reason =
      had === undefined
        ? "a secret whose value the API does not return: enter it again"
        : "a secret of that name is there with another digest: enter it again unless it is meant";
    return [{ setting, what: name, reason, isSecret: true } as const];
  });
}

function itemsOf(value: unknown): readonly Readonly<Record<string, unknown>>[] {
  return Array.isArray(value) ? (value as readonly unknown[]).map(fieldsOf) : [];
}
