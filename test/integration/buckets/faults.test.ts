/** What goes wrong between us and the project: the right result, or a clear failure and nothing left of it. */
import { setTimeout as delay } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { LifeboatError } from "../../../src/errors.ts";
import { objectFilter } from "../../../src/storage/object-filter.ts";
import type { Effect } from "../../fakes/storage/index.ts";
import { faultyStore } from "../../fakes/faulty-store.ts";
import { keysOf, momentOf, restoredMoment } from "./moment.ts";
import { apiOf, type BucketSafe, newBucketSafe } from "./safe.ts";

const timeout = 30_000;
let safe: BucketSafe;
const unhandled: unknown[] = [];
const note = (cause: unknown): void => void unhandled.push(cause);
beforeEach(async () => {
  unhandled.length = 0;
  process.on("unhandledRejection", note);
  safe = await newBucketSafe();
  await safe.server.addBucket("files");
  for (let at = 0; at < 30; at += 1) {
    await safe.server.addObject("files", { name: `small/${at}`, size: 1000 + at, contentType: "text/plain" });
  }
  for (let at = 0; at < 6; at += 1) {
    await safe.server.addObject("files", { name: `big/${at}`, size: 1_200_000, contentType: "video/mp4" });
  }
});
afterEach(async () => {
  await safe[Symbol.asyncDispose]();
  process.off("unhandledRejection", note);
  expect(unhandled).toEqual([]);
});

/** Also a while later: nothing goes on behind the back of a backup that has failed. */
async function expectNothingLeft(): Promise<void> {
  for (const wait of [0, 300]) {
    await delay(wait);
    expect([await keysOf(safe.store, "snapshots"), await keysOf(safe.store, "packs")]).toEqual([[], []]);
  }
}

async function expectWhole(): Promise<void> {
  const { snapshot, account } = await safe.backUp();
  expect([snapshot.state, account]).toMatchObject(["whole", { stored: 36, failed: 0, vanished: 0 }]);
  safe.server.faults.clear();
  expect(await restoredMoment(safe)).toEqual(await momentOf(safe.server));
}

const status = (code: number, headers = {}): Effect => ({ kind: "status", status: code, headers });

describe("every n-th request", () => {
  it.each([
    [3, status(429, { "retry-after": "1" })],
    [7, status(500)],
    [3, status(503)],
    [3, status(544)],
    [4, { kind: "drop" }],
    [4, { kind: "drop-answer" }],
    [4, { kind: "reset", after: 700 }],
    [4, { kind: "reset", after: 400_000 }],
    [4, { kind: "short", after: 500, framing: "length" }],
    [4, { kind: "short", after: 500, framing: "chunked" }],
    [4, { kind: "short", after: 900_000, framing: "chunked" }],
    [4, { kind: "chunked" }],
    [7, { kind: "wrong-etag" }],
  ] as const)("(%i) %o", { timeout }, async (every, effect) => {
    safe.server.faults.add({ matches: "/storage/v1/", every, effect });
    await expectWhole();
  });

  it("stalls in the middle of a body", { timeout }, async () => {
    const matches = "/authenticated/files/big";
    safe.server.faults.add({ matches, times: 3, effect: { kind: "stall", after: 300_000 } });
    const { account } = await safe.backUp({}, { api: apiOf(safe.server, 8, { idleMs: 300 }) });
    expect(account).toMatchObject({ stored: 36, failed: 0 });
    expect(await restoredMoment(safe)).toEqual(await momentOf(safe.server));
  });
});

