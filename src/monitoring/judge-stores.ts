/** What one source's stores show beside its newest backup: copies that lag, what expires, what is frozen or broken. */
import { dayMs } from "../policy/durations.ts";
import type { Policy, PolicySource, Retention } from "../policy/policy.ts";
import type { ObservedSnapshot } from "../snapshot/observed.ts";
import { type Tier, tiers } from "../snapshot/snapshot-json.ts";
import type { Finding } from "../verification/findings.ts";
import type { MonitorCode } from "./catalogue.ts";
import { type MonitorFinding, monitorFinding, type Subject } from "./findings.ts";

export interface StoreView {
  /** Of the policy. */
  readonly name: string;
  readonly keeps: Retention["tiers"];
  /** Empty where the store could not be read. */
  readonly snapshots: readonly ObservedSnapshot[];
  /** Of history, ledger, numbers and expiry, as pruning sees them. */
  readonly findings: readonly Finding[];
  readonly isFrozen: boolean;
  /** Why it could not be read. */
  readonly error?: { readonly sentence: string; readonly remedy: string };
}

interface Context {
  readonly subject: Subject;
  readonly source: PolicySource;
  readonly policy: Policy;
  readonly now: Date;
  readonly objectiveMs: number;
  /** Of all stores together, newest first. */
  readonly good: readonly { readonly snapshot: ObservedSnapshot }[];
}

export interface StoresJudgement {
  readonly findings: readonly MonitorFinding[];
  readonly notes: readonly Finding[];
}

const soonMs = 7 * dayMs;

export function judgeStores(stores: readonly StoreView[], context: Context): StoresJudgement {
  const judged = stores.flatMap((store) => store.findings.map((finding) => asMonitored(finding, context)));
  return {
    findings: [
      ...stores.flatMap((store) => unreadable(store, context)),
      ...stores.flatMap((store) => copies(store, context)),
      ...lastExpires(stores, context),
      ...judged.filter((one): one is MonitorFinding => "subject" in one),
      ...stores.flatMap((store) => frozen(store, context)),
    ],
    notes: judged.filter((one) => !("subject" in one)),
  };
}

/** The codes of others under which the monitor's own are found; what is not here is a note. */
const codesOfOthers: Readonly<Record<string, MonitorCode>> = {
  "anomaly-another-database": "size-anomaly",
  "anomaly-incompressible": "size-anomaly",
  "anomaly-replaced": "size-anomaly",
  "anomaly-shrunk": "size-anomaly",
  "document-damaged": "document-damaged",
  "document-missing": "document-damaged",
  "document-not-trusted": "document-not-trusted",
  "document-too-new": "document-too-new",
  "evidence-not-trusted": "evidence-not-trusted",
  "expires-although-kept": "expiry-ahead",
  "history-absent": "history-broken",
  "history-forged": "history-broken",
  "history-replaced": "history-broken",
  "ledger-broken": "ledger-broken",
  "snapshot-damaged": "backup-damaged",
  "snapshot-from-the-future": "clock-wrong",
  "snapshot-json-missing": "backup-damaged",
  "snapshot-out-of-order": "clock-wrong",
  "snapshot-too-new": "document-too-new",
};

function asMonitored(finding: Finding, { subject }: Context): Finding {
  const code = codesOfOthers[finding.code];
  if (code === undefined) return finding;
  const of = code === "ledger-broken" ? ({ kind: "ledger", name: "" } as const) : subject;
  return monitorFinding(
    code,
    of,
    finding.publicSentence,
    code.startsWith("document-") ? finding.remedy : undefined,
  );
}

function unreadable({ name, error }: StoreView, { subject }: Context): readonly MonitorFinding[] {
  if (error === undefined) return [];
  const sentence = `The store "${name}" could not be read, so "${subject.name}" is judged without it: ${error.sentence}`;
  return [monitorFinding("store-unreadable", subject, sentence, error.remedy)];
}

/** The newest backup that this store is asked to keep has been elsewhere for longer than the objective. */
function copies(store: StoreView, context: Context): readonly MonitorFinding[] {
  const { subject, good, now, objectiveMs, policy } = context;
  if (store.error !== undefined) return [];
  const expected = good.find(({ snapshot }) => {
    const sinceMs = now.getTime() - snapshot.finished.getTime();
    const keptMs = Math.max(0, ...heldTiers(snapshot).map((tier) => store.keeps[tier] ?? 0));
    // What may have been pruned here already says nothing.
    return sinceMs > objectiveMs + policy.alerts.graceMs && sinceMs < keptMs;
  })?.snapshot;
  if (expected === undefined) return [];
  const isThere = store.snapshots.some(({ id, moment }) => id === expected.id || moment > expected.moment);
  if (isThere) return [];
  const [newest] = store.snapshots.toSorted(byMoment);
  const has = newest === undefined ? "has none" : `has none since ${newest.id}`;
  const sentence = `The store "${store.name}" shall keep backups of "${subject.name}", but ${has}.`;
  return [monitorFinding("copy-late", subject, sentence)];
}

/** A store that expires by itself takes the last good backup with it, when no newer one comes. */
function lastExpires(
  stores: readonly StoreView[],
  { subject, good, now }: Context,
): readonly MonitorFinding[] {
  const ids = new Set(good.map(({ snapshot }) => snapshot.id));
  const held = stores.flatMap(({ snapshots }) => snapshots.filter(({ id }) => ids.has(id)));
  if (held.length === 0) return [];
  const [last] = held.toSorted((one, other) => endOf(other) - endOf(one));
  if (last?.expiresAt === undefined) return [];
  const lifetimeMs = last.expiresAt.getTime() - last.moment.getTime();
  const leftMs = last.expiresAt.getTime() - now.getTime();
  // A backup that shall live two days has always less than a week left.
  if (leftMs > Math.min(soonMs, lifetimeMs / 2)) return [];
  const sentence = `The last good backup of "${subject.name}", ${last.id}, will be removed by its store on ${last.expiresAt.toISOString().slice(0, 10)}.`;
  return [monitorFinding("last-backup-expires", subject, sentence)];
}

/** Where the reason is found by itself it is told by itself; its words in the store may be anybody's. */
function frozen({ name, isFrozen, findings }: StoreView, { subject }: Context): readonly MonitorFinding[] {
  const isTold = findings.some(({ code }) =>
    /^(?:history|anomaly|document)-|^ledger-broken$|^snapshot-/.test(code),
  );
  if (!isFrozen || isTold) return [];
  const sentence = `Retention of "${subject.name}" in the store "${name}" is frozen: nothing is removed there.`;
  return [monitorFinding("retention-frozen", subject, sentence)];
}

function heldTiers(snapshot: ObservedSnapshot): readonly Tier[] {
  return tiers.filter((tier) => snapshot.tiers.includes(tier));
}

function endOf({ expiresAt }: ObservedSnapshot): number {
  return expiresAt?.getTime() ?? Number.POSITIVE_INFINITY;
}

function byMoment(one: ObservedSnapshot, other: ObservedSnapshot): number {
  return other.moment.getTime() - one.moment.getTime();
}
