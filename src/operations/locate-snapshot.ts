/** Which snapshot is meant: by id, the latest, or the latest before a moment. Never a silent fallback. */
import { LifeboatError } from "../errors.ts";
import { chronologyOf, dated, type DatedSnapshot } from "../snapshot/chronology.ts";
import { readSnapshotJson, type SnapshotJson } from "../snapshot/snapshot-json.ts";
import type { ListedSnapshot, Store, StoreFinding } from "../store/store.ts";

export type SnapshotChoice =
  | { readonly kind: "latest" }
  | { readonly kind: "id"; readonly id: string }
  /** The newest one taken before `moment`. */
  | { readonly kind: "as-of"; readonly moment: Date };

export interface LocatedSnapshot {
  readonly snapshot: SnapshotJson;
  /** What to take instead where this one must not be used. */
  readonly newestWhole: string;
  /** snapshot.json as stored: what a signature covers. */
  readonly bytes: Uint8Array;
  readonly storeFindings: readonly StoreFinding[];
}

/**
 * Reads the chosen snapshot's commit point. A damaged or vanished one is `snapshot-damaged` and names the newest whole
 * one: whether to take that instead is for a person to decide.
 */
export async function locateSnapshot(
  store: Store,
  source: string,
  choice: SnapshotChoice,
  now: Date,
): Promise<LocatedSnapshot> {
  const { snapshots, findings } = await store.snapshots(source);
  const vanished = findings.flatMap(({ code, id }) =>
    code === "snapshot-json-missing" && id !== undefined ? [id] : [],
  );
  const known = [
    ...snapshots.map((listed) => datedOf(listed, source)),
    ...vanished.map((gone) => dated(gone, undefined, undefined)),
  ];
  const id = chosenId(known, source, choice, now);
  const listed = snapshots.find((candidate) => candidate.id === id);
  if (listed === undefined) {
    throw new LifeboatError(
      "snapshot-damaged",
      `snapshot.json of ${id} is missing, though its parts are there.`,
      {
        hint: newestWholeHint(snapshots, source, id, now),
      },
    );
  }
  try {
    const bytes = listed.snapshotJson;
    return {
      snapshot: readSnapshotJson(bytes, { source, id }),
      bytes,
      newestWhole: newestWholeHint(snapshots, source, id, now),
      storeFindings: findings,
    };
  } catch (cause) {
    if (!(cause instanceof LifeboatError) || cause.code !== "snapshot-damaged") throw cause;
    const hint = newestWholeHint(snapshots, source, id, now);
    throw new LifeboatError("snapshot-damaged", cause.message, { hint, cause });
  }
}

/** Throws `snapshot-incomplete` and names what can be used: nothing takes a snapshot with holes for whole. */
export function requireWhole({ snapshot, newestWhole }: LocatedSnapshot): void {
  if (snapshot.state === "whole") return;
  throw new LifeboatError("snapshot-incomplete", `Snapshot ${snapshot.id} is not whole.`, {
    hint: newestWhole,
  });
}

function chosenId(
  known: readonly DatedSnapshot[],
  source: string,
  choice: SnapshotChoice,
  now: Date,
): string {
  const ordered = chronologyOf(known, now);
  const ids = ordered.map(({ id }) => id);
  if (choice.kind === "id") {
    if (ids.includes(choice.id)) return choice.id;
    throw notFound(`Source "${source}" has no snapshot ${choice.id}.`, ids);
  }
  // Those that are ahead come first of all, and so are taken only where there is nothing else.
  const newest =
    choice.kind === "latest"
      ? ids.at(-1)
      : ordered.findLast(({ at, standing }) => standing !== "ahead" && at < choice.moment)?.id;
  if (newest !== undefined) return newest;
  const when = choice.kind === "latest" ? "" : ` taken before ${choice.moment.toISOString()}`;
  throw notFound(`Source "${source}" has no snapshot${when}.`, ids);
}

function datedOf({ id, snapshotJson, storedAt }: ListedSnapshot, source: string): DatedSnapshot {
  try {
    return dated(id, readSnapshotJson(snapshotJson, { source, id }), storedAt);
  } catch {
    return dated(id, undefined, storedAt);
  }
}

function notFound(sentence: string, ids: readonly string[]): LifeboatError {
  const newest = ids.slice(-5);
  const hint =
    newest.length === 0
      ? "The store holds nothing under this source: check --store and --source, and whether a backup ever succeeded."
      : `The store holds ${ids.length} snapshots of it, the newest: ${newest.join(", ")}.`;
  return new LifeboatError("snapshot-not-found", sentence, { hint });
}

function newestWholeHint(
  snapshots: readonly ListedSnapshot[],
  source: string,
  damagedId: string,
  now: Date,
): string {
  const whole = snapshots.filter(({ id, snapshotJson }) => {
    if (id === damagedId) return false;
    try {
      return readSnapshotJson(snapshotJson, { source, id }).state === "whole";
    } catch {
      return false;
    }
  });
  const newest = chronologyOf(
    whole.map((listed) => datedOf(listed, source)),
    now,
  ).at(-1)?.id;
  return newest === undefined
    ? "The store holds no other whole snapshot of this source."
    : `The newest whole one is ${newest}; name it with --snapshot if that is what you want.`;
}

/** The work on a located snapshot; damage that it finds names the newest other snapshot that is whole. */
export async function namingOthers<T>(newestWhole: string, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (cause) {
    if (!(cause instanceof LifeboatError) || cause.exitCode !== 3) throw cause;
    // Another snapshot of the same source holds, and lacks, the same.
    if (cause.code === "restore-incomplete" || cause.code === "source-bytes-invalid") throw cause;
    const { code, message, publicSentence } = cause;
    const shown = publicSentence === undefined ? {} : { publicSentence };
    throw new LifeboatError(code, message, { hint: newestWhole, cause, ...shown });
  }
}
