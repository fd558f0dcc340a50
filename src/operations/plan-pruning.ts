/** What prune would do to one source in one store, and why: data in, data out. */
import type { Calendar } from "../policy/calendar.ts";
import type { Retention } from "../policy/policy.ts";
import { type Anomaly, anomaliesOf, freezeSentence } from "../retention/anomaly.ts";
import { decideRetention, type RetentionDecision } from "../retention/decide.ts";
import { isAcceptable } from "../retention/document-findings.ts";
import type { Finding } from "../verification/findings.ts";
import type { Observation } from "./observe-snapshots.ts";

export interface PruningPlan {
  readonly decisions: readonly RetentionDecision[];
  readonly anomalies: readonly Anomaly[];
  /** Why nothing is removed; absent where retention is not frozen. */
  readonly freeze?: string;
  readonly findings: readonly Finding[];
}

/** `without`: snapshots that another pruning is about to remove, so that nothing here may rely on them. */
export function planPruning(
  observation: Observation,
  { retention, calendar, now }: { retention: Retention; calendar: Calendar; now: Date },
  without: ReadonlySet<string> = new Set(),
): PruningPlan {
  const { standings, history } = observation;
  const anomalies = anomaliesOf({
    snapshots: observation.snapshots,
    now,
    ...(standings.acceptedAt === undefined ? {} : { acceptedAt: standings.acceptedAt }),
  });
  const unread = observation.findings.find((finding) => isAcceptable(finding) && finding.keeps === "source");
  const freeze =
    history[0]?.publicSentence ?? unread?.publicSentence ?? freezeSentence(anomalies) ?? standings.freeze;
  const decisions = decideRetention({
    snapshots: observation.snapshots.filter(({ id }) => !without.has(id)),
    retention,
    calendar,
    now,
    ...(freeze === undefined ? {} : { freeze }),
  });
  return {
    decisions,
    anomalies,
    ...(freeze === undefined ? {} : { freeze }),
    findings: [...observation.findings, ...history, ...anomalies, ...endingAnyway(decisions)],
  };
}

const wanted = new Set(["held", "newest-restored", "newest-unsealed", "keep-at-least"]);
const soonMs = 3 * 24 * 3600 * 1000;

/** A store that expires files by itself does so whatever anybody decides. */
function endingAnyway(decisions: readonly RetentionDecision[]): readonly Finding[] {
  return decisions.flatMap(({ snapshot: { id, expiresAt, isHeld, moment }, until, reasons }) => {
    if (expiresAt === undefined || !reasons.some(({ code }) => wanted.has(code))) return [];
    const isShort = isHeld || (until !== undefined && expiresAt.getTime() + soonMs < until.getTime());
    if (!isShort || expiresAt <= moment) return [];
    const sentence = `Snapshot ${id} shall stay, but the store removes it by itself on ${expiresAt.toISOString().slice(0, 10)}.`;
    return [
      {
        level: "warning",
        code: "expires-although-kept",
        sentence,
        publicSentence: sentence,
        remedy:
          "GitHub cannot keep an artifact longer: copy the snapshot to another store (`lifeboat copy`).",
      },
    ];
  });
}
