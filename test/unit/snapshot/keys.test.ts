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
    expect(shardOfKey(shardKey("storage", "run-1", 10, 20))).toEqual({ source: "storage", group: "run-1" });
  });

  it.each([
    "shards/storage/run-1/0-of-2.jsonl.zst.age",
    "shards/storage/run-1/3-of-2.jsonl.zst.age",
    "shards/storage/run-1/01-of-2.jsonl.zst.age",
    "shards/storage/run-1/1-of-2.jsonl.zst.age/x",
    "shards/storage/../1-of-2.jsonl.zst.age",
    "shards/storage/1-of-2.jsonl.zst.age",
    "packs/storage/run-1/1-of-2.jsonl.zst.age",
  ])("take %s for no shard", (key) => {
    expect(shardOfKey(key)).toBeUndefined();
  });

  it("are never built from anything else", () => {
    for (const build of [
      () => packKey("storage", "../x"),
      () => packPrefix("a/b"),
      () => shardKey("storage", "../x", 1, 2),
      () => shardKey("storage", "run-1", 3, 2),
      () => shardKey("storage", "run-1", 1.5, 2),
    ])
      expect(build).toThrow(/cannot be part of a store key/);
  });
});
