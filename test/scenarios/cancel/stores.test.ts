/** Commands on stores, folders and buckets that are cancelled at instants of their whole run. */
import { existsSync } from "node:fs";
import { cp, mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { generateIdentity } from "../../../src/seal/identities.ts";
import { parseRecipients } from "../../../src/seal/recipients.ts";
import { openStore } from "../../../src/store/open-store.ts";
import { systemClock } from "../../../src/system/clock.ts";
import { silentLogger } from "../../../src/system/logger.ts";
import { startStorageServer, type StorageServer } from "../../fakes/storage/index.ts";
import { runProgram } from "../../support/run-to-end.ts";
import { storeSmallSnapshot } from "../../support/small-snapshots.ts";
import { makePlace, type Place, removePlace, storeAddress } from "../faults/runs.ts";
import { runCommand, stopEverywhere, storeFlags, wayOf } from "./stopping.ts";

const snapshots = 12;
let place: Place;
/** The store as it was made, to begin again from. */
let original: string;
let server: StorageServer;

beforeAll(async () => {
  place = await makePlace();
  original = join(place.folder, "original");
  const store = openStore(storeAddress(place), { clock: systemClock, logger: silentLogger });
  const recipients = parseRecipients([place.recipient]);
  for (let day = snapshots; day > 0; day -= 1) {
    const moment = new Date(Date.now() - day * 86_400_000);
    await storeSmallSnapshot(store, { source: "main", moment, recipients, tiers: ["daily"] });
  }
  server = await startStorageServer({ latencyMs: 15 });
  for (const bucket of ["one", "two"]) {
    await server.addBucket(bucket);
    for (let number = 0; number < 20; number += 1)
      await server.addObject(bucket, { name: `o-${number}`, size: 2000, seed: `${bucket}/${number}` });
  }
  const files = join(place.folder, "files");
  await mkdir(files);
  for (let number = 0; number < 30; number += 1)
    await writeFile(join(files, `f-${number}`), String(number).repeat(1000));
  // An application is a repository.
  await runProgram("git", ["init", "-q"], place.temporary);
  const author = ["-c", "user.name=a", "-c", "user.email=a@example.org"];
  await runProgram("git", [...author, "commit", "-q", "--allow-empty", "-m", "first"], place.temporary);
  for (const args of [
    ["backup", "storage", "--source", "buckets", ...projectFlags(server)],
    ["backup", "application", "--source", "code", "--path", files],
  ]) {
    const made = await runCommand({
      place,
      args: [...args, ...storeFlags(place), "--recipient", place.recipient],
      env: { STORAGE_KEY: server.secretKey },
    });
    expect(made.code, made.stderr).toBe(0);
  }
  await cp(place.store, original, { recursive: true });
}, 120_000);
afterAll(async () => {
  await server.close();
  await removePlace(place);
});

function projectFlags({ url }: StorageServer): readonly string[] {
  return ["--supabase-url", url, "--supabase-key", "env:STORAGE_KEY"];
}

async function again(): Promise<void> {
  await rm(place.store, { recursive: true });
  await cp(original, place.store, { recursive: true });
}

async function wholeSnapshots(store: string, source: string): Promise<number> {
  const folder = join(store, "snapshots", source);
  const ids = await readdir(folder).catch(() => []);
  return ids.filter((id) => existsSync(join(folder, id, "snapshot.json"))).length;
}

const numberIn = (pattern: RegExp, text: string): number | undefined => {
  const [, found] = pattern.exec(text) ?? [];
  return found === undefined ? undefined : Number(found);
};

test("prune: what was removed is counted", { timeout: 3_600_000 }, async () => {
  const policy = join(place.folder, "lifeboat.yml");
  await writeFile(
    policy,
    `version: 1
recipients: [${place.recipient}]
waive: [second-recipient]
stores: { near: { type: directory, path: ${place.store} } }
sources: { main: { type: postgres, url: { secret: URL }, every: 24h } }
retention: { daily: 2d, keep-at-least: 1 }
`,
  );
  await stopEverywhere({
    name: "prune",
    prepare: again,
    command: () => ({ place, args: ["prune", "--policy", policy, "--ledger", "store"] }),
    compare: async (said) => {
      const [way, left] = [wayOf(said), await wholeSnapshots(place.store, "main")];
      const gone = snapshots - left;
      if (way === "done") expect(gone).toBeGreaterThan(5);
      if (way === "cancelled")
        expect(numberIn(/(\d+) of \d+ snapshots of "main"/, said.message) ?? 0).toBe(gone);
      if (gone > 0 && way === "cancelled") expect(said.ledger).toBe("cancelled");
      if (way === "done") expect(said.ledger).toBe("success");
      return way === "cancelled" && gone > 0 ? "cancelled in the middle" : way;
    },
  });
});

test("rotate-keys: new headers are counted", { timeout: 3_600_000 }, async () => {
  const { recipient } = await generateIdentity({ postQuantum: false, created: new Date() });
  const keys = ["--identity-file", place.identityFile, "--recipient", recipient];
  await stopEverywhere({
    name: "rotate-keys",
    prepare: again,
    command: () => ({
      place,
      args: ["rotate-keys", "--source", "main", ...storeFlags(place), ...keys, "--ledger", "store"],
    }),
    compare: async (said) => {
      const way = wayOf(said);
      const rewraps = await readdir(join(place.store, "rewraps", "main"), { recursive: true }).catch(
        () => [],
      );
      // Each document is of a snapshot of two sealed files.
      const found = 2 * rewraps.filter((name) => name.endsWith(".json")).length;
      if (way === "done") expect(found).toBe(2 * snapshots);
      if (way === "cancelled") expect(numberIn(/(\d+) of \d+ sealed files/, said.message) ?? 0).toBe(found);
      if (said.ledger !== "") expect(said.ledger).toBe(way === "done" ? "success" : "cancelled");
      return way === "cancelled" && found > 0 ? "cancelled in the middle" : way;
    },
  });
});

test("copy: what arrived whole is counted", { timeout: 3_600_000 }, async () => {
  const target = join(place.folder, "target");
  await stopEverywhere({
    name: "copy",
    prepare: async () => {
      await again();
      await rm(target, { recursive: true, force: true });
      await mkdir(target);
    },
    command: () => ({
      place,
      args: [
        ...["copy", "--source", "main", "--from", storeAddress(place), "--to", pathToFileURL(target).href],
        ...["--all", "--ledger", "store"],
      ],
    }),
    compare: async (said) => {
      const [way, found] = [wayOf(said), await wholeSnapshots(target, "main")];
      if (way === "done") expect(found).toBe(snapshots);
      if (way === "cancelled") expect(numberIn(/got (\d+) of/, said.message) ?? 0).toBe(found);
      return way === "cancelled" && found > 0 ? "cancelled in the middle" : way;
    },
  });
});

test("buckets into a folder: each file that is told is whole", { timeout: 3_600_000 }, async () => {
  const target = join(place.folder, "buckets");
  const flags = ["--source", "buckets", ...storeFlags(place), "--identity-file", place.identityFile];
  await stopEverywhere({
    name: "restore storage into a folder",
    prepare: async () => {
      await rm(target, { recursive: true, force: true });
    },
    command: () => ({
      place,
      args: ["restore", "storage", ...flags, "--target-directory", target, "--jobs", "2"],
    }),
    compare: async (said) => {
      const way = wayOf(said);
      const entries = await readdir(target, { recursive: true, withFileTypes: true }).catch(() => []);
      const found = entries.filter((entry) => entry.isFile() && entry.name.startsWith("o-"));
      for (const entry of found)
        expect((await readFile(join(entry.parentPath, entry.name))).length).toBe(2000);
      if (way === "done") expect(found).toHaveLength(40);
      if (way === "cancelled")
        expect(numberIn(/(\d+) files are written/, said.message) ?? 0).toBe(found.length);
      return way === "cancelled" && found.length > 0 ? "cancelled in the middle" : way;
    },
  });
});

test("buckets into a project: each object is told once", { timeout: 3_600_000 }, async () => {
  const flags = ["--source", "buckets", ...storeFlags(place), "--identity-file", place.identityFile];
  let target = await startStorageServer({ latencyMs: 15 });
  await stopEverywhere({
    name: "restore storage into a project",
    prepare: async () => {
      await target.close();
      target = await startStorageServer({ latencyMs: 15 });
    },
    command: () => ({
      place,
      args: ["restore", "storage", ...flags, ...projectFlags(target), "--jobs", "2"],
      env: { STORAGE_KEY: target.secretKey },
    }),
    compare: (said) => {
      const [way, found] = [wayOf(said), target.blobs.size];
      if (way === "done") expect(found).toBe(40);
      if (way === "cancelled") {
        expect(numberIn(/(\d+) of \d+ objects are written/, said.message) ?? 0).toBe(found);
        expect(said.message).not.toContain("not answered");
      }
      return Promise.resolve(way === "cancelled" && found > 0 ? "cancelled in the middle" : way);
    },
  });
  await target.close();
});

test("an application: all of its parts, or what stood before", { timeout: 3_600_000 }, async () => {
  const target = join(place.folder, "app");
  const flags = ["--source", "code", ...storeFlags(place), "--identity-file", place.identityFile];
  await stopEverywhere({
    name: "restore application",
    prepare: async () => {
      await rm(target, { recursive: true, force: true });
      await mkdir(join(target, "files"), { recursive: true });
      await writeFile(join(target, "files", "old"), "old");
    },
    command: () => ({
      place,
      args: ["restore", "application", ...flags, "--target-directory", target, "--confirm", target],
    }),
    compare: async (said) => {
      const way = wayOf(said);
      const isOld = existsSync(join(target, "files", "old"));
      expect(isOld).toBe(way !== "done");
      if (way === "cancelled") expect(numberIn(/(\d+) of \d+ parts/, said.message) ?? 0).toBe(0);
      if (way !== "killed")
        expect((await readdir(target)).filter((name) => name.startsWith("."))).toEqual([]);
      return way;
    },
  });
});
