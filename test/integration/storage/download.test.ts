import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { AdaptiveLimit } from "../../../src/system/adaptive-limit.ts";
import { startStorageServer, type StorageServer } from "../../fakes/storage/index.ts";
import { clientOf, failure, seededSha256, sha256 } from "./client.ts";

let server: StorageServer;
const size = 300_000;
const download = "GET /storage/v1/object/authenticated";

beforeEach(async () => {
  server = await startStorageServer();
  await server.addBucket("inner-bucket");
  await server.addObject("inner-bucket", { name: "inner-name", size });
});
afterEach(() => server.close());

async function read(options: Parameters<typeof clientOf>[1] = {}, expected = {}): Promise<string> {
  const body = await clientOf(server, options).api.download("inner-bucket", "inner-name", expected);
  expect(body.size).toBe(size);
  return sha256(body.bytes);
}
const right = seededSha256("inner-name", size);

describe("a download", () => {
  test("is whole with both kinds of keys, and its type is not asked of the answer", async () => {
    expect(await read()).toBe(right);
    expect(await read({ key: server.serviceKey })).toBe(right);
  });

  test("of odd keys reads that very key, or says that the server does not serve it", async () => {
    const old = await startStorageServer({ readsOddKeys: true });
    await old.addBucket("inner-bucket");
    const { api } = clientOf(old);
    const names = [
      "/lead",
      "//",
      "a//b",
      "trail/",
      "q?x&y+z=1",
      "sp ace",
      "it's",
      "a/../b",
      "./c",
      "%41",
      "é/日本#[1]",
    ];
    for (const name of names) await old.addObject("inner-bucket", { name, size: 20 });
    for (const name of names) {
      const body = await api.download("inner-bucket", name);
      expect(await sha256(body.bytes), name).toBe(seededSha256(name, 20));
      expect((await api.info("inner-bucket", name))?.name, name).toBe(name);
    }
    await old.close();
    for (const name of ["%41", "é/日本#[1]", ".."]) {
      await server.addObject("inner-bucket", { name, size: 20 });
      const reading = clientOf(server).api.download("inner-bucket", name);
      await expect(reading).rejects.toMatchObject({ code: "object-name-unusable" });
    }
  });

  test.each([429, 500, 503, 544, 423])("tries again after status %i, longer each time", async (status) => {
    server.faults.add({ matches: download, times: 3, effect: { kind: "status", status } });
    const { api, waits } = clientOf(server);
    expect(await sha256((await api.download("inner-bucket", "inner-name")).bytes)).toBe(right);
    expect(waits).toEqual([500, 1000, 2000]);
  });

  test("waits as long as the server asks, and spreads its waits by chance", async () => {
    const effect = { kind: "status", status: 429, headers: { "retry-after": "7" } } as const;
    server.faults.add({ matches: download, times: 1, effect });
    server.faults.add({ matches: download, times: 1, effect: { kind: "status", status: 503 } });
    const { api, waits } = clientOf(server, { random: () => 0.5 });
    await (await api.download("inner-bucket", "inner-name"))[Symbol.asyncDispose]();
    expect(waits).toEqual([7000, 1500]);
  });

  test("gives up after its tries, naming nothing to everybody", async () => {
    server.faults.add({ matches: download, effect: { kind: "status", status: 544 } });
    const { code, publicly } = await failure(read());
    expect(code).toBe("storage-temporary");
    expect(publicly).not.toMatch(/inner/);
    expect(server.counters.requests.download).toBe(0);
  });

  test("goes on where the connection was reset, without reading anything twice", async () => {
    server.faults.add({ matches: download, times: 3, effect: { kind: "reset", after: 50_000 } });
    server.faults.add({ matches: download, times: 1, effect: { kind: "drop" } });
    expect(await read()).toBe(right);
    expect(server.counters.bytesServed).toBe(size);
  });

  test.each(["length", "chunked"] as const)("is not content with a short body (%s)", async (framing) => {
    server.faults.add({ matches: download, times: 1, effect: { kind: "short", after: 1234, framing } });
    expect(await read({}, { size })).toBe(right);
    server.faults.add({ matches: download, effect: { kind: "short", after: 0, framing } });
    const { code, publicly } = await failure(read({}, { size }));
    expect([code, /inner/.test(publicly)]).toEqual(["storage-read-failed", false]);
  });

  test("without a Content-Length is measured against the object's row", async () => {
    server.faults.add({ matches: download, times: 1, effect: { kind: "chunked" } });
    expect(await read()).toBe(right);
    expect(server.counters.requests.info).toBe(1);
    server.faults.add({
      matches: download,
      times: 1,
      effect: { kind: "short", after: 10, framing: "chunked" },
    });
    expect(await read()).toBe(right);
  });

  test("ends a silence", async () => {
    server.faults.add({ matches: download, times: 1, effect: { kind: "stall", after: 1000 } });
    expect(await read({ idleMs: 100 })).toBe(right);
  });

  test("does not glue two versions together", async () => {
    server.faults.add({ matches: download, times: 1, effect: { kind: "reset", after: 50_000 } });
    const { api } = clientOf(server, {
      sleep: async () => {
        await server.addObject("inner-bucket", { name: "inner-name", size, seed: "another version" });
      },
    });
    const body = await api.download("inner-bucket", "inner-name");
    const { code, publicly } = await failure(sha256(body.bytes));
    expect([code, /inner/.test(publicly)]).toEqual(["storage-object-changed", false]);
  });

  test("that was replaced since it was listed says so", async () => {
    expect((await failure(read({}, { size: size - 1 }))).code).toBe("storage-object-changed");
    expect((await failure(read({}, { etag: '"another"' }))).code).toBe("storage-object-changed");
    const etag = (await clientOf(server).api.info("inner-bucket", "inner-name"))!.etag!;
    expect(await read({}, { size, etag })).toBe(right);
    server.faults.add({ matches: download, effect: { kind: "wrong-etag" } });
    expect((await failure(read({}, { size, etag }))).code).toBe("storage-object-changed");
  });

  test("tells a missing object from a row without bytes, and from a missing bucket", async () => {
    const { api } = clientOf(server);
    expect((await failure(api.download("inner-bucket", "none"))).code).toBe("storage-object-missing");
    expect((await failure(api.download("none", "none"))).code).toBe("storage-bucket-missing");
    const row = await server.rows.object("inner-bucket", "inner-name");
    server.blobs.delete(row!.version!);
    const { code, publicly } = await failure(api.download("inner-bucket", "inner-name"));
    expect([code, /inner/.test(publicly)]).toEqual(["storage-object-unreadable", false]);
    // An S3 backend says "not found" instead.
    const body = {
      statusCode: "404",
      error: "Not found",
      message: "The resource was not found",
      code: "NoSuchKey",
    };
    server.faults.add({ matches: download, effect: { kind: "status", status: 400, body } });
    expect((await failure(api.download("inner-bucket", "inner-name"))).code).toBe(
      "storage-object-unreadable",
    );
    await server.rows.remove("inner-bucket", ["inner-name"]);
    expect((await failure(api.download("inner-bucket", "inner-name"))).code).toBe("storage-object-missing");
  });

  test("does not take a stranger's 404 for a missing object", async () => {
    const body = { message: "no Route matched with those values" };
    server.faults.add({ matches: "info", effect: { kind: "status", status: 404, body } });
    expect((await failure(clientOf(server).api.info("inner-bucket", "x"))).code).toBe(
      "storage-request-refused",
    );
  });

  test("fails clearly where the server is gone or the key is not taken", async () => {
    const wrong = clientOf(server, { key: `${server.secretKey}x` });
    expect((await failure(wrong.api.download("inner-bucket", "inner-name"))).code).toBe(
      "storage-key-refused",
    );
    const { api, waits } = clientOf(server);
    await server.close();
    expect((await failure(api.download("inner-bucket", "inner-name"))).code).toBe("storage-temporary");
    expect(waits).toHaveLength(4);
  });

  test("stops when it is told to", async () => {
    const abort = new AbortController();
    const body = await clientOf(server, { signal: abort.signal }).api.download("inner-bucket", "inner-name");
    abort.abort(new Error("cancelled"));
    await expect(sha256(body.bytes)).rejects.toThrow("cancelled");
  });

  test("follows no redirect, which would carry the key elsewhere", async () => {
    const effect = { kind: "status", status: 302, headers: { location: "http://127.0.0.1:1/" } } as const;
    server.faults.add({ matches: download, effect });
    expect((await failure(read())).code).toBe("storage-request-refused");
  });
});

