/**
 * What is wrong with the documents beside the snapshots, in words. What cannot be read, lies in another one's place or is
 * gone keeps what it may have been about: a damaged document never lets more be removed than a whole one.
 */
import type { Finding } from "../verification/findings.ts";

export type DocumentKind =
  "hold" | "evidence" | "tombstone" | "rewrap" | "pack mark" | "store id" | "snapshot.json";

export interface DocumentFault {
  readonly kind: DocumentKind;
  readonly key: string;
  /**
   * `misplaced`: whole, but written for another place. `missing`: the ledger recorded it.
   * `unvouched`: neither signed nor in the ledger, where that is demanded.
   */
  readonly state: "damaged" | "too-new" | "misplaced" | "missing" | "unvouched";
  /** Of the bytes that are there; absent where none are. */
  readonly sha256?: string;
  /** The only snapshots that it bears on; absent: it may bear on all of the source. */
  readonly snapshots?: readonly string[];
  /** When the ledger recorded it. */
  readonly recorded?: string;
}

/** What a person can accept, so that it is no finding any more. */
export interface AcceptableFinding extends Finding {
  readonly accepts: readonly string[];
  /** `source`: until it is accepted nothing of the source is removed. Ids of snapshots: these stay. */
  readonly keeps: "source" | readonly string[];
}

export function isAcceptable(finding: Finding): finding is AcceptableFinding {
  return "accepts" in finding && "keeps" in finding;
}

/** Codes: `document-damaged`, `document-missing`, `document-too-new`, `document-not-trusted`. */
export function documentFindings(
  faults: readonly DocumentFault[],
  source: string,
  accepted: ReadonlySet<string>,
): readonly AcceptableFinding[] {
  return faults
    .filter((fault) => !accepted.has(acceptanceOfDocument(fault)))
    .toSorted((one, other) => (one.key < other.key ? -1 : 1))
    .map((fault) => findingOf(fault, source));
}

/** What was found about one place, and no longer what else may come to lie there. */
export function acceptanceOfDocument({ key, sha256 }: Pick<DocumentFault, "key" | "sha256">): string {
  return `${key}@${sha256 ?? "missing"}`;
}

function findingOf(fault: DocumentFault, source: string): AcceptableFinding {
  const { level, code } = kinds[fault.state];
  const sentence = sentenceOf(fault);
  return {
    level,
    code,
    sentence,
    publicSentence: sentence,
    remedy: remedyOf(fault, source),
    accepts: [acceptanceOfDocument(fault)],
    keeps: keptBy(fault),
  };
}

const kinds = {
  damaged: { level: "error", code: "document-damaged" },
  misplaced: { level: "error", code: "document-damaged" },
  missing: { level: "error", code: "document-missing" },
  "too-new": { level: "warning", code: "document-too-new" },
  unvouched: { level: "warning", code: "document-not-trusted" },
} as const;

function sentenceOf({ kind, key, state, recorded = "" }: DocumentFault): string {
  const subject = `The ${kind} ${key}`;
  switch (state) {
    case "damaged":
      return `${subject} is damaged: its bytes are not those that were written.`;
    case "misplaced":
      return `${subject} belongs somewhere else: files were swapped, moved or replaced.`;
    case "missing":
      return `${subject} is gone. The ledger recorded it on ${recorded.slice(0, 16).replace("T", " ")} UTC.`;
    case "too-new":
      return `${subject} was written by a newer Lifeboat. This version cannot read it.`;
    case "unvouched":
      return `${subject} is neither signed by a known key nor in the ledger.`;
  }
}

function remedyOf({ kind, state, snapshots = [] }: DocumentFault, source: string): string {
  if (state === "too-new") return "Use the version of Lifeboat that wrote it, or a later one.";
  if (state === "unvouched") {
    return "It lifts no protection. Find out who wrote it. If it is yours, write it again with the signing key or the ledger.";
  }
  const again: Partial<Record<DocumentKind, string>> = {
    hold: "If you know what it said, say it again (lifeboat hold, release or unfreeze).",
    evidence: `Verify ${snapshots.join(" and ")} again.`,
    rewrap: "Run rotate-keys again.",
    "pack mark": "Delete this file: the next prune writes a new one.",
  };
  const first = "Check who has write access to the store, and restore the file from a copy if you have one.";
  const last = `Then: lifeboat unfreeze ${source} --because "…".`;
  return [first, again[kind], ...(kind === "pack mark" ? [] : [last])].filter(Boolean).join(" ");
}

function keptBy({ kind, state, snapshots }: DocumentFault): AcceptableFinding["keeps"] {
  return kind === "pack mark" || state === "unvouched" ? [] : (snapshots ?? "source");
}
