/** Memory does not grow with what is backed up: neither with the size of an object nor with their number. */
import { execFile } from "node:child_process";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { commitStorageSnapshot } from "../../../src/operations/commit-storage.ts";
import { generateIdentity, parseIdentities } from "../../../src/seal/identities.ts";
import { parseRecipients } from "../../../src/seal/recipients.ts";
import { newSnapshotId } from "../../../src/snapshot/ids.ts";
import { packKey } from "../../../src/snapshot/keys.ts";
import { objectFilter } from "../../../src/storage/object-filter.ts";
import type { StoredObject } from "../../../src/storage/objects.ts";
import { directoryStore } from "../../../src/store/directory.ts";
import { silentLogger } from "../../../src/system/logger.ts";
import { streamOf } from "../../../src/system/stream-of.ts";
import { seededBlob } from "../../fakes/storage/blobs.ts";
import { startStorageServer, type StorageServer } from "../../fakes/storage/index.ts";
import { movableClock } from "./safe.ts";

const isTrial = process.env["LIFEBOAT_TRIAL"] !== undefined;
let server: StorageServer;
let folder: string;
let store: string;
let keys: { readonly fileText: string; readonly recipient: string };
beforeEach(async () => {
  server = await startStorageServer();
  folder = await mkdtemp(join(tmpdir(), "lifeboat-memory-"));
  store = join(folder, "store");
  await mkdir(store);
  keys = await generateIdentity({ postQuantum: false, created: new Date(0) });
});
afterEach(async () => {
  await server.close();
  await rm(folder, { recursive: true, force: true });
});

async function run(more: { readonly into?: string } = {}): Promise<{ account: unknown; mebibytes: number }> {
  const { url, secretKey } = server;
  const asked = { url, secretKey, store, recipient: keys.recipient, identity: keys.fileText, ...more };
  const script = join(import.meta.dirname, "memory-process.ts");
  const { stdout } = await promisify(execFile)(process.execPath, [script, JSON.stringify(asked)]);
  return JSON.parse(stdout) as { account: unknown; mebibytes: number };
}

describe("peak memory", () => {
  // Well beyond what may stay in memory; the trial takes a whole gigabyte.
  const huge = isTrial ? 1024 : 640;
  it(`is flat for an object of ${huge} MiB, there and back`, { timeout: 240_000 }, async () => {
    await server.addBucket("files");
    const size = huge * 1024 ** 2;
    await server.addObject("files", { name: "huge", size, contentType: "video/mp4" });
    await server.addObject("files", { name: "small", size: 1000, contentType: "text/plain" });
    const backup = await run();
    expect(backup.account).toMatchObject({ stored: 2, failed: 0, fetchedBytes: size + 1000 });
    const restore = await run({ into: join(folder, "tree") });
    expect(restore.account).toMatchObject({ uploaded: 2, uploadedBytes: size + 1000 });
    console.log(`${huge} MiB: backup ${backup.mebibytes} MiB, restore ${restore.mebibytes} MiB`);
    expect(backup.mebibytes).toBeLessThan(400);
    expect(restore.mebibytes).toBeLessThan(400);
  });

  it.each(isTrial ? [200_000, 1_000_000] : [200_000])(
    "is flat for an inventory of %i objects that are all carried",
    { timeout: 600_000 },
    async (count) => {
      await carriable(count);
      server.resetCounters();
      const { account, mebibytes } = await run();
      expect(account).toMatchObject({ stored: 0, carried: count });
      expect(server.counters.requests.download).toBe(0);
      console.log(`${count} objects: ${mebibytes} MiB`);
      expect(mebibytes).toBeLessThan(300);
    },
  );
});

/** A project, and a snapshot of it whose index names every object; nobody reads the pack. */
async function carriable(count: number): Promise<void> {
  await server.addBucket("files");
  // A sample of what is carried over is asked for its first byte.
  server.blobs.set("v", seededBlob("v", 1));
  const files = directoryStore({ path: store, clock: movableClock(), logger: silentLogger });
  const pack = newSnapshotId(new Date());
  const stored = await files.putStream(packKey("storage", pack), streamOf(Buffer.alloc(300)));
  const extent = { length: 100, sha256: stored.sha256 };
  const listed: StoredObject[] = [];
  const metadata = { eTag: '"0123456789abcdef0123456789abcdef"', size: 1, mimetype: "text/plain" };
  async function* entries(): AsyncGenerator<StoredObject> {
    for (let at = 0; at < count; at += 1) {
      const name = `folder-${Math.floor(at / 1000)}/object-${String(at).padStart(7, "0")}.jpg`;
      const row = await server.rows.upsert("files", { name, version: "v", metadata, userMetadata: null });
      const { id, created_at: createdAt, updated_at: updatedAt } = row;
      const place = { pack, offset: at, length: 1, skip: 512, sha256: "0".repeat(64) };
      listed.push({
        ...{ bucket: "files", name, id, version: "v", size: 1, etag: metadata.eTag, createdAt, updatedAt },
        ...{ contentType: "text/plain", userMetadata: null, ...place },
      });
    }
    listed.sort((one, other) => (one.name < other.name ? -1 : 1));
    yield* listed.splice(0);
  }
  const numbers = { objects: count, rawBytes: count, fetchedBytes: 0, newPacks: 0, copiedPacks: 0 };
  const identities = parseIdentities(keys.fileText);
  await commitStorageSnapshot(
    {
      ...{ source: "storage", tiers: ["daily"], recipients: parseRecipients([keys.recipient]) },
      ...{ indexIdentities: identities, signingKey: undefined, filter: objectFilter({}) },
      ...{ started: new Date("2026-01-01T00:00:00Z"), history: { heads: [], seen: [] } },
    },
    {
      buckets: [],
      entries: entries(),
      packs: () => [
        { id: pack, rawBytes: count, liveBytes: count, header: extent, payload: { ...extent, length: 200 } },
      ],
      contents: () => ({
        listing: "list-v2",
        account: { stored: count, carried: 0, vanished: [], failed: [] },
        notCovered: [],
      }),
      numbers: () => numbers,
      findings: () => [],
      keep: () => {},
      [Symbol.asyncDispose]: () => Promise.resolve(),
    },
    { clock: movableClock(), lifeboatVersion: "0.0.0-test", store: files },
  );
}