describe("a backup fails clearly and leaves nothing", () => {
  it("where a listing fails on its third page", { timeout }, async () => {
    for (let at = 0; at < 2500; at += 1)
      await safe.server.addObject("files", { name: `many/${at}`, size: 1 });
    safe.server.faults.add({ matches: "list-v2", skip: 2, effect: status(500) });
    await expect(safe.backUp()).rejects.toMatchObject({ code: "storage-temporary" });
    await expectNothingLeft();
    safe.server.faults.clear();
    safe.server.faults.add({ matches: "list-v2", skip: 2, times: 2, effect: status(500) });
    const { account } = await safe.backUp({ filter: objectFilter({ exclude: ["files/many/**"] }) });
    expect([account.stored, safe.server.counters.requests["list-v2"]]).toMatchObject([
      36,
      expect.any(Number),
    ]);
  });

  it("where a page of the listing is cut, empty or of another bucket", { timeout }, async () => {
    for (const body of [{ hasNext: true, folders: [], objects: [] }, { objects: "none" }, []]) {
      safe.server.faults.clear();
      safe.server.faults.add({ matches: "list-v2", effect: { kind: "status", status: 200, body } });
      await expect(safe.backUp()).rejects.toMatchObject({ code: "storage-list-failed" });
      await expectNothingLeft();
    }
  });

  it("where the server goes away in the middle", { timeout }, async () => {
    let downloads = 0;
    const api = apiOf(safe.server, 4);
    const leaving = {
      ...api,
      download: async (...of: Parameters<typeof api.download>) => {
        if ((downloads += 1) === 12) await safe.server.close();
        return await api.download(...of);
      },
    };
    await expect(safe.backUp({ jobs: 4 }, { api: leaving })).rejects.toMatchObject({
      code: "storage-temporary",
    });
    await expectNothingLeft();
  });

  it("where the key is revoked in the middle, without asking for the rest", { timeout }, async () => {
    for (let at = 0; at < 500; at += 1) await safe.server.addObject("files", { name: `zz/${at}`, size: 1 });
    safe.server.faults.add({
      matches: "/authenticated/",
      skip: 5,
      effect: {
        kind: "status",
        status: 403,
        body: { statusCode: "403", error: "Unauthorized", message: "no", code: "AccessDenied" },
      },
    });
    await expect(safe.backUp({ jobs: 2 })).rejects.toMatchObject({ code: "storage-key-refused" });
    await expectNothingLeft();
    expect(safe.server.counters.requests.download).toBeLessThan(20);
  });

  it("where it is cancelled, soon and without asking for the rest", { timeout }, async () => {
    for (let at = 0; at < 500; at += 1) await safe.server.addObject("files", { name: `zz/${at}`, size: 1 });
    safe.server.latencyMs = 10;
    for (const passes of [true, false]) {
      const abort = new AbortController();
      const { signal } = abort;
      const api = apiOf(safe.server, 4, passes ? { signal } : {});
      safe.server.resetCounters();
      const backup = safe.backUp({ jobs: 4 }, { signal, api });
      backup.catch(() => {});
      while (safe.server.counters.requests.download < 20) await delay(5);
      abort.abort(new LifeboatError("run-cancelled", "The run was cancelled."));
      await expect(backup).rejects.toMatchObject({ code: "run-cancelled" });
      await expectNothingLeft();
      expect(safe.server.counters.requests.download).toBeLessThan(60);
    }
  });

  it.each([
    ["putStream", "before", 1],
    ["putStream", "midway", 1],
    ["putStream", "after", 2],
    ["draft.put", "before", 1],
    ["draft.put", "midway", 1],
    ["draft.put", "after", 2],
    ["files", "before", 1],
    ["begin", "before", 1],
  ] as const)("where the store's %s fails %s (call %i)", { timeout }, async (method, when, onCall) => {
    const store = faultyStore(safe.store, [{ method, when, onCall, error: "permanent" }]);
    await expect(safe.backUp({}, { store })).rejects.toMatchObject({ code: "store-write-failed" });
    // A store that loses its answer about a pack may keep it: nobody knows its fate, and a sweep removes it later.
    if (method === "putStream" && when === "after") {
      expect(await keysOf(safe.store, "snapshots")).toEqual([]);
      expect((await keysOf(safe.store, "packs")).length).toBeLessThanOrEqual(1);
    } else await expectNothingLeft();
    await expectWhole();
  });

  it(
    "but keeps the packs where the commit's answer is lost, for the snapshot may be there",
    { timeout },
    async () => {
      const lost = faultyStore(safe.store, [{ method: "draft.commit", when: "after", error: "permanent" }]);
      await expect(safe.backUp({}, { store: lost })).rejects.toMatchObject({ code: "store-write-failed" });
      const [id = ""] = await keysOf(safe.store, "snapshots");
      expect((await safe.verify(id, "restored")).verdict).toBe("passed");
    },
  );

  it("where the commit fails", { timeout }, async () => {
    const store = faultyStore(safe.store, [{ method: "draft.commit", when: "before", error: "permanent" }]);
    await expect(safe.backUp({}, { store })).rejects.toMatchObject({ code: "store-write-failed" });
    expect(await keysOf(safe.store, "snapshots")).toEqual([]);
  });
});
