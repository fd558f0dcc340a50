/** The contract's part on packs, their marks and shards: what stands beside the snapshots. */
import { randomBytes } from "node:crypto";
import { beforeAll, expect, it } from "vitest";
import {
  evidenceKey,
  packKey,
  packMarkKey,
  packPrefix,
  shardKey,
  shardPrefix,
  snapshotFileKey,
  snapshotJsonKey,
} from "../../src/snapshot/keys.ts";
import type { Store } from "../../src/store/store.ts";
import {
  breakingAfter,
  bytesOf,
  type ContractOptions,
  keysOf,
  nextId,
  readAll,
  sha256,
  type StoreUnderTest,
  streamOf,
} from "./material.ts";

export function sharedFilesContract(
  opened: () => StoreUnderTest,
  newSource: () => string,
  options: ContractOptions,
): void {
  let place: StoreUnderTest;
  let store: Store;
  beforeAll(() => {
    place = opened();
    store = place.store;
  });

  it("stores packs and shards as streams, listed at once, whoever looks", async () => {
    const source = newSource();
    const bytes = randomBytes(2_500_000);
    const packs = [packKey(source, nextId()), packKey(source, nextId())];
    const shards = [1, 2].map((number) =>
      shardKey(source, "run-7-1", { number, count: 2, id: nextId() }, "index"),
    );
    expect(await store.files(packPrefix(source))).toEqual([]);
    expect(await store.files(shardPrefix(source, "run-7-1"))).toEqual([]);

    const stored = await store.putStream(packs[0]!, streamOf(bytes.subarray(0, 7), bytes.subarray(7)));
    expect(stored).toEqual({ key: packs[0], length: bytes.length, sha256: sha256(bytes) });
    expect(keysOf(await place.another().files(packPrefix(source)))).toEqual([packs[0]]);
    await place.another().putStream(packs[1]!, streamOf("another process's"));
    await store.putStream(shards[0]!, streamOf("first"));
    await place.another().putStream(shards[1]!, streamOf("second"));
    await store.putStream(
      shardKey(source, "run-7-2", { number: 1, count: 1, id: nextId() }, "index"),
      streamOf("another group's"),
    );
    await store.putStream(packKey(newSource(), nextId()), streamOf("another source's"));

    for (const reader of [store, place.another()]) {
      const listed = await reader.files(packPrefix(source));
      expect(listed.map(({ key, length }) => [key, length])).toEqual([
        [packs[0], bytes.length],
        [packs[1], 17],
      ]);
      for (const file of listed) {
        expect(file.storedAt).toBeInstanceOf(Date);
        if (options.expires) expect(file.expiresAt!.getTime()).toBeGreaterThan(file.storedAt.getTime());
        else expect(file.expiresAt).toBeUndefined();
      }
      expect(keysOf(await reader.files(shardPrefix(source, "run-7-1")))).toEqual(shards);
      expect(sha256(await readAll(reader, packs[0]!))).toBe(sha256(bytes));
      expect((await readAll(reader, shards[1]!)).toString()).toBe("second");
    }
    // By its key alone, as a restore does that knows the pack from its snapshot.
    expect((await readAll(place.another(), packs[1]!)).toString()).toBe("another process's");
    expect(await place.another().snapshots(source)).toEqual({ snapshots: [], findings: [] });
  });

  it("reads ranges of packs, and cuts those that run past the end", async () => {
    const key = packKey(newSource(), nextId());
    const bytes = randomBytes(200_000);
    await store.putStream(key, streamOf(bytes));
    for (const [offset, length] of [
      [0, 1],
      [70_000, 5],
      [bytes.length - 3, 100],
      [bytes.length, 10],
      [5, 0],
    ] as const) {
      const range = await bytesOf(await place.another().read(key, { offset, length }));
      expect(sha256(range), `${offset}+${length}`).toBe(sha256(bytes.subarray(offset, offset + length)));
    }
  });

  it("passes on an error of a pack's source and keeps nothing of it", async () => {
    const source = newSource();
    const key = packKey(source, nextId());
    const error = new Error("the object was shorter than it said");
    await expect(store.putStream(key, breakingAfter(randomBytes(1_500_000), error))).rejects.toBe(error);
    expect(await place.another().files(packPrefix(source))).toEqual([]);
    await expect(place.another().read(key)).rejects.toMatchObject({ code: "store-object-missing" });
    await store.putStream(key, streamOf("second try"));
    expect((await readAll(place.another(), key)).toString()).toBe("second try");
  });

  it("takes a pack once, the same bytes again, and never other bytes", async () => {
    const source = newSource();
    const key = packKey(source, nextId());
    const stored = await store.putStream(key, streamOf("the bytes"));
    expect(await store.putStream(key, streamOf("the ", "bytes"))).toEqual(stored);
    expect(await place.another().putStream(key, streamOf("the bytes"))).toEqual(stored);
    for (const other of [store, place.another()]) {
      await expect(other.putStream(key, streamOf("forged"))).rejects.toMatchObject({
        code: "store-key-exists",
      });
    }
    expect(keysOf(await place.another().files(packPrefix(source)))).toEqual([key]);
    expect((await readAll(place.another(), key)).toString()).toBe("the bytes");
  });

  it("writes packs at the same time, from one process and from two", async () => {
    const source = newSource();
    const keys = Array.from({ length: 6 }, () => packKey(source, nextId()));
    const writers = [store, place.another()];
    await Promise.all(keys.map((key, n) => writers[n % 2]!.putStream(key, streamOf(`pack ${n}`))));
    const reader = place.another();
    expect(keysOf(await reader.files(packPrefix(source)))).toEqual(keys);
    for (const [n, key] of keys.entries()) {
      expect((await readAll(reader, key)).toString()).toBe(`pack ${n}`);
    }
  });

  it("keeps marks beside their packs, and deletes either without the other", async () => {
    const source = newSource();
    const pack = nextId();
    const other = packKey(source, nextId());
    await store.putStream(packKey(source, pack), streamOf("pack"));
    await store.putStream(other, streamOf("other"));
    const mark = Buffer.from('{"formatVersion":1}\n');
    const stored = await store.put(packMarkKey(source, pack), mark);
    expect(stored).toEqual({ key: packMarkKey(source, pack), length: 20, sha256: sha256(mark) });
    expect(await place.another().put(packMarkKey(source, pack), mark)).toEqual(stored);
    await expect(place.another().put(packMarkKey(source, pack), Buffer.from("later"))).rejects.toMatchObject({
      code: "store-key-exists",
    });
    expect(keysOf(await place.another().files(packPrefix(source)))).toEqual([
      packKey(source, pack),
      packMarkKey(source, pack),
      other,
    ]);
    expect(await readAll(place.another(), packMarkKey(source, pack))).toEqual(mark);

    await place.another().delete(packMarkKey(source, pack));
    expect(keysOf(await store.files(packPrefix(source)))).toEqual([packKey(source, pack), other]);
    await store.delete(packKey(source, pack));
    await place.another().delete(packKey(source, pack));
    await store.delete(packKey(source, pack));
    for (const reader of [store, place.another()]) {
      expect(keysOf(await reader.files(packPrefix(source)))).toEqual([other]);
      await expect(reader.read(packKey(source, pack))).rejects.toMatchObject({
        code: "store-object-missing",
      });
    }
    const shard = shardKey(source, "a", { number: 1, count: 1, id: nextId() }, "contents");
    await store.putStream(shard, streamOf("shard"));
    await place.another().delete(shard);
    expect(await store.files(shardPrefix(source, "a"))).toEqual([]);
    expect((await readAll(store, other)).toString()).toBe("other");
  });

  it("streams nothing but packs and shards", async () => {
    const source = newSource();
    const id = nextId();
    let asked = false;
    async function* watched(): AsyncGenerator<Uint8Array> {
      asked = true;
      yield await Promise.resolve(Buffer.from("x"));
    }
    for (const key of [
      snapshotJsonKey(source, id),
      snapshotFileKey(source, id, "data.zst.age"),
      evidenceKey(source, id, new Date(0), "0a1b2c3d"),
      packMarkKey(source, id),
      `packs/${source}/../../x.tar.zst.age`,
      `packs/${source}/${id}.tar`,
      `shards/${source}/a/3-of-2.${nextId()}.index.zst.age`,
      "",
    ]) {
      await expect(store.putStream(key, watched()), key).rejects.toMatchObject({ code: "unexpected" });
    }
    expect(asked).toBe(false);
  });
}
