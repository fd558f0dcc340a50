/** Packs that snapshots share: copied where they would not last, fetched again where they are lost. */
import { readFile, rm, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { StorageBackupReport } from "../../../src/operations/storage-backup.ts";
import { packKey, packMarkKey } from "../../../src/snapshot/keys.ts";
import type { Store } from "../../../src/store/store.ts";
import { artifactsIn } from "../../fakes/github/artifact-store.ts";
import { keysOf, momentOf, restoredMoment } from "./moment.ts";
import { type BucketSafe, movableClock, newBucketSafe } from "./safe.ts";

const timeout = 30_000;
const dayMs = 24 * 3600 * 1000;
let safe: BucketSafe;
let clock: ReturnType<typeof movableClock>;
let first: StorageBackupReport;
beforeEach(async () => {
  safe = await newBucketSafe();
  clock = movableClock();
  await safe.server.addBucket("files");
  for (let at = 0; at < 10; at += 1) {
    await safe.server.addObject("files", { name: `small/${at}`, size: 1000 + at, contentType: "text/plain" });
  }
  for (let at = 0; at < 3; at += 1) {
    await safe.server.addObject("files", { name: `big/${at}`, size: 1_200_000, contentType: "video/mp4" });
  }
  first = await safe.backUp({}, { clock });
  await safe.server.addObject("files", { name: "new", size: 50, contentType: "text/plain" });
  safe.server.resetCounters();
  clock.hours = 24;
});
afterEach(() => safe[Symbol.asyncDispose]());

const pathOf = (pack: string): string => join(safe.folder, "store", packKey("storage", pack));

/** Says of these packs that they expire in so many days. */
function expiring(store: Store, packs: readonly string[], days: number): Store {
  return {
    ...store,
    files: async (prefix) =>
      (await store.files(prefix)).map((file) =>
        packs.some((pack) => file.key === packKey("storage", pack))
          ? { ...file, expiresAt: new Date(clock.now().getTime() + days * dayMs) }
          : file,
      ),
  };
}

async function expectGoodWithout(gone: readonly string[], report: StorageBackupReport): Promise<void> {
  for (const pack of gone) await safe.store.delete(packKey("storage", pack));
  expect((await safe.verify(report.snapshot.id, "restored")).verdict).toBe("passed");
  expect(await restoredMoment(safe, { kind: "id", id: report.snapshot.id })).toEqual(
    await momentOf(safe.server),
  );
}

describe("a pack that would not last is copied as sealed bytes, without asking the project", () => {
  const packsOf = ({ snapshot }: StorageBackupReport): string[] => snapshot.packs.map(({ id }) => id);

  it.each([
    ["expires before the snapshot", 29],
    ["expires on the snapshot's last day", 30],
  ])("because it %s", { timeout }, async (_, days) => {
    const old = packsOf(first);
    const report = await safe.backUp(
      { retentionDays: 30 },
      { clock, store: expiring(safe.store, old, days) },
    );
    expect(report.account).toMatchObject({ stored: 1, carried: 13, newPacks: 1, copiedPacks: old.length });
    expect(safe.server.counters).toMatchObject({ bytesServed: 50, requests: { download: 1 } });
    expect(packsOf(report).filter((id) => old.includes(id))).toEqual([]);
    for (const { id, payload } of report.snapshot.packs.filter(({ rawBytes }) => rawBytes > 50)) {
      expect(first.snapshot.packs.map((pack) => pack.payload.sha256)).toContain(payload.sha256);
      expect(old).not.toContain(id);
    }
    await expectGoodWithout(old, report);
  });

  it("but not where it lasts long enough", { timeout }, async () => {
    const store = expiring(safe.store, packsOf(first), 33);
    const report = await safe.backUp({ retentionDays: 30 }, { clock, store });
    expect(report.account).toMatchObject({ carried: 13, copiedPacks: 0 });
  });

  it("because somebody has marked it", { timeout }, async () => {
    const [marked = ""] = packsOf(first);
    const mark = { formatVersion: 1, pack: marked, markedAt: clock.now().toISOString() };
    await safe.store.put(packMarkKey("storage", marked), Buffer.from(JSON.stringify(mark)));
    const report = await safe.backUp({}, { clock });
    expect(report.account).toMatchObject({ stored: 1, carried: 13, copiedPacks: 1 });
    expect([safe.server.counters.bytesServed, packsOf(report).includes(marked)]).toEqual([50, false]);
    await expectGoodWithout([marked], report);
  });
});

describe("a pack that is lost costs a fetch and a warning", () => {
  it.each([
    ["missing", (path: string) => rm(path), true],
    ["cut", (path: string) => truncate(path, 700), true],
    ["changed, where it must be copied", flip, false],
  ] as const)("%s", { timeout }, async (_, damage, mayLast) => {
    const old = first.snapshot.packs;
    const lost = old.toSorted((one, other) => other.rawBytes - one.rawBytes)[0]?.id ?? "";
    const lostEntries = (await safe.entries(first)).filter(({ pack }) => pack === lost);
    await damage(pathOf(lost));
    const store = mayLast ? safe.store : expiring(safe.store, [lost], 1);
    const warnings: string[] = [];
    const logger = { info: () => {}, debug: () => {}, warning: (line: string) => void warnings.push(line) };
    const report = await safe.backUp({ retentionDays: 30 }, { clock, store, logger });
    expect(report.account).toMatchObject({
      stored: 1 + lostEntries.length,
      carried: 13 - lostEntries.length,
    });
    expect(report.findings.map(({ code }) => code)).toContain("pack-lost");
    expect(warnings.join("\n")).toContain(lost);
    const packs = (await keysOf(safe.store, "packs")).filter((key) => !key.includes(lost));
    const used = new Set([...report.snapshot.packs, ...old].map(({ id }) => packKey("storage", id)));
    expect(packs.filter((key) => !used.has(key))).toEqual([]);
    await expectGoodWithout([lost], report);
  });

  async function flip(path: string): Promise<void> {
    const bytes = await readFile(path);
    bytes[bytes.length >> 1]! ^= 1;
    await writeFile(path, bytes);
  }
});

describe("in GitHub's artifacts", () => {
  it(
    "packs that near their end are copied, and the snapshots share the others",
    { timeout: 60_000 },
    async () => {
      let now = new Date("2026-03-01T00:00:00Z").getTime();
      const place = await artifactsIn({ now: () => new Date(now) });
      try {
        const store = place.open();
        const at = { clock: { now: () => new Date(now), elapsedMs: () => performance.now() } };
        const one = await safe.backUp({ retentionDays: 30 }, { ...at, store });
        expect(one.account).toMatchObject({ stored: 14, copiedPacks: 0 });
        safe.server.resetCounters();
        now += 40 * dayMs;
        const two = await safe.backUp({ retentionDays: 30 }, { ...at, store: place.open() });
        expect(two.account).toMatchObject({ stored: 0, carried: 14, copiedPacks: 0 });
        now += 25 * dayMs;
        const three = await safe.backUp({ retentionDays: 30 }, { ...at, store: place.open() });
        expect(three.account).toMatchObject({
          stored: 0,
          carried: 14,
          copiedPacks: one.snapshot.packs.length,
        });
        expect(safe.server.counters.requests.download).toBe(0);
        // The first packs are gone by now, the copies are not.
        now += 26 * dayMs;
        const choice = { kind: "id", id: three.snapshot.id } as const;
        expect(await restoredMoment(safe, choice, place.open())).toEqual(await momentOf(safe.server));
      } finally {
        await place.close();
      }
    },
  );
});
