import { spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { compressFrame, compressStream } from "../../../src/seal/node-zstd.ts";
import { compressArguments, decompressStream, findZstd, readZstdReport } from "../../../src/seal/zstd.ts";
import { collect, failure, failureCode, flipped, inPieces, noise, offsets } from "../../unit/seal/streams.ts";

const zstd = await findZstd();
if (zstd === undefined) console.warn("SKIPPED: no zstd binary here, so nothing proves the binary's path.");

/** Our own zstd processes that still live; zombies, which only wait to be read, do not. */
function livingZstd(): string[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        const stat = /^\d+ \((.*)\) (.) (\d+)/s.exec(readFileSync(`/proc/${pid}/stat`, "utf8"));
        return stat?.[1] === "zstd" && stat[2] !== "Z" && stat[3] === String(process.pid);
      } catch {
        return false;
      }
    });
}

describe.skipIf(zstd === undefined)("the zstd binary", () => {
  const whole = { maxBytes: Number.MAX_SAFE_INTEGER, zstd };
  const plain = Buffer.concat([noise(3_000_000), Buffer.alloc(1_000_000)]);
  const stream = Buffer.concat([
    compressFrame(plain.subarray(0, 2_000_000)),
    compressFrame(plain.subarray(2_000_000)),
  ]);

  it("decodes every frame, whatever the pieces are", async () => {
    for (const pieceBytes of [stream.length, 65_536, 4099]) {
      expect((await collect(decompressStream(inPieces(stream, pieceBytes), whole))).equals(plain)).toBe(true);
    }
    expect(livingZstd()).toEqual([]);
  });

  it("reads what Node writes, and Node what it writes", async () => {
    const byNode = await collect(compressStream(inPieces(plain)));
    expect((await collect(decompressStream(inPieces(byNode), whole))).equals(plain)).toBe(true);
    for (const input of [plain, Buffer.alloc(0)]) {
      const run = spawnSync("zstd", compressArguments(2), { input, maxBuffer: 1 << 30 });
      expect(run.status).toBe(0);
      expect(readZstdReport(run.stderr.toString("utf8"))?.rawBytes).toBe(input.length);
      expect((run.stdout[4] ?? 0) & 0b100).toBe(0b100);
      const back = await collect(decompressStream(inPieces(run.stdout), { ...whole, zstd: undefined }));
      expect(back.equals(input)).toBe(true);
    }
    expect(readZstdReport("zstd: error 11 : Allocation error")).toBeUndefined();
  });

  it("takes a cut, changed, lengthened or empty stream for damaged", async () => {
    const ours = stream.subarray(0, 2_000_000);
    for (const at of offsets(ours.length, 8)) {
      expect(await failureCode(collect(decompressStream(inPieces(stream.subarray(0, at)), whole)))).toBe(
        "sealed-file-damaged",
      );
    }
    for (const at of [0, 3, 1000, 1_000_000, stream.length - 1]) {
      expect(await failureCode(collect(decompressStream(inPieces(flipped(stream, at)), whole)))).toBe(
        "sealed-file-damaged",
      );
    }
    const garbage = Buffer.concat([stream, Buffer.from("garbage")]);
    for (const bad of [garbage, Buffer.alloc(0), randomBytes(5_000_000)]) {
      expect(await failureCode(collect(decompressStream(inPieces(bad), whole)))).toBe("sealed-file-damaged");
    }
    expect(livingZstd()).toEqual([]);
  });

  it("is ended when its source fails, also between two frames, and the source's error is the one that travels", async () => {
    const first = compressFrame(plain);
    const broken = new Error("the store broke off");
    for (const upTo of [0, 100, first.length]) {
      async function* source(): AsyncGenerator<Uint8Array> {
        yield* inPieces(first.subarray(0, upTo));
        throw broken;
      }
      await expect(collect(decompressStream(source(), whole))).rejects.toBe(broken);
      expect(livingZstd()).toEqual([]);
    }
  });

  it("is ended when its consumer stops early, also while the source says nothing", async () => {
    for (const hangs of [false, true]) {
      const released = Promise.withResolvers<undefined>();
      async function* source(): AsyncGenerator<Uint8Array> {
        try {
          yield* inPieces(stream);
          if (hangs) await new Promise(() => {});
          for (;;) yield* inPieces(stream);
        } finally {
          released.resolve(undefined);
        }
      }
      for await (const part of decompressStream(source(), whole)) {
        expect(part.length).toBeGreaterThan(0);
        expect(livingZstd()).toHaveLength(1);
        break;
      }
      expect(livingZstd()).toEqual([]);
      if (!hangs) await released.promise;
    }
  });

  it("is stopped at a bomb's limit, which holds exactly", async () => {
    const bomb = compressFrame(Buffer.alloc(256 << 20));
    const error = await failure(collect(decompressStream(inPieces(bomb), { maxBytes: 1 << 20, zstd })));
    expect([error.code, error.message]).toEqual([
      "sealed-file-damaged",
      expect.stringMatching(/more than 1048576 bytes/),
    ]);
    expect(livingZstd()).toEqual([]);
    const exact = await collect(decompressStream(inPieces(stream), { maxBytes: plain.length, zstd }));
    expect(exact.length).toBe(plain.length);
    const short = collect(decompressStream(inPieces(stream), { maxBytes: plain.length - 1, zstd }));
    expect(await failureCode(short)).toBe("sealed-file-damaged");
  });
});

describe("finding zstd", () => {
  it("says when there is none, and running it then names the program", async () => {
    expect(await findZstd("/nowhere/zstd")).toBeUndefined();
    const options = { maxBytes: 1, zstd: "/nowhere/zstd" };
    const error = await failure(collect(decompressStream(inPieces(compressFrame(noise(1))), options)));
    expect([error.code, error.message]).toEqual(["tool-missing", expect.stringContaining("/nowhere/zstd")]);
  });
});
