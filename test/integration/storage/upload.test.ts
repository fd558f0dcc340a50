import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { UploadMetadata } from "../../../src/supabase/storage-api.ts";
import { type ObjectRow, startStorageServer, type StorageServer } from "../../fakes/storage/index.ts";
import { clientOf, failure, seeded, seededSha256, sha256 } from "./client.ts";

let server: StorageServer;
const mib = 1024 * 1024;

beforeEach(async () => {
  server = await startStorageServer();
  await server.addBucket("inner-bucket");
});
afterEach(() => server.close());

async function put(
  size: number,
  metadata: Partial<UploadMetadata> = {},
  options: Parameters<typeof clientOf>[1] = {},
): Promise<ObjectRow> {
  const object = { bucket: "inner-bucket", name: "inner-name", ...metadata };
  const { api } = clientOf(server, options);
  await api.upload(object, size, () => seeded("source", size));
  const body = await api.download(object.bucket, object.name);
  expect(await sha256(body.bytes)).toBe(seededSha256("source", size));
  return (await server.rows.object(object.bucket, object.name))!;
}

const everything = {
  contentType: "text/html; charset=utf-8",
  cacheControl: "public, max-age=60, immutable",
  userMetadata: { "a b": "ü", deep: { n: [1, null] } },
};

describe("an upload", () => {
  test.each([0, 1, 6 * mib, 6 * mib + 1, 20 * mib])(
    "of %i bytes keeps type, cache control and metadata",
    async (size) => {
      const row = await put(size, everything);
      expect(row.metadata).toMatchObject({
        mimetype: everything.contentType,
        cacheControl: everything.cacheControl,
        size,
      });
      expect(row.user_metadata).toEqual(everything.userMetadata);
    },
  );

  test.each([
    "no-cache",
    "max-age=3600",
    "max-age=0",
    "no-store, private",
    "public, max-age=1",
    "max-age=5, must-revalidate",
  ])("keeps cache control %j, small and big, by TUS where TUS can say it", async (cacheControl) => {
    for (const size of [10, 7 * mib]) {
      const row = await put(size, { cacheControl });
      expect(row.metadata?.["cacheControl"]).toBe(cacheControl);
    }
    const byTus = /^(?:no-cache|max-age=\d+)$/.test(cacheControl);
    expect(server.counters.requests["resumable-create"]).toBe(byTus ? 1 : 0);
  });

  test("keeps user metadata that no header can carry, and the size of the body", async () => {
    const userMetadata = { text: "ä".repeat(300_000) };
    for (const size of [0, 1000, 20 * mib]) {
      const row = await put(size, { userMetadata, cacheControl: "max-age=77", contentType: "x/y" });
      expect(row.user_metadata).toEqual(userMetadata);
      expect(row.metadata).toMatchObject({ size, cacheControl: "max-age=77", mimetype: "x/y" });
    }
    const { code, publicly } = await failure(put(1, { userMetadata, cacheControl: "no-store" }));
    expect([code, /inner/.test(publicly)]).toEqual(["storage-request-refused", false]);
  });

  test("keeps x-robots-tag, which TUS cannot say", async () => {
    const row = await put(7 * mib, { xRobotsTag: "noindex" });
    expect(row.metadata?.["xRobotsTag"]).toBe("noindex");
  });

  test("of odd keys makes that very key, by every way", async () => {
    for (const name of ["/lead", "a//b", "trail/", "q?x&y+z", "it's", "a/../b"]) {
      for (const size of [3, 7 * mib]) expect((await put(size, { name })).name).toBe(name);
    }
  });

  test("replaces, and keeps the row's id", async () => {
    const before = await server.addObject("inner-bucket", { name: "inner-name", size: 3 });
    expect((await put(4)).id).toBe(before.id);
    expect((await put(7 * mib)).id).toBe(before.id);
  });

  test("tries again after faults, from its start where it must", async () => {
    const faults = [
      { kind: "status", status: 429 },
      { kind: "drop" },
      { kind: "reset", after: 100_000 },
      { kind: "drop-answer" },
    ] as const;
    for (const effect of faults) {
      server.faults.add({ matches: "POST /storage/v1/object/inner", times: 1, effect });
      await put(500_000, everything);
      server.faults.add({ matches: "POST /storage/v1/object/inner", times: 1, effect });
      await put(20 * mib, everything);
    }
    server.faults.add({ matches: "POST /storage/v1/object/inner", effect: { kind: "status", status: 503 } });
    const { code, publicly } = await failure(put(5));
    expect([code, /inner/.test(publicly)]).toEqual(["storage-temporary", false]);
  });

  test("that the server does not take says why, and is not repeated", async () => {
    await server.rows.changeBucket("inner-bucket", { file_size_limit: 7 * mib, allowed_mime_types: ["a/b"] });
    for (const size of [10, 7 * mib]) {
      const { code, publicly } = await failure(put(size, { contentType: "c/d" }));
      expect([code, /415/.test(publicly), /inner/.test(publicly)]).toEqual([
        "storage-request-refused",
        true,
        false,
      ]);
    }
    for (const cacheControl of ["no-cache", "no-store"]) {
      const refused = put(8 * mib, { contentType: "a/b", cacheControl }, { tries: 2 });
      expect((await failure(refused)).code).toMatch(/^storage-(?:request-refused|temporary)$/);
    }
    expect((await failure(put(1, { name: "é", contentType: "a/b" }))).code).toBe("object-name-unusable");
    expect((await failure(put(1, { bucket: "none" }))).code).toBe("storage-bucket-missing");
  });

  test.each([10, 7 * mib, 20 * mib])("of a source that is not %i bytes long leaves nothing", async (size) => {
    const { api } = clientOf(server);
    for (const cacheControl of ["no-cache", "no-store"]) {
      const object = { bucket: "inner-bucket", name: "inner-name", cacheControl };
      for (const real of [size - 1, size + 1]) {
        await expect(api.upload(object, size, () => seeded("source", real))).rejects.toMatchObject({
          code: "object-size-wrong",
        });
      }
    }
    expect(await server.rows.object("inner-bucket", "inner-name")).toBeUndefined();
  });

  test("passes on what goes wrong with its source", async () => {
    const { api } = clientOf(server);
    async function* broken(): AsyncGenerator<Uint8Array> {
      yield Buffer.alloc(7 * mib);
      await Promise.resolve();
      throw new Error("the pack is damaged");
    }
    for (const cacheControl of ["no-cache", "no-store"]) {
      const object = { bucket: "inner-bucket", name: "inner-name", cacheControl };
      await expect(api.upload(object, 20 * mib, broken)).rejects.toThrow("the pack is damaged");
    }
    expect(await server.rows.object("inner-bucket", "inner-name")).toBeUndefined();
  });
});

