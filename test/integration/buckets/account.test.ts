/** Every object of the inventory ends in exactly one class, whatever happens to it while it is read. */
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { incompleteError } from "../../../src/actions/storage-backup/report.ts";
import { readSealedContents } from "../../../src/operations/sealed-files.ts";
import type { StorageBackupReport } from "../../../src/operations/storage-backup.ts";
import { storageOf } from "../../../src/snapshot/contents.ts";
import type { StorageApi } from "../../../src/supabase/storage-api.ts";
import { keysOf, momentOf, restoredMoment } from "./moment.ts";
import { apiOf, type BucketSafe, movableClock, newBucketSafe } from "./safe.ts";

const timeout = 30_000;
let safe: BucketSafe;
beforeEach(async () => {
  safe = await newBucketSafe();
  await safe.server.addBucket("files");
  for (let at = 0; at < 20; at += 1) {
    await safe.server.addObject("files", { name: `small/${at}`, size: 1000 + at, contentType: "text/plain" });
  }
});
afterEach(() => safe[Symbol.asyncDispose]());

const contentsOf = async ({ snapshot }: StorageBackupReport) =>
  storageOf(await readSealedContents(safe.store, snapshot, safe.identities));

/** Does something right before an object is downloaded for the first time. */
function beforeDownload(name: string, act: () => Promise<unknown>): StorageApi {
  const api = apiOf(safe.server);
  let first = true;
  return {
    ...api,
    download: async (bucket, key, expected) => {
      if (key === name && first) {
        first = false;
        await act();
      }
      return await api.download(bucket, key, expected);
    },
  };
}

/** The object's bytes are gone, its row is still there. */
async function loseBytes(...names: readonly string[]): Promise<void> {
  for (const name of names) {
    const row = await safe.server.rows.object("files", name);
    safe.server.blobs.delete(row?.version ?? "");
  }
}

describe("an object", () => {
  it(
    "whose row says another size or ETag than its bytes did not change: it is saved",
    { timeout },
    async () => {
      const { rows } = safe.server;
      for (const [name, wrong] of [
        ["small/1", { size: 5 }],
        ["small/2", { eTag: '"00000000000000000000000000000000"' }],
      ] as const) {
        const row = (await rows.object("files", name))!;
        const { version, metadata, user_metadata: userMetadata } = row;
        await rows.upsert("files", {
          name,
          version: version!,
          metadata: { ...metadata, ...wrong },
          userMetadata,
        });
      }
      const { snapshot, account } = await safe.backUp();
      expect([snapshot.state, account]).toMatchObject(["whole", { stored: 20, failed: 0 }]);
      expect(snapshot.totals.rawBytes).toBe(20 * 1000 + 190);
    },
  );

  it(
    "that is carried over while its bytes are gone stays in the backup, and is told",
    { timeout },
    async () => {
      const clock = movableClock();
      await safe.backUp({}, { clock });
      const before = await momentOf(safe.server);
      await loseBytes("small/3", "small/4");
      clock.hours = 1;
      const report = await safe.backUp({}, { clock });
      expect([report.snapshot.state, report.account]).toMatchObject(["whole", { carried: 20, failed: 0 }]);
      expect(report.findings.map(({ code }) => code)).toEqual(["carried-without-bytes"]);
      expect(await restoredMoment(safe)).toEqual(before);
    },
  );

  it("deleted between listing and download has vanished", { timeout }, async () => {
    const api = beforeDownload("small/3", async () => await safe.server.rows.remove("files", ["small/3"]));
    const report = await safe.backUp({}, { api });
    expect([report.snapshot.state, report.account]).toMatchObject([
      "whole",
      { stored: 19, vanished: 1, failed: 0 },
    ]);
    expect((await contentsOf(report)).account.vanished).toEqual([{ bucket: "files", name: "small/3" }]);
    expect(await restoredMoment(safe)).toEqual(await momentOf(safe.server));
  });

  it.each([
    ["small/3", 1003],
    ["small/3", 5000],
    ["big", 3_000_000],
  ])("%s replaced while it is read is stored as the new one (%i bytes)", { timeout }, async (name, size) => {
    if (name === "big") await safe.server.addObject("files", { name, size, contentType: "text/plain" });
    const replacement = { name, size, seed: "new", contentType: "text/csv", userMetadata: { v: 2 } };
    const api = beforeDownload(name, async () => await safe.server.addObject("files", replacement));
    const report = await safe.backUp({}, { api });
    expect(report.account).toMatchObject({ stored: name === "big" ? 21 : 20, vanished: 0, failed: 0 });
    expect(await restoredMoment(safe)).toEqual(await momentOf(safe.server));
  });

  it("replaced while its body is on its way is never stored as a mix", { timeout }, async () => {
    await safe.server.addObject("files", { name: "big", size: 5_000_000, contentType: "text/plain" });
    safe.server.faults.add({
      matches: "/authenticated/files/big",
      times: 1,
      effect: { kind: "reset", after: 2_500_000 },
    });
    const api = apiOf(safe.server);
    let first = true;
    const replacing: StorageApi = {
      ...api,
      download: async (bucket, name, expected) => {
        const body = await api.download(bucket, name, expected);
        if (name === "big" && first) {
          first = false;
          await safe.server.addObject("files", {
            name,
            size: 5_000_000,
            seed: "new",
            contentType: "text/plain",
          });
        }
        return body;
      },
    };
    const report = await safe.backUp({}, { api: replacing });
    expect(report.account).toMatchObject({ stored: 21, vanished: 0, failed: 0 });
    expect(await restoredMoment(safe)).toEqual(await momentOf(safe.server));
  });

  it("behind a proxy that weakens or drops ETags is stored all the same", { timeout }, async () => {
    const api = apiOf(safe.server);
    for (const weaken of [(etag: string) => ({ etag: `W/${etag}` }), () => ({})]) {
      const proxied: StorageApi = {
        ...api,
        download: async (bucket, name, expected) => {
          const { etag = "", ...body } = await api.download(bucket, name, expected);
          return { ...body, ...weaken(etag) };
        },
      };
      const { account } = await safe.backUp({ indexIdentities: undefined }, { api: proxied });
      expect(account).toMatchObject({ stored: 20, failed: 0 });
    }
  });
});

