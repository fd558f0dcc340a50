import { spawn } from "node:child_process";
import { once } from "node:events";
import {
  lstat,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rename,
  rm,
  symlink,
  utimes,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  evidenceKey,
  packKey,
  packPrefix,
  shardPrefix,
  snapshotFileKey,
  snapshotJsonKey,
  snapshotPrefix,
} from "../../../src/snapshot/keys.ts";
import { directoryStore } from "../../../src/store/directory.ts";
import type { Store, StoredFile } from "../../../src/store/store.ts";
import { systemClock } from "../../../src/system/clock.ts";
import { silentLogger } from "../../../src/system/logger.ts";
import { packBytes } from "./pack-bytes.ts";
import { backUp, nextId, readAll, sha256, streamOf } from "../../contract/store.ts";

const source = "database";
const dayMs = 24 * 3600 * 1000;
const writer = join(import.meta.dirname, "directory-writer.ts");
const packWriter = join(import.meta.dirname, "pack-writer.ts");

let root: string;
let store: Store;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "lifeboat-directory-"));
  store = directoryStore({ path: root, clock: systemClock, logger: silentLogger });
});
afterEach(() => rm(root, { recursive: true, force: true }));

async function incoming(): Promise<readonly string[]> {
  return await readdir(join(root, "incoming"));
}

