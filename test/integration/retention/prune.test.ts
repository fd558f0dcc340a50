/** Pruning in real stores: what goes, what stays, and what stops it. */
import { describe, expect, test } from "vitest";
import { LifeboatError } from "../../../src/errors.ts";
import { holdSnapshot, unfreeze } from "../../../src/operations/hold-snapshot.ts";
import { generateIdentity } from "../../../src/seal/identities.ts";
import { parseRecipients } from "../../../src/seal/recipients.ts";
import { sealDocument } from "../../../src/seal/seal.ts";
import { rewrappedFileOf, writeRewrap } from "../../../src/snapshot/rewrap-json.ts";
import {
  rewrapKey,
  rewrapOfKey,
  rewrapsPrefix,
  snapshotPrefix,
  tombstoneKey,
} from "../../../src/snapshot/keys.ts";
import type { Store } from "../../../src/store/store.ts";
import { s3ServerProgram } from "../../support/s3-server.ts";
import { artifacts, bucket, directory, type Place } from "./places.ts";
import {
  backUp,
  by,
  type TestClock,
  clockAt,
  dayMs,
  idsIn,
  newSigningKey,
  nobody,
  prune,
  source,
  verified,
} from "./shelter.ts";

const program = await s3ServerProgram();
const places: readonly { name: string; open: (clock: TestClock) => Promise<Place> }[] = [
  { name: "a directory", open: directory },
  { name: "GitHub artifacts", open: (clock) => artifacts(() => clock.now()) },
  ...(program === undefined ? [] : [{ name: "an S3 bucket", open: () => bucket(program) }]),
];

/** Days before now, each verified, oldest first. Real stores date what they get, so now is now. */
async function days(
  place: Pick<Place, "store" | "nextRun">,
  clock: TestClock,
  count: number,
  key?: Parameters<typeof verified>[2],
) {
  const now = clock.at;
  const made = [];
  for (let ago = count - 1; ago >= 0; ago -= 1) {
    const moment = new Date(now.getTime() - ago * dayMs - 3_600_000);
    const store = place.nextRun?.() ?? place.store;
    const snapshot = await backUp(store, moment, { key: key?.key });
    await verified(store, snapshot, { ...key, at: new Date(moment.getTime() + 60_000) });
    made.push(snapshot);
  }
  return made;
}

/** A rewrap as a rotation leaves it. */
async function newHeaders(key: string): Promise<Uint8Array> {
  const { id } = rewrapOfKey(key)!;
  const { recipient } = await generateIdentity({ postQuantum: false, created: new Date(0) });
  const recipients = parseRecipients([recipient]);
  const { bytes, extents } = await sealDocument(Buffer.from("anything"), recipients);
  const header = bytes.subarray(0, extents.header.length);
  const file = rewrappedFileOf({ ...extents, name: "data.zst.age" }, header, recipients.fingerprints);
  const time = new Date().toISOString();
  return writeRewrap({ source, id, time, versions: { lifeboat: "0.0.0" }, files: [file] });
}

describe.each(places)("in $name", ({ open }) => {
  test("what has ended goes with a tombstone, the rest stays, and a second pruning finds nothing", async () => {
    const clock = clockAt(new Date());
    await using place = await open(clock);
    const made = await days(place, clock, 10);
    const shown = await prune(place.store, clock, { dryRun: true });
    const doomed = shown.decisions.filter(({ keep }) => !keep).map(({ snapshot }) => snapshot.id);
    expect(doomed).toEqual(made.slice(0, 3).map(({ id }) => id));
    expect(await idsIn(place.another())).toHaveLength(10);

    // What a rotation of keys left beside two of them.
    const headers = [made[0]!, made[9]!].map(({ id }) => rewrapKey(source, id, 1));
    for (const key of headers) await place.store.put(key, await newHeaders(key));

    const report = await prune(place.store, clock);
    expect(report.removed).toEqual(doomed);
    const after = place.another();
    expect((await after.files(rewrapsPrefix(source))).map(({ key }) => key)).toEqual(headers.slice(1));
    expect(await idsIn(after)).toEqual(made.slice(3).map(({ id }) => id));
    for (const id of doomed) {
      expect(await after.files(snapshotPrefix(source, id))).toEqual([]);
      await expect(after.read(tombstoneKey(source, id))).resolves.toBeDefined();
    }
    const again = await prune(place.another(), clock);
    expect(again.removed).toEqual([]);
    expect(again.error).toBeUndefined();
    // The oldest that is left names one that is gone: its tombstone explains that.
    expect(again.findings.filter(({ level }) => level === "error")).toEqual([]);
  });

  test("a held snapshot stays until it is released", async () => {
    const clock = clockAt(new Date());
    await using place = await open(clock);
    const [oldest] = await days(place, clock, 9);
    const request = { source, because: "audit", by, trust: nobody, signingKey: undefined };
    await holdSnapshot("hold", oldest!.id, request, { store: place.store, clock });
    expect((await prune(place.store, clock)).removed).not.toContain(oldest!.id);
    clock.at = new Date(clock.at.getTime() + 2000);
    await holdSnapshot("release", oldest!.id, request, { store: place.store, clock });
    expect((await prune(place.store, clock)).removed).toContain(oldest!.id);
  });

  test("a freeze outlives later good snapshots, and ends when a person says so", async () => {
    const clock = clockAt(new Date());
    await using place = await open(clock);
    await days(place, clock, 9);
    const emptied = await backUp(place.nextRun?.() ?? place.store, new Date(clock.at.getTime() - 1_800_000), {
      totals: { rows: 3 },
    });
    await backUp(place.nextRun?.() ?? place.store, new Date(clock.at.getTime() - 900_000));
    const frozen = await prune(place.store, clock);
    expect(frozen).toMatchObject({ removed: [], error: { code: "retention-frozen", exitCode: 3 } });
    expect(frozen.freeze).toContain(`${emptied.id} has 3 rows`);
    expect(await idsIn(place.store)).toHaveLength(11);
    clock.at = new Date(clock.at.getTime() + 2000);
    const said = await unfreeze(
      { source, because: "we emptied it", by, trust: nobody, signingKey: undefined },
      { store: place.store, clock },
    );
    expect(said.wasFrozen).toContain("3 rows");
    expect((await prune(place.store, clock)).removed.length).toBeGreaterThan(0);
  });
});

