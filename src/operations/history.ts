/** The graph of a source's snapshots: each names the heads it saw, so that a vanished one leaves a trace. */
import { asLifeboatError } from "../errors.ts";
import { chronologyOf, dated } from "../snapshot/chronology.ts";
import { readSnapshotJson, type SeenHead, type SnapshotJson } from "../snapshot/snapshot-json.ts";
import type { ListedSnapshot, Store } from "../store/store.ts";
import type { Finding } from "../verification/findings.ts";

export interface History {
  /** Snapshots that no other one names as seen: usually one, more after concurrent backups. */
  readonly heads: readonly string[];
  /** What proves them; damaged ones are missing here. */
  readonly seen: readonly SeenHead[];
  readonly findings: readonly Finding[];
  /** The one before a backup that begins now. */
  newestWhole(now: Date): SnapshotJson | undefined;
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
  const named = new Set<string>();
  const readable = new Map<string, SeenHead>();
  const whole: { readonly snapshot: SnapshotJson; readonly storedAt: Date }[] = [];
  for (const listed of listing.snapshots) {
    const snapshot = tryRead(listed, source, findings);
    for (const head of snapshot?.heads ?? []) named.add(head);
    if (snapshot?.state === "whole") whole.push({ snapshot, storedAt: listed.storedAt });
    if (snapshot !== undefined) readable.set(listed.id, seenHeadOf(snapshot, listed.expiresAt));
  }
  const heads = listing.snapshots.map(({ id }) => id).filter((id) => !named.has(id));
  return {
    heads,
    seen: heads.flatMap((id) => readable.get(id) ?? []),
    findings,
    newestWhole: (now) => {
      const all = whole.map(({ snapshot, storedAt }) => dated(snapshot.id, snapshot, storedAt));
      const newest = chronologyOf(all, now).at(-1)?.id;
      return whole.find(({ snapshot }) => snapshot.id === newest)?.snapshot;
    },
  };
}

export function seenHeadOf({ id, sha256, tiers }: SnapshotJson, expiresAt: Date | undefined): SeenHead {
  return { id, sha256, tiers, ...(expiresAt === undefined ? {} : { expires: expiresAt.toISOString() }) };
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