describe("a directory store", () => {
  it("shows only whole snapshots, wherever its writer was killed, and sweeps the rest", async () => {
    for (let kill = 0; kill < 20; kill += 1) {
      const child = spawn(process.execPath, [writer, root], { stdio: ["ignore", "pipe", "inherit"] });
      await once(child.stdout, "data");
      await new Promise((resolve) => setTimeout(resolve, Math.random() * 80));
      child.kill("SIGKILL");
      await once(child, "close");

      const { snapshots, findings } = await store.snapshots(source);
      expect(findings.filter(({ code }) => code !== "unfinished-draft")).toEqual([]);
      for (const { id, snapshotJson } of snapshots) {
        const parts = JSON.parse(Buffer.from(snapshotJson).toString()) as StoredFile[];
        expect(parts).toHaveLength(2);
        for (const part of parts) expect(sha256(await readAll(store, part.key))).toBe(part.sha256);
        expect(await store.files(snapshotPrefix(source, id))).toHaveLength(3);
      }

      const id = nextId();
      const draft = await store.begin({ source, id });
      expect(await incoming()).toEqual([`${source}.${id}`]);
      await draft.abandon();
      expect(await incoming()).toEqual([]);
      await rm(join(root, "snapshots"), { recursive: true, force: true });
    }
  });

  it("sweeps a draft whose writer was killed while it removed the draft itself", async () => {
    // The first thing that goes is what says whose the draft was.
    const dyingRemoval = `
      import fs from "node:fs";
      import { syncBuiltinESMExports } from "node:module";
      fs.promises.rm = async (path) => {
        fs.unlinkSync(path + "/owner.json");
        process.kill(process.pid, "SIGKILL");
        await new Promise(() => {});
      };
      syncBuiltinESMExports();`;
    const preload = `data:text/javascript,${encodeURIComponent(dyingRemoval)}`;
    const child = spawn(process.execPath, ["--import", preload, writer, root], { stdio: "ignore" });
    expect(await once(child, "close")).toEqual([null, "SIGKILL"]);
    const [left, ...more] = await incoming();
    expect(more).toEqual([]);
    expect(await readdir(join(root, "incoming", left!))).toEqual([]);

    // Its snapshot had been committed, so it is neither damage nor a backup that was interrupted.
    const { snapshots, findings } = await store.snapshots(source);
    expect([`${source}.${snapshots[0]!.id}`, findings]).toEqual([left, []]);
    await (await store.begin({ source, id: nextId() })).abandon();
    expect(await incoming()).toEqual([]);
  });

  it("shows only whole packs, wherever their writer was killed, and sweeps the rest", async () => {
    const whole = sha256(packBytes());
    let interrupted = 0;
    for (let kill = 0; kill < 20; kill += 1) {
      const child = spawn(process.execPath, [packWriter, root], { stdio: ["ignore", "pipe", "inherit"] });
      await once(child.stdout, "data");
      await new Promise((resolve) => setTimeout(resolve, Math.random() * 80));
      child.kill("SIGKILL");
      await once(child, "close");

      for (const prefix of [packPrefix(source), shardPrefix(source, "a")]) {
        for (const { key } of await store.files(prefix))
          expect(sha256(await readAll(store, key))).toBe(whole);
      }
      // Killed very early, the writer has not even made the folder.
      interrupted += (await readdir(join(root, "incoming")).catch(() => [])).length;
      expect(await store.snapshots(source)).toEqual({ snapshots: [], findings: [] });
      await (await store.begin({ source, id: nextId() })).abandon();
      expect(await incoming()).toEqual([]);
    }
    expect(interrupted).toBeGreaterThan(0);
  });

  it("leaves nothing of a pack whose source broke, and the packs of living processes alone", async () => {
    const error = new Error("the object was shorter than it said");
    const key = packKey(source, nextId());
    async function* breaking(): AsyncGenerator<Uint8Array> {
      yield Buffer.alloc(2 * 1024 * 1024);
      // Another backup begins, and sweeps.
      await (await store.begin({ source, id: nextId() })).abandon();
      expect(await incoming()).toHaveLength(1);
      throw error;
    }
    await expect(store.putStream(key, breaking())).rejects.toBe(error);
    expect([await incoming(), await store.files(packPrefix(source))]).toEqual([[], []]);
  });

  it("leaves the drafts of living processes alone, and those of other machines for seven days", async () => {
    const child = spawn(process.execPath, [writer, root], { stdio: ["ignore", "pipe", "inherit"] });
    await once(child.stdout, "data");
    while ((await store.snapshots(source)).snapshots.length < 2) {
      expect(child.exitCode).toBeNull();
      const draft = await store.begin({ source: "other", id: nextId() });
      await draft.abandon();
    }
    child.kill("SIGKILL");
    await once(child, "close");
    await (await store.begin({ source, id: nextId() })).abandon();
    expect(await incoming()).toEqual([]);

    const strange = nextId();
    await (await store.begin({ source, id: strange })).put("data.zst.age", streamOf("x"));
    const folder = join(root, "incoming", `${source}.${strange}`);
    const owner = JSON.parse(await readFile(join(folder, "owner.json"), "utf8")) as object;
    await writeFile(
      join(folder, "owner.json"),
      JSON.stringify({ ...owner, machine: "0".repeat(16), pid: 1 }),
    );
    await (await store.begin({ source, id: nextId() })).abandon();
    expect(await incoming()).toEqual([`${source}.${strange}`]);
    expect((await store.snapshots(source)).findings).toEqual([]);
    const longAgo = new Date(systemClock.now().getTime() - 8 * dayMs);
    for (const path of [join(folder, "snapshot"), folder]) await utimes(path, longAgo, longAgo);
    expect((await store.snapshots(source)).findings).toMatchObject([
      { code: "unfinished-draft", id: strange },
    ]);
    await (await store.begin({ source, id: nextId() })).abandon();
    expect(await incoming()).toEqual([]);
  });

  it("tells a process from a later one with the same number", async () => {
    const id = nextId();
    await store.begin({ source, id });
    const path = join(root, "incoming", `${source}.${id}`, "owner.json");
    const owner = JSON.parse(await readFile(path, "utf8")) as { startTicks: number };
    await writeFile(path, JSON.stringify({ ...owner, startTicks: owner.startTicks - 1 }));
    await (await store.begin({ source, id: nextId() })).abandon();
    expect(await incoming()).toEqual([]);
  });

  it("keeps everything from other users of the machine", async () => {
    const id = await backUp(store, source, { "data.zst.age": Buffer.from("x") });
    await store.put(evidenceKey(source, id, new Date(0), "0a1b2c3d"), Buffer.from("{}"));
    const draft = await store.begin({ source, id: nextId() });
    await draft.put("data.zst.age", streamOf("x"));
    for (const entry of await readdir(root, { recursive: true, withFileTypes: true })) {
      const path = join(entry.parentPath, entry.name);
      const mode = ((await lstat(path)).mode & 0o777).toString(8);
      expect([path, mode]).toEqual([path, entry.isDirectory() ? "700" : "600"]);
    }
  });

  it("does not count a part that the disk gives back changed", async () => {
    const id = nextId();
    const draft = await store.begin({ source, id });
    const folder = join(root, "incoming", `${source}.${id}`);
    async function* damagedOnDisk(): AsyncGenerator<Uint8Array> {
      // As much as the store writes at once, so that it stands on the disk when the next bytes are asked for.
      yield Buffer.alloc(1024 * 1024, "as it was written");
      const names = (await readdir(folder)).filter((name) => !["owner.json", "snapshot"].includes(name));
      expect(names).toHaveLength(1);
      for (const name of names) {
        await writeFile(join(folder, name), Buffer.alloc(1024 * 1024, "as it was weitten"));
      }
    }
    await expect(draft.put("data.zst.age", damagedOnDisk())).rejects.toMatchObject({
      code: "store-write-unproven",
    });
    expect((await readdir(folder)).sort()).toEqual(["owner.json", "snapshot"]);
    expect(await readdir(join(folder, "snapshot"))).toEqual([]);
  });

  it("reports a snapshot without its commit point as damage", async () => {
    const id = await backUp(store, source, { "data.zst.age": Buffer.from("x") });
    const whole = await backUp(store, source);
    await rm(join(root, snapshotJsonKey(source, id)));
    const { snapshots, findings } = await store.snapshots(source);
    expect(snapshots.map((one) => one.id)).toEqual([whole]);
    expect(findings).toMatchObject([{ code: "snapshot-json-missing", id }]);
    expect(await store.files(snapshotPrefix(source, id))).toHaveLength(1);
  });

  it("reports a file that changes under its reader as an early end", async () => {
    const id = await backUp(store, source, { "data.zst.age": Buffer.alloc(3_000_000, "x") });
    const key = snapshotFileKey(source, id, "data.zst.age");
    const read = async () => {
      for await (const chunk of await store.read(key)) await writeFile(join(root, key), chunk.subarray(0, 5));
    };
    await expect(read()).rejects.toMatchObject({ code: "store-read-failed" });
  });

  it("follows no symbolic link out of the store", async () => {
    const id = await backUp(store, source, { "data.zst.age": Buffer.from("x") });
    const outside = await mkdtemp(join(tmpdir(), "lifeboat-outside-"));
    const refused = { code: "store-link-refused" };
    try {
      await writeFile(join(outside, "secret"), "secret");
      const key = snapshotFileKey(source, id, "data.zst.age");
      await rm(join(root, key));
      await symlink(join(outside, "secret"), join(root, key));
      await expect(store.read(key)).rejects.toMatchObject(refused);
      await expect(store.files(snapshotPrefix(source, id))).rejects.toMatchObject(refused);

      await rename(join(root, "snapshots"), join(outside, "snapshots"));
      await symlink(join(outside, "snapshots"), join(root, "snapshots"));
      await expect(store.snapshots(source)).rejects.toMatchObject(refused);
      await expect(store.sources()).rejects.toMatchObject(refused);
      await expect(store.delete(snapshotJsonKey(source, id))).rejects.toMatchObject(refused);
      const draft = await store.begin({ source, id: nextId() }).catch((thrown: unknown) => thrown);
      if (draft instanceof Error) expect(draft).toMatchObject(refused);
      else
        await expect(
          (draft as Awaited<ReturnType<Store["begin"]>>).commit(Buffer.from("{}")),
        ).rejects.toThrow();
      expect(await readdir(join(outside, "snapshots", source))).toEqual([id]);

      await symlink(outside, join(root, "evidence"));
      const evidence = evidenceKey(source, id, new Date(0), "0a1b2c3d");
      await expect(store.put(evidence, Buffer.from("{}"))).rejects.toMatchObject(refused);
      expect((await readdir(outside)).sort()).toEqual(["secret", "snapshots"]);
    } finally {
      await rm(outside, { recursive: true, force: true });
    }
  });

  it("never takes an unusable folder for an empty store", async () => {
    await writeFile(join(root, "file"), "");
    for (const path of [join(root, "missing"), join(root, "file")]) {
      const unusable = directoryStore({ path, clock: systemClock, logger: silentLogger });
      for (const act of [
        () => unusable.sources(),
        () => unusable.snapshots(source),
        () => unusable.files(snapshotPrefix(source, nextId())),
        () => unusable.begin({ source, id: nextId() }),
        () => unusable.put(evidenceKey(source, nextId(), new Date(0), "0a1b2c3d"), Buffer.from("x")),
      ]) {
        await expect(act()).rejects.toMatchObject({ code: "input-invalid", exitCode: 2 });
      }
    }
    expect(await readdir(root)).toEqual(["file"]);
  });

  it("fails with a cure where it cannot write", async () => {
    // A file stands where a folder must be: what every user, root too, is refused.
    await writeFile(join(root, "evidence"), "");
    const id = nextId();
    const put = store.put(evidenceKey(source, id, new Date(0), "0a1b2c3d"), Buffer.from("x"));
    await expect(put).rejects.toMatchObject({ code: "store-write-failed", exitCode: 1 });
    expect(await incoming()).toEqual([]);
    await mkdir(join(root, "snapshots", source, id), { recursive: true });
    await expect(store.begin({ source, id })).rejects.toMatchObject({ code: "store-key-exists" });
  });

  it("has the address that a person writes", () => {
    expect(store.address).toBe(pathToFileURL(root).href);
  });
});
