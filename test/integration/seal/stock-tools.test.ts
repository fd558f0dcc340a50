/** What we seal opens with the stock `age` and `zstd`, and what they seal opens with us. */
import { spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { createReadStream, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { afterAll, describe, expect, it } from "vitest";
import { headerLength } from "../../../src/seal/age-header.ts";
import { passphraseIdentity } from "../../../src/seal/identities.ts";
import { compressFrame, compressStream } from "../../../src/seal/node-zstd.ts";
import { parseRecipients } from "../../../src/seal/recipients.ts";
import { rewrapHeader } from "../../../src/seal/rewrap.ts";
import { sealDocument, sealStream, unsealDocument, unsealStream } from "../../../src/seal/seal.ts";
import { decompressStream, findZstd } from "../../../src/seal/zstd.ts";
import { collect, inPieces, keyPair, noise } from "../../unit/seal/streams.ts";

const missing = ["age", "age-keygen", "zstd", "script"].filter(
  (name) => spawnSync(name, ["--version"]).error !== undefined,
);
if (missing.length > 0) {
  console.warn(
    `SKIPPED: ${missing.join(", ")} not installed, so nothing proves that stock tools open our files.`,
  );
}
const isTrial = (process.env["LIFEBOAT_TRIAL"] ?? "") !== "";
const zstd = await findZstd();

const folder = mkdtempSync(join(tmpdir(), "lifeboat-seal-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const alice = await keyPair();
const bob = await keyPair();
writeFileSync(join(folder, "alice"), alice.fileText);
writeFileSync(join(folder, "bob"), bob.fileText);

function run(program: string, args: readonly string[], input: Uint8Array): Buffer {
  const { status, stdout, stderr } = spawnSync(program, args, { input, maxBuffer: 1 << 30, cwd: folder });
  if (status !== 0) throw new Error(`${program} ended with ${String(status)}: ${stderr.toString("utf8")}`);
  return stdout;
}

const mebibyte = 1 << 20;
const sizes = [0, 1, 65_535, 65_536, 65_537, 16 * mebibyte - 1, 16 * mebibyte, 16 * mebibyte + 1];

describe.skipIf(missing.length > 0)("with the stock age and zstd", () => {
  it.each(sizes)("a payload of %i bytes goes both ways", async (length) => {
    const plain = noise(length);
    const ours = await collect(sealStream(inPieces(plain), alice.recipients).bytes);
    expect(run("age", ["-d", "-i", "alice"], ours).equals(plain)).toBe(true);
    const theirs = run("age", ["-r", alice.recipient], plain);
    expect(theirs.length).toBe(ours.length);
    expect((await collect(unsealStream(inPieces(theirs), alice.identities))).equals(plain)).toBe(true);
  });

  it.each([0, 1, 65_537, 16 * mebibyte + 1])("a zstd stream of %i bytes goes both ways", async (length) => {
    const plain = Buffer.concat([noise(Math.floor(length / 2)), Buffer.alloc(Math.ceil(length / 2))]);
    const sealing = sealStream(compressStream(inPieces(plain)), alice.recipients);
    const ours = await collect(sealing.bytes);
    expect(run("zstd", ["-dc"], run("age", ["-d", "-i", "alice"], ours)).equals(plain)).toBe(true);
    const theirs = run("age", ["-r", alice.recipient], run("zstd", ["-c", "-T2"], plain));
    for (const program of [zstd, undefined]) {
      const stream = unsealStream(inPieces(theirs), alice.identities);
      const back = await collect(decompressStream(stream, { maxBytes: length, zstd: program }));
      expect(back.equals(plain)).toBe(true);
    }
  });

  it("each of several recipients opens, and the file keygen writes is age-keygen's", async () => {
    const { bytes } = await sealDocument("for both", parseRecipients([alice.recipient, bob.recipient]));
    for (const name of ["alice", "bob"]) {
      expect(run("zstd", ["-dc"], run("age", ["-d", "-i", name], bytes)).toString("utf8")).toBe("for both");
    }
    expect(run("age-keygen", ["-y", "alice"], new Uint8Array(0)).toString("utf8").trim()).toBe(
      alice.recipient,
    );
  });

  it("a rewrapped file opens with the new identity and no longer with the old one", async () => {
    const plain = noise(100_000);
    const stored = await collect(sealStream(inPieces(plain), alice.recipients).bytes);
    const length = headerLength(stored) ?? 0;
    const header = await rewrapHeader(stored.subarray(0, length), alice.identities, bob.recipients);
    const rotated = Buffer.concat([header, stored.subarray(length)]);
    expect(run("age", ["-d", "-i", "bob"], rotated).equals(plain)).toBe(true);
    expect(() => run("age", ["-d", "-i", "alice"], rotated)).toThrow(/no identity matched/);
  });

  it("a passphrase goes both ways", async () => {
    // age asks for a passphrase on a terminal only; `script` is one.
    const { bytes } = await sealDocument("a secret", parseRecipients([], "correct horse"));
    writeFileSync(join(folder, "locked.age"), bytes);
    const typed = spawnSync("script", ["-qec", "age -d -o unlocked.zst locked.age", "/dev/null"], {
      input: "correct horse\n",
      cwd: folder,
      timeout: 60_000,
    });
    expect(typed.stdout.toString("utf8")).toMatch(/passphrase/);
    expect(run("zstd", ["-dc", "unlocked.zst"], new Uint8Array(0)).toString("utf8")).toBe("a secret");
    writeFileSync(join(folder, "open.zst"), compressFrame(Buffer.from("theirs")));
    spawnSync("script", ["-qec", "age -p -o theirs.age open.zst", "/dev/null"], {
      input: "correct horse\ncorrect horse\n",
      cwd: folder,
      timeout: 60_000,
    });
    const theirs = await collect(createReadStream(join(folder, "theirs.age")));
    const back = await unsealDocument(theirs, passphraseIdentity("correct horse"), 100);
    expect(Buffer.from(back).toString("utf8")).toBe("theirs");
  });

  it.skipIf(!isTrial)("5 GiB go both ways, past 65,536 chunks", { timeout: 600_000 }, async () => {
    const piece = noise(mebibyte);
    async function* plain(): AsyncGenerator<Uint8Array> {
      for (let index = 0; index < 5 * 1024; index += 1) {
        const numbered = Buffer.from(piece);
        numbered.writeUInt32LE(index, 0);
        yield await Promise.resolve(numbered);
      }
    }
    const expected = await digest(plain());
    const unsealer = spawn("age", ["-d", "-i", join(folder, "alice")]);
    const [ours] = await Promise.all([
      digest(unsealer.stdout),
      pipeline(Readable.from(sealStream(plain(), alice.recipients).bytes), unsealer.stdin),
    ]);
    expect(ours).toBe(expected);
    const sealer = spawn("age", ["-r", alice.recipient]);
    const [theirs] = await Promise.all([
      digest(unsealStream(sealer.stdout as AsyncIterable<Uint8Array>, alice.identities)),
      pipeline(Readable.from(plain()), sealer.stdin),
    ]);
    expect(theirs).toBe(expected);
  });
});

async function digest(source: AsyncIterable<Uint8Array>): Promise<string> {
  const hash = createHash("sha256");
  for await (const part of source) hash.update(part);
  return hash.digest("hex");
}
