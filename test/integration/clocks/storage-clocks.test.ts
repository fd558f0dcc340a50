/** A backup of buckets asks the Storage API what time it is, at its beginning and at its end. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { parseStorageConnection, storageApi } from "../../../src/supabase/storage-api.ts";
import { type Clock, systemClock } from "../../../src/system/clock.ts";
import { silentLogger as logger } from "../../../src/system/logger.ts";
import { type BucketSafe, newBucketSafe } from "../buckets/safe.ts";

let safe: BucketSafe;
beforeAll(async () => {
  safe = await newBucketSafe();
  await safe.server.addBucket("photos");
  await safe.server.addObject("photos", { name: "one.png", size: 100, contentType: "image/png" });
});
afterAll(() => safe[Symbol.asyncDispose]());

const hourMs = 3_600_000;

test("a machine that is ahead is told by the API's clock, and dates nothing", async () => {
  const api = storageApi(parseStorageConnection(safe.server.url, safe.server.secretKey), { logger });
  const clock: Clock = {
    now: () => new Date(systemClock.now().getTime() + 48 * hourMs),
    elapsedMs: () => systemClock.elapsedMs(),
  };
  const { snapshot, findings } = await safe.backUp({}, { api, clock });
  expect(findings.find(({ code }) => code === "clock-differs")?.sentence).toContain("the Storage API says");
  const real = systemClock.now().getTime();
  expect(Math.abs(Date.parse(snapshot.clocks?.api ?? "") - real)).toBeLessThan(hourMs);
  expect(Math.abs(Date.parse(snapshot.times.snapshot) - real)).toBeLessThan(hourMs);
  expect(Math.abs(Date.parse(snapshot.times.finished) - real)).toBeLessThan(hourMs);
});

test("a clock that is set in the middle is read again at the end", async () => {
  let shiftMs = 0;
  const clock: Clock = {
    now: () => new Date(systemClock.now().getTime() + shiftMs),
    elapsedMs: () => systemClock.elapsedMs(),
  };
  const api = storageApi(parseStorageConnection(safe.server.url, safe.server.secretKey), { logger });
  const setting = {
    ...api,
    buckets: async () => {
      shiftMs = 48 * hourMs;
      return await api.buckets();
    },
  };
  const { snapshot, findings } = await safe.backUp({}, { api: setting, clock });
  expect(findings.map(({ code }) => code)).toContain("clock-differs");
  expect(Math.abs(Date.parse(snapshot.times.finished) - systemClock.now().getTime())).toBeLessThan(hourMs);
});
