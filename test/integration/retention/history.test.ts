/** Rollback, deletion and forgery: found by the next look, named, and nothing is pruned. */
import { cp, rm } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { storeLedger } from "../../../src/ledger/ledger.ts";
import { refuseForged } from "../../../src/operations/check-history.ts";
import { unfreeze } from "../../../src/operations/hold-snapshot.ts";
import { locateSnapshot } from "../../../src/operations/locate-snapshot.ts";
import { observeSnapshots } from "../../../src/operations/observe-snapshots.ts";
import type { Trust } from "../../../src/operations/vouched-documents.ts";
import type { SnapshotJson } from "../../../src/snapshot/snapshot-json.ts";
import { standingOf } from "../../../src/retention/standing.ts";
import { silentLogger } from "../../../src/system/logger.ts";
import { selfHashOf } from "../../../src/snapshot/self-hash.ts";
import { directory } from "./places.ts";
import {
  backUp,
  by,
  clockAt,
  dayMs,
  idsIn,
  newSigningKey,
  nobody,
  prune,
  source,
  verified,
} from "./shelter.ts";

async function scene() {
  const place = await directory();
  const outside = await directory();
  const clock = clockAt(new Date());
  const { key, signer } = newSigningKey();
  const ledger = storeLedger(outside.store, clock, { signingKey: key, signers: [signer] });
  const made: SnapshotJson[] = [];
  for (let ago = 9; ago >= 0; ago -= 1) {
    const snapshot = await backUp(place.store, new Date(clock.at.getTime() - ago * dayMs - 60_000), { key });
    await verified(place.store, snapshot, { key, at: new Date(clock.at.getTime() - ago * dayMs) });
    made.push(snapshot);
  }
  const trust: Trust = { signers: [signer], ledger };
  const look = async (with_: Trust = trust) =>
    (await observeSnapshots(place.store, { source, trust: with_, now: clock.now() })).history.map(
      ({ code, id }) => [code, id],
    );
  /** What a verification or a pruning leaves in the ledger. */
  const witness = async () => {
    const { heads } = await observeSnapshots(place.store, { source, trust, now: clock.now() });
    const time = clock.now().toISOString();
    const store = place.store.address;
    await ledger.append({ act: "verify", source, store, heads: [...heads], witnessed: [], by, time });
  };
  return {
    ...{ place, outside, clock, key, signer, ledger, made, trust, look, witness },
    [Symbol.asyncDispose]: async () => {
      await place[Symbol.asyncDispose]();
      await outside[Symbol.asyncDispose]();
    },
  };
}

test("a snapshot deleted behind our back is named by those that saw it, and nothing is pruned", async () => {
  await using s = await scene();
  const [, , , , victim] = s.made;
  expect(await s.look()).toEqual([]);
  await rm(join(s.place.path, "snapshots", source, victim!.id), { recursive: true });
  expect(await s.look()).toEqual([["history-absent", victim!.id]]);
  const report = await prune(s.place.store, s.clock, { trust: s.trust, signingKey: s.key });
  expect(report).toMatchObject({ removed: [], error: { code: "history-broken", exitCode: 3 } });
  expect(report.error?.message).toContain(victim!.id);
  expect(await idsIn(s.place.store)).toHaveLength(9);
  // A person looked, and says so: from then on it is explained.
  const request = { source, because: "the disk was full", by, trust: s.trust, signingKey: s.key };
  await unfreeze(request, { store: s.place.store, clock: s.clock });
  expect(await s.look()).toEqual([]);
});

test("dropped newest snapshots are found by the ledger, and by nothing else", async () => {
  await using s = await scene();
  await s.witness();
  const newest = s.made.at(-1)!;
  await rm(join(s.place.path, "snapshots", source, newest.id), { recursive: true });
  expect(await s.look({ signers: [s.signer] })).toEqual([]);
  expect(await s.look()).toEqual([["history-absent", newest.id]]);
});

test("an older state that is put back is found, also after a pruning", async () => {
  await using s = await scene();
  const older = `${s.place.path}-older`;
  await cp(s.place.path, older, { recursive: true });
  try {
    await prune(s.place.store, s.clock, { trust: s.trust, signingKey: s.key });
    const added = await backUp(s.place.store, s.clock.now(), { key: s.key });
    await s.witness();
    expect(await s.look()).toEqual([]);
    await rm(s.place.path, { recursive: true });
    await cp(older, s.place.path, { recursive: true });
    expect(await s.look()).toEqual([["history-absent", added.id]]);
  } finally {
    await rm(older, { recursive: true, force: true });
  }
});

