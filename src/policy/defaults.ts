/** What a policy means where it says nothing, and what holds where there is none. */
import type { z } from "zod";
import { type Tier, tiers } from "../snapshot/snapshot-json.ts";
import { parseSigners } from "../snapshot/signed-document.ts";
import type { Finding } from "../verification/findings.ts";
import { dayMs, yearMs } from "./durations.ts";
import { policyFindings } from "./findings.ts";
import type {
  AlertPolicy,
  LockMode,
  Policy,
  PolicySource,
  PolicyStore,
  Retention,
  SecretReference,
  Visibility,
} from "./policy.ts";
import {
  defaultTiers,
  type sections,
  sourceDefaults,
  type sourceShapes,
  type storeShapes,
} from "./schema.ts";

type Section<Name extends keyof typeof sections> = z.output<(typeof sections)[Name]>;
export type ReadSource = {
  [Type in keyof typeof sourceShapes]: z.output<(typeof sourceShapes)[Type]>;
}[keyof typeof sourceShapes];
export type ReadStore = {
  [Type in keyof typeof storeShapes]: z.output<(typeof storeShapes)[Type]>;
}[keyof typeof storeShapes];

/** The sections of a file that are sound by themselves; entries of stores and sources that are not are undefined. */
export type Sections = {
  readonly [Name in keyof typeof sections]?: Section<Name>;
} & {
  readonly stores?: Readonly<Record<string, ReadStore | undefined>>;
  readonly sources?: Readonly<Record<string, ReadSource | undefined>>;
};

const defaultStores: Readonly<Record<string, ReadStore>> = { near: { type: "github-artifacts" } };
const defaultKeepAtLeast = 3;

/** The policy of a repository that has no policy file: what the old procedure did for the database, on artifacts. */
export function defaultPolicy(visibility?: Visibility): {
  readonly policy: Policy;
  readonly findings: readonly Finding[];
} {
  const policy = policyFrom({
    recipients: [],
    sources: { database: { type: "postgres", url: { secret: "DATABASE_URL" }, every: dayMs } },
    retention: { daily: 30 * dayMs, weekly: 90 * dayMs },
  });
  const sentence = "There is no policy file: the database is backed up once a day into GitHub artifacts.";
  const noPolicy: Finding = {
    level: "warning",
    code: "policy-missing",
    sentence,
    publicSentence: sentence,
    remedy: "Write .github/lifeboat.yml: docs/policy.md has an example.",
  };
  return { policy, findings: [noPolicy, ...policyFindings(policy, visibility)] };
}

/** Sections that agree with each other as the policy. */
export function policyFrom(read: Sections): Policy {
  const retention = retentionOf(read);
  const { verify, drills, restore, keys } = read;
  const longestMs = Math.max(...Object.values(retention.tiers));
  return {
    timezone: read.timezone ?? "UTC",
    recipients: (read.recipients ?? []).map((recipient) => recipient.trim()),
    signers: read.signer === undefined ? [] : parseSigners(read.signer),
    waive: read.waive ?? [],
    stores: Object.entries(read.stores ?? defaultStores).flatMap(([name, store]) =>
      store === undefined ? [] : [storeFrom(name, store)],
    ),
    sources: Object.entries(read.sources ?? {}).flatMap(([name, source]) =>
      source === undefined ? [] : [sourceFrom(name, source, retention)],
    ),
    retention,
    verify: {
      restoreMs: verify?.restore ?? 7 * dayMs,
      waive: verify?.waive ?? [],
      trustContents: verify?.["trust-contents"] ?? false,
      checks: (verify?.checks ?? []).map(({ name, source, sql, expect }) => ({
        name,
        sql,
        expect: String(expect),
        ...given("source", source),
      })),
    },
    drills: {
      restorationMs: drills?.restoration ?? 90 * dayMs,
      ofAgeMs: drills?.["of-age"] ?? Math.min(30 * dayMs, longestMs),
      disasterMs: drills?.disaster ?? yearMs,
    },
    restore: {
      anotherActor: restore?.["another-actor"] ?? false,
      ...given("before", restore?.before),
      ...given("after", restore?.after),
    },
    keys: { rotateMs: keys?.rotate ?? yearMs },
    alerts: alertsFrom(read.alerts),
  };
}

export function retentionOf(read: Sections): Retention {
  const { "keep-at-least": keepAtLeast = defaultKeepAtLeast, ...asked } = read.retention ?? {};
  const wanted = Object.keys(asked).length === 0 ? defaultTiers : asked;
  return { tiers: durationsByTier(wanted), keepAtLeast };
}

/** The tier whose calendar period is the pace of a source. */
export function baseTier(everyMs: number): "hourly" | "daily" | "weekly" {
  if (everyMs < dayMs) return "hourly";
  return everyMs < 7 * dayMs ? "daily" : "weekly";
}

