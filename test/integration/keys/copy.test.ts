/** Snapshots on their way through stores: byte for byte the same, or not there at all. */
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { GetObjectRetentionCommand, HeadObjectCommand } from "@aws-sdk/client-s3";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type CopyChoice, type CopyReport, copySnapshots } from "../../../src/operations/copy-snapshots.ts";
import type { CopyDestination } from "../../../src/operations/copy-target.ts";
import { parseRecipients } from "../../../src/seal/recipients.ts";
import { evidenceKey, packKey, packMarkKey, snapshotFileKey } from "../../../src/snapshot/keys.ts";
import type { SnapshotJson } from "../../../src/snapshot/snapshot-json.ts";
import { directoryStore } from "../../../src/store/directory.ts";
import { s3Store } from "../../../src/store/s3.ts";
import { parseS3Address } from "../../../src/store/s3-address.ts";
import type { Store } from "../../../src/store/store.ts";
import { systemClock } from "../../../src/system/clock.ts";
import { silentLogger } from "../../../src/system/logger.ts";
import { faultyStore } from "../../fakes/faulty-store.ts";
import { credentials, s3ServerProgram, type S3Server, startS3Server } from "../../support/s3-server.ts";
import { openSmallSnapshot, storeSmallPack, storeSmallSnapshot } from "../../support/small-snapshots.ts";
import { prune } from "../retention/shelter.ts";
import { type Key, newKey, rotate, surroundingsOf } from "./rotating.ts";

const program = await s3ServerProgram();
const cli = resolve(import.meta.dirname, "../../support/cli-from-source.ts");
const folders: string[] = [];
let old: Key, fresh: Key;
let folder: string;
let from: Store;

beforeAll(async () => {
  [old, fresh] = [await newKey(), await newKey()];
});
beforeEach(async () => {
  [folder, from] = await newDirectory();
});
afterAll(async () => {
  for (const path of folders) await rm(path, { recursive: true, force: true });
});

async function newDirectory(): Promise<[string, Store]> {
  const path = await mkdtemp(join(tmpdir(), "lifeboat-copy-"));
  folders.push(path);
  return [path, directoryStore({ path, clock: systemClock, logger: silentLogger })];
}

async function copy(
  to: readonly (Store | CopyDestination)[],
  more: {
    readonly from?: Store;
    readonly source?: string;
    readonly choice?: CopyChoice;
    readonly dryRun?: boolean;
  } = {},
): Promise<CopyReport> {
  const destinations = to.map((one) => ("store" in one ? one : { store: one }));
  return await copySnapshots(
    { from, source: "database", choice: { kind: "all" }, dryRun: false, ...more, to: destinations },
    surroundingsOf(from),
  );
}

function sums(path: string): string {
  const find = "find snapshots packs evidence rewraps -type f 2> /dev/null | sort | xargs sha256sum";
  return spawnSync("bash", ["-c", find], { cwd: path, encoding: "utf8" }).stdout;
}

/** Storage snapshots that share packs, evidence, and a rotation. */
async function fill(source = "storage"): Promise<readonly SnapshotJson[]> {
  const now = Date.now();
  const recipients = parseRecipients([old.recipient]);
  const packs = [];
  const snapshots: SnapshotJson[] = [];
  for (let hour = 6; hour > 2; hour -= 1) {
    const moment = new Date(now - hour * 3600_000);
    packs.push(await storeSmallPack(from, source, recipients, moment));
    snapshots.push(
      await storeSmallSnapshot(from, {
        source,
        moment,
        recipients,
        packs: [...packs],
        indexIdentities: fresh.identities,
        heads: snapshots.slice(-1).map(({ id }) => id),
      }),
    );
  }
  for (const { id } of snapshots)
    await from.put(evidenceKey(source, id, new Date(now), "0a0b0c0d"), Buffer.from("{}\n"));
  await rotate(from, old, parseRecipients([fresh.recipient]), { source });
  return snapshots;
}

async function several(count: number): Promise<readonly SnapshotJson[]> {
  const snapshots: SnapshotJson[] = [];
  for (let at = count; at > 0; at -= 1) {
    snapshots.push(
      await storeSmallSnapshot(from, {
        moment: new Date(Date.now() - at * 3600_000),
        recipients: old.recipients,
        data: Buffer.alloc(300_000, at),
      }),
    );
  }
  return snapshots;
}

const ids = async (store: Store, source = "database"): Promise<readonly string[]> =>
  (await store.snapshots(source)).snapshots.map(({ id }) => id);

