/** What is due now, from what all stores of the policy hold and what other runs are making at this moment. */
import { asLifeboatError, type LifeboatError } from "../errors.ts";
import { type DueSource, type Flight, whatIsDue } from "../policy/due.ts";
import { keyRotationFindings, type KeyUse } from "../policy/key-rotation.ts";
import type { Policy } from "../policy/policy.ts";
import type { ObservedSnapshot } from "../snapshot/observed.ts";
import { momentOfId } from "../snapshot/ids.ts";
import type { Store } from "../store/store.ts";
import type { Logger } from "../system/logger.ts";
import type { Finding } from "../verification/findings.ts";
import { keyUsesOf } from "./key-uses.ts";
import { type Observation, observeSnapshots } from "./observe-snapshots.ts";
import type { Trust } from "./vouched-documents.ts";

export interface BackupPlanRequest {
  readonly policy: Policy;
  readonly stores: readonly Store[];
  readonly trust: Trust;
  readonly now: Date;
  readonly isPush: boolean;
  /** When other runs of this workflow began that are still under way. */
  readonly otherRuns: readonly Date[];
  readonly logger: Logger;
}

export interface BackupPlan {
  readonly due: readonly DueSource[];
  /** Names of sources that have no whole snapshot anywhere. */
  readonly firstTimers: readonly string[];
  readonly findings: readonly Finding[];
}

export async function planBackups(request: BackupPlanRequest): Promise<BackupPlan> {
  const { policy, now, isPush } = request;
  const findings: Finding[] = [];
  const snapshots = new Map<string, readonly ObservedSnapshot[]>();
  const keyUses: KeyUse[] = [];
  const drafts: { source: string; startedAt: Date }[] = [];
  for (const { name: source } of policy.sources) {
    const seen = await lookEverywhere(source, request, findings);
    const merged = mergedById(seen.map((one) => one.observation));
    snapshots.set(source, merged);
    keyUses.push(...seen.flatMap(({ observation }) => keyUsesOf(observation)));
    for (const { store } of seen) {
      for (const id of (await store.drafts?.(source)) ?? []) {
        const startedAt = momentOfId(id);
        const isFinished = merged.some((one) => one.id === id);
        if (startedAt !== undefined && !isFinished) drafts.push({ source, startedAt });
      }
    }
  }
  const inFlight = [
    ...drafts,
    ...request.otherRuns.flatMap((startedAt) =>
      policy.sources.map(({ name }) => ({ source: name, startedAt })),
    ),
  ].map((one) => asFlight(one, policy, snapshots));
  return {
    due: whatIsDue({ policy, snapshots, now, isPush, inFlight }),
    firstTimers: policy.sources
      .map(({ name }) => name)
      .filter((name) => !(snapshots.get(name) ?? []).some(({ state }) => state === "whole")),
    findings: [...findings, ...keyRotationFindings(keyUses, policy.keys.rotateMs, now)],
  };
}

interface Seen {
  readonly store: Store;
  readonly observation: Observation;
}

/** One store that is down must not stop backups; if none can be read, nobody knows what is due. */
async function lookEverywhere(
  source: string,
  { stores, trust, now }: BackupPlanRequest,
  findings: Finding[],
): Promise<readonly Seen[]> {
  const seen: Seen[] = [];
  let failure: LifeboatError | undefined;
  for (const store of stores) {
    try {
      const observation = await observeSnapshots(store, { source, trust, now });
      seen.push({ store, observation });
      findings.push(...observation.findings);
      // Copies lag behind: only the store that backups go to first is asked for a whole history here.
      if (store === stores[0]) findings.push(...observation.history);
    } catch (cause) {
      const error = asLifeboatError(cause);
      failure ??= error;
      const { code, message, hint } = error;
      const sentence = `The store ${store.address} could not be read, so "${source}" is judged by the others: ${message}`;
      findings.push({ level: "warning", code, sentence, publicSentence: sentence, remedy: hint });
    }
  }
  if (seen.length === 0 && failure !== undefined) throw failure;
  return seen;
}

/** Each snapshot once, with the evidence of all stores; it is as good as its best copy. */
export function mergedById(
  observations: readonly Pick<Observation, "snapshots">[],
): readonly ObservedSnapshot[] {
  const merged = new Map<string, ObservedSnapshot>();
  for (const snapshot of observations.flatMap((one) => one.snapshots)) {
    const known = merged.get(snapshot.id);
    if (known === undefined) {
      merged.set(snapshot.id, snapshot);
      continue;
    }
    const isBetter = quality(snapshot) > quality(known);
    const evidence = [...known.evidence, ...snapshot.evidence];
    merged.set(snapshot.id, { ...(isBetter ? snapshot : known), evidence });
  }
  return [...merged.values()];
}

function quality({ state, isTrusted }: ObservedSnapshot): number {
  return (isTrusted ? 2 : 0) + (state === "damaged" || state === "too-new" ? 0 : 1);
}

/** Nobody says which tiers another run makes, but it has planned as we do, by what was there when it began. */
function asFlight(
  { source, startedAt }: { readonly source: string; readonly startedAt: Date },
  policy: Policy,
  snapshots: ReadonlyMap<string, readonly ObservedSnapshot[]>,
): Flight {
  const then = (snapshots.get(source) ?? []).filter(({ finished }) => finished <= startedAt);
  const [due] = whatIsDue({
    policy: { ...policy, sources: policy.sources.filter(({ name }) => name === source) },
    snapshots: new Map([[source, then]]),
    now: startedAt,
  });
  return { source, startedAt, tiers: due?.tiers ?? [] };
}
