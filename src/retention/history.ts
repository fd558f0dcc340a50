/**
 * Whether every snapshot that somebody remembers is still there, or is gone for a reason that can be told: removed by
 * prune (tombstone), expired, or never kept in this store. Anything else is a rollback, a deletion or a forgery.
 */
import type { SeenHead, Tier } from "../snapshot/snapshot-json.ts";
import type { Finding } from "../verification/findings.ts";

export interface HistoryInput {
  readonly source: string;
  /** Every id that the store has, with the hash of its snapshot.json; undefined where that is damaged. */
  readonly present: ReadonlyMap<string, string | undefined>;
  /** Of snapshots that can be trusted: what each saw. */
  readonly remembered: readonly Memory[];
  /** Ids with a trusted tombstone. */
  readonly tombstones: ReadonlySet<string>;
  /** Ids of snapshots that lack the signature which is demanded. */
  readonly untrusted: readonly string[];
  /** Whether the store is asked to keep a tier at all. */
  keeps(tier: Tier): boolean;
  /** Ids that another store of the policy has: they were not copied yet, or not for long enough. */
  readonly elsewhere: ReadonlySet<string>;
  /** What a person has accepted: `accepts` of earlier findings. */
  readonly accepted: ReadonlySet<string>;
  readonly now: Date;
}

export interface Memory {
  readonly head: SeenHead;
  /** `snapshot 2026…`, or `the ledger` */
  readonly by: string;
}

/** Codes: `history-absent`, `history-replaced`, `history-forged`. */
export interface HistoryFinding extends Finding {
  readonly id: string;
  /** What a person accepts who accepts this: the id of what is gone, id and hash of what is there. */
  readonly accepts: string;
}

/** A store may tell an expiry up to a day late. */
const expirySlackMs = 24 * 3600 * 1000;

export function historyFindings(input: HistoryInput): readonly HistoryFinding[] {
  const { present, accepted, source } = input;
  const findings = new Map<string, HistoryFinding>();
  for (const id of input.untrusted) {
    const accepts = acceptanceOf(id, present.get(id));
    if (accepted.has(accepts)) continue;
    const sentence = `Snapshot ${id} of "${source}" does not carry the signature that is demanded: it may be a forgery.`;
    findings.set(id, finding("history-forged", id, sentence, accepts));
  }
  for (const { head, by } of input.remembered) {
    const { id, sha256 } = head;
    if (findings.has(id)) continue;
    const now = present.get(id);
    const accepts = present.has(id) ? acceptanceOf(id, now) : id;
    if (accepted.has(accepts)) continue;
    if (present.has(id)) {
      // A damaged one is told as damaged.
      if (now === undefined || now === sha256) continue;
      const sentence = `Snapshot ${id} of "${source}" is not the one that ${by} saw: it was replaced.`;
      findings.set(id, finding("history-replaced", id, sentence, accepts));
    } else if (!isExplained(head, input)) {
      const sentence = `Snapshot ${id} of "${source}" is gone, and neither prune nor its expiry explains it; ${by} saw it: a rollback or a deletion.`;
      findings.set(id, finding("history-absent", id, sentence, accepts));
    }
  }
  return [...findings.values()].sort((one, other) => (one.id < other.id ? -1 : 1));
}

function isExplained({ id, tiers, expires }: SeenHead, input: HistoryInput): boolean {
  if (input.tombstones.has(id) || input.elsewhere.has(id)) return true;
  if (expires !== undefined && Date.parse(expires) <= input.now.getTime() + expirySlackMs) return true;
  return tiers.length > 0 && !tiers.some((tier) => input.keeps(tier));
}

/** Of a snapshot that is there: nobody can put another one in its place. */
export function acceptanceOf(id: string, sha256: string | undefined): string {
  return `${id}@${sha256 ?? "damaged"}`;
}

function finding(code: string, id: string, sentence: string, accepts: string): HistoryFinding {
  return {
    level: "error",
    code,
    id,
    accepts,
    sentence,
    publicSentence: sentence,
    remedy:
      'Find out who can write into the store, and restore from another one if need be. Once it is understood: lifeboat unfreeze SOURCE --because "…".',
  };
}
