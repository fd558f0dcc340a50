import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Bucket } from "../../../src/storage/objects.ts";
import { startStorageServer, type StorageServer } from "../../fakes/storage/index.ts";
import { all, clientOf, failure } from "./client.ts";

let server: StorageServer;
beforeEach(async () => {
  server = await startStorageServer();
});
afterEach(() => server.close());

const bucket: Bucket = {
  id: "inner b?&+",
  name: "inner b?&+",
  public: true,
  fileSizeLimit: 1234,
  allowedMimeTypes: ["image/*", "a/b"],
};

describe("buckets", () => {
  test("are all listed, over pages, with their settings and types", async () => {
    for (let at = 0; at < 250; at += 1) await server.addBucket(`b${at}`);
    await server.addBucket("ice", { type: "ANALYTICS" });
    const { api } = clientOf(server);
    await api.createBucket(bucket, "own");
    const found = await api.buckets();
    expect(found).toHaveLength(252);
    expect(found.map(({ id }) => id)).toEqual(found.map(({ id }) => id).toSorted());
    expect(found.find(({ id }) => id === bucket.id)).toMatchObject({ ...bucket, type: "STANDARD" });
    expect(found.find(({ id }) => id === "ice")?.type).toBe("ANALYTICS");
  });

  test("are listed to the end by a server that knows no pages", async () => {
    const rows = await Promise.all(
      Array.from({ length: 100 }, async (_, at) => {
        await server.addBucket(`b${at}`);
        return server.rows.bucket(`b${at}`);
      }),
    );
    server.faults.add({
      matches: "GET /storage/v1/bucket",
      effect: { kind: "status", status: 200, body: rows },
    });
    expect(await clientOf(server).api.buckets()).toHaveLength(100);
  });

  test("are made without limits first, which are set last", async () => {
    const { api } = clientOf(server);
    await api.createBucket(bucket, "none");
    expect((await api.buckets())[0]).toMatchObject({
      public: true,
      fileSizeLimit: null,
      allowedMimeTypes: null,
    });
    await api.updateBucket(bucket);
    expect((await api.buckets())[0]).toMatchObject(bucket);
    await api.updateBucket({ ...bucket, public: false, fileSizeLimit: null, allowedMimeTypes: null });
    expect((await api.buckets())[0]).toMatchObject({
      public: false,
      fileSizeLimit: null,
      allowedMimeTypes: null,
    });
  });

  test("that cannot be made or changed are errors that name nothing to everybody", async () => {
    const { api } = clientOf(server);
    await api.createBucket(bucket, "own");
    const failures = [
      await failure(api.createBucket(bucket, "own")),
      await failure(api.createBucket({ ...bucket, id: "inner/é", name: "inner/é" }, "own")),
      await failure(api.createBucket({ ...bucket, id: "inner-ice", type: "ANALYTICS" }, "own")),
      await failure(api.updateBucket({ ...bucket, id: "inner-none" })),
    ];
    expect(failures.map(({ code }) => code)).toEqual([
      "storage-bucket-exists",
      "storage-request-refused",
      "storage-request-refused",
      "storage-bucket-missing",
    ]);
    expect(failures.filter(({ publicly }) => publicly.includes("inner"))).toEqual([]);
  });
});

describe("deleting objects", () => {
  test("is proven, for few and for many, whatever their keys", async () => {
    await server.addBucket("b");
    const names = ["/lead", "a//b", "trail/", "q?x", ...Array.from({ length: 2300 }, (_, at) => `n/${at}`)];
    for (const name of [...names, "stays"]) await server.addObject("b", { name, size: 1 });
    const { api } = clientOf(server);
    await api.remove("b", ["q?x", "never there"]);
    await api.remove("b", names);
    expect(server.counters.requests.remove).toBe(4);
    expect((await all(api.list("b").objects)).map(({ name }) => name)).toEqual(["stays"]);
    await api.remove("b", []);
    expect(server.blobs.size).toBe(1);
  });

  test.each([3, 1500])(
    "of %i objects that does not happen is an error, whatever the server says",
    async (count) => {
      await server.addBucket("b");
      const names = Array.from({ length: count }, (_, at) => `inner/${at}`);
      for (const name of names) await server.addObject("b", { name, size: 1 });
      server.faults.add({ matches: "DELETE", effect: { kind: "status", status: 200, body: [] } });
      const { code, publicly } = await failure(clientOf(server).api.remove("b", names));
      expect([code, publicly]).toEqual([
        "storage-remove-unproven",
        expect.stringContaining(`${count} of ${count} objects are still there`),
      ]);
    },
  );
});
