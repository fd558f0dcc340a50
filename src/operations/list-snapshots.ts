/** What a store holds: every snapshot of one source, whole or damaged, oldest first. */
import { asLifeboatError, LifeboatError } from "../errors.ts";
import { isSourceBefore } from "../snapshot/keys.ts";
import { readSnapshotJson, type SnapshotJson } from "../snapshot/snapshot-json.ts";
import type { ListedSnapshot, Store, StoreFinding } from "../store/store.ts";

export interface SnapshotOverview {
  readonly source: string;
  readonly snapshots: readonly OverviewEntry[];
  readonly findings: readonly StoreFinding[];
}

export interface OverviewEntry {
  readonly id: string;
  readonly storedAt: string;
  readonly expiresAt?: string;
  /** Absent where snapshot.json is damaged; `problem` says how. */
  readonly snapshot?: SnapshotJson;
  readonly problem?: string;
}

export async function listSnapshots(store: Store, source: string): Promise<SnapshotOverview> {
  const { snapshots, findings } = await store.snapshots(source);
  return { source, findings, snapshots: snapshots.map((listed) => overviewOf(listed, source)) };
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
    return { ...dates, problem: asLifeboatError(cause).message };
  }
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
  const { snapshots } = await listSnapshots(store, source);
  return snapshots.findLast(({ snapshot }) => snapshot !== undefined)?.snapshot?.kind;
}