test("a forgery sealed to our public key is named, counts for nothing, and cannot be restored", async () => {
  await using s = await scene();
  const forged = await backUp(s.place.store, s.clock.now(), {});
  await verified(s.place.store, forged, { level: "restored", at: s.clock.now() });
  expect(await s.look()).toEqual([["history-forged", forged.id]]);
  const report = await prune(s.place.store, s.clock, { trust: s.trust, signingKey: s.key });
  expect(report).toMatchObject({ removed: [], error: { code: "history-broken" } });
  const { trust, clock } = s;
  await expect(
    refuseForged(
      s.place.store,
      await locateSnapshot(s.place.store, source, { kind: "id", id: forged.id }, clock.now()),
      { trust, now: clock.now(), logger: silentLogger },
    ),
  ).rejects.toMatchObject({ code: "history-broken" });
  // Another key's signature is none.
  const stranger = await backUp(s.place.store, s.clock.now(), { key: newSigningKey().key });
  expect(await s.look()).toContainEqual(["history-forged", stranger.id]);
});

test("a forgery under the id of a snapshot that was seen is a replacement", async () => {
  await using s = await scene();
  const victim = s.made[4]!;
  const folder = join(s.place.path, "snapshots", source);
  await rm(join(folder, victim.id), { recursive: true });
  await using elsewhere = await directory();
  // Signed by a stolen key, but not the one that others saw.
  const twin = await backUp(elsewhere.store, new Date(victim.times.snapshot), { key: s.key });
  const { readFile, writeFile, mkdir } = await import("node:fs/promises");
  const { writeSnapshotJson } = await import("../../../src/snapshot/snapshot-json.ts");
  const { id, signature, ...fields } = twin;
  expect([id, typeof signature]).toEqual([twin.id, "string"]);
  await mkdir(join(folder, victim.id));
  await writeFile(
    join(folder, victim.id, "snapshot.json"),
    writeSnapshotJson({ ...fields, id: victim.id }, s.key),
  );
  const part = await readFile(join(elsewhere.path, "snapshots", source, twin.id, "data.zst.age"));
  await writeFile(join(folder, victim.id, "data.zst.age"), part);
  expect(await s.look()).toEqual([["history-replaced", victim.id]]);
});

test("evidence counts if it is signed, or in the ledger, or if nobody is configured who must vouch", async () => {
  await using s = await scene();
  const fresh = await backUp(s.place.store, s.clock.now(), { key: s.key });
  const bytes = await verified(s.place.store, fresh, { at: s.clock.now() });
  const standing = async (trust: Trust) => {
    const { snapshots } = await observeSnapshots(s.place.store, { source, trust, now: s.clock.now() });
    return standingOf(snapshots.at(-1)!).kind;
  };
  expect(await standing({ signers: [s.signer] })).toBe("unverified");
  expect(await standing(s.trust)).toBe("unverified");
  expect(await standing(nobody)).toBe("verified");
  const time = s.clock.now().toISOString();
  const witnessed = [selfHashOf(bytes)];
  await s.ledger.append({
    act: "verify",
    source,
    store: s.place.store.address,
    heads: [],
    witnessed,
    by,
    time,
  });
  expect(await standing(s.trust)).toBe("verified");
  // An attacker who writes a record without our signature vouches for nothing.
  const other = await backUp(s.place.store, s.clock.now(), { key: s.key });
  const lie = await verified(s.place.store, other, { at: s.clock.now() });
  const forger = storeLedger(s.outside.store, s.clock);
  await forger.append({
    act: "verify",
    source,
    store: s.place.store.address,
    heads: [],
    witnessed: [selfHashOf(lie)],
    by,
    time,
  });
  const { snapshots } = await observeSnapshots(s.place.store, { source, trust: s.trust, now: s.clock.now() });
  const judged = snapshots.find(({ id }) => id === other.id);
  expect(standingOf(judged!).kind).toBe("unverified");
});

test("evidence for a snapshot does not count for another one under its id, nor elsewhere", async () => {
  await using s = await scene();
  const [first, second] = s.made;
  const folder = join(s.place.path, "evidence", source);
  await cp(join(folder, first!.id), join(folder, second!.id), { recursive: true });
  const { snapshots } = await observeSnapshots(s.place.store, { source, trust: s.trust, now: s.clock.now() });
  expect(snapshots[1]?.evidence).toHaveLength(1);
});
