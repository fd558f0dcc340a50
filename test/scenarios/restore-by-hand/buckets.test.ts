import { appendFile, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createHash } from "node:crypto";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { compressStream } from "../../../src/seal/node-zstd.ts";
import { type Sealing, sealStream } from "../../../src/seal/seal.ts";
import { packKey, snapshotFileKey, snapshotJsonKey } from "../../../src/snapshot/keys.ts";
import { writeSnapshotJson } from "../../../src/snapshot/snapshot-json.ts";
import { writeIndex } from "../../../src/storage/index-file.ts";
import { compareObjects, type StoredObject } from "../../../src/storage/objects.ts";
import { type FinishedPack, packWriter } from "../../../src/storage/pack-writer.ts";
import { encodeTarName } from "../../../src/storage/tar-name.ts";
import { runTool } from "../../../src/system/process.ts";
import { inPieces, keyPair, noise } from "../../unit/seal/streams.ts";
import { type BucketVariables, followBuckets } from "./page.ts";

const missing: string[] = [];
for (const program of ["age", "zstd", "tar", "jq"]) {
  await runTool({ program, args: ["--version"] }).catch(() => missing.push(program));
}
if (missing.length > 0) {
  console.warn(`SKIPPED: ${missing.join(", ")} not installed, so nobody can restore buckets by hand.`);
}

const alice = await keyPair();
const id = "20261123T031207Z-9f2c51e0a7b4";
const packs = ["20261121T031105Z-0c2fe1a77d10", "20261122T031105Z-0c2fe1a77d11"] as const;
const names = [
  ...["plain", "a/b/c.txt", "/lead", "trail/", "double//slash///", "/", "q?x&y+z", " spaces in it ", "*star"],
  ...[
    "ünï/日本/😀",
    "quote'\"s",
    "back\\slash",
    "line\nbreak",
    "tab\t",
    "-dash",
    "--help",
    "100%",
    "%2F",
    "[x]",
  ],
  ...[
    "..",
    ".",
    "...",
    "x/..",
    "$HOME",
    "dir/.emptyFolderPlaceholder",
    `${"long/".repeat(60)}${"y".repeat(200)}`,
  ],
];

describe.skipIf(missing.length > 0)("docs/restore-by-hand.md, section 11", () => {
  let folder: string;
  let variables: BucketVariables;
  let objects: readonly (StoredObject & { readonly bytes: Buffer })[];
  const path = process.env["PATH"] ?? "";

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "lifeboat-buckets-by-hand-"));
    variables = {
      STORE: join(folder, "a store"),
      SOURCE: "storage",
      ID: id,
      IDENTITY: join(folder, "identity.txt"),
      TARGET: join(folder, "restored here"),
    };
    await writeFile(variables.IDENTITY, alice.fileText, { mode: 0o600 });
    objects = await backUp(variables.STORE);
  });

  afterAll(() => rm(folder, { recursive: true }));

  test("restores every object under its name, out of packs that hold older ones too", async () => {
    const { code, output } = await followBuckets(variables, path);
    expect(code, output).toBe(0);
    expect(output).toContain("-: OK");
    expect(output).toContain("index.zst.age: whole");
    expect(output).toContain("The index is whole.");
    for (const pack of packs) expect(output).toContain(`${pack}: whole`);
    expect(output).toContain(`${objects.length} objects are as they were backed up.`);
    for (const object of objects) {
      const restored = await readFile(join(variables.TARGET, encodeTarName(object)));
      expect(restored.equals(object.bytes), object.name).toBe(true);
    }
    await expect(readFile(join(variables.TARGET, "photos/deleted since"))).rejects.toThrow("ENOENT");
  });

  test.each([
    ["a changed byte", (bytes: Buffer) => void (bytes[bytes.length >> 1]! ^= 1)],
    ["a changed header", (bytes: Buffer) => void (bytes[100]! ^= 1)],
  ])("notices %s in a pack", async (_, damage) => {
    const file = join(variables.STORE, packKey("storage", packs[1]));
    const whole = await readFile(file);
    const bytes = Buffer.from(whole);
    damage(bytes);
    await writeFile(file, bytes);
    const { code, output } = await followBuckets({ ...variables, TARGET: join(folder, "never") }, path);
    await writeFile(file, whole);
    expect(code).not.toBe(0);
    expect(output).toContain(`${packs[1]}: FAILED`);
    await expect(readFile(join(folder, "never"))).rejects.toThrow("ENOENT");
  });

  test("notices a pack that grew, and an object that is not the index's", async () => {
    const file = join(variables.STORE, packKey("storage", packs[0]));
    const whole = await readFile(file);
    await appendFile(file, "x");
    const grown = await followBuckets({ ...variables, TARGET: join(folder, "never") }, path);
    await writeFile(file, whole);
    expect(grown.output).toContain(`${packs[0]}: FAILED`);
    const other = join(folder, "other store");
    await backUp(other, (object) => ({ ...object, sha256: "0".repeat(64) }));
    const wrong = await followBuckets({ ...variables, STORE: other, TARGET: join(folder, "wrong") }, path);
    expect(wrong.code).not.toBe(0);
    expect(wrong.output).toContain("photos/plain: FAILED");
  });
});

