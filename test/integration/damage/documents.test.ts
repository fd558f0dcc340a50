/** Documents beside the snapshots that are damaged, gone, forged or of a later format: what each stops, and what ends that. */
import { cp, mkdtemp, readdir, readFile, rename, rm, unlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { storeLedger } from "../../../src/ledger/ledger.ts";
import { holdSnapshot, unfreeze } from "../../../src/operations/hold-snapshot.ts";
import { observeSnapshots } from "../../../src/operations/observe-snapshots.ts";
import { planBackups } from "../../../src/operations/plan-backups.ts";
import type { Trust } from "../../../src/operations/vouched-documents.ts";
import { aboutStore, witnessedDocument, witnessing } from "../../../src/operations/witness-documents.ts";
import { holdKey, packKey, packMarkKey, storeIdKey, tombstoneKey } from "../../../src/snapshot/keys.ts";
import { newSnapshotId } from "../../../src/snapshot/ids.ts";
import { withSelfHash } from "../../../src/snapshot/self-hash.ts";
import { writeSignedDocument } from "../../../src/snapshot/signed-document.ts";
import type { SnapshotJson } from "../../../src/snapshot/snapshot-json.ts";
import { directoryStore } from "../../../src/store/directory.ts";
import type { Store } from "../../../src/store/store.ts";
import { silentLogger } from "../../../src/system/logger.ts";
import { streamOf } from "../../../src/system/stream-of.ts";
import { s3ServerProgram } from "../../support/s3-server.ts";
import { policyOf } from "../../unit/policy/policies.ts";
import { bucket, directory, type Place } from "../retention/places.ts";
import {
  backUp,
  by,
  clockAt,
  dayMs,
  idsIn,
  newSigningKey,
  prune,
  source,
  verified,
} from "../retention/shelter.ts";

const clock = clockAt(new Date());
const { key, signer } = newSigningKey();
let place: Awaited<ReturnType<typeof directory>>;
let outside: Awaited<ReturnType<typeof directory>>;
let made: readonly SnapshotJson[];

beforeEach(async () => {
  clock.at = new Date();
  // Without the disk's own time: these clocks stand at moments of their own.
  const opened = await directory();
  place = { ...opened, store: directoryStore({ path: opened.path, clock, logger: silentLogger }) };
  outside = await directory();
  made = await tenDays(place.store);
});
afterEach(async () => {
  await place[Symbol.asyncDispose]();
  await outside[Symbol.asyncDispose]();
});

const ledger = () => storeLedger(outside.store, clock, { signingKey: key, signers: [signer] });
const trust = (): Trust => ({ signers: [signer], ledger: ledger() });
const pruning = (store: Store = place.store) => prune(store, clock, { trust: trust(), signingKey: key });
const later = (): void => void (clock.at = new Date(clock.at.getTime() + 2000));

async function tenDays(store: Store): Promise<readonly SnapshotJson[]> {
  const all: SnapshotJson[] = [];
  for (let ago = 9; ago >= 0; ago -= 1) {
    const snapshot = await backUp(store, new Date(clock.at.getTime() - ago * dayMs - 60_000), { key });
    const at = new Date(clock.at.getTime() - ago * dayMs);
    const bytes = await verified(store, snapshot, { key, at });
    const [file] = await store.files(`evidence/${source}/${snapshot.id}/`);
    const { id, sha256, tiers } = snapshot;
    await ledger().append({
      act: "verify",
      source,
      ...(await aboutStore(store, ledger())),
      heads: [{ id, sha256, tiers }],
      ...witnessing([witnessedDocument({ ...file!, sha256: "" }, bytes)]),
      by,
      time: at.toISOString(),
      snapshot: id,
    });
    all.push(snapshot);
  }
  return all;
}

async function say(act: "hold" | "release", snapshot: string, store: Store = place.store): Promise<void> {
  const request = { source, because: "audit", by, trust: trust(), signingKey: key };
  await holdSnapshot(act, snapshot, request, { store, clock });
  later();
}

async function accept(store: Store = place.store): Promise<void> {
  const request = { source, because: "understood", by, trust: trust(), signingKey: key };
  await unfreeze(request, { store, clock });
  later();
}

async function fileIn(folder: string): Promise<string> {
  const [name = ""] = await readdir(join(place.path, folder));
  return join(place.path, folder, name);
}

async function flip(path: string): Promise<void> {
  const bytes = await readFile(path);
  bytes[bytes.length >> 1]! ^= 1;
  await writeFile(path, bytes);
}

describe("a hold", () => {
  test.each([
    ["whose bit flipped", flip, "document-damaged", "is damaged"],
    ["that is gone", unlink, "document-missing", "is gone"],
  ] as const)("%s stops pruning until a person has looked", async (_, harm, code, words) => {
    const [held] = made;
    await say("hold", held!.id);
    const file = await fileIn(`holds/${source}`);
    await harm(file);
    const report = await pruning();
    expect(report).toMatchObject({ removed: [], error: { code: "document-damaged", exitCode: 3 } });
    expect(report.freeze).toContain(words);
    expect(report.findings.find((one) => one.code === code)?.publicSentence).toContain(
      file.slice(place.path.length + 1),
    );
    expect(await idsIn(place.store)).toHaveLength(10);
    // What it said is said again, and then that the old one is lost.
    await say("hold", held!.id);
    await accept();
    const after = await pruning();
    expect(after.removed).toEqual(made.slice(1, 3).map(({ id }) => id));
    expect(after.error).toBeUndefined();
  });

  test("that was released is no loss while its documents are there", async () => {
    await say("hold", made[0]!.id);
    await say("release", made[0]!.id);
    expect((await pruning()).removed).toHaveLength(3);
  });

  test("that the ledger recorded years ago is missed all the same", async () => {
    await say("hold", made[0]!.id);
    await unlink(await fileIn(`holds/${source}`));
    clock.at = new Date(clock.at.getTime() + 3 * 365 * dayMs);
    expect((await pruning()).findings.map(({ code }) => code)).toContain("document-missing");
  });
});

test("damaged or lost evidence keeps its snapshot, and the rest is pruned", async () => {
  const [first, second] = made;
  await flip(await fileIn(`evidence/${source}/${first!.id}`));
  await unlink(await fileIn(`evidence/${source}/${second!.id}`));
  const report = await pruning();
  expect(report.removed).toEqual([made[2]!.id]);
  expect(report.error).toMatchObject({ code: "document-damaged", exitCode: 3 });
  expect(report.findings.map(({ code }) => code).sort()).toEqual(["document-damaged", "document-missing"]);
});

test("a damaged snapshot.json may hide what froze the source, so nothing goes until a person has looked", async () => {
  await flip(join(place.path, "snapshots", source, made[5]!.id, "snapshot.json"));
  const report = await pruning();
  expect(report).toMatchObject({ removed: [], error: { exitCode: 3 } });
  expect(report.freeze).toContain(made[5]!.id);
  await accept();
  expect((await pruning()).removed).toHaveLength(3);
});

describe("of a later format", () => {
  const newer = async (path: string, field: string): Promise<void> => {
    const document = JSON.parse(await readFile(path, "utf8")) as Record<string, unknown>;
    delete document["sha256"];
    await writeFile(path, withSelfHash({ ...document, [field]: 2 }));
  };

  test("a snapshot and evidence are kept and named, and the rest is done with exit 4", async () => {
    await newer(join(place.path, "snapshots", source, made[0]!.id, "snapshot.json"), "formatVersion");
    await newer(await fileIn(`evidence/${source}/${made[1]!.id}`), "evidenceVersion");
    const report = await pruning();
    expect(report.removed).toEqual([made[2]!.id]);
    expect(report.error).toMatchObject({ code: "document-too-new", exitCode: 4 });
    const policy = policyOf("sources: { database: { type: postgres, url: { secret: DB }, every: 1h } }");
    const plan = await planBackups({
      ...{ policy, stores: [place.store], trust: trust(), now: clock.at },
      ...{ isPush: false, otherRuns: [], logger: silentLogger },
    });
    expect(plan.due.map((one) => one.tiers.length > 0)).toEqual([true]);
    expect(plan.findings.map(({ code }) => code)).toContain("snapshot-too-new");
  });

  test("a hold may hold anything", async () => {
    await say("hold", made[0]!.id);
    await newer(await fileIn(`holds/${source}`), "holdVersion");
    expect(await pruning()).toMatchObject({ removed: [], error: { code: "document-too-new", exitCode: 4 } });
  });
});

test.each([
  ["no JSON", "{"],
  ["a changed date", undefined],
  ["a later format", withSelfHash({ formatVersion: 2 })],
  [
    "another pack's",
    writeSignedDocument({
      formatVersion: 1,
      pack: "20260101T000000Z-000000000000",
      markedAt: "2026-01-01T00:00:00Z",
    }),
  ],
])("a mark that is %s keeps its pack, is named, and holds up nothing", async (_, bytes) => {
  const [kept, gone] = ["a", "b"].map(
    (end) => newSnapshotId(new Date(clock.at.getTime() - 9 * dayMs)).slice(0, -1) + end,
  );
  for (const pack of [kept!, gone!])
    await place.store.putStream(packKey(source, pack), streamOf(Buffer.from("x")));
  clock.at = new Date(clock.at.getTime() + 3 * dayMs);
  expect((await pruning()).packs?.marked).toEqual([kept, gone].sort());
  const mark = join(place.path, packMarkKey(source, kept!));
  const text = await readFile(mark, "utf8");
  await writeFile(mark, bytes ?? text.replace(String(clock.at.getUTCFullYear()), "2020"));
  clock.at = new Date(clock.at.getTime() + 3 * dayMs);
  const report = await pruning();
  expect(report.packs?.deleted).toEqual([gone]);
  expect(report.findings.map(({ publicSentence }) => publicSentence).join()).toContain(
    packMarkKey(source, kept!),
  );
  expect([3, 4]).toContain(report.error?.exitCode);
});

test("a stranger's documents free nothing, delete nothing, and are told", async () => {
  await say("hold", made[0]!.id);
  const time = clock.at.toISOString();
  const release = { holdVersion: 1, act: "release", source, snapshot: made[0]!.id, because: "", by, time };
  const lifted = { ...release, act: "unfreeze", accepted: [] };
  const { id, sha256 } = made[9]!;
  const tombstone = {
    tombstoneVersion: 1,
    source,
    snapshot: id,
    snapshotSha256: sha256,
    reason: { code: "ended", sentence: "" },
    files: ["data.zst.age", "../../escape"],
    pruning: "0",
    by,
    time,
  };
  await place.store.put(holdKey(source, clock.at, "0000000a"), writeSignedDocument(release));
  await place.store.put(
    holdKey(source, clock.at, "0000000b"),
    writeSignedDocument(lifted, newSigningKey().key),
  );
  await place.store.put(tombstoneKey(source, id), writeSignedDocument(tombstone));
  const report = await pruning();
  expect(report.removed).toEqual(made.slice(1, 3).map((one) => one.id));
  expect(report.findings.filter(({ code }) => code === "document-not-trusted")).toHaveLength(3);
});

describe("a store that was moved", () => {
  test("keeps what the ledger has seen in it, also by the address that it had before it had an id", async () => {
    await rm(join(place.path, storeIdKey));
    // As it was recorded before stores had ids, and once since.
    const old = storeLedger(outside.store, clock);
    await rm(join(outside.path, "ledger"), { recursive: true });
    const { id, sha256, tiers } = made[9]!;
    const heads = [{ id, sha256, tiers }];
    const time = clock.at.toISOString();
    const entry = { act: "verify", source, heads: [], witnessed: [], by, time };
    await old.append({ ...entry, store: place.store.address, heads });
    const since = made[8]!;
    const about = await aboutStore(place.store, old);
    await old.append({
      ...{ ...entry, ...about },
      heads: [{ id: since.id, sha256: since.sha256, tiers: since.tiers }],
    });
    const moved = join(await mkdtemp(join(tmpdir(), "lifeboat-moved-")), "elsewhere");
    await rename(place.path, moved);
    const store = directoryStore({ path: moved, clock, logger: silentLogger });
    for (const gone of [since.id, id]) await rm(join(moved, "snapshots", source, gone), { recursive: true });
    const { history } = await observeSnapshots(store, {
      source,
      trust: { signers: [], ledger: old },
      now: clock.at,
    });
    expect(history.map((one) => [one.code, one.id])).toEqual([
      ["history-absent", since.id],
      ["history-absent", id],
    ]);
    await cp(moved, place.path, { recursive: true });
    await rm(moved, { recursive: true });
  });

  test("and its ledger with it: records that were cut off, or all of them, are missed", async () => {
    const elsewhere = await mkdtemp(join(tmpdir(), "lifeboat-moved-"));
    const inside = storeLedger(place.store, clock);
    const entry = { act: "verify", source, heads: [], witnessed: [], by, time: clock.at.toISOString() };
    await inside.append({ ...entry, ...(await aboutStore(place.store, inside)) });
    const { endOfLedger } = await import("../../../src/ledger/end.ts");
    await backUp(place.store, clock.at, { key, seenLedger: await endOfLedger(inside, silentLogger) });
    await cp(place.path, elsewhere, { recursive: true });
    await rm(join(elsewhere, "ledger"), { recursive: true });
    const store = directoryStore({ path: elsewhere, clock, logger: silentLogger });
    const look = { source, trust: { signers: [], ledger: storeLedger(store, clock) }, now: clock.at };
    const { findings } = await observeSnapshots(store, look);
    expect(findings.map(({ code }) => code)).toContain("ledger-broken");
    await rm(elsewhere, { recursive: true });
  });

  test("an id that is damaged, gone or another store's is named, and written again once a person has looked", async () => {
    const path = join(place.path, storeIdKey);
    const text = await readFile(path, "utf8");
    for (const harm of [flip, unlink]) {
      await harm(path);
      expect(await pruning()).toMatchObject({ removed: [], error: { code: "document-damaged" } });
      await accept();
      expect(JSON.parse(await readFile(path, "utf8"))).toEqual(JSON.parse(text));
    }
    await writeFile(path, writeSignedDocument({ storeVersion: 1, id: "0".repeat(32) }));
    expect((await pruning()).freeze).toContain(`${storeIdKey} belongs somewhere else`);
  });
});

describe("a ledger whose records must be signed", () => {
  test("names a damaged record, the last one too, and a stranger's", async () => {
    const folder = join(outside.path, "ledger");
    const names = (await readdir(folder, { recursive: true }))
      .filter((name) => name.endsWith(".json"))
      .sort();
    const last = names.at(-1)!;
    await flip(join(folder, last));
    expect((await ledger().read("whole")).problems).toEqual([
      `The ledger's record ledger/${last} is damaged.`,
    ]);
    expect((await pruning()).error).toMatchObject({ code: "history-broken", exitCode: 3 });
    await accept();
    expect((await pruning()).removed).toHaveLength(3);
    await storeLedger(outside.store, clock).append({
      ...{ act: "release", source, store: "", heads: [], witnessed: [], by },
      time: clock.at.toISOString(),
    });
    const { findings } = await pruning();
    expect(findings.filter(({ code }) => code === "document-not-trusted")).toHaveLength(1);
  });
});

const program = await s3ServerProgram();
test.skipIf(program === undefined)("in an S3 bucket a damaged and a lost hold stop pruning too", async () => {
  await using s3: Place = await bucket(program!);
  clock.at = new Date();
  const [held] = await tenDays(s3.store);
  await say("hold", held!.id, s3.store);
  const name = (await s3.store.files(`holds/${source}/`))[0]!.key;
  await s3.store.delete(name);
  expect(await pruning(s3.store)).toMatchObject({ removed: [], error: { code: "document-damaged" } });
  await s3.store.put(name, Buffer.from("{}"));
  const report = await pruning(s3.store);
  expect(report).toMatchObject({ removed: [], error: { code: "document-damaged" } });
  expect(report.freeze).toContain(`${name} is damaged`);
});
