import { describe, expect, it } from "vitest";
import {
  packKey,
  packMarkKey,
  packOfKey,
  packPrefix,
  shardKey,
  shardOfKey,
} from "../../../src/snapshot/keys.ts";

const pack = "20261123T031500Z-0123456789ab";

describe("keys of packs", () => {
  it("lie beside the snapshots and are read back", () => {
    expect(packKey("storage", pack)).toBe(`packs/storage/${pack}.tar.zst.age`);
    expect(packKey("storage", pack)).toContain(packPrefix("storage"));
    expect(packOfKey(packKey("storage", pack))).toEqual({ source: "storage", pack, kind: "pack" });
    expect(packOfKey(packMarkKey("storage", pack))).toEqual({ source: "storage", pack, kind: "mark" });
  });

  it.each([
    `packs/storage/${pack}.tar.zst.age/x`,
    `packs/storage/../${pack}.tar.zst.age`,
    `packs/storage/${pack}.tar.zst`,
    "packs/storage/x.tar.zst.age",
    `snapshots/storage/${pack}.tar.zst.age`,
    `packs/Ünï/${pack}.tar.zst.age`,
  ])("take %s for none", (key) => {
    expect(packOfKey(key)).toBeUndefined();
  });

  it("know shards again", () => {
    const shard = { number: 2, count: 12, id: pack };
    const key = shardKey("storage", "run-1", shard, "contents");
    expect(key).toBe(`shards/storage/run-1/2-of-12.${pack}.contents.json.zst.age`);
    const place = { source: "storage", group: "run-1", ...shard };
    expect(shardOfKey(key)).toEqual({ ...place, part: "contents" });
    expect(shardOfKey(shardKey("storage", "run-1", shard, "index"))).toEqual({ ...place, part: "index" });
  });

  it.each([
    `shards/storage/run-1/0-of-2.${pack}.index.zst.age`,
    `shards/storage/run-1/3-of-2.${pack}.index.zst.age`,
    `shards/storage/run-1/01-of-2.${pack}.index.zst.age`,
    `shards/storage/run-1/1-of-2.${pack}.index.zst.age/x`,
    `shards/storage/../1-of-2.${pack}.index.zst.age`,
    `shards/storage/1-of-2.${pack}.index.zst.age`,
    `packs/storage/run-1/1-of-2.${pack}.index.zst.age`,
    "shards/storage/run-1/1-of-2.x.index.zst.age",
  ])("take %s for no shard", (key) => {
    expect(shardOfKey(key)).toBeUndefined();
  });

  it("are never built from anything else", () => {
    for (const build of [
      () => packKey("storage", "../x"),
      () => packPrefix("a/b"),
      () => shardKey("storage", "../x", { number: 1, count: 2, id: pack }, "index"),
      () => shardKey("storage", "run-1", { number: 3, count: 2, id: pack }, "index"),
      () => shardKey("storage", "run-1", { number: 1.5, count: 2, id: pack }, "index"),
      () => shardKey("storage", "run-1", { number: 1, count: 2, id: "../x" }, "index"),
    ])
      expect(build).toThrow(/cannot be part of a store key/);
  });
});