describe("a resumable upload", () => {
  const patch = "PATCH /storage/v1/upload/resumable";
  const size = 20 * mib;

  test("sends chunks of 6 MiB and nothing twice", async () => {
    await put(size);
    expect(server.counters.requests["resumable-patch"]).toBe(4);
    expect(server.counters.bytesReceived).toBe(size);
  });

  test("goes on from the middle of a chunk where the server is", async () => {
    server.faults.add({ matches: patch, skip: 1, times: 2, effect: { kind: "reset", after: 2 * mib } });
    await put(size);
    expect(server.counters.requests["resumable-head"]).toBe(2);
    // Bytes of a broken connection that the server had taken are not sent again.
    expect(server.counters.bytesReceived).toBe(size);
    expect(server.counters.requests["resumable-create"]).toBe(1);
  });

  test.each([409, 423, 500, 503])("asks where the server is after status %i", async (status) => {
    server.faults.add({ matches: patch, every: 2, times: 3, effect: { kind: "status", status } });
    await put(size);
    expect(server.counters.requests["resumable-create"]).toBe(1);
  });

  test("begins again when the upload has expired", async () => {
    server.faults.add({ matches: patch, skip: 2, times: 1, effect: { kind: "status", status: 503 } });
    let opened = 0;
    const { api } = clientOf(server, {
      sleep: () => {
        server.resumables.expireAll();
        return Promise.resolve();
      },
    });
    await api.upload({ bucket: "inner-bucket", name: "inner-name" }, size, () => {
      opened += 1;
      return seeded("source", size);
    });
    expect(opened).toBe(2);
    const body = await api.download("inner-bucket", "inner-name");
    expect(await sha256(body.bytes)).toBe(seededSha256("source", size));
  });

  test("whose last answer was lost is finished only if the object is there", async () => {
    server.faults.add({ matches: patch, skip: 3, times: 1, effect: { kind: "drop-answer" } });
    await put(size);
    expect(server.counters.requests["resumable-create"]).toBe(1);
    // All bytes arrived, but they did not become the object: an old one of the same size stands there.
    await server.addObject("inner-bucket", { name: "old", size, seed: "old" });
    const upsert = server.rows.upsert.bind(server.rows);
    let failing = true;
    Object.assign(server.rows, {
      upsert: (...args: Parameters<typeof upsert>) => {
        if (failing) {
          failing = false;
          throw new Error("the database is gone for a moment");
        }
        return upsert(...args);
      },
    });
    await put(size, { name: "old" });
  });

  test("gives up after tries that brought nothing", async () => {
    server.faults.add({ matches: patch, effect: { kind: "status", status: 423 } });
    const { code, publicly } = await failure(put(size));
    expect([code, /inner/.test(publicly)]).toEqual(["storage-temporary", false]);
  });
});
