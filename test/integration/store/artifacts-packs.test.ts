import { randomBytes } from "node:crypto";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { packKey, packMarkKey, packPrefix, shardKey, shardPrefix } from "../../../src/snapshot/keys.ts";
import { writeEnvelope } from "../../../src/store/artifacts-envelope.ts";
import { runsFamily, runsKey, sharedName, slotName } from "../../../src/store/artifacts-names.ts";
import type { Store } from "../../../src/store/store.ts";
import { withRetries } from "../../../src/store/with-retries.ts";
import { breakingAfter, bytesOf, nextId, readAll, sha256, streamOf } from "../../contract/store.ts";
import { type ArtifactPlace, artifactsIn } from "../../fakes/github/artifact-store.ts";
import type { FakeRun, RunOptions } from "../../fakes/github/index.ts";

const source = "storage";
const prefix = packPrefix(source);
const hourMs = 3600 * 1000;
const dayMs = 24 * hourMs;

let place: ArtifactPlace;
let now: Date;
beforeEach(async () => {
  now = new Date("2026-11-23T03:00:00Z");
  place = await artifactsIn({ now: () => now });
});
afterEach(() => place.close());

async function packed(store: Store, text = "sealed"): Promise<string> {
  const key = packKey(source, nextId());
  await store.putStream(key, streamOf(text));
  return key;
}

async function listed(store: Store, below = prefix): Promise<readonly string[]> {
  return (await store.files(below)).map(({ key }) => key);
}

/** Packs without the protocol: what a run of long ago has left, or somebody else's imitation of it. */
function plant(run: FakeRun, count: number, text = "planted"): readonly string[] {
  const keys = Array.from({ length: count }, () => packKey(source, nextId()));
  const key = runsKey(keys[0]!, run.id, now, undefined);
  const announcement = writeEnvelope({ key, bytes: Buffer.from("{}"), earlier: [] });
  place.github.state.addArtifact(run, slotName(runsFamily(prefix), 0), announcement);
  for (const one of keys) place.github.state.addArtifact(run, sharedName(one)!, Buffer.from(text));
  return keys;
}