/** By default as often as the kind of source usually wants it, but not more often than what is made is kept. */
export function everyOf(source: ReadSource, retention: Retention): number {
  if (source.every !== undefined) return source.every;
  const usual = sourceDefaults[source.type].everyMs;
  if (usual < dayMs && retention.tiers.hourly === undefined)
    return retention.tiers.daily === undefined ? 7 * dayMs : dayMs;
  return retention.tiers[baseTier(usual)] === undefined && usual === dayMs ? 7 * dayMs : usual;
}

function sourceFrom(name: string, source: ReadSource, retention: Retention): PolicySource {
  const everyMs = everyOf(source, retention);
  const objectives = {
    name,
    everyMs,
    rpoMs: source.rpo ?? everyMs,
    rtoMs: source.rto ?? sourceDefaults[source.type].rtoMs,
    ...given("expect", source.expect),
  };
  switch (source.type) {
    case "postgres":
      return {
        ...objectives,
        type: "postgres",
        url: source.url,
        ...given("jobs", source.jobs),
        ...given("supabase", source.supabase),
        vault: source.vault ?? false,
        rolePasswords: source["role-passwords"] ?? false,
      };
    case "supabase-storage":
      return {
        ...objectives,
        type: "supabase-storage",
        url: source.url,
        key: source.key,
        ...given("databaseUrl", source["database-url"]),
        include: source.include ?? [],
        exclude: source.exclude ?? [],
        ...given("atOnce", source["at-once"]),
        shards: source.shards ?? 1,
      };
    case "application":
      return {
        ...objectives,
        type: "application",
        paths: source.paths ?? ["."],
        config: source.config ?? [],
        exclude: source.exclude ?? [],
        ...given("env", source.env),
        ...given("accessToken", source["access-token"]),
        ...given("project", source.project),
        onPush: source["on-push"] ?? true,
      };
  }
}

function storeFrom(name: string, store: ReadStore): PolicyStore {
  const common = { name, ...given("retention", store.retention && durationsByTier(store.retention)) };
  switch (store.type) {
    case "github-artifacts":
      return { ...common, type: "github-artifacts", allowedBranches: store["allowed-branches"] ?? [] };
    case "directory":
      return { ...common, type: "directory", path: store.path };
    case "s3":
      return {
        ...common,
        type: "s3",
        bucket: store.bucket,
        ...given("prefix", store.prefix),
        ...given("region", store.region),
        ...given("endpoint", store.endpoint),
        pathStyle: store["path-style"] ?? false,
        ...given("profile", store.profile),
        lock: eachTier<LockMode>(store.lock),
        storageClass: eachTier<string>(store["storage-class"]),
      };
  }
}

function alertsFrom(alerts: Sections["alerts"]): AlertPolicy {
  const { grace, issues, email, webhook, ping } = alerts ?? {};
  const smtp = (name: string, own: SecretReference | undefined): SecretReference =>
    own ?? { secret: `SMTP_${name}` };
  return {
    graceMs: grace ?? 30 * 60_000,
    ...(issues === false
      ? {}
      : { issues: { labels: issues?.labels ?? ["backup"], assignees: issues?.assignees ?? [] } }),
    ...(email === undefined
      ? {}
      : {
          email: {
            to: [email.to].flat(),
            ...given("from", email.from),
            smtp: {
              host: smtp("HOST", email.host),
              port: smtp("PORT", email.port),
              user: smtp("USER", email.user),
              password: smtp("PASS", email.password),
              secure: smtp("SECURE", email.secure),
            },
          },
        }),
    ...(webhook === undefined
      ? {}
      : {
          webhook:
            "secret" in webhook
              ? { url: webhook, format: "slack" as const }
              : { url: webhook.url, format: webhook.format ?? "slack" },
        }),
    ...given("ping", ping),
  };
}

function eachTier<T extends string>(
  setting: T | Readonly<Record<string, T | undefined>> | undefined,
): Partial<Record<Tier, T>> {
  if (setting === undefined) return {};
  const of = (tier: Tier): T | undefined => (typeof setting === "string" ? setting : setting[tier]);
  return Object.fromEntries(tiers.flatMap((tier) => (of(tier) === undefined ? [] : [[tier, of(tier)]])));
}

/** Without what is undefined, and in the order of the tiers. */
function durationsByTier(
  asked: Readonly<Partial<Record<Tier, number | undefined>>>,
): Partial<Record<Tier, number>> {
  return Object.fromEntries(
    tiers.flatMap((tier) => (asked[tier] === undefined ? [] : [[tier, asked[tier]]])),
  );
}

function given<Name extends string, T>(name: Name, value: T | undefined): Partial<Record<Name, T>> {
  return value === undefined ? {} : ({ [name]: value } as Record<Name, T>);
}