describe("objects without bytes", () => {
  it(
    "fail the backup, whose snapshot nothing takes for whole and the next one carries from",
    { timeout },
    async () => {
      const clock = movableClock();
      const whole = await safe.backUp({}, { clock });
      await safe.server.addObject("files", { name: "new", size: 10, contentType: "text/plain" });
      await safe.server.addObject("files", { name: "lost", size: 10, contentType: "text/plain" });
      await loseBytes("lost");
      clock.hours = 1;
      const report = await safe.backUp({}, { clock });
      expect([report.snapshot.state, report.account]).toMatchObject([
        "incomplete",
        { stored: 1, carried: 20, failed: 1 },
      ]);
      expect(incompleteError(report)).toMatchObject({ code: "storage-incomplete", exitCode: 1 });
      const { account, consistency } = await contentsOf(report);
      expect(account.failed).toMatchObject([
        { bucket: "files", name: "lost", code: "storage-object-unreadable" },
      ]);
      expect(consistency?.rowsWithoutBytes).toEqual([{ bucket: "files", name: "lost" }]);
      for (const sentence of report.findings.map((finding) => finding.publicSentence))
        expect(sentence).not.toContain("lost");

      for (const attempt of [() => restoredMoment(safe), () => safe.verify(report.snapshot.id, "stored")]) {
        await expect(attempt()).rejects.toMatchObject({
          code: "snapshot-incomplete",
          exitCode: 3,
          hint: expect.stringContaining(whole.snapshot.id) as string,
        });
      }
      await safe.server.rows.remove("files", ["lost"]);
      clock.hours = 2;
      const next = await safe.backUp({}, { clock });
      expect([next.snapshot.state, next.account]).toMatchObject([
        "whole",
        { stored: 0, carried: 21, failed: 0 },
      ]);
      expect(await restoredMoment(safe)).toEqual(await momentOf(safe.server));
    },
  );

  it("are only reported where that was asked for", { timeout }, async () => {
    await loseBytes("small/0", "small/19");
    const report = await safe.backUp({ rowsWithoutBytes: "report" });
    expect([report.snapshot.state, report.account]).toMatchObject([
      "whole",
      { stored: 18, failed: 0, vanished: 0 },
    ]);
    const { account, consistency } = await contentsOf(report);
    expect([account.failed, consistency?.rowsWithoutBytes.length]).toEqual([[], 2]);
    expect(report.findings.map(({ code }) => code)).toContain("row-without-bytes");
    expect(await restoredMoment(safe)).toEqual(await momentOf(safe.server));
  });
});

describe("big objects that break off", () => {
  const big = { size: 1_500_000, contentType: "video/mp4" };
  const breakOff = (name: string): void =>
    safe.server.faults.add({
      matches: `/authenticated/files/${name}`,
      effect: { kind: "wrong-etag" },
    });

  /** Ends the body after a megabyte, whatever is asked for: what no resuming can cure. */
  function breaking(names: ReadonlySet<string>): StorageApi {
    const api = apiOf(safe.server);
    return {
      ...api,
      download: async (bucket, name, expected) => {
        const body = await api.download(bucket, name, expected);
        if (!names.has(name)) return body;
        async function* cut(): AsyncGenerator<Uint8Array> {
          let left = 1_300_000;
          for await (const bytes of body.bytes) {
            yield bytes.subarray(0, left);
            left -= bytes.length;
            if (left <= 0) return;
          }
        }
        return { ...body, bytes: cut() };
      },
    };
  }

  it.each([1, 3, 8])("%i of them cost their packs, and no other object", { timeout }, async (count) => {
    for (let at = 0; at < 24; at += 1) await safe.server.addObject("files", { ...big, name: `big/${at}` });
    const names = new Set(Array.from({ length: count }, (_, at) => `big/${at * 3}`));
    const report = await safe.backUp({ packBytes: 100_000_000 }, { api: breaking(names) });
    expect([report.snapshot.state, report.account]).toMatchObject([
      "incomplete",
      { stored: 44 - count, failed: count, vanished: 0 },
    ]);
    const failed = (await contentsOf(report)).account.failed.map(({ name }) => name);
    expect(new Set(failed)).toEqual(names);
    const packs = new Set((await safe.entries(report)).map(({ pack }) => pack));
    expect((await keysOf(safe.store, "packs")).length).toBe(packs.size);
    expect(report.snapshot.packs.length).toBe(packs.size);
  });

  it("and one whose ETag is never its row's is saved, for nothing has changed", { timeout }, async () => {
    await safe.server.addObject("files", { ...big, name: "big" });
    breakOff("big");
    breakOff("small/7");
    const report = await safe.backUp();
    expect(report.account).toMatchObject({ stored: 21, failed: 0, vanished: 0 });
    safe.server.faults.clear();
    expect(await restoredMoment(safe)).toEqual(await momentOf(safe.server));
  });
});
