/** What a pruning of one source in one store did, or would do. */
import type { LifeboatError } from "../errors.ts";
import type { WitnessedDocument } from "../ledger/record.ts";
import type { RetentionDecision } from "../retention/decide.ts";
import type { Finding } from "../verification/findings.ts";
import type { PackSweep } from "./sweep-packs.ts";

export interface PruneReport {
  readonly source: string;
  readonly store: string;
  readonly dryRun: boolean;
  readonly decisions: readonly RetentionDecision[];
  readonly freeze?: string;
  readonly removed: readonly string[];
  /** Decided, but protected by the store's lock. */
  readonly locked: readonly string[];
  /** Removals of an earlier run that was interrupted, finished now. */
  readonly finished: readonly string[];
  /** Gone already, but some of their files are left to the next run. */
  readonly begun: readonly string[];
  readonly packs?: PackSweep;
  readonly findings: readonly Finding[];
  /** What it wrote into the store and nobody has witnessed yet. */
  readonly written?: readonly WitnessedDocument[];
  /** Frozen, or something could not be judged, or asked to stop: orderly bad news. */
  readonly error?: LifeboatError;
}

/** One look at the store and what came of it. */
export interface PrunePass extends PruneReport {
  /** Not all that was decided could be removed, for want of room. */
  full?: LifeboatError;
}
