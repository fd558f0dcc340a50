/** Recovery points are measured on what there was, not only on what retention has left. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { observeSnapshots } from "../../../src/operations/observe-snapshots.ts";
import { generateIdentity } from "../../../src/seal/identities.ts";
import { parseRecipients } from "../../../src/seal/recipients.ts";
import { newSnapshotId } from "../../../src/snapshot/ids.ts";
import { tombstoneKey } from "../../../src/snapshot/keys.ts";
import { openStore } from "../../../src/store/open-store.ts";
import { systemClock } from "../../../src/system/clock.ts";
import { silentLogger } from "../../../src/system/logger.ts";
import { storeSmallSnapshot } from "../../support/small-snapshots.ts";

const hour = (number: number): Date => new Date(`2026-11-23T${String(number).padStart(2, "0")}:00:00Z`);

test("moments of removed backups are known by tombstones, and by the backups that saw them", async () => {
  const folder = await mkdtemp(join(tmpdir(), "moments-"));
  try {
    const store = openStore(
      { kind: "directory", path: folder },
      { clock: systemClock, logger: silentLogger },
    );
    const { recipient } = await generateIdentity({ postQuantum: false, created: hour(0) });
    const recipients = parseRecipients([recipient], undefined);
    const [buried, seen] = [newSnapshotId(hour(1)), newSnapshotId(hour(2))];
    const first = await storeSmallSnapshot(store, { moment: hour(3), recipients, heads: [seen] });
    await storeSmallSnapshot(store, { moment: hour(4), recipients, heads: [first.id] });
    // What it says is nobody's business here, and need not even be readable.
    await store.put(tombstoneKey("database", buried), Buffer.from("{}"));
    const { pastMoments, snapshots } = await observeSnapshots(store, {
      ...{ source: "database", trust: { signers: [] }, now: hour(5) },
    });
    expect(snapshots.map(({ moment }) => moment)).toEqual([hour(3), hour(4)]);
    expect([...pastMoments].sort((one, other) => one.getTime() - other.getTime())).toEqual([
      hour(1),
      hour(2),
    ]);
  } finally {
    await rm(folder, { recursive: true });
  }
});