describe.skipIf(program === undefined)("through a bucket with Object Lock", () => {
  let server: S3Server;
  beforeAll(async () => {
    server = await startS3Server(program!);
  });
  afterAll(() => server.close());

  it("and back into a folder every byte is the same: parts, shared packs, evidence, rewraps", async () => {
    const bucket = await server.bucket("lock");
    const address = parseS3Address(`s3://${bucket}/a?endpoint=${server.endpoint}&lock=governance`);
    const s3 = s3Store({ address, clock: systemClock, logger: silentLogger, credentials });
    const snapshots = await fill();
    const [end, back] = await newDirectory();
    const there = await copy([s3], { source: "storage" });
    expect(there).toMatchObject({ stores: [{ already: 0, missing: [] }], findings: [] });
    expect(there.stores[0]!.copied).toHaveLength(4);
    expect((await copy([back], { from: s3, source: "storage" })).error).toBeUndefined();
    expect(sums(end)).toBe(sums(folder));
    for (const snapshot of snapshots) await openSmallSnapshot(back, snapshot, fresh.identities);

    // The first pack is locked as long as the newest snapshot that uses it.
    const retention = await server.client.send(
      new GetObjectRetentionCommand({
        Bucket: bucket,
        Key: `a/${packKey("storage", snapshots[0]!.packs[0]!.id)}`,
      }),
    );
    const until = retention.Retention!.RetainUntilDate!.getTime();
    const newest = Date.parse(snapshots.at(-1)!.times.finished) + 7 * 366 * 86_400_000;
    expect(until).toBeGreaterThanOrEqual(newest - 1000);

    // Again there is nothing to do.
    expect(await copy([s3], { source: "storage" })).toMatchObject({
      stores: [{ copied: [], already: 4, copiedBytes: 0 }],
    });
  });

  it("goes on with what a killed copy has left there", async () => {
    const bucket = await server.bucket("plain");
    const address = `s3://${bucket}/b?endpoint=${encodeURIComponent(server.endpoint)}&region=us-east-1`;
    const open = () =>
      s3Store({ address: parseS3Address(address), clock: systemClock, logger: silentLogger, credentials });
    const [snapshot] = await several(1);
    const stopping = faultyStore(open(), [
      { method: "draft.put", onCall: 2, when: "before", error: "permanent" },
    ]);
    expect((await copy([stopping])).error).toMatchObject({ code: "copy-incomplete", exitCode: 1 });
    expect(await ids(open())).toEqual([]);
    // Its first part is there, and is not sent again.
    const part = `b/${snapshotFileKey("database", snapshot!.id, "rest.zst.age")}`;
    const head = async () =>
      (await server.client.send(new HeadObjectCommand({ Bucket: bucket, Key: part }))).LastModified;
    const sent = await head();
    await sleep(1100);
    expect(await copy([open()])).toMatchObject({ stores: [{ copied: [snapshot!.id], missing: [] }] });
    expect(await ids(open())).toEqual([snapshot!.id]);
    expect(await head()).toEqual(sent);
  });
});

describe("several stores at once", () => {
  it("read the source once, and one that is down stops only its own copy, until the next run", async () => {
    const snapshots = await several(3);
    const [[, near], [farFolder, far], [, third]] = [
      await newDirectory(),
      await newDirectory(),
      await newDirectory(),
    ];
    const source = faultyStore(from, []);
    const down = faultyStore(far, [
      { method: "draft.put", onCall: 4, times: 99, when: "midway", error: "permanent" },
    ]);
    const report = await copy([near, down, third], { from: source });
    expect(source.calls("read")).toBe(6);
    expect(report.error).toMatchObject({ code: "copy-incomplete", exitCode: 1 });
    expect(report.error!.message).toContain(far.address);
    const all = snapshots.map(({ id }) => id);
    expect(report.stores).toMatchObject([
      { missing: [], copied: [...all].reverse() },
      { missing: [all[1], all[0]], copied: [all[2]], problem: { code: "store-write-failed" } },
      { missing: [] },
    ]);
    expect(await ids(far)).toEqual([all[2]]);
    const next = await copy([near, far, third]);
    expect(next.error).toBeUndefined();
    expect(next.stores).toMatchObject([
      { already: 3, copied: [] },
      { already: 1, copied: [all[1], all[0]] },
      { already: 3 },
    ]);
    expect(sums(farFolder)).toBe(sums(folder));
  });

  it("keep only what their retention asks for; a named snapshot comes whatever its age", async () => {
    const moment = new Date(Date.now() - 40 * 86_400_000);
    const { id } = await storeSmallSnapshot(from, { moment, recipients: old.recipients, tiers: ["daily"] });
    const [[, one], [, other]] = [await newDirectory(), await newDirectory()];
    const report = await copy([one, { store: other, days: 50 }]);
    expect(report.stores.map(({ copied }) => copied)).toEqual([[], [id]]);
    expect((await copy([one], { choice: { kind: "id", id } })).stores[0]!.copied).toEqual([id]);
  });

  it("do not get a snapshot that is incomplete", async () => {
    await storeSmallSnapshot(from, { moment: new Date(), recipients: old.recipients, state: "incomplete" });
    const [, to] = await newDirectory();
    expect((await copy([to])).stores[0]!.copied).toEqual([]);
    expect(await ids(to)).toEqual([]);
  });
});