/** Two packs, of which the second has newer versions of some objects, and a snapshot of what there is at the end. */
async function backUp(
  store: string,
  change: (object: StoredObject) => StoredObject = (object) => object,
): Promise<(StoredObject & { readonly bytes: Buffer })[]> {
  const current = new Map<string, StoredObject & { readonly bytes: Buffer }>();
  const finished: FinishedPack[] = [];
  for (const [round, pack] of packs.entries()) {
    const writer = packWriter({
      recipients: alice.recipients,
      newId: () => pack,
      maxBytes: 1 << 30,
      put: (_, bytes) => putFile(join(store, packKey("storage", pack)), bytes),
    });
    const some =
      round === 0 ? [...names.slice(0, -3), "deleted since"] : names.filter((_, at) => at % 2 === 1);
    for (const bucket of ["photos", "50% of\\it"]) {
      for (const [index, name] of [...some, ...(round === 0 ? [] : names.slice(-3))].entries()) {
        if (current.get(`${bucket}/${name}`)?.pack === pack) continue;
        const bytes = noise(index * 3001 + round, index + 1 + round * 100);
        const { place, sha256 } = await writer.add({ bucket, name }, inPieces(bytes), bytes.length, true);
        const userMetadata = { pack: "a word like another", sha256: 'and "quotes"' };
        const object = { bucket, name, userMetadata, size: bytes.length, sha256, ...place };
        current.set(`${bucket}/${name}`, { ...change(object), bytes });
      }
    }
    const one = await writer.finish();
    if (one !== undefined) finished.push(one);
  }
  for (const [key, { name }] of current) if (name === "deleted since") current.delete(key);
  const objects = [...current.values()].toSorted(compareObjects);
  await commit(store, objects, finished);
  return objects;
}

async function commit(
  store: string,
  objects: readonly (StoredObject & { readonly bytes: Buffer })[],
  finished: readonly FinishedPack[],
): Promise<void> {
  // eslint-disable-next-line @typescript-eslint/require-await -- they are there already
  async function* lines(): AsyncGenerator<StoredObject, void, undefined> {
    for (const object of objects) yield { ...object, bytes: undefined } as StoredObject;
  }
  const seal = (bytes: AsyncIterable<Uint8Array>): Sealing =>
    sealStream(compressStream(bytes), alice.recipients);
  const index = seal(writeIndex({ id, source: "storage" }, lines()));
  await putFile(join(store, snapshotFileKey("storage", id, "index.zst.age")), index.bytes);
  const rawBytes = objects.reduce((sum, { size }) => sum + size, 0);
  const moment = "2026-11-23T03:12:07.000Z";
  const snapshot = writeSnapshotJson({
    id,
    source: "storage",
    kind: "storage",
    state: "whole",
    tiers: ["daily"],
    times: { started: moment, snapshot: moment, finished: moment },
    versions: { lifeboat: "0.0.0" },
    recipients: alice.recipients.fingerprints.slice(),
    totals: { tables: 0, rows: 0, objects: objects.length, rawBytes, sealedBytes: 0 },
    packs: finished.map((pack) => ({
      id: pack.id,
      liveBytes: objects.reduce((sum, one) => sum + (one.pack === pack.id ? one.size : 0), 0),
      rawBytes: pack.rawBytes,
      header: pack.header,
      payload: pack.payload,
    })),
    heads: [],
    files: [{ name: "index.zst.age", ...index.extents() }],
  });
  await writeFile(join(store, snapshotJsonKey("storage", id)), snapshot);
}

async function putFile(
  path: string,
  bytes: AsyncIterable<Uint8Array>,
): Promise<{ key: string; length: number; sha256: string }> {
  await mkdir(dirname(path), { recursive: true });
  const parts: Uint8Array[] = [];
  for await (const part of bytes) parts.push(part);
  const whole = Buffer.concat(parts);
  await writeFile(path, whole);
  return { key: path, length: whole.length, sha256: createHash("sha256").update(whole).digest("hex") };
}
