/** What is due, from stores: dropped runs are caught up, and work under way is not done twice. */
import { expect, test } from "vitest";
import { planBackups, type BackupPlanRequest } from "../../../src/operations/plan-backups.ts";
import { LifeboatError } from "../../../src/errors.ts";
import { newSnapshotId } from "../../../src/snapshot/ids.ts";
import type { Store } from "../../../src/store/store.ts";
import { silentLogger } from "../../../src/system/logger.ts";
import { s3ServerProgram } from "../../support/s3-server.ts";
import { policyOf } from "../../unit/policy/policies.ts";
import { bucket, directory } from "./places.ts";
import { backUp, clockAt, dayMs, nobody, source, verified } from "./shelter.ts";

const program = await s3ServerProgram();
const policy = policyOf(
  `retention: { daily: 30d, weekly: 90d }
sources: { database: { type: postgres, url: { secret: DATABASE_URL }, every: 24h } }`,
);
// Noon of yesterday: what stores get now is not from its future, and some hours before are the same day.
const clock = clockAt(new Date((Math.floor(Date.now() / dayMs) - 1) * dayMs + dayMs / 2));

function plan(stores: readonly Store[], told: Partial<BackupPlanRequest> = {}) {
  return planBackups({
    policy,
    stores,
    trust: nobody,
    now: clock.now(),
    isPush: false,
    otherRuns: [],
    logger: silentLogger,
    ...told,
  });
}

test("is due until a backup of the day is verified, and again if that fails", async () => {
  await using place = await directory();
  const tiers = async () => (await plan([place.store])).due[0]?.tiers;
  expect(await tiers()).toEqual(["daily", "weekly"]);
  const at = new Date(clock.at.getTime() - 3 * 3_600_000);
  const made = await backUp(place.store, at, { tiers: ["daily", "weekly"] });
  // Three hours old and still not verified: whoever should have done it was dropped.
  expect(await tiers()).toEqual(["daily", "weekly"]);
  await verified(place.store, made);
  expect(await tiers()).toEqual([]);
  await verified(place.store, made, { verdict: "failed", at: clock.at });
  expect(await tiers()).toEqual(["daily", "weekly"]);
});

test("a backup that an older run is making is not started twice", async () => {
  await using place = await directory();
  const started = new Date(clock.at.getTime() - 600_000);
  expect((await plan([place.store], { otherRuns: [started] })).due[0]?.tiers).toEqual([]);
  // A run of yesterday says nothing about today.
  const yesterday = new Date(clock.at.getTime() - dayMs);
  expect((await plan([place.store], { otherRuns: [yesterday] })).due[0]?.tiers).toContain("daily");
});

test.each([
  ["a directory", directory],
  ...(program === undefined ? [] : [["an S3 bucket", () => bucket(program)] as const]),
] as const)("a draft in %s is a backup under way", async (_, open) => {
  await using place = await open();
  const draft = await place.store.begin({ source, id: newSnapshotId(new Date(clock.at.getTime() - 60_000)) });
  expect((await plan([place.another()])).due[0]?.tiers).toEqual([]);
  await draft.abandon();
  if (place.store.address.startsWith("file:")) {
    expect((await plan([place.another()])).due[0]?.tiers).toContain("daily");
  }
});

test("one store that is down is told, and does not stop the others; without any nobody knows", async () => {
  await using place = await directory();
  await using far = await directory();
  const made = await backUp(place.store, new Date(clock.at.getTime() - 600_000), {
    tiers: ["daily", "weekly"],
  });
  await verified(place.store, made);
  const error = new LifeboatError("store-temporary", "It does not answer.");
  const down: Store = { ...far.store, snapshots: () => Promise.reject(error) };
  const judged = await plan([down, place.store]);
  expect(judged.due[0]?.tiers).toEqual([]);
  expect(judged.findings.map(({ code }) => code)).toContain("store-temporary");
  await expect(plan([down])).rejects.toBe(error);
});
