/** The moments of all snapshots of a source that anybody remembers, for how much would have been lost, and when. */
import { momentOfId } from "../snapshot/ids.ts";
import { tombstonePrefix } from "../snapshot/keys.ts";
import type { Store } from "../store/store.ts";
import type { Ledger } from "../ledger/ledger.ts";
import { drillable } from "../monitoring/drill-choice.ts";
import type { Observation } from "./observe-snapshots.ts";

/**
 * Good ones that are there, those that prune removed (their tombstones' names tell when they were made), and those that
 * the ledger has seen: retention thins out what is left, and would make the past look worse than it was.
 */
export async function snapshotMoments(
  store: Store,
  observation: Observation,
  ledger: Ledger | undefined,
  now: Date,
): Promise<readonly Date[]> {
  const { source, snapshots } = observation;
  const present = new Set(snapshots.map(({ id }) => id));
  const prefix = tombstonePrefix(source);
  const removed = (await store.files(prefix)).map(({ key }) =>
    key.slice(prefix.length).replace(/\.json$/, ""),
  );
  const records = ledger === undefined ? [] : (await ledger.read()).records;
  const seen = records
    .filter((record) => record.source === source)
    .flatMap(({ heads }) => heads.map(({ id }) => id));
  const gone = new Set([...removed, ...seen].filter((id) => !present.has(id)));
  return [
    ...drillable(snapshots, now).map(({ moment }) => moment),
    ...[...gone].flatMap((id) => momentOfId(id) ?? []),
  ];
}
