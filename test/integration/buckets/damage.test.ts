/** Every kind of damage to a storage snapshot is found at the level that can see it, named, and told without names. */
import { cp, readdir, readFile, rename, rm, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { LifeboatError } from "../../../src/errors.ts";
import type { StorageBackupReport } from "../../../src/operations/storage-backup.ts";
import type { VerifyReport, VerifyRequest } from "../../../src/operations/verify-snapshot.ts";
import { packKey, snapshotFileKey } from "../../../src/snapshot/keys.ts";
import type { StoredObject } from "../../../src/storage/objects.ts";
import type { Store } from "../../../src/store/store.ts";
import { forge } from "./forge.ts";
import { restoredMoment } from "./moment.ts";
import { type BucketSafe, movableClock, newBucketSafe } from "./safe.ts";

const timeout = 20_000;
const secret = "secret-name";
let safe: BucketSafe;
let report: StorageBackupReport;
let packs: readonly string[];
beforeAll(async () => {
  safe = await newBucketSafe();
  await safe.server.addBucket(`${secret}-bucket`);
  for (let at = 0; at < 8; at += 1) {
    const object = { name: `${secret}/${at}`, size: 600, contentType: "text/plain" };
    await safe.server.addObject(`${secret}-bucket`, object);
  }
  await safe.server.addObject(`${secret}-bucket`, {
    name: `${secret}/big`,
    size: 1_300_000,
    contentType: "video/mp4",
  });
  report = await safe.backUp({}, { clock: movableClock() });
  packs = report.snapshot.packs.map(({ id }) => id);
  expect(packs.length).toBe(2);
  await cp(join(safe.folder, "store"), join(safe.folder, "untouched"), { recursive: true });
});
beforeEach(async () => {
  await rm(join(safe.folder, "store"), { recursive: true });
  await cp(join(safe.folder, "untouched"), join(safe.folder, "store"), { recursive: true });
});
afterAll(() => safe[Symbol.asyncDispose]());

const pathOf = (key: string): string => join(safe.folder, "store", key);
const packPath = (at: number): string => pathOf(packKey("storage", packs[at] ?? ""));
const filePath = (name: string): string => pathOf(snapshotFileKey("storage", report.snapshot.id, name));

async function flip(path: string, at = 0.6): Promise<void> {
  const bytes = await readFile(path);
  bytes[Math.floor(bytes.length * at)]! ^= 4;
  await writeFile(path, bytes);
}

async function swap(one: string, other: string): Promise<void> {
  await rename(one, `${one}-aside`);
  await rename(other, one);
  await rename(`${one}-aside`, other);
}

/** Nothing that is said in public names a bucket or an object, and evidence is public. */
async function expectDiscreet({ components, findings }: VerifyReport): Promise<void> {
  for (const { publicSentence } of [...findings, ...components.flatMap((component) => component.findings)])
    expect(publicSentence).not.toContain(secret);
  const folder = pathOf("evidence");
  for (const name of await readdir(folder, { recursive: true })) {
    if (name.endsWith(".json")) expect(await readFile(join(folder, name), "utf8")).not.toContain(secret);
  }
}

async function verified(
  level: VerifyRequest["level"],
  id = report.snapshot.id,
  store?: Store,
): Promise<string> {
  const found = await safe.verify(id, level, store);
  await expectDiscreet(found);
  const failed = found.components.filter(({ verdict }) => verdict === "failed");
  if (failed.length > 0) expect(found.verdict).toBe("failed");
  return failed
    .map(({ component, findings }) => `${component}: ${findings.map(({ sentence }) => sentence).join(" ")}`)
    .join("\n");
}

describe("level `stored` names, and levels above and restores do not pass over,", () => {
  it.each<[string, () => Promise<void>, () => string]>([
    ["a flipped byte of a pack", () => flip(packPath(0)), () => `packs: pack ${packs[0]}`],
    ["a flipped byte of a pack's header", () => flip(packPath(1), 0.0001), () => `packs: pack ${packs[1]}`],
    ["a pack that is cut", () => truncate(packPath(1), 500), () => `packs: pack ${packs[1]}`],
    ["a pack that is missing", () => rm(packPath(0)), () => packs[0] ?? ""],
    [
      "two packs in each other's place",
      () => swap(packPath(0), packPath(1)),
      () => `packs: pack ${packs[0]}`,
    ],
    ["a flipped byte of the index", () => flip(filePath("index.zst.age")), () => "files: index.zst.age"],
    ["an index that is cut", () => truncate(filePath("index.zst.age"), 300), () => "files: index.zst.age"],
    ["an index that is missing", () => rm(filePath("index.zst.age")), () => "index.zst.age"],
    ["flipped contents", () => flip(filePath("contents.json.zst.age")), () => "files: contents.json.zst.age"],
  ])("%s", { timeout }, async (_, damage, named) => {
    await damage();
    for (const level of ["stored", "unsealed", "restored"] as const)
      expect(await verified(level)).toContain(named());
    await expect(restoredMoment(safe)).rejects.toMatchObject({ exitCode: expect.any(Number) as number });
  });
});

describe("level `unsealed` names what is sealed properly and wrong:", () => {
  const first = (entries: readonly StoredObject[]): StoredObject => entries[0]!;
  const changed = (entries: readonly StoredObject[], change: Partial<StoredObject>): StoredObject[] =>
    entries.map((entry) => (entry === first(entries) ? { ...entry, ...change } : entry));
  const name = `${secret}/0`;

  it.each<[string, (entries: readonly StoredObject[]) => readonly StoredObject[], string]>([
    ["another SHA-256", (all) => changed(all, { sha256: "0".repeat(64) }), name],
    ["another offset", (all) => changed(all, { offset: first(all).offset + 1 }), name],
    ["another length", (all) => changed(all, { length: first(all).length - 1 }), name],
    ["another size", (all) => changed(all, { size: first(all).size + 1 }), name],
    ["another skip", (all) => changed(all, { skip: first(all).skip + 512 }), name],
    ["another name", (all) => changed(all, { name: "other" }), "other"],
    ["another bucket", (all) => changed(all, { bucket: "other" }), "other"],
    ["a place that is another's", (all) => [...all, { ...first(all), name: `${secret}/00` }], `${secret}/00`],
    [
      "a place that is another's, named first",
      (all) => [...all, { ...first(all), name: `${secret}/!` }],
      "share",
    ],
    [
      "a pack that is not the snapshot's",
      (all) => changed(all, { pack: "20200101T000000Z-000000000000" }),
      "20200101T000000Z-000000000000",
    ],
    [
      "a pack of another object",
      (all) => changed(all, { pack: all.find(({ pack }) => pack !== first(all).pack)!.pack }),
      name,
    ],
  ])("%s", { timeout }, async (_, change, named) => {
    const forged = await forge(safe, report, change);
    const said = await verified("unsealed", forged.id);
    expect(said).toContain(named);
    expect(await verified("stored", forged.id)).toBe("");
    const restoring = restoredMoment(safe, { kind: "id", id: forged.id });
    await expect(restoring).rejects.toMatchObject({ code: "snapshot-damaged", exitCode: 3 });
    await restoring.catch((cause: unknown) =>
      expect((cause as LifeboatError).publicly.sentence).not.toContain(secret),
    );
  });

  it("and finds the untouched good", { timeout }, async () => {
    const forged = await forge(safe, report, (entries) => entries);
    expect(await verified("restored", forged.id)).toBe("");
  });
});
