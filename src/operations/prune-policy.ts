/** Prunes every source of a policy in every store of it; what fails in one place does not stop the others. */
import { asLifeboatError, type LifeboatError } from "../errors.ts";
import { outcomeOf } from "../outcome.ts";
import { calendarOf } from "../policy/calendar.ts";
import { artifactDaysLimit, type Policy, type PolicyStore, retentionAt } from "../policy/policy.ts";
import type { SigningKey } from "../snapshot/signature.ts";
import type { Actor } from "../snapshot/tombstone.ts";
import type { Store } from "../store/store.ts";
import { endOf } from "../system/underway.ts";
import type { Trust } from "./vouched-documents.ts";
import type { PruneReport } from "./prune-report.ts";
import { pruneSnapshots, type PruneSurroundings } from "./prune-snapshots.ts";
import { aboutStore, witnessing } from "./witness-documents.ts";

export interface PolicyPruneRequest {
  readonly policy: Policy;
  /** In the policy's order. */
  readonly stores: readonly {
    readonly of: PolicyStore;
    readonly store: Store;
    /** The ledger may lie in the store itself. */
    readonly trust: Trust;
  }[];
  /** Default: all of the policy. */
  readonly source?: string;
  readonly dryRun: boolean;
  readonly signingKey: SigningKey | undefined;
  readonly by: Actor;
  /** What the workflow ran from. */
  readonly commit?: string | undefined;
}

export interface PolicyPruneReport {
  readonly reports: readonly PruneReport[];
  readonly failures: readonly PruneFailure[];
  /** The first bad news, if there is any. */
  readonly error?: LifeboatError;
}

export interface PruneFailure {
  readonly source: string;
  readonly store: string;
  readonly error: LifeboatError;
}

export async function prunePolicy(
  request: PolicyPruneRequest,
  { clock, logger, signal }: Pick<PruneSurroundings, "clock" | "logger" | "signal">,
): Promise<PolicyPruneReport> {
  const { policy, stores, dryRun, signingKey, by, commit } = request;
  const sources = policy.sources.map(({ name }) => name);
  const reports: PruneReport[] = [];
  const failures: PruneFailure[] = [];
  const [first] = stores;
  for (const source of request.source === undefined ? sources : [request.source]) {
    for (const { of, store, trust } of stores) {
      // What was done until then is reported below.
      if (signal.aborted && reports.length + failures.length > 0) break;
      try {
        // What GitHub cannot keep longer it removes by itself; by less than its limit nothing is removed early.
        const retention = retentionAt(of, policy, artifactDaysLimit.private);
        const copiedFrom = store === first?.store ? undefined : await idsIn(first?.store, source);
        const report = await pruneSnapshots(
          {
            source,
            trust,
            retention,
            calendar: calendarOf(policy.timezone),
            keeps: (tier) => retention.tiers[tier] !== undefined,
            ...(copiedFrom === undefined ? {} : { elsewhere: copiedFrom }),
            dryRun,
            signingKey,
            by,
            commit,
          },
          { store, clock, logger, signal },
        );
        reports.push(report);
        if (!dryRun && hasActed(report)) await tell(trust, { source, store, report });
      } catch (cause) {
        const error = endOf(cause, signal);
        failures.push({ source, store: store.address, error });
        if (dryRun) continue;
        await tell(trust, { source, store, error }).catch((second: unknown) => {
          logger.warning(`The ledger has no record of this: ${asLifeboatError(second).message}`);
        });
      }
    }
  }

  /** How it ended: what was removed was witnessed before. */
  async function tell(
    { ledger }: Trust,
    { source, store, report, error }: { readonly source: string; readonly store: Store } & Ended,
  ): Promise<void> {
    const isFrozen = report?.freeze !== undefined;
    const found = report?.findings.filter(({ level }) => level !== "info").map(({ code }) => code) ?? [];
    await ledger?.append({
      ...{ act: isFrozen ? "freeze" : "prune", source, heads: [], by },
      ...(await aboutStore(store, ledger)),
      ...witnessing(report?.written ?? []),
      time: clock.now().toISOString(),
      outcome: outcomeOf(error ?? report?.error),
      findings: [...new Set([...(error === undefined ? [] : [error.code]), ...found])],
      ...(commit === undefined ? {} : { commit }),
    });
  }
  const error = failures[0]?.error ?? reports.find((report) => report.error !== undefined)?.error;
  return { reports, failures, ...(error === undefined ? {} : { error }) };
}

interface Ended {
  readonly report?: PruneReport;
  readonly error?: LifeboatError;
}

/** A look that found nothing to do is no act: there is one every hour. */
function hasActed({ removed, begun, locked, finished, freeze, packs, error }: PruneReport): boolean {
  const gone = [...removed, ...begun, ...locked, ...finished, ...(packs?.deleted ?? [])];
  return gone.length > 0 || freeze !== undefined || error !== undefined;
}

async function idsIn(store: Store | undefined, source: string): Promise<ReadonlySet<string>> {
  const listing = await store?.snapshots(source);
  return new Set(listing?.snapshots.map(({ id }) => id));
}
