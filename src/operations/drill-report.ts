/** What a drill is asked for, and what it came to. */
import type { SqlCheck } from "../policy/policy.ts";
import type { Connection } from "../postgres/connection.ts";
import type { Identities } from "../seal/identities.ts";
import type { Recipients } from "../seal/recipients.ts";
import type {
  DrillKind,
  MeasuredRecoveryPoint,
  ObservedDrill,
  RecoveryTime,
} from "../snapshot/drill-evidence.ts";
import type { SigningKey } from "../snapshot/signature.ts";
import type { SeenHead } from "../snapshot/snapshot-json.ts";
import type { Actor } from "../snapshot/tombstone.ts";
import type { ObjectFilter } from "../storage/object-filter.ts";
import type { ComponentVerdict, Finding, Verdict } from "../verification/findings.ts";
import type { VerifyReport } from "./verify-snapshot.ts";
import type { Trust } from "./vouched-documents.ts";

/** A source of the policy, or a bare name where there is none. */
export interface DrilledSource {
  readonly name: string;
  readonly kind?: "database" | "storage" | "application";
  readonly rpoMs?: number;
  readonly rtoMs?: number;
  /** Of buckets: the database whose storage.objects lists them. */
  readonly listedIn?: string;
  /** Of buckets: what the policy backs up of them. */
  readonly filter?: ObjectFilter;
}

export interface DrillRequest {
  readonly sources: readonly DrilledSource[];
  /** How old the drilled backup should be, in milliseconds; a disaster takes the newest. */
  readonly ofAgeMs: number;
  readonly identities: Identities;
  /** Whom details with names from inside are sealed for; absent where nobody is known: there are none then. */
  readonly recipients: Recipients | undefined;
  readonly waive: readonly string[];
  readonly checks: readonly SqlCheck[];
  /** PEM of the public keys of which one must have signed. */
  readonly signer: string | undefined;
  readonly trust: Trust;
  readonly signingKey: SigningKey | undefined;
  /** Restores here instead of into a throwaway server. */
  readonly server: Connection | undefined;
  readonly jobs: number;
  /** Whoever wrote the contents may do in a throwaway server what its superuser may. Default: may not. */
  readonly trustContents?: boolean | undefined;
  readonly by: Actor;
  /** What the workflow ran from. */
  readonly commit?: string | undefined;
}

export interface SourceDrill {
  readonly source: DrilledSource;
  readonly examined: VerifyReport;
  readonly ageSeconds: number;
  readonly wantedAgeSeconds?: number;
  readonly recoveryTime: RecoveryTime;
  readonly recoveryPoint: MeasuredRecoveryPoint;
  /** Earlier drills, oldest first. */
  readonly past: readonly ObservedDrill[];
  /** Besides those of the components. */
  readonly findings: readonly Finding[];
  /** From the procedure, in sentences without names from inside. */
  readonly deviations: readonly string[];
  readonly tools: Readonly<Record<string, string>>;
  /** What a ledger witnesses. */
  readonly heads: readonly SeenHead[];
}

export interface UndrilledSource {
  readonly source: string;
  readonly finding: Finding;
}

export interface DrillReport {
  readonly id: string;
  readonly kind: DrillKind;
  readonly verdict: Verdict;
  readonly started: string;
  /** From the first step to the last. */
  readonly seconds: number;
  readonly sources: readonly SourceDrill[];
  /** What could not even be tried. */
  readonly undrilled: readonly UndrilledSource[];
  /** Of a disaster: the keys, and what must fit between the sources. */
  readonly between: readonly ComponentVerdict[];
  readonly store: string;
  readonly by: Actor;
  readonly commit?: string;
}
