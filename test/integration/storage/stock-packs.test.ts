/** What the writer packs opens with the stock `age`, `zstd` and `tar`. */
import { spawnSync } from "node:child_process";
import { createReadStream, createWriteStream } from "node:fs";
import { mkdir, mkdtemp, open, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { pipeline } from "node:stream/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { unsealStream } from "../../../src/seal/seal.ts";
import { openPack } from "../../../src/storage/pack-reader.ts";
import { packWriter } from "../../../src/storage/pack-writer.ts";
import { makeTarHeader } from "../../../src/storage/tar-header.ts";
import { encodeTarName } from "../../../src/storage/tar-name.ts";
import { walkPack } from "../../../src/storage/walk-pack.ts";
import type { StoredFile } from "../../../src/store/store.ts";
import { keyPair, noise } from "../../unit/seal/streams.ts";
import { addTo, mixed, packId } from "../../unit/storage/packs.ts";

const missing = ["age", "zstd", "tar", "diff"].filter(
  (name) => spawnSync(name, ["--version"]).error !== undefined,
);
if (missing.length > 0) {
  console.warn(
    `SKIPPED: ${missing.join(", ")} not installed, so nothing proves that stock tools open packs.`,
  );
}
const isTrial = (process.env["LIFEBOAT_TRIAL"] ?? "") !== "";

let folder: string;
const alice = await keyPair();
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "lifeboat-packs-"));
  await writeFile(join(folder, "identity"), alice.fileText);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

function shell(script: string): { readonly status: number | null; readonly output: string } {
  const { status, stdout, stderr } = spawnSync("bash", ["-euo", "pipefail", "-c", script], { cwd: folder });
  return { status, output: `${stdout.toString()}${stderr.toString()}` };
}

async function putFile(_: string, bytes: AsyncIterable<Uint8Array>): Promise<StoredFile> {
  const path = join(folder, "pack");
  await pipeline(bytes, createWriteStream(path));
  return { key: path, length: (await stat(path)).size, sha256: "" };
}

function newWriter(): ReturnType<typeof packWriter> {
  return packWriter({ recipients: alice.recipients, put: putFile, newId: () => packId, maxBytes: 1 << 30 });
}

const names = [
  ...["plain", "a/b/c.txt", "/lead", "trail/", "double//slash", "q?x&y+z", " spaces in it ", "../../x", "."],
  ...[
    "ünï/日本/😀",
    "quote'\"s",
    "back\\slash",
    "line\nbreak",
    "tab\t",
    "-dash",
    "--help",
    "*",
    "100%",
    "%2F",
    "~",
  ],
  ...["x".repeat(100), "y".repeat(101), `${"long/".repeat(60)}end`, `${"z".repeat(200)}/${"é".repeat(80)}`],
  "dir/.emptyFolderPlaceholder",
];
const sizes = [0, 1, 511, 512, 513, 65_535, 65_536, 65_537, 4_194_303, 4_194_304, 4_194_305];

describe.skipIf(missing.length > 0)("age, zstd and tar", () => {
  test("unpack every object under its name", async () => {
    const writer = newWriter();
    const given = [
      ...names.map((name, index) => ({ bucket: "my bucket", name, bytes: mixed(index * 997, index + 1) })),
      ...sizes.map((size) => ({ bucket: "sizes", name: String(size), bytes: mixed(size, size + 1) })),
      ...sizes.map((size) => ({ bucket: "stored", name: String(size), bytes: noise(size), squeeze: false })),
      { bucket: "sizes", name: "16 MiB", bytes: mixed((16 << 20) + 1) },
    ];
    for (const one of given) {
      await addTo(writer, one);
      const path = join(folder, "expected", encodeTarName(one));
      await mkdir(dirname(path), { recursive: true });
      await writeFile(path, one.bytes);
    }
    await writer.finish();
    const unpacked = shell(
      "mkdir got && age -d -i identity pack | zstd -dcq | tar x -C got && diff -r expected got",
    );
    expect(unpacked).toEqual({ status: 0, output: "" });
    await rm(join(folder, "got"), { recursive: true });
    // That this comparison sees a difference at all.
    await writeFile(join(folder, "expected/sizes/1"), "y");
    const other = shell(
      "mkdir got && age -d -i identity pack | zstd -dcq | tar x -C got && diff -r expected got",
    );
    expect(other.status).toBe(1);
  });

  test("understand a header of more than 8 GiB", async () => {
    const size = 20 * 2 ** 30 + 7;
    await writeFile(join(folder, "header"), await makeTarHeader({ name: "b/large", size }, new Date(0)));
    expect(shell("tar tvf header || true").output).toContain(` ${size} 1970-01-01`);
  });

  test.runIf(isTrial)("unpack an object of 1 GiB, which passes in little memory", async () => {
    const size = 1 << 30;
    const block = noise(1 << 20);
    async function* body(): AsyncGenerator<Uint8Array, void, undefined> {
      for (let index = 0; index < 1024; index += 1) {
        const bytes = Buffer.from(block);
        bytes.writeUInt32LE(index);
        yield await Promise.resolve(bytes);
      }
    }
    const writer = newWriter();
    const most = watchMemory();
    const object = { bucket: "b", name: "large" };
    const { place, sha256 } = await writer.add(object, body(), size, true);
    await writer.finish();
    const script = "age -d -i identity pack | zstd -dcq | tar xO b/large | sha256sum";
    expect(shell(script).output).toBe(`${sha256}  -\n`);

    const file = await open(join(folder, "pack"));
    const pack = await openPack({
      pack: packId,
      sealedLength: (await file.stat()).size,
      identities: alice.identities,
      readRange: async (offset, length) => {
        const bytes = Buffer.alloc(length);
        return bytes.subarray(0, (await file.read(bytes, 0, length, offset)).bytesRead);
      },
    });
    let read = 0;
    for await (const bytes of pack.readObject({ ...object, ...place, size, sha256 })) read += bytes.length;
    await file.close();
    expect(read).toBe(size);
    const zstd = unsealStream(createReadStream(join(folder, "pack")), alice.identities);
    for await (const entry of walkPack(packId, zstd)) expect(entry).toMatchObject({ sha256, ...place });
    expect(most()).toBeLessThan(300 << 20);
  });
});

/** Bytes that the process has come to hold more than when this was called. */
function watchMemory(): () => number {
  const before = process.memoryUsage().rss;
  let most = before;
  const timer = setInterval(() => (most = Math.max(most, process.memoryUsage().rss)), 20);
  return () => {
    clearInterval(timer);
    return most - before;
  };
}