test("a wrong clock removes nothing, ahead or behind", async () => {
  const clock = clockAt("2026-11-23T12:00:00Z");
  await using place = await artifacts(() => clock.now());
  await days(place, clock, 10);
  for (const minutes of [-6, 6, 60 * 24 * 30]) {
    const wrong = clockAt(new Date(clock.at.getTime() + minutes * 60_000));
    await expect(prune(place.store, wrong), `${minutes}`).rejects.toMatchObject({ code: "store-clock-skew" });
  }
  await using folder = await directory();
  await days(folder, clockAt(new Date()), 10);
  const behind = clockAt(new Date(Date.now() - 10 * dayMs));
  await expect(prune(folder.store, behind)).rejects.toMatchObject({ code: "store-clock-skew" });
  expect(await idsIn(folder.store)).toHaveLength(10);
});

test("an incomplete listing removes nothing, whichever listing it is", async () => {
  const clock = clockAt(new Date());
  await using place = await directory();
  await days(place, clock, 10);
  const cut = new LifeboatError("store-list-failed", "The listing broke off.");
  for (const method of ["snapshots", "files"] as const) {
    for (let nth = 1; nth <= 4; nth += 1) {
      let calls = 0;
      const broken: Store = {
        ...place.store,
        [method]: async (asked: string) => {
          calls += 1;
          if (calls === nth) throw cut;
          return await place.store[method](asked);
        },
      };
      const outcome = await prune(broken, clock).then(
        ({ removed }) => removed,
        (thrown: unknown) => thrown,
      );
      if (calls >= nth) expect(outcome, `${method} ${nth}`).toBe(cut);
      if (calls >= nth) expect(await idsIn(place.store)).toHaveLength(10);
      else return;
    }
  }
});

test("without the right to delete nothing is lost, and the right is named", async () => {
  const clock = clockAt(new Date());
  await using place = await directory();
  await days(place, clock, 10);
  const denied = new LifeboatError("store-permission-missing", "The credentials may not s3:DeleteObject.");
  const noDelete: Store = { ...place.store, delete: () => Promise.reject(denied) };
  await expect(prune(noDelete, clock)).rejects.toBe(denied);
  expect(await idsIn(place.store)).toHaveLength(10);
});

test("where signatures are demanded, pruning without a key is refused before it begins", async () => {
  const clock = clockAt(new Date());
  const { key, signer } = newSigningKey();
  await using place = await directory();
  await days(place, clock, 10, { key });
  const trust = { signers: [signer] };
  await expect(prune(place.store, clock, { trust })).rejects.toMatchObject({ code: "input-invalid" });
  expect((await prune(place.store, clock, { trust, signingKey: key })).removed).toHaveLength(3);
  expect((await prune(place.store, clock, { trust, signingKey: key })).error).toBeUndefined();
});

test.skipIf(program === undefined)("locked snapshots survive whole and are reported as locked", async () => {
  const clock = clockAt(new Date());
  await using place = await bucket(program!, "lock", "&lock=governance");
  const locking: Store = {
    ...place.store,
    begin: (identity) => place.store.begin({ ...identity, lifetime: { retentionDays: 30 } }),
  };
  const made = await days({ store: locking }, clock, 10);
  const report = await prune(place.store, clock);
  expect(report).toMatchObject({ removed: [], locked: made.slice(0, 3).map(({ id }) => id) });
  expect(await idsIn(place.another())).toHaveLength(10);
  for (const { id } of made) {
    expect(await place.another().files(snapshotPrefix(source, id))).toHaveLength(2);
  }
});
