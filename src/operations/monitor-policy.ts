/** Reads every source of a policy in every store of it, and has all of it judged. Nothing is changed. */
import { asLifeboatError } from "../errors.ts";
import { type Judgement, judge, type JudgementInput } from "../monitoring/judgement.ts";
import { type RecoveryPoint, recoveryPoint } from "../monitoring/recovery-point.ts";
import type { SourceView } from "../monitoring/judge-source.ts";
import type { StoreView } from "../monitoring/judge-stores.ts";
import { calendarOf } from "../policy/calendar.ts";
import type { KeyUse } from "../policy/key-rotation.ts";
import { artifactDaysLimit, type Policy, type PolicySource, retentionAt } from "../policy/policy.ts";
import type { ObservedDrill } from "../snapshot/drill-evidence.ts";
import type { Clock } from "../system/clock.ts";
import { agreedClock } from "./agree-on-time.ts";
import { type Observation, observeSnapshots } from "./observe-snapshots.ts";
import { mergedById } from "./plan-backups.ts";
import { planPruning } from "./plan-pruning.ts";
import type { PolicyPruneRequest } from "./prune-policy.ts";
import { readDrills } from "./read-drills.ts";

export interface MonitorRequest extends Pick<JudgementInput, "jobs" | "workflows" | "quota"> {
  readonly policy: Policy;
  /** In the policy's order. */
  readonly stores: PolicyPruneRequest["stores"];
}

export interface PolicyView {
  readonly now: Date;
  readonly judgement: Judgement;
  /** What was judged, in the policy's order. */
  readonly sources: readonly MonitoredSource[];
}

export interface MonitoredSource extends SourceView {
  /** How much would have been lost, by everything that is still known of. */
  readonly recoveryPoint: RecoveryPoint;
}

export async function monitorPolicy(request: MonitorRequest, clock: Clock): Promise<PolicyView> {
  const { policy, stores, jobs, workflows, quota } = request;
  const now = (await agreedClock(clock, stores[0]?.store)).now();
  const sources: MonitoredSource[] = [];
  for (const source of policy.sources) sources.push(await viewOf(source, request, now));
  const judgement = judge({
    policy,
    now,
    sources,
    ...(jobs === undefined ? {} : { jobs }),
    ...(workflows === undefined ? {} : { workflows }),
    ...(quota === undefined ? {} : { quota }),
    hasLedger: stores.length > 0 && stores.every(({ trust }) => trust.ledger !== undefined),
  });
  return { now, judgement, sources };
}

async function viewOf(
  source: PolicySource,
  { policy, stores }: MonitorRequest,
  now: Date,
): Promise<MonitoredSource> {
  const views: StoreView[] = [];
  const observations: Observation[] = [];
  const drills = new Map<string, ObservedDrill>();
  let first: ReadonlySet<string> | undefined;
  for (const [index, { of, store, trust }] of stores.entries()) {
    const retention = retentionAt(of, policy, artifactDaysLimit.private);
    const view = { name: of.name, keeps: retention.tiers };
    try {
      const observation = await observeSnapshots(store, {
        source: source.name,
        trust,
        now,
        isThorough: true,
        keeps: (tier) => retention.tiers[tier] !== undefined,
        // Without knowing what the first store has, nobody can tell a copy that is not due from one that is gone.
        ...(index === 0 ? {} : { elsewhere: first ?? new Set() }),
      });
      if (index === 0) first = new Set(observation.snapshots.map(({ id }) => id));
      for (const drill of await readDrills(store, source.name, observation.vouch)) {
        if (drill.isTrusted || !drills.has(drill.id)) drills.set(drill.id, drill);
      }
      const plan = planPruning(observation, { retention, calendar: calendarOf(policy.timezone), now });
      observations.push(observation);
      views.push({
        ...view,
        snapshots: observation.snapshots,
        findings: plan.findings,
        isFrozen: plan.freeze !== undefined,
      });
    } catch (cause) {
      const { sentence, hint } = asLifeboatError(cause).publicly;
      const error = { sentence, remedy: hint };
      views.push({ ...view, snapshots: [], findings: [], isFrozen: false, error });
    }
  }
  const snapshots = mergedById(observations);
  const held = snapshots.filter((one) => one.state === "whole" && one.isTrusted).map(({ moment }) => moment);
  const removed = observations.flatMap(({ pastMoments }) => pastMoments);
  return {
    source,
    snapshots,
    stores: views,
    keyUses: observations.flatMap(usesOf),
    drills: [...drills.values()],
    recoveryPoint: recoveryPoint({ moments: [...held, ...removed], now }),
  };
}

/** By what snapshots say: a rotation shows with the first backup after it. */
function usesOf({ documents }: Observation): readonly KeyUse[] {
  return [...documents.values()].map(({ times, recipients }) => ({
    time: new Date(times.finished),
    recipients,
  }));
}
