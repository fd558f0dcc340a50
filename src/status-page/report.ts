/** What the status page shows: the report that judges, and what it was judged from. */
import type { AlertPlace } from "../alerts/alert.ts";
import type { SourceState } from "../monitoring/judge-source.ts";
import type { Judgement } from "../monitoring/judgement.ts";
import type { RecoveryPoint } from "../monitoring/recovery-point.ts";
import type { PolicySource, Retention } from "../policy/policy.ts";
import type { ObservedDrill } from "../snapshot/drill-evidence.ts";
import type { ObservedSnapshot } from "../snapshot/observed.ts";
import type { Finding } from "../verification/findings.ts";

export interface StatusReport {
  /** When it was judged. */
  readonly now: Date;
  /** The policy's: days, weeks, months and years are counted there. */
  readonly timezone: string;
  readonly place: AlertPlace;
  readonly judgement: Pick<Judgement, "findings" | "isWell">;
  /** In the policy's order. */
  readonly sources: readonly StatusSource[];
  /** Worth knowing, but no problem. */
  readonly notes: readonly Finding[];
  /** Names of the ways to tell people that failed. */
  readonly unheard: readonly string[];
}

export interface StatusSource {
  readonly source: Pick<PolicySource, "name" | "type" | "everyMs" | "rpoMs" | "rtoMs">;
  readonly state: SourceState;
  /** Each that any store holds, once, with the evidence of all stores. */
  readonly snapshots: readonly ObservedSnapshot[];
  /** Of all stores the longest, by tier. */
  readonly keeps: Retention["tiers"];
  readonly recoveryPoint: RecoveryPoint;
  readonly drills: readonly ObservedDrill[];
}