describe("packs among artifacts", () => {
  it("are found by the same job, by other jobs of its run, by later runs and on a terminal", async () => {
    const job = place.open();
    const pack = await packed(job);
    const shard = shardKey(source, "run-1", { number: 1, count: 2, id: nextId() }, "index");
    await job.putStream(shard, streamOf("shard"));
    const later = place.github.state.addRun();
    for (const store of [
      job,
      place.open(),
      place.open(later),
      place.open(later, { run: undefined as never }),
    ]) {
      expect(await listed(store)).toEqual([pack]);
      expect((await readAll(store, pack)).toString()).toBe("sealed");
      expect(await listed(store, shardPrefix(source, "run-1"))).toEqual([shard]);
      expect(await listed(store, shardPrefix(source, "run-10"))).toEqual([]);
    }
    // Without a listing before, as a restore reads them.
    expect((await readAll(place.open(later), pack)).toString()).toBe("sealed");
    expect((await readAll(place.open(later), shard)).toString()).toBe("shard");
  });

  it("are raw artifacts, spooled sealed and removed, whatever happens", async () => {
    const bytes = randomBytes(100_000);
    const key = packKey(source, nextId());
    let spooled: readonly string[] = [];
    async function* watching(): AsyncGenerator<Uint8Array> {
      yield bytes;
      spooled = await place.spooled();
    }
    await place.open().putStream(key, watching());
    expect(spooled).toHaveLength(1);
    expect(await place.spooled()).toEqual([]);
    const [artifact] = place.github.state.finished({ name: sharedName(key)! });
    expect(sha256(artifact!.bytes)).toBe(sha256(bytes));
    expect(artifact!.mimeType).toBe("application/octet-stream");

    const error = new Error("voided");
    const broken = place.open().putStream(packKey(source, nextId()), breakingAfter(bytes, error));
    await expect(broken).rejects.toBe(error);
    place.github.blobs.flipNextUploads = 1;
    await expect(packed(place.open())).rejects.toMatchObject({ code: "store-write-unproven" });
    expect(await place.spooled()).toEqual([]);
    expect(await listed(place.open())).toEqual([key]);
  });

  it("survive lost answers, and wait until GitHub lists them", async () => {
    const store = place.open(place.run, { uploadLimitMs: () => 1500 });
    const first = await packed(store);
    place.github.faults.add({ matches: "FinalizeArtifact", times: 1, effect: { kind: "drop-answer" } });
    const second = await packed(store, "its answer was lost");
    place.github.faults.add({ matches: "CreateArtifact", times: 1, effect: { kind: "drop" } });
    const third = await packed(store, "its connection broke");
    const create = place.github.state.newArtifact.bind(place.github.state);
    place.github.state.newArtifact = (...args) => Object.assign(create(...args), { unlistedFor: 3 });
    const fourth = await packed(store, "listed late");
    expect(await listed(place.open())).toEqual([first, second, third, fourth]);
    expect((await readAll(place.open(), second)).toString()).toBe("its answer was lost");
  });

  it("do not touch their source before the run is announced, so that this much can be tried again", async () => {
    for (const matches of ["GET /repos/acme/lifeboat/actions/artifacts", "CreateArtifact"]) {
      const refused = { kind: "status", status: 502 } as const;
      place.github.faults.add({ matches, times: 1, effect: refused });
      const store = withRetries(place.open(), { sleep: () => Promise.resolve() });
      const pack = await packed(store);
      expect(await listed(store)).toContain(pack);
    }
  });

  it("of two runs with one name: the same bytes change nothing, others are refused", async () => {
    const key = packKey(source, nextId());
    await place.open().putStream(key, streamOf("the first"));
    const other = place.github.state.addRun();
    expect(await place.open(other).putStream(key, streamOf("the first"))).toMatchObject({ length: 9 });
    await expect(place.open(other).putStream(key, streamOf("the other"))).rejects.toMatchObject({
      code: "store-key-exists",
    });
    expect(place.github.state.finished({ name: sharedName(key)! })).toHaveLength(1);
    for (const store of [place.open(other), place.open()]) {
      expect((await readAll(store, key)).toString()).toBe("the first");
      expect(await listed(store)).toEqual([key]);
    }
    const mark = packMarkKey(source, nextId());
    await place.open().put(mark, Buffer.from("{}"));
    await expect(place.open(other).put(mark, Buffer.from("[]"))).rejects.toMatchObject({
      code: "store-key-exists",
    });
  });

  it("of two that were stored at the same moment under one name: every reader takes the first", async () => {
    const runs = [place.github.state.addRun(), place.github.state.addRun()];
    const [key] = plant(runs[0]!, 1, "the first");
    plant(runs[1]!, 1);
    place.github.state.addArtifact(runs[1]!, sharedName(key!)!, Buffer.from("the second"));
    const [byKey, byListing] = [place.open(), place.open()];
    expect(await byListing.files(prefix)).toMatchObject([{ key, length: 9 }, {}]);
    for (const store of [byKey, byListing]) {
      expect((await readAll(store, key!)).toString()).toBe("the first");
    }
    await place.open().delete(key!);
    expect(await listed(place.open())).not.toContain(key);
  });

  it("stay apart in two backups at once", async () => {
    const runs = [place.run, place.github.state.addRun()];
    const stores = runs.map((run) => ({ run, store: place.open(run) }));
    const keys: string[] = [];
    for (let turn = 0; turn < 4; turn += 1) {
      const { run } = stores[turn % 2]!;
      // The fake's client takes its run from the environment; the stores go on as they are.
      Object.assign(process.env, place.github.environmentFor(run));
      keys.push(await packed(stores[turn % 2]!.store, `turn ${turn}`));
      for (const { store } of stores) expect(await listed(store)).toEqual(keys);
    }
    expect((await readAll(stores[0]!.store, keys[3]!)).toString()).toBe("turn 3");
  });

  it("leave nothing that is listed where a job died between its announcement and its pack", async () => {
    const error = new Error("killed");
    const dying = place.open().putStream(packKey(source, nextId()), breakingAfter(Buffer.alloc(0), error));
    await expect(dying).rejects.toBe(error);
    expect(place.github.state.finished()).toHaveLength(1);
    expect(await listed(place.open())).toEqual([]);
    const pack = await packed(place.open());
    expect(await listed(place.open())).toEqual([pack]);
    expect(place.github.state.finished()).toHaveLength(2);
  });

  it("say when they expire, and are gone then", async () => {
    place.github.state.retentionDays = 5;
    const start = now.getTime();
    const early = await packed(place.open());
    now = new Date(start + 6 * hourMs);
    await packed(place.open());
    // The second one's own end is six hours later, but then nothing would lead to it any more.
    const files = await place.open().files(prefix);
    expect(files.map(({ expiresAt }) => expiresAt!.getTime() - start)).toEqual([5 * dayMs, 5 * dayMs]);
    // The run is run again three days later: its new packs live by an announcement of their own.
    now = new Date(start + 3 * dayMs);
    const again = await packed(place.open(place.github.state.addAttempt(place.run)));
    now = new Date(start + 6 * dayMs);
    expect(await listed(place.open())).toEqual([again]);
    await expect(place.open().read(early)).rejects.toMatchObject({
      code: "store-object-missing",
      message: expect.stringContaining("expired") as string,
    });
    now = new Date(start + 9 * dayMs);
    expect(await listed(place.open())).toEqual([]);
  });

  it("are announced for as long as they are asked to live", async () => {
    // GitHub's client counts the days from the real today.
    now = new Date();
    const store = place.open();
    for (const retentionDays of [2, 30]) {
      await store.putStream(packKey(source, nextId()), streamOf("sealed"), { retentionDays });
    }
    const lives = (await store.files(prefix)).map(({ expiresAt, storedAt }) =>
      Math.round((expiresAt!.getTime() - storedAt.getTime()) / dayMs),
    );
    expect(lives).toEqual([2, 30]);
    const announced = place.github.state.finished().filter(({ name }) => name.includes("packruns"));
    const days = announced.map(({ expiresAt }) => Math.round((expiresAt.getTime() - now.getTime()) / dayMs));
    expect(days).toEqual([30, 2]);
  });

  it("are gone for every reader once deleted, here or on GitHub", async () => {
    const [kept, deleted, removed] = [
      await packed(place.open()),
      await packed(place.open()),
      await packed(place.open()),
    ];
    const reader = place.open(place.github.state.addRun());
    expect(await listed(reader)).toHaveLength(3);
    await place.open(place.github.state.addRun()).delete(deleted);
    const [artifact] = place.github.state.finished({ name: sharedName(removed)! });
    place.github.state.artifacts.delete(artifact!.id);
    expect(await listed(reader)).toEqual([kept]);
    for (const key of [deleted, removed]) {
      await expect(reader.read(key)).rejects.toMatchObject({ code: "store-object-missing" });
    }
  });
});

