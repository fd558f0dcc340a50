/** A policy in plain sentences: what happens when, what is kept how long, what can be lost, what it costs. */
import { type Tier, tiers } from "../snapshot/snapshot-json.ts";
import type { Finding } from "../verification/findings.ts";
import { tiersOf } from "./due.ts";
import { dayMs, durationInWords, paceInWords } from "./durations.ts";
import {
  artifactDaysLimit,
  type Policy,
  type PolicySource,
  type PolicyStore,
  retentionAt,
  type Visibility,
} from "./policy.ts";

/** What the costs are computed from; an absent size is said to be unknown, never guessed. */
export interface ExplainInputs {
  readonly databaseBytes?: number;
  readonly storageBytes?: number;
  readonly visibility?: Visibility;
}

export interface Explanation {
  readonly sources: readonly SourceExplanation[];
  readonly stores: readonly StoreExplanation[];
  readonly costs: Costs;
  readonly findings: readonly Finding[];
}

export interface SourceExplanation {
  readonly name: string;
  readonly sentences: readonly string[];
  readonly backupsPerMonth: number;
  /** Recovery point: what is wanted, and the worst that schedules can give without a dropped run. Milliseconds. */
  readonly rpoMs: number;
  readonly worstRpoMs: number;
}

export interface StoreExplanation {
  readonly name: string;
  readonly sentences: readonly string[];
  /** Bytes once every tier is full; absent where a size is unknown. */
  readonly bytes?: number;
}

export interface Costs {
  readonly minutesPerMonth: number;
  /** Whether a size is unknown, so that the minutes are the least and not an estimate. */
  readonly isAtLeast: boolean;
  /** In GitHub artifacts, once every tier is full; absent where a size is unknown. */
  readonly artifactBytes?: number;
  /** From the database and Supabase Storage in a month; absent where a size is unknown. */
  readonly egressBytesPerMonth?: number;
  /** The formula's inputs. */
  readonly assumptions: readonly string[];
}

const hourMs = 3_600_000;
const heartbeatMs = hourMs;
const daysPerMonth = 30.4;
const usualDelayMs = hourMs / 2;
const bytesPerSecond = 50_000_000;
const databaseSealedShare = 0.25;
const storageChangePerDay = 0.01;

const tierDays: Readonly<Record<Tier, number>> = {
  hourly: 1 / 24,
  daily: 1,
  weekly: 7,
  monthly: 30.4,
  yearly: 365,
};

export function explainPolicy(
  policy: Policy,
  findings: readonly Finding[],
  inputs: ExplainInputs = {},
): Explanation {
  return {
    sources: policy.sources.map((source) => explainSource(source, policy)),
    stores: policy.stores.map((store, index) => explainStore(store, index, policy, inputs)),
    costs: costsOf(policy, inputs),
    findings,
  };
}

function explainSource(source: PolicySource, policy: Policy): SourceExplanation {
  const worstRpoMs = Math.max(source.everyMs, heartbeatMs) + usualDelayMs;
  const isPushed = source.type === "application" && source.onPush;
  const longer = tiersOf(source, policy).slice(1);
  const also =
    longer.length === 0
      ? ""
      : ` The first good one of each ${listed(longer.map((tier) => unitOf[tier]))} (${policy.timezone}) counts for that too.`;
  return {
    name: source.name,
    backupsPerMonth: backupsPerMonth(source),
    rpoMs: source.rpoMs,
    worstRpoMs,
    sentences: [
      `${kindNames[source.type]} is backed up every ${paceInWords(source.everyMs)}${isPushed ? ", and at once when the default branch is pushed to" : ""}.${also}`,
      isPushed
        ? `What was pushed is safe minutes later; the rest is at most ${durationInWords(worstRpoMs)} old.`
        : `At worst ${approximately(worstRpoMs)} are lost, where ${durationInWords(source.rpoMs)} is wanted: GitHub starts schedules late by up to half an hour. Each run that GitHub drops adds an hour.`,
      `It should be back within ${durationInWords(source.rtoMs)}; drills measure it.`,
    ],
  };
}

function explainStore(
  store: PolicyStore,
  index: number,
  policy: Policy,
  inputs: ExplainInputs,
): StoreExplanation {
  const { tiers: kept, keepAtLeast } = retentionAt(store, policy, artifactDaysOf(inputs));
  const phrases = tiers.flatMap((tier) => {
    const ms = kept[tier];
    return ms === undefined ? [] : [`${tier} backups ${durationInWords(ms)}`];
  });
  const bytes = bytesIn(store, policy, inputs);
  const lock = store.type === "s3" && Object.values(store.lock).some((mode) => mode !== "none");
  return {
    name: store.name,
    ...(bytes === undefined ? {} : { bytes }),
    sentences: [
      phrases.length === 0
        ? `Keeps only the newest ${keepAtLeast}.`
        : `Keeps ${listed(phrases)}, and always the newest ${keepAtLeast} good ones.`,
      ...(index === 0 ? ["Restores look here first."] : []),
      ...(lock ? ["Object Lock forbids deleting them before their time."] : []),
    ],
  };
}

