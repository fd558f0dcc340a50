/** The graph of a source's snapshots: each names the heads it saw, so that a vanished one leaves a trace. */
import { asLifeboatError } from "../errors.ts";
import { readSnapshotJson, type SnapshotJson } from "../snapshot/snapshot-json.ts";
import type { ListedSnapshot, Store } from "../store/store.ts";
import type { Finding } from "../verification/findings.ts";

export interface History {
  /** Snapshots that no other one names as seen: usually one, more after concurrent backups. */
  readonly heads: readonly string[];
  readonly findings: readonly Finding[];
}

export async function newestHeads(store: Store, source: string): Promise<History> {
  const listing = await store.snapshots(source);
  const findings: Finding[] = listing.findings.map(({ code, sentence, remedy }) => ({
    level: "warning",
    code,
    sentence,
    publicSentence: sentence,
    remedy,
  }));
  const seen = new Set<string>();
  for (const listed of listing.snapshots) {
    const snapshot = tryRead(listed, source, findings);
    for (const head of snapshot?.heads ?? []) seen.add(head);
  }
  return { heads: listing.snapshots.map(({ id }) => id).filter((id) => !seen.has(id)), findings };
}

function tryRead(listed: ListedSnapshot, source: string, findings: Finding[]): SnapshotJson | undefined {
  try {
    return readSnapshotJson(listed.snapshotJson, { source, id: listed.id });
  } catch (cause) {
    const { code, message, hint } = asLifeboatError(cause);
    findings.push({ level: "error", code, sentence: message, publicSentence: message, remedy: hint });
    return undefined;
  }
}
