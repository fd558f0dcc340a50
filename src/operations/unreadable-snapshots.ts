/**
 * Snapshots whose snapshot.json is damaged, gone or of a later format, as findings. What such a one held may be what shows
 * that the others are bad, so until a person has looked nothing of the source is removed; a later format is no damage.
 */
import type { LifeboatError } from "../errors.ts";
import type { AcceptableFinding } from "../retention/document-findings.ts";
import { acceptanceOf } from "../retention/history.ts";
import type { StoreFinding } from "../store/store.ts";

export interface UnreadableSnapshot {
  readonly state: "damaged" | "too-new";
  readonly error: LifeboatError;
}

export function unreadableSnapshots(
  unreadable: ReadonlyMap<string, UnreadableSnapshot>,
  ofStore: readonly StoreFinding[],
  source: string,
  accepted: ReadonlySet<string>,
): readonly AcceptableFinding[] {
  const read = [...unreadable].map(([id, { state, error }]) =>
    state === "too-new" ? tooNew(id, error) : damaged(id, error.message, "snapshot-damaged", source),
  );
  const missing = ofStore
    .filter(({ code }) => code === "snapshot-json-missing")
    .map(({ id, sentence }) => damaged(id, sentence, "snapshot-json-missing", source));
  return [...read, ...missing].filter(({ accepts }) => !accepts.every((one) => accepted.has(one)));
}

function damaged(id: string | undefined, sentence: string, code: string, source: string): AcceptableFinding {
  return {
    level: "error",
    code,
    sentence,
    publicSentence: sentence,
    remedy: `Check who has write access to the store, and restore the file from a copy. If the snapshot is lost, delete its files. Then: lifeboat unfreeze ${source} --because "…".`,
    accepts: [id === undefined ? sentence : acceptanceOf(id, undefined)],
    keeps: "source",
  };
}

function tooNew(id: string, { message, hint }: LifeboatError): AcceptableFinding {
  return {
    level: "warning",
    code: "snapshot-too-new",
    sentence: message,
    publicSentence: message,
    remedy: hint,
    accepts: [`${id}@too-new`],
    keeps: [id],
  };
}