function costsOf(policy: Policy, inputs: ExplainInputs): Costs {
  const sizes = policy.sources.map((source) => sizeOf(source, inputs));
  const isAtLeast = sizes.includes(undefined);
  const jobs = policy.sources.map((_, index) => 1 + Math.ceil((sizes[index] ?? 0) / bytesPerSecond / 60));
  // Backed up, then unsealed by the verification.
  const work = policy.sources.reduce(
    (sum, source, index) => sum + backupsPerMonth(source) * (jobs[index] ?? 1) * 2,
    0,
  );
  // Sources that are due at the same heartbeat share its run.
  const runs = Math.max(0, ...policy.sources.map(backupsPerMonth));
  const around = runs * 2 + daysPerMonth * 4;
  const weekly = (daysPerMonth / 7) * (2 + jobs.reduce((sum, minutes) => sum + minutes, 0));
  const artifacts = policy.stores
    .filter(({ type }) => type === "github-artifacts")
    .map((store) => bytesIn(store, policy, inputs));
  const egress = policy.sources.map((source, index) => egressOf(source, sizes[index]));
  return {
    minutesPerMonth: Math.round(daysPerMonth * 24 + work + around + weekly),
    isAtLeast,
    ...sumOf("artifactBytes", artifacts),
    ...sumOf("egressBytesPerMonth", egress),
    assumptions: [
      `database size: ${sizeInWords(inputs.databaseBytes, "--database-size")}`,
      `storage size: ${sizeInWords(inputs.storageBytes, "--storage-size")}`,
      "720 to 744 heartbeats a month of one minute each; GitHub rounds every job up to a minute",
      "a run with something due is a minute of pruning and one of the monitor besides; backups at each push are not counted",
      "the monitor by itself is a minute four times a day; the weekly verification is two and as long as a backup for each source",
      `each backup takes one minute and its size at ${bytesPerSecond / 1_000_000} MB/s, its verification as long again`,
      `a sealed database takes ${databaseSealedShare * 100} % of its size; objects do not compress`,
      `${storageChangePerDay * 100} % of the objects change a day; unchanged ones are stored and fetched once`,
      "the first storage backup fetches everything; restores and drills read from the store and are not counted",
    ],
  };
}

function backupsPerMonth({ everyMs }: PolicySource): number {
  return Math.round((daysPerMonth * dayMs) / Math.max(everyMs, heartbeatMs));
}

/** Application backups are small beside the others: zero. */
function sizeOf({ type }: PolicySource, { databaseBytes, storageBytes }: ExplainInputs): number | undefined {
  if (type === "application") return 0;
  return type === "postgres" ? databaseBytes : storageBytes;
}

function egressOf(source: PolicySource, size: number | undefined): number | undefined {
  if (size === undefined) return undefined;
  return source.type === "supabase-storage"
    ? size * storageChangePerDay * daysPerMonth
    : size * backupsPerMonth(source);
}

function bytesIn(store: PolicyStore, policy: Policy, inputs: ExplainInputs): number | undefined {
  const { tiers: kept } = retentionAt(store, policy, artifactDaysOf(inputs));
  const sums = policy.sources.map((source) => {
    const size = sizeOf(source, inputs);
    if (size === undefined) return undefined;
    const copies = copiesOf(source, policy, kept);
    if (source.type === "postgres")
      return size * databaseSealedShare * copies.reduce((sum, { count }) => sum + count, 0);
    return copies.reduce(
      (sum, { count, everyDays }) => sum + size * count * Math.min(1, storageChangePerDay * everyDays),
      size,
    );
  });
  return sums.includes(undefined) ? undefined : sums.reduce<number>((sum, one) => sum + (one ?? 0), 0);
}

/** How many snapshots each tier adds that no shorter tier keeps anyway. */
function copiesOf(
  source: PolicySource,
  policy: Policy,
  kept: Readonly<Partial<Record<Tier, number>>>,
): readonly { readonly count: number; readonly everyDays: number }[] {
  let coveredDays = 0;
  return tiersOf(source, policy).flatMap((tier, index) => {
    const days = (kept[tier] ?? 0) / dayMs;
    const everyDays = index === 0 ? Math.max(source.everyMs, heartbeatMs) / dayMs : tierDays[tier];
    const count = Math.ceil(Math.max(0, days - coveredDays) / everyDays);
    coveredDays = Math.max(coveredDays, days);
    return count === 0 ? [] : [{ count, everyDays }];
  });
}

function artifactDaysOf({ visibility }: ExplainInputs): number {
  return artifactDaysLimit[visibility ?? "public"];
}

function sumOf<Name extends string>(
  name: Name,
  values: readonly (number | undefined)[],
): Partial<Record<Name, number>> {
  if (values.includes(undefined)) return {};
  return { [name]: Math.round(values.reduce<number>((sum, value) => sum + (value ?? 0), 0)) } as Record<
    Name,
    number
  >;
}

function sizeInWords(bytes: number | undefined, flag: string): string {
  return bytes === undefined ? `unknown (${flag})` : `${(bytes / 1e9).toFixed(2)} GB`;
}

const kindNames: Readonly<Record<PolicySource["type"], string>> = {
  postgres: "The database",
  "supabase-storage": "Supabase Storage",
  application: "The application",
};

const unitOf: Readonly<Record<Tier, string>> = {
  hourly: "hour",
  daily: "day",
  weekly: "week",
  monthly: "month",
  yearly: "year",
};

function listed(words: readonly string[]): string {
  return words.length < 2 ? words.join("") : `${words.slice(0, -1).join(", ")} and ${words.at(-1) ?? ""}`;
}

function approximately(ms: number): string {
  const hours = ms / hourMs;
  return hours < 48 ? `${hours} hours` : `${Math.round((hours / 24) * 10) / 10} days`;
}