describe("packs that are not ours", () => {
  const strangers: readonly (readonly [string, RunOptions])[] = [
    ["a fork", { event: "pull_request", headRepositoryId: 99 }],
    ["a fork that names our branch", { event: "push", headRepositoryId: 99, headBranch: "main" }],
    ["a pull request from our default branch", { event: "pull_request", headBranch: "main" }],
    ["another branch", { event: "push", headBranch: "feature" }],
  ];
  for (const [who, options] of strangers) {
    it(`are not listed, read or deleted, nor do they shadow ours: ${who}`, async () => {
      const key = packKey(source, nextId());
      const forged = (): void => {
        const run = place.github.state.addRun(options);
        place.github.state.addArtifact(run, sharedName(key)!, Buffer.from("forged"));
      };
      const [theirs] = plant(place.github.state.addRun(options), 1);
      forged();
      await expect(place.open().read(key)).rejects.toMatchObject({ code: "store-object-missing" });
      await place.open().putStream(key, streamOf("ours"));
      forged();
      for (const store of [place.open(), place.open(place.github.state.addRun())]) {
        expect((await readAll(store, key)).toString()).toBe("ours");
        expect(await listed(store)).toEqual([key]);
        await expect(store.read(theirs!)).rejects.toMatchObject({ code: "store-object-missing" });
      }
      await place.open().delete(key);
      expect(await listed(place.open())).toEqual([]);
      await expect(place.open().read(key)).rejects.toMatchObject({ code: "store-object-missing" });
      expect(place.github.state.finished({ name: sharedName(key)! })).toHaveLength(2);
    });

    it(`are not even begun in a run of ${who}`, async () => {
      const store = place.open(place.github.state.addRun(options));
      await expect(packed(store)).rejects.toMatchObject({ code: "input-invalid" });
      expect(place.github.state.artifacts.size).toBe(0);
    });
  }
});

