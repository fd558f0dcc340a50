/** The policy as the rest of Lifeboat uses it: checked, defaults filled in, durations in milliseconds. */
import type { Tier } from "../snapshot/snapshot-json.ts";

/** The name of a variable that holds a secret; src/policy/secrets.ts asks the environment for it. */
export interface SecretReference {
  readonly secret: string;
}

export interface Policy {
  /** IANA name; calendar periods are those of this zone. */
  readonly timezone: string;
  readonly recipients: readonly string[];
  /** Public keys of which one must have signed what counts; none: no signature is demanded. */
  readonly signers: readonly string[];
  /** What is knowingly done without; every report shows it. */
  readonly waive: readonly PolicyWaiver[];
  /** In the order of the file: the first is where restore looks first. */
  readonly stores: readonly PolicyStore[];
  readonly sources: readonly PolicySource[];
  readonly retention: Retention;
  readonly verify: {
    /** At least this often a backup of each source is verified at level `restored`. */
    readonly restoreMs: number;
    /** Components and `extension:NAME` that may stay unproven (src/verification/waivers.ts). */
    readonly waive: readonly string[];
    readonly checks: readonly SqlCheck[];
    /** Whether contents run with the job's own rights where they cannot be isolated. */
    readonly trustContents: boolean;
  };
  readonly drills: { readonly restorationMs: number; readonly ofAgeMs: number; readonly disasterMs: number };
  readonly restore: {
    /** Whether whoever performs a restore must be somebody else than who planned it. */
    readonly anotherActor: boolean;
    readonly before?: string;
    readonly after?: string;
  };
  readonly keys: { readonly rotateMs: number };
  readonly alerts: AlertPolicy;
}

export const policyWaivers = ["second-recipient", "signing"] as const;
export type PolicyWaiver = (typeof policyWaivers)[number];

export interface Retention {
  /** How long a snapshot that holds the tier is kept; tiers that are absent are not made. */
  readonly tiers: Readonly<Partial<Record<Tier, number>>>;
  readonly keepAtLeast: number;
}

export type PolicyStore = { readonly name: string; readonly retention?: Partial<Record<Tier, number>> } & (
  | { readonly type: "github-artifacts"; readonly allowedBranches: readonly string[] }
  | ({ readonly type: "s3" } & S3Settings)
  | { readonly type: "directory"; readonly path: string }
);

export interface S3Settings {
  readonly bucket: string;
  readonly prefix?: string;
  readonly region?: string;
  readonly endpoint?: string;
  readonly pathStyle: boolean;
  readonly profile?: string;
  /** Object Lock by tier, until the snapshot's last tier ends; absent: none. */
  readonly lock: Readonly<Partial<Record<Tier, LockMode>>>;
  /** By tier, in the provider's own words (`STANDARD_IA`); absent: the bucket's. */
  readonly storageClass: Readonly<Partial<Record<Tier, string>>>;
}

export const lockModes = ["none", "governance", "compliance"] as const;
export type LockMode = (typeof lockModes)[number];

/** The least that a backup of a source must have. */
export type Expected = Readonly<Partial<Record<"tables" | "rows" | "objects", number | undefined>>>;

interface SourceObjectives {
  readonly name: string;
  readonly expect?: Expected;
  readonly everyMs: number;
  readonly rpoMs: number;
  readonly rtoMs: number;
}

export type PolicySource = SourceObjectives & (PostgresSource | StorageSource | ApplicationSource);

interface PostgresSource {
  readonly type: "postgres";
  readonly url: SecretReference;
  readonly jobs?: number;
  /** Whether it is a Supabase project's database; absent: its catalog decides. */
  readonly supabase?: boolean;
  readonly vault: boolean;
  readonly rolePasswords: boolean;
}

interface StorageSource {
  readonly type: "supabase-storage";
  readonly url: string | SecretReference;
  readonly key: SecretReference;
  /** Lists objects by SQL, at one moment. */
  readonly databaseUrl?: SecretReference;
  /** Globs on `bucket/name`. */
  readonly include: readonly string[];
  readonly exclude: readonly string[];
  readonly atOnce?: number;
  readonly shards: number;
}

interface ApplicationSource {
  readonly type: "application";
  readonly paths: readonly string[];
  readonly config: readonly string[];
  readonly exclude: readonly string[];
  readonly env?: SecretReference;
  /** Supabase's management token: the project's settings are backed up too. */
  readonly accessToken?: SecretReference;
  /** Whose settings: the project's ref. Given where `accessToken` is. */
  readonly project?: string;
  readonly onPush: boolean;
}

export interface SqlCheck {
  readonly name: string;
  /** Name of the source; absent: every database. */
  readonly source?: string;
  readonly sql: string;
  /** The one value of the one row, as text. */
  readonly expect: string;
}

export interface AlertPolicy {
  /** How long after a missed objective nobody is told yet: GitHub's schedules are late by nature. */
  readonly graceMs: number;
  /** Absent: no issues. */
  readonly issues?: { readonly labels: readonly string[]; readonly assignees: readonly string[] };
  readonly email?: {
    readonly to: readonly string[];
    readonly from?: string;
    readonly smtp: Readonly<Record<SmtpSetting, SecretReference>>;
  };
  readonly webhook?: { readonly url: SecretReference; readonly format: "slack" | "plain" };
  /** A dead man's switch that is told of start, success and failure. */
  readonly ping?: SecretReference;
}

export type SmtpSetting = "host" | "port" | "user" | "password" | "secure";

/** The tiers that a store is asked to keep, and for how long: its own, or of the common ones what it can keep. */
export function retentionAt(store: PolicyStore, policy: Policy, artifactDays: number): Retention {
  const { tiers, keepAtLeast } = policy.retention;
  if (store.retention !== undefined) return { tiers: store.retention, keepAtLeast };
  const limitMs = longestAt(store, artifactDays);
  const kept = Object.entries(tiers).filter(([, ms]) => ms <= limitMs);
  return { tiers: Object.fromEntries(kept), keepAtLeast };
}

/** The longest time that a store can keep anything, in milliseconds. */
export function longestAt(store: Pick<PolicyStore, "type">, artifactDays: number): number {
  return store.type === "github-artifacts" ? artifactDays * 86_400_000 : Number.POSITIVE_INFINITY;
}

/** GitHub's own limits; an organisation may have set a lower one. */
export const artifactDaysLimit = { public: 90, private: 400 } as const;
export type Visibility = keyof typeof artifactDaysLimit;
