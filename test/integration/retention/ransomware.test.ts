/** What attackers do to the data itself: the clean backups stay, retention is frozen, and the sentence says why. */
import { expect, test } from "vitest";
import type { SnapshotJson } from "../../../src/snapshot/snapshot-json.ts";
import { directory } from "./places.ts";
import { backUp, clockAt, dailyWeek, dayMs, idsIn, prune, timeless, verified } from "./shelter.ts";

type Totals = Partial<SnapshotJson["totals"]>;

const stories: readonly {
  readonly name: string;
  /** Totals of the n-th day after the attack, from 0. */
  readonly attacked: (day: number) => Totals;
  readonly says: RegExp;
}[] = [
  { name: "a table emptied", attacked: () => ({ rows: 400 }), says: /has 400 rows, 40 % of 1000/ },
  { name: "a schema dropped", attacked: () => ({ tables: 9, rows: 900 }), says: /has 9 tables, 45 % of 20/ },
  {
    name: "a column encrypted",
    attacked: () => ({ sealedBytes: 900_000 }),
    says: /compresses to 45 % of its size; the median of the last \d is 20 %. Encrypted data does not compress/,
  },
  {
    name: "a slow shrink of 5 % a day",
    attacked: (day) => ({ rows: Math.round(1000 * 0.95 ** (day + 1)) }),
    says: /rows, \d+(\.\d)? % of 1000, the largest kept of the last 90 days/,
  },
  {
    name: "objects replaced",
    attacked: () => ({ objects: 500, objectsChanged: 200 }),
    says: /has 200 of 500 objects \(40 %\) replaced or gone at once/,
  },
];

test.each(stories)("$name", async ({ attacked, says }) => {
  await using place = await directory();
  const days = 40;
  const attackOn = 12;
  const now = Date.now();
  const clean: string[] = [];
  // Enough that the tiers alone would have removed every clean one by the end.
  const retention = { tiers: { daily: 20 * dayMs }, keepAtLeast: dailyWeek.keepAtLeast };
  let freeze = "";
  for (let day = 0; day < days; day += 1) {
    const at = new Date(now - (days - day) * dayMs);
    const totals = { objects: 500, ...(day < attackOn ? {} : attacked(day - attackOn)) };
    const snapshot = await backUp(place.store, at, { totals });
    await verified(place.store, snapshot);
    if (day < attackOn) clean.push(snapshot.id);
    const clock = clockAt(new Date(at.getTime() + 3_600_000));
    // The folder dates its files by the real clock, so the pruning of that day sees them as of that day.
    const asOfThen = {
      ...place.store,
      snapshots: async (source: string) => {
        const listing = await place.store.snapshots(source);
        return { ...listing, snapshots: listing.snapshots.map((one) => ({ ...one, storedAt: at })) };
      },
    };
    const report = await prune(timeless(asOfThen), clock, { retention });
    if (report.freeze !== undefined && freeze === "") {
      freeze = report.freeze;
      expect(report.error).toMatchObject({ code: "retention-frozen", exitCode: 3 });
    }
    if (freeze !== "") expect(report.removed).toEqual([]);
  }
  expect(freeze).toMatch(says);
  const left = await idsIn(place.store);
  // Whatever time the attacker took: the last clean ones are there, and all that came later too.
  expect(left).toEqual(expect.arrayContaining(clean.slice(-6)));
});
