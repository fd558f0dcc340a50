/** What a store holds: every snapshot of one source, whole or damaged, oldest first; no clock that is wrong decides. */
import { asLifeboatError, LifeboatError } from "../errors.ts";
import { type AcceptableFinding, isAcceptable } from "../retention/document-findings.ts";
import { chronologyFindings, chronologyOf, dated } from "../snapshot/chronology.ts";
import { isSourceBefore } from "../snapshot/keys.ts";
import { readSnapshotJson, type SnapshotJson } from "../snapshot/snapshot-json.ts";
import type { ListedSnapshot, Store, StoreFinding } from "../store/store.ts";
import type { Finding } from "../verification/findings.ts";
import { observeSnapshots } from "./observe-snapshots.ts";

export interface SnapshotOverview {
  readonly source: string;
  readonly snapshots: readonly OverviewEntry[];
  readonly findings: readonly (StoreFinding | Finding)[];
}

export interface OverviewEntry {
  readonly id: string;
  readonly storedAt: string;
  readonly expiresAt?: string;
  /** Absent where snapshot.json is damaged; `problem` says how. */
  readonly snapshot?: SnapshotJson;
  readonly problem?: string;
  /** A later Lifeboat wrote it: it is not damaged. */
  readonly isTooNew?: boolean;
}

export async function listSnapshots(store: Store, source: string, now: Date): Promise<SnapshotOverview> {
  const listing = await store.snapshots(source);
  const entries = new Map(listing.snapshots.map((listed) => [listed.id, overviewOf(listed, source)]));
  const placed = chronologyOf(
    [...entries.values()].map(({ id, snapshot, storedAt }) => dated(id, snapshot, new Date(storedAt))),
    now,
  );
  return {
    source,
    findings: [...listing.findings, ...chronologyFindings(source, placed)],
    snapshots: placed.flatMap(({ id }) => entries.get(id) ?? []),
  };
}

function overviewOf(listed: ListedSnapshot, source: string): OverviewEntry {
  const dates = {
    id: listed.id,
    storedAt: listed.storedAt.toISOString(),
    ...(listed.expiresAt === undefined ? {} : { expiresAt: listed.expiresAt.toISOString() }),
  };
  try {
    return { ...dates, snapshot: readSnapshotJson(listed.snapshotJson, { source, id: listed.id }) };
  } catch (cause) {
    const { message, code } = asLifeboatError(cause);
    return { ...dates, problem: message, ...(code === "snapshot-too-new" ? { isTooNew: true } : {}) };
  }
}

/** What is wrong with the snapshots and the documents beside them, as far as it shows without a ledger. */
export async function documentsInDoubt(
  store: Store,
  source: string,
  now: Date,
): Promise<readonly AcceptableFinding[]> {
  const observation = await observeSnapshots(store, {
    source,
    trust: { signers: [] },
    now,
    isThorough: true,
  });
  return observation.findings.filter(isAcceptable);
}

/** The source that is meant where none was named: the only one that the store has, or the only one of a kind. */
export async function onlySource(
  store: Store,
  named: string | undefined,
  kind?: SnapshotJson["kind"],
): Promise<string> {
  if (named !== undefined) return named;
  // What stood in a project before a restore is meant only by its name.
  const sources = (await store.sources())?.filter((source) => !isSourceBefore(source));
  // A store that cannot tell has ours under the name that a backup takes by default.
  if (sources === undefined || sources.length === 0) return kind ?? "database";
  const fitting: string[] = [];
  for (const source of sources) {
    if (kind === undefined || (await kindOfSource(store, source)) === kind) fitting.push(source);
  }
  const [only, ...others] = fitting;
  if (only !== undefined && others.length === 0) return only;
  const what = kind === undefined ? "sources" : `sources of kind ${kind}`;
  throw new LifeboatError(
    "input-invalid",
    only === undefined
      ? `The store holds no ${what}, only: ${sources.join(", ")}.`
      : `The store holds several ${what}: ${fitting.join(", ")}.`,
    { hint: "Name one with --source." },
  );
}

/** By its newest snapshot that can be read. */
async function kindOfSource(store: Store, source: string): Promise<SnapshotJson["kind"] | undefined> {
  const { snapshots } = await store.snapshots(source);
  return snapshots
    .map((listed) => overviewOf(listed, source))
    .findLast(({ snapshot }) => snapshot !== undefined)?.snapshot?.kind;
}