describe("a source that is damaged", () => {
  it.each(["rest.zst.age", "contents.json.zst.age"])("is never copied as good: %s", async (name) => {
    const [bad, good] = await several(2);
    const path = join(folder, snapshotFileKey("database", bad!.id, name));
    const bytes = readFileSync(path);
    bytes[bytes.length - 5]! ^= 1;
    writeFileSync(path, bytes);
    const [toFolder, to] = await newDirectory();
    const report = await copy([to]);
    expect(report.error).toMatchObject({ code: "snapshot-damaged", exitCode: 3 });
    expect(report.findings.map(({ sentence }) => sentence).join()).toContain(bad!.id);
    expect(report.stores).toMatchObject([{ copied: [good!.id], missing: [bad!.id] }]);
    expect(await ids(to)).toEqual([good!.id]);
    expect(sums(toFolder)).not.toContain(bad!.id);
  });

  it("neither is a pack, nor a snapshot.json", async () => {
    const snapshots = await fill();
    const pack = join(folder, packKey("storage", snapshots[2]!.packs[2]!.id));
    const bytes = readFileSync(pack);
    bytes[bytes.length >> 1]! ^= 1;
    writeFileSync(pack, bytes);
    const json = join(folder, snapshotFileKey("storage", snapshots[0]!.id, "snapshot.json"));
    writeFileSync(json, readFileSync(json, "utf8").replace('"tables": 1', '"tables": 2'));
    const [, to] = await newDirectory();
    const report = await copy([to], { source: "storage" });
    expect(report.stores).toMatchObject([{ copied: [snapshots[1]!.id] }]);
    expect(await ids(to, "storage")).toEqual([snapshots[1]!.id]);
    expect(report.error).toMatchObject({ exitCode: 3 });
  });
});

it("another snapshot.json under the same id is named, and not replaced", async () => {
  const [snapshot] = await several(1);
  const [toFolder, to] = await newDirectory();
  await copy([to]);
  const path = join(toFolder, snapshotFileKey("database", snapshot!.id, "snapshot.json"));
  const other = readFileSync(path, "utf8").replace('"tables": 1', '"tables": 2');
  writeFileSync(path, other);
  const report = await copy([to]);
  expect(report).toMatchObject({ error: { exitCode: 1 }, findings: [{ code: "copy-differs" }] });
  expect(readFileSync(path, "utf8")).toBe(other);
});

it("a pack that is marked or gone at the target comes back", async () => {
  const snapshots = await fill();
  const [toFolder, to] = await newDirectory();
  await copy([to], { source: "storage" });
  const [first, second] = snapshots[0]!.packs.concat(snapshots[1]!.packs[1]!).map(({ id }) => id);
  await rm(join(toFolder, packKey("storage", first!)));
  const mark = { formatVersion: 1, pack: second, markedAt: new Date().toISOString() };
  await to.put(packMarkKey("storage", second!), Buffer.from(JSON.stringify(mark)));
  expect((await copy([to], { source: "storage" })).error).toBeUndefined();
  expect(sums(toFolder)).toBe(sums(folder));
});

it("killed half-way it leaves nothing visible that is not whole, and goes on", async () => {
  await several(40);
  const [toFolder, to] = await newDirectory();
  const args = [cli, "copy", "--from", from.address, "--to", to.address];
  const child = spawn(process.execPath, args, { stdio: "ignore", env: { PATH: process.env["PATH"] } });
  const count = async () => (await readdir(join(toFolder, "snapshots/database")).catch(() => [])).length;
  while ((await count()) < 10) await sleep(1);
  child.kill("SIGKILL");
  await once(child, "exit");
  const whole = await ids(to);
  expect(whole.length).toBeLessThan(40);
  const before = sums(folder);
  for (const line of sums(toFolder).trim().split("\n")) expect(before).toContain(line);
  const again = spawnSync(process.execPath, [...args, "--json"], { encoding: "utf8" });
  expect(again.status, again.stderr).toBe(0);
  const { stores } = JSON.parse(again.stdout) as CopyReport;
  expect(stores[0]).toMatchObject({ already: whole.length, missing: [] });
  expect(sums(toFolder)).toBe(before);
});

it("does not bring back what was pruned there, unless it is asked for by its id", async () => {
  const [, to] = await newDirectory();
  const day = 24 * 3600_000;
  const ids: string[] = [];
  for (const days of [40, 30, 3, 2, 1]) {
    const moment = new Date(Date.now() - days * day);
    const { id } = await storeSmallSnapshot(from, { moment, recipients: old.recipients, tiers: ["daily"] });
    ids.push(id);
  }
  await copy([{ store: to, days: 60 }]);
  const idsIn = async (): Promise<string[]> => (await to.snapshots("database")).snapshots.map(({ id }) => id);
  expect(await idsIn()).toEqual(ids);
  const { removed } = await prune(to, systemClock);
  expect(removed).toEqual(ids.slice(0, 2));
  const again = await copy([{ store: to, days: 60 }]);
  expect(again.stores[0]).toMatchObject({ copied: [], already: 3, missing: [] });
  expect(await idsIn()).toEqual(ids.slice(2));
  await copy([{ store: to, days: 60 }], { choice: { kind: "id", id: ids[0]! } });
  expect(await idsIn()).toContain(ids[0]);
});
