/** The contract of src/store/store.ts, which every store is held to. */
import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  evidenceKey,
  evidencePrefix,
  snapshotFileKey,
  snapshotJsonKey,
  snapshotPrefix,
} from "../../src/snapshot/keys.ts";
import type { Store } from "../../src/store/store.ts";
import {
  backUp,
  breakingAfter,
  bytesOf,
  type ContractOptions,
  nextId,
  readAll,
  sha256,
  type StoreUnderTest,
  streamOf,
} from "./material.ts";
import { sharedFilesContract } from "./shared-files.ts";

export * from "./material.ts";

export function storeContract(
  name: string,
  open: () => Promise<StoreUnderTest>,
  options: ContractOptions,
): void {
  describe(name, () => {
    let place: StoreUnderTest;
    let store: Store;
    let sources = 0;
    const newSource = (): string => `source-${(sources += 1)}`;

    beforeAll(async () => {
      place = await open();
      store = place.store;
    });
    afterAll(async () => {
      await place.close();
    });

    it("lists nothing where there is nothing", async () => {
      const source = newSource();
      expect(await store.snapshots(source)).toEqual({ snapshots: [], findings: [] });
      expect(await store.files(snapshotPrefix(source, nextId()))).toEqual([]);
      expect(await store.files(evidencePrefix(source, nextId()))).toEqual([]);
    });

    it("shows a snapshot whole, and only once it is committed", async () => {
      const source = newSource();
      const id = nextId();
      const part = randomBytes(300_000);
      const draft = await store.begin({ source, id });
      const key = snapshotFileKey(source, id, "data.zst.age");
      const stored = await draft.put("data.zst.age", streamOf(part.subarray(0, 7), part.subarray(7)));
      expect(stored).toEqual({ key, length: part.length, sha256: sha256(part) });

      expect((await place.another().snapshots(source)).snapshots).toEqual([]);
      expect(await place.another().files(snapshotPrefix(source, id))).toEqual([]);

      const snapshotJson = Buffer.from('{"what":"é, exactly as written"}\n');
      const committed = await draft.commit(snapshotJson);
      expect(committed).toMatchObject({ key: snapshotJsonKey(source, id), sha256: sha256(snapshotJson) });

      const reader = place.another();
      const { snapshots, findings } = await reader.snapshots(source);
      expect(findings).toEqual([]);
      expect(snapshots.map((one) => one.id)).toEqual([id]);
      expect(Buffer.from(snapshots[0]!.snapshotJson)).toEqual(snapshotJson);
      expect(snapshots[0]!.storedAt).toBeInstanceOf(Date);
      const files = await reader.files(snapshotPrefix(source, id));
      expect(files.map((file) => [file.key, file.length])).toEqual([
        [key, part.length],
        [snapshotJsonKey(source, id), snapshotJson.length],
      ]);
      expect(sha256(await readAll(reader, key))).toBe(sha256(part));
      expect(await readAll(reader, snapshotJsonKey(source, id))).toEqual(snapshotJson);
      if (options.tellsSources) expect(await reader.sources()).toContain(source);
      else expect(await reader.sources()).toBeUndefined();
    });

    it("lists snapshots oldest first, whoever wrote them", async () => {
      const source = newSource();
      const first = await backUp(store, source);
      const second = await backUp(place.another(), source);
      const third = await backUp(store, source);
      const { snapshots } = await place.another().snapshots(source);
      expect(snapshots.map(({ id }) => id)).toEqual([first, second, third]);
      for (const { id, snapshotJson } of snapshots) {
        expect(Buffer.from(snapshotJson).toString()).toBe(`{"id":"${id}"}\n`);
      }
    });

    it("keeps apart two drafts that are written at the same time, and their parts", async () => {
      const source = newSource();
      const ids = [nextId(), nextId()];
      const names = ["a.zst.age", "b.zst.age"];
      const drafts = await Promise.all([
        store.begin({ source, id: ids[0]! }),
        place.another().begin({ source, id: ids[1]! }),
      ]);
      await Promise.all(
        drafts.flatMap((draft, index) => names.map((name) => draft.put(name, streamOf(`${index} ${name}`)))),
      );
      for (const [index, draft] of drafts.entries()) await draft.commit(Buffer.from(`{"n":${index}}`));
      const { snapshots } = await store.snapshots(source);
      expect(snapshots.map(({ id }) => id)).toEqual(ids);
      const reader = place.another();
      for (const [index, id] of ids.entries()) {
        for (const name of names) {
          const bytes = await readAll(reader, snapshotFileKey(source, id, name));
          expect(bytes.toString()).toBe(`${index} ${name}`);
        }
      }
    });

    it("passes on an error of the source and keeps nothing of the part", async () => {
      const source = newSource();
      const id = nextId();
      const draft = await store.begin({ source, id });
      const error = new Error("pg_dump was killed");
      await expect(draft.put("data.zst.age", breakingAfter(randomBytes(100_000), error))).rejects.toBe(error);
      // Nothing remains, so the name is free, and other bytes under it are no conflict.
      await draft.put("data.zst.age", streamOf("second try"));
      await draft.commit(Buffer.from("{}"));
      const files = await place.another().files(snapshotPrefix(source, id));
      expect(files.map((file) => file.length)).toEqual([10, 2]);
    });

    it("never shows a draft that was abandoned", async () => {
      const source = newSource();
      const id = nextId();
      const draft = await store.begin({ source, id });
      await draft.put("data.zst.age", streamOf("half of it"));
      await draft.abandon();
      await draft.abandon();
      expect((await place.another().snapshots(source)).snapshots).toEqual([]);
      expect(await place.another().files(snapshotPrefix(source, id))).toEqual([]);
      const key = snapshotFileKey(source, id, "data.zst.age");
      await expect(place.another().read(key)).rejects.toMatchObject({ code: "store-object-missing" });
    });

    it("takes the same bytes again and refuses others, in parts and commits", async () => {
      const source = newSource();
      const id = nextId();
      const draft = await store.begin({ source, id });
      const stored = await draft.put("data.zst.age", streamOf("the bytes"));
      expect(await draft.put("data.zst.age", streamOf("the ", "bytes"))).toEqual(stored);
      await expect(draft.put("data.zst.age", streamOf("other"))).rejects.toMatchObject({
        code: "store-key-exists",
      });
      const committed = await draft.commit(Buffer.from("{}"));
      // When a store lets a file expire, only who has just stored it needs to know.
      const { key: name, length, sha256: hash } = committed;
      expect(await draft.commit(Buffer.from("{}"))).toMatchObject({ key: name, length, sha256: hash });
      await expect(draft.commit(Buffer.from("[]"))).rejects.toMatchObject({ code: "store-key-exists" });
      await draft.abandon();
      expect((await place.another().snapshots(source)).snapshots.map((one) => one.id)).toEqual([id]);
      expect(await readAll(place.another(), stored.key)).toEqual(Buffer.from("the bytes"));
    });

    it("takes evidence once, the same bytes again, and never other bytes", async () => {
      const source = newSource();
      const id = nextId();
      const key = evidenceKey(source, id, new Date(0), "0a1b2c3d");
      const stored = await store.put(key, Buffer.from('{"verdict":"passed"}'));
      expect(stored).toMatchObject({ key, length: 20, sha256: sha256('{"verdict":"passed"}') });
      const again = await place.another().put(key, Buffer.from('{"verdict":"passed"}'));
      expect(again).toMatchObject({ key, length: 20, sha256: stored.sha256 });
      await expect(place.another().put(key, Buffer.from("forged"))).rejects.toMatchObject({
        code: "store-key-exists",
      });
      const second = evidenceKey(source, id, new Date(1000), "0a1b2c3d");
      await place.another().put(second, Buffer.from([0xff, 0x00, 0xfe]));
      await store.put(evidenceKey(source, nextId(), new Date(0), "0a1b2c3d"), Buffer.from("another id's"));
      const files = await place.another().files(evidencePrefix(source, id));
      expect(files.map((file) => [file.key, file.length])).toEqual([
        [key, 20],
        [second, 3],
      ]);
      expect(await readAll(place.another(), second)).toEqual(Buffer.from([0xff, 0x00, 0xfe]));
    });

    it("reads ranges, and cuts those that run past the end", async () => {
      const source = newSource();
      const part = randomBytes(200_000);
      const id = await backUp(store, source, { "data.zst.age": part });
      const reader = place.another();
      for (const key of [snapshotFileKey(source, id, "data.zst.age"), snapshotJsonKey(source, id)]) {
        const whole = await readAll(reader, key);
        const cases = [
          [0, 1],
          [1, 5],
          [whole.length - 3, 100],
          [whole.length, 10],
          [5, 0],
          [0, whole.length],
        ] as const;
        for (const [offset, length] of cases) {
          const range = await bytesOf(await reader.read(key, { offset, length }));
          expect(sha256(range), `${offset}+${length}`).toBe(sha256(whole.subarray(offset, offset + length)));
        }
      }
    });

    it("says that a file is missing before anything is streamed", async () => {
      const source = newSource();
      const id = await backUp(store, source);
      for (const key of [
        snapshotFileKey(source, id, "nothing.zst.age"),
        snapshotJsonKey(source, nextId()),
        evidenceKey(source, id, new Date(0), "0a1b2c3d"),
      ]) {
        await expect(store.read(key), key).rejects.toMatchObject({ code: "store-object-missing" });
      }
    });

    it("deletes what it is told, again and again, and nothing else", async () => {
      const source = newSource();
      const id = await backUp(store, source, {
        "a.zst.age": Buffer.from("a"),
        "b.zst.age": Buffer.from("b"),
      });
      const other = await backUp(store, source, { "a.zst.age": Buffer.from("other") });
      await store.delete(snapshotJsonKey(source, id));
      expect((await place.another().snapshots(source)).snapshots.map((one) => one.id)).toEqual([other]);
      for (const name of ["a.zst.age", "b.zst.age"]) {
        const key = snapshotFileKey(source, id, name);
        await place.another().delete(key);
        await store.delete(key);
        await expect(place.another().read(key)).rejects.toMatchObject({ code: "store-object-missing" });
      }
      await store.delete(snapshotJsonKey(source, id));
      expect(await place.another().snapshots(source)).toMatchObject({
        snapshots: [{ id: other }],
        findings: [],
      });
      expect((await readAll(store, snapshotFileKey(source, other, "a.zst.age"))).toString()).toBe("other");
    });

    sharedFilesContract(() => place, newSource, options);

    it("refuses keys that lead out of the store", async () => {
      for (const key of [
        "../etc/passwd",
        "evidence/../../x",
        "/etc/passwd",
        "evidence//x",
        "snapshots",
        "",
      ]) {
        await expect(store.put(key, Buffer.from("x")), key).rejects.toThrow();
        await expect(store.read(key), key).rejects.toThrow();
        await expect(store.delete(key), key).rejects.toThrow();
      }
      const draft = await store.begin({ source: newSource(), id: nextId() });
      for (const name of ["../x.zst.age", "a/b", ".hidden", ""]) {
        await expect(draft.put(name, streamOf("x")), name).rejects.toThrow();
      }
      await draft.abandon();
    });
  });
}
