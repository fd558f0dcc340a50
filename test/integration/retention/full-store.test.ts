/** Pruning where there is no room for a tombstone: on a real small disk, and behind an S3 that refuses. */
import { execFile } from "node:child_process";
import { lstat, mkdtemp, readdir, rm, statfs, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterEach, beforeEach, expect, test } from "vitest";
import { LifeboatError } from "../../../src/errors.ts";
import { newSnapshotId } from "../../../src/snapshot/ids.ts";
import { packKey, tombstoneKey } from "../../../src/snapshot/keys.ts";
import { directoryStore } from "../../../src/store/directory.ts";
import type { Store } from "../../../src/store/store.ts";
import { systemClock } from "../../../src/system/clock.ts";
import { silentLogger } from "../../../src/system/logger.ts";
import { streamOf } from "../../contract/material.ts";
import { backUp, clockAt, dayMs, idsIn, prune, source, verified } from "./shelter.ts";

const run = promisify(execFile);
const mib = 1024 * 1024;
let root: string;
let unmount: () => Promise<unknown> = () => Promise.resolve();
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "lifeboat-full-"));
});
afterEach(async () => {
  await unmount();
  await rm(root, { recursive: true, force: true });
  unmount = () => Promise.resolve();
});

const open = (): Store => directoryStore({ path: root, clock: systemClock, logger: silentLogger });

async function smallDisk(): Promise<boolean> {
  const mounted = await run("mount", ["-t", "tmpfs", "-o", "size=8m", "tmpfs", root]).catch(() => undefined);
  if (mounted === undefined) {
    console.warn("SKIPPED: mounting a tmpfs needs root and the right to mount.");
    return false;
  }
  unmount = () => run("umount", [root]);
  return true;
}

/** Ten days of verified backups, three of which have ended. */
async function tenDays(store: Store, now: Date) {
  const made = [];
  for (let ago = 9; ago >= 0; ago -= 1) {
    const moment = new Date(now.getTime() - ago * dayMs - 3_600_000);
    const snapshot = await backUp(store, moment);
    await verified(store, snapshot, { at: new Date(moment.getTime() + 60_000) });
    made.push(snapshot.id);
  }
  return made;
}

/** Other people's bytes, to the last block. */
async function fill(but = 0): Promise<void> {
  const { bavail, bsize } = await statfs(root);
  await writeFile(join(root, "others"), Buffer.alloc(bavail * bsize - but, 1));
  if (but === 0) {
    await expect(writeFile(join(root, "more"), Buffer.alloc(bsize, 1))).rejects.toMatchObject({
      code: "ENOSPC",
    });
    await rm(join(root, "more"), { force: true });
  }
}

const reserve = (): string => join(root, ".reserve");
const size = async (path: string): Promise<number | undefined> =>
  (await lstat(path).catch(() => undefined))?.size;

test("a full disk is pruned with the reserve, which is there again once there is room", async ({ skip }) => {
  if (!(await smallDisk())) skip();
  const clock = clockAt(new Date());
  const made = await tenDays(open(), clock.at);
  expect(await size(reserve())).toBe(mib / 4);
  await fill();
  const { removed, error } = await prune(open(), clock);
  expect([removed, error]).toEqual([made.slice(0, 3), undefined]);
  expect(await idsIn(open())).toEqual(made.slice(3));
  expect((await open().snapshots(source)).findings).toEqual([]);
  for (const id of removed) await open().read(tombstoneKey(source, id));
  // Nearly full as it is, the disk is not filled further.
  expect(await size(reserve())).toBeUndefined();
  await rm(join(root, "others"));
  await prune(open(), clock);
  expect(await size(reserve())).toBe(mib / 4);
});