describe("many packs", () => {
  it("of 30 runs in a busy repository are listed and read with few requests", async () => {
    const { state } = place.github;
    const noise = state.addRun({ headBranch: "feature", event: "push" });
    for (let number = 0; number < 20_000; number += 1) {
      state.addArtifact(noise, `build-${number}`, Buffer.from("x"));
    }
    const keys = [...plant(state.addRun(), 400)];
    for (let run = 0; run < 28; run += 1) keys.push(...plant(state.addRun(), 3));
    // Written by the store itself, with what it knows of the runs before it.
    keys.push(await packed(place.open()));

    place.github.requests.length = 0;
    const reader = place.open(state.addRun());
    expect(await listed(reader)).toEqual(keys);
    expect(place.github.count("rest")).toBeLessThan(50);

    place.github.requests.length = 0;
    for (const key of keys.slice(0, 5)) expect((await readAll(reader, key)).toString()).toBe("planted");
    expect(place.github.count("rest")).toBe(5);

    // Without the listing, the first pack of a run brings its siblings.
    place.github.requests.length = 0;
    const restoring = place.open(state.addRun());
    for (const key of keys.slice(0, 20)) expect((await readAll(restoring, key)).toString()).toBe("planted");
    expect(place.github.count("rest")).toBeLessThan(20 + 10);
  });

  it("are not looked for in the runs of other groups' shards", async () => {
    const shard = (group: string): string =>
      shardKey(source, group, { number: 1, count: 1, id: nextId() }, "index");
    for (let run = 0; run < 12; run += 1) {
      await place.open(place.github.state.addRun()).putStream(shard(`run-1${run}`), streamOf("shard"));
    }
    const ours = shard("run-1");
    await place.open(place.run).putStream(ours, streamOf("shard"));
    place.github.requests.length = 0;
    expect(await listed(place.open(), shardPrefix(source, "run-1"))).toEqual([ours]);
    expect(place.github.requests.filter(({ path }) => path.includes("/runs/"))).toHaveLength(2);
  });

  it("cost two requests each to write, after the first", async () => {
    const store = place.open();
    await packed(store);
    place.github.requests.length = 0;
    for (let number = 0; number < 5; number += 1) await packed(store, `pack ${number}`);
    expect(place.github.count("rest")).toBe(10);
  });

  it("give one object for a ranged read", async () => {
    const bytes = randomBytes(3_000_000);
    const key = packKey(source, nextId());
    await place.open().putStream(key, streamOf(bytes));
    const ranges: (string | undefined)[] = [];
    const answer = place.github.blobs.answer.bind(place.github.blobs);
    place.github.blobs.answer = (exchange, effect) => {
      ranges.push(exchange.headers.range);
      return answer(exchange, effect);
    };
    const store = place.open(place.github.state.addRun());
    place.github.requests.length = 0;
    const object = await bytesOf(await store.read(key, { offset: 1_000_000, length: 70_000 }));
    expect(sha256(object)).toBe(sha256(bytes.subarray(1_000_000, 1_070_000)));
    expect(ranges).toEqual(["bytes=1000000-1069999"]);
    expect(place.github.count("rest")).toBeLessThan(8);
  });

  it("are listed whole or not at all when somebody deletes between two pages", async () => {
    const { state } = place.github;
    const keys = plant(state.addRun(), 150);
    const finished = state.finished.bind(state);
    let pages = 0;
    state.finished = (filter) => {
      // The newest has been seen on the first page; what moves up must not be lost with it.
      if (filter?.runId !== undefined && (pages += 1) === 2) {
        state.artifacts.delete(finished(filter)[0]!.id);
      }
      return finished(filter);
    };
    expect(await listed(place.open())).toEqual(keys.slice(0, -1));
    expect(pages).toBeGreaterThan(2);
  });
});
