/** Which drills are due, from the snapshots and the evidence in a store. */
import { dueDrills } from "../monitoring/due-drills.ts";
import type { Policy } from "../policy/policy.ts";
import type { DrillKind } from "../snapshot/drill-evidence.ts";
import type { Store } from "../store/store.ts";
import { observeSnapshots } from "./observe-snapshots.ts";
import { readDrills } from "./read-drills.ts";
import type { Trust } from "./vouched-documents.ts";

export async function planDrills(
  policy: Policy,
  { store, trust, now }: { readonly store: Store; readonly trust: Trust; readonly now: Date },
): Promise<readonly DrillKind[]> {
  const histories = [];
  for (const { name: source } of policy.sources) {
    const { snapshots, vouch } = await observeSnapshots(store, { source, trust, now });
    histories.push({ snapshots, drills: await readDrills(store, source, vouch) });
  }
  return dueDrills(histories, policy, now);
}