test("without a reserve what has its tombstone goes first, and makes room for the others", async ({
  skip,
}) => {
  if (!(await smallDisk())) skip();
  const clock = clockAt(new Date());
  const made = await tenDays(open(), clock.at);
  // A pruning that was killed between its first tombstone and its removals, so long ago that nobody waits for it.
  const later = clockAt(new Date(clock.at.getTime() + 45 * 60_000));
  let tombstones = 0;
  const killed: Store = {
    ...open(),
    put: async (key, bytes, lifetime) => {
      if (key.startsWith("tombstones/") && ++tombstones > 1)
        throw new LifeboatError("store-temporary", "killed");
      return await open().put(key, bytes, lifetime);
    },
  };
  await expect(prune(killed, clock)).rejects.toMatchObject({ code: "store-temporary" });
  expect(await idsIn(open())).toEqual(made);
  await rm(reserve());
  await fill();
  const none = { serverTime: () => Promise.resolve(undefined), freeReserve: () => Promise.resolve(false) };
  const { removed } = await prune({ ...open(), ...none }, later);
  expect(removed.toSorted()).toEqual(made.slice(0, 3));
  expect(await idsIn(open())).toEqual(made.slice(3));
});

test("with neither it says what to do, removes nothing, and goes on once that is done", async ({ skip }) => {
  if (!(await smallDisk())) skip();
  const clock = clockAt(new Date());
  const made = await tenDays(open(), clock.at);
  await rm(reserve());
  await fill();
  const failure = await prune(open(), clock).catch((cause: unknown) => cause as LifeboatError);
  expect(failure).toMatchObject({ code: "store-full", exitCode: 1 });
  expect((failure as LifeboatError).hint).toContain(`df -h ${root}`);
  expect((failure as LifeboatError).hint).toContain(`lifeboat prune --source ${source}`);
  expect(await idsIn(open())).toEqual(made);
  await rm(join(root, "others"));
  await fill(64 * 1024);
  expect((await prune(open(), clock)).removed).toEqual(made.slice(0, 3));
});

test("a backup that finds no room says so, and what a dead one left is room for a pruning", async ({
  skip,
}) => {
  if (!(await smallDisk())) skip();
  const clock = clockAt(new Date());
  await tenDays(open(), clock.at);
  const id = newSnapshotId(clock.at);
  const draft = await open().begin({ source, id });
  const big = draft.put("data.zst.age", streamOf(Buffer.alloc(20 * mib)));
  await expect(big).rejects.toMatchObject({ code: "store-full", exitCode: 1 });
  await draft.abandon();
  const pack = open().putStream(packKey(source, id), streamOf(Buffer.alloc(20 * mib)));
  await expect(pack).rejects.toMatchObject({ code: "store-full" });
  const dead = await run("node", ["-e", "console.log(process.pid)"]);
  const { machine } = (await import("../../../src/store/directory-owner.ts")).thisProcess();
  const left = join(root, "incoming", `new.${machine}-${dead.stdout.trim()}-1.0123456789ab`);
  await run("mkdir", [left]);
  await writeFile(join(left, "file"), Buffer.alloc(mib, 1));
  await rm(reserve());
  await fill();
  expect((await prune(open(), clock)).removed).toHaveLength(3);
  expect(await readdir(join(root, "incoming"))).toEqual([]);
});

test("a bucket that takes no more is pruned as far as there are tombstones", async () => {
  const clock = clockAt(new Date());
  const made = await tenDays(open(), clock.at);
  let room = 1;
  const full: Store = {
    ...open(),
    address: "s3://bucket/prefix",
    freeReserve: () => Promise.resolve(false),
    put: async (key, bytes, lifetime) => {
      if (key.startsWith("tombstones/") && room-- <= 0) {
        throw new LifeboatError("store-full", "The bucket takes no more: QuotaExceeded.");
      }
      return await open().put(key, bytes, lifetime);
    },
  };
  const refused = await prune(full, clock).catch((cause: unknown) => cause as LifeboatError);
  expect(refused).toMatchObject({ code: "store-full" });
  expect((refused as LifeboatError).message).toContain("1 removals were possible");
  expect((refused as LifeboatError).hint).toContain("Raise the quota");
  expect(await idsIn(open())).toEqual(made.slice(1));
  room = 9;
  expect((await prune(full, clock)).removed).toEqual(made.slice(1, 3));
});
