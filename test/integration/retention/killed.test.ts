/** SIGKILL in the middle of a pruning: what is listed is whole, and the next pruning finishes the work. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { expect, test } from "vitest";
import { checkStored } from "../../../src/operations/check-stored.ts";
import { readSnapshotJson } from "../../../src/snapshot/snapshot-json.ts";
import { randomNumbers } from "../../unit/retention/stories.ts";
import { directory } from "./places.ts";
import { backUp, clockAt, dayMs, idsIn, prune, source, timeless, verified } from "./shelter.ts";

const kills = process.env["LIFEBOAT_TRIAL"] === undefined ? 8 : 100;

test(`${kills} killed prunings`, { timeout: 1_200_000 }, async () => {
  const random = randomNumbers(7);
  let interrupted = 0;
  for (let nth = 0; nth < kills; nth += 1) {
    await using place = await directory();
    const now = Date.now();
    for (let day = 24; day >= 0; day -= 1) {
      const snapshot = await backUp(place.store, new Date(now - day * dayMs - 60_000));
      await verified(place.store, snapshot, { at: new Date(now - day * dayMs) });
    }
    const script = join(import.meta.dirname, "pruning-process.ts");
    const child = spawn(process.execPath, [script, place.path, String(now)], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    await once(child.stdout, "data");
    // In the middle of it: as soon as it has begun to write tombstones, and then some more.
    const graves = join(place.path, "tombstones", source);
    while (child.exitCode === null && (await readdir(graves).catch(() => [])).length === 0) await delay(1);
    await delay(random() * 250);
    child.kill("SIGKILL");
    if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
    const left = await idsIn(place.store);
    if (left.length > 7) interrupted += 1;
    const { snapshots } = await place.another().snapshots(source);
    for (const { id, snapshotJson } of snapshots) {
      const stored = await checkStored(place.store, readSnapshotJson(snapshotJson, { source, id }));
      expect(stored.verdict, id).toBe("passed");
    }
    // What the dead one has claimed counts as claimed for half an hour.
    const later = clockAt(new Date(now + 31 * 60_000));
    const report = await prune(timeless(place.another()), later);
    expect(report.error).toBeUndefined();
    const after = await place.another().snapshots(source);
    expect(after.snapshots).toHaveLength(7);
    expect(after.findings).toEqual([]);
    // A kill between the last file's end and its folder's may leave the folder, empty.
    const files = (await place.another().files(`snapshots/${source}/`)).map(({ key }) => key.split("/")[2]);
    expect(new Set(files).size).toBe(7);
  }
  expect(interrupted).toBeGreaterThan(0);
});