describe("many downloads", () => {
  test("are as many at once as the limit says, fewer after an overload, and all right in the end", async () => {
    const limiter = new AdaptiveLimit(4);
    server.latencyMs = 5;
    const { api } = clientOf(server, { limiter });
    server.faults.add({ matches: download, every: 4, effect: { kind: "status", status: 503 } });
    const names = Array.from({ length: 40 }, (_, at) => `n${at}`);
    for (const name of names) await server.addObject("inner-bucket", { name, size: 10_000 });
    let lowest = limiter.limit;
    const hashes = await Promise.all(
      names.map(async (name) => {
        const hash = await sha256((await api.download("inner-bucket", name)).bytes);
        lowest = Math.min(lowest, limiter.limit);
        return hash;
      }),
    );
    expect(hashes).toEqual(names.map((name) => seededSha256(name, 10_000)));
    expect(server.mostAtOnce).toBeLessThanOrEqual(4);
    expect(lowest).toBeLessThan(4);
    expect(limiter.inUse).toBe(0);
  });

  test("give their slots back however they end", async () => {
    const limiter = new AdaptiveLimit(1);
    const { api } = clientOf(server, { limiter, tries: 2 });
    await (await api.download("inner-bucket", "inner-name"))[Symbol.asyncDispose]();
    await failure(api.download("inner-bucket", "none"));
    await failure(api.download("inner-bucket", "inner-name", { size: 1 }));
    const reading = (await api.download("inner-bucket", "inner-name")).bytes[Symbol.asyncIterator]();
    await reading.next();
    await reading.return?.();
    server.faults.add({ matches: download, effect: { kind: "drop" } });
    await failure(api.download("inner-bucket", "inner-name"));
    expect(limiter.inUse).toBe(0);
  });

  test("of 1 GB hold little of it in memory", { timeout: 120_000 }, async () => {
    const big = 1024 ** 3;
    await server.addObject("inner-bucket", { name: "big", size: big });
    const body = await clientOf(server).api.download("inner-bucket", "big");
    // What was served and not yet read lies in buffers, the server's own and the kernel's included.
    let [received, mostHeld] = [0, 0];
    for await (const chunk of body.bytes) {
      received += chunk.length;
      mostHeld = Math.max(mostHeld, server.counters.bytesServed - received);
      // Slower than the server, so that a client which reads ahead would pile up.
      if (received % (64 * 1024 * 1024) < chunk.length)
        await new Promise((resolve) => setTimeout(resolve, 20));
    }
    expect(received).toBe(big);
    expect(mostHeld).toBeLessThan(32 * 1024 * 1024);
  });
});
