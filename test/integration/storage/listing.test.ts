import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { compareUtf8 } from "../../../src/storage/objects.ts";
import { startStorageServer, type StorageServer } from "../../fakes/storage/index.ts";
import { all, clientOf, failure } from "./client.ts";

let server: StorageServer;
const odd = [
  "/lead",
  "//",
  "a//b",
  "trail/",
  "q?x&y+z",
  "sp ace",
  "Foo/x",
  "foo.txt",
  "foo-1",
  "é/\u{1F600}",
  "é/\uFFFD",
];
const byBytes = (names: readonly string[]): string[] => [...names].sort(compareUtf8);

beforeEach(async () => {
  server = await startStorageServer();
  await server.addBucket("inner?bucket");
});
afterEach(() => server.close());

async function add(names: readonly string[], to = server): Promise<void> {
  for (const name of names) await to.addObject("inner?bucket", { name, size: 1 });
}

async function names(of = server, prefix?: string): Promise<string[]> {
  return (await all(clientOf(of).api.list("inner?bucket", prefix).objects)).map(({ name }) => name);
}

describe("a listing", () => {
  test("finds every key, in the order of bytes, over many pages", async () => {
    const many = Array.from({ length: 2500 }, (_, at) => `n/${at}`);
    await add([...odd, ...many]);
    const listing = clientOf(server).api.list("inner?bucket");
    const objects = await all(listing.objects);
    expect(objects.map(({ name }) => name)).toEqual(byBytes([...odd, ...many]));
    expect([listing.how(), listing.unseen()]).toEqual(["list-v2", undefined]);
    expect(server.counters.requests["list-v2"]).toBe(3);
  });

  test("tells what a page knows, numbers that are texts included", async () => {
    await server.addObject("inner?bucket", {
      name: "a",
      size: 5,
      contentType: "a/b",
      cacheControl: "no-store",
    });
    const row = (await server.rows.object("inner?bucket", "a"))!;
    await server.rows.upsert("inner?bucket", {
      name: "a",
      version: row.version!,
      metadata: { ...row.metadata, size: "5" },
      userMetadata: null,
    });
    const [object] = await all(clientOf(server).api.list("inner?bucket").objects);
    expect(object).toMatchObject({
      bucket: "inner?bucket",
      name: "a",
      id: row.id,
      size: 5,
      etag: row.metadata?.["eTag"],
      contentType: "a/b",
      cacheControl: "no-store",
    });
    expect(object).not.toHaveProperty("userMetadata");
    expect(object).not.toHaveProperty("version");
    const info = await clientOf(server).api.info("inner?bucket", "a");
    expect(info).toMatchObject({ version: row.version, userMetadata: null, size: 5 });
  });

  test("of a prefix minds its case", async () => {
    await add(["Foo/x", "foo/x", "foo/y", "foobar", "fo"]);
    expect(await names(server, "foo")).toEqual(["foo/x", "foo/y", "foobar"]);
  });

  test("of an empty bucket is empty, of a missing one an error", async () => {
    expect(await names()).toEqual([]);
    const { code, publicly } = await failure(all(clientOf(server).api.list("inner-none").objects));
    expect([code, /inner/.test(publicly)]).toEqual(["storage-bucket-missing", false]);
  });

  test("that errors on its third page throws after its tries, and never ends early", async () => {
    await add(Array.from({ length: 3500 }, (_, at) => `n${at}`));
    server.faults.add({ matches: "list-v2", skip: 2, times: 1, effect: { kind: "status", status: 544 } });
    expect(await names()).toHaveLength(3500);
    server.faults.clear();
    server.faults.add({ matches: "list-v2", skip: 2, effect: { kind: "status", status: 500 } });
    const { code, publicly } = await failure(names());
    expect([code, /inner/.test(publicly)]).toEqual(["storage-temporary", false]);
  });

  test.each([
    ["out of order", { hasNext: false, objects: [object("b"), object("a")] }],
    ["with a key twice", { hasNext: false, objects: [object("a"), object("a")] }],
    ["going on nowhere", { hasNext: true, objects: [object("a")] }],
    ["empty and going on", { hasNext: true, nextCursor: "x", objects: [] }],
    ["of another shape", { objects: "none" }],
  ])("%s is not relied on", async (_, body) => {
    await add(["a", "b"]);
    server.faults.add({ matches: "list-v2", effect: { kind: "status", status: 200, body } });
    const { code, publicly } = await failure(names());
    expect([code, /inner/.test(publicly)]).toEqual(["storage-list-failed", false]);
  });

  test("holds one page at a time", async () => {
    await add(Array.from({ length: 5000 }, (_, at) => `n${at}`));
    let seen = 0;
    for await (const { bucket } of clientOf(server).api.list("inner?bucket").objects) {
      seen += bucket.length > 0 ? 1 : 0;
      // No page is asked for before the one before it is used up.
      expect(server.counters.requests["list-v2"]).toBe(Math.ceil(seen / 1000));
    }
    expect(seen).toBe(5000);
  });
});

function object(name: string): Record<string, unknown> {
  return { name, id: name, metadata: null };
}

describe("a walk, where the server has no list-v2", () => {
  let old: StorageServer;
  beforeEach(async () => {
    old = await startStorageServer({ hasListV2: false });
    await old.addBucket("inner?bucket");
  });
  afterEach(() => old.close());

  test("finds what it can in the same order, with versions, and says what it cannot", async () => {
    const seen = [
      "Z",
      "a",
      "foo-1",
      "foo.txt",
      "foo/",
      "foo/bar/x",
      "foo/y",
      "foo0",
      "q?x",
      "é/\u{1F600}",
      "é/\uFFFD",
    ];
    await add(seen, old);
    await add(["/lead", "t//x"], old);
    const listing = clientOf(old).api.list("inner?bucket");
    const objects = await all(listing.objects);
    expect(objects.map(({ name }) => name)).toEqual(byBytes(seen.filter((name) => !name.endsWith("/"))));
    expect(listing.how()).toBe("list-walk");
    expect(listing.unseen()).toMatch(/not seen/);
    expect(listing.unseen()).not.toMatch(/inner/);
    // The server answers no question about keys that it refuses, and lists them all the same.
    for (const { name, version, lastAccessedAt } of objects)
      expect([name, version !== undefined, lastAccessedAt != null]).toEqual([
        name,
        !name.startsWith("é"),
        true,
      ]);
  });

  test("goes into folders of more than a page", async () => {
    const many = Array.from({ length: 2300 }, (_, at) => `deep/er/${at}`);
    await add(many, old);
    expect(await names(old)).toEqual(byBytes(many));
    expect(await names(old, "deep/er/22")).toEqual(
      byBytes(many.filter((name) => name.startsWith("deep/er/22"))),
    );
  });

  test("keeps objects apart whose names differ in case", async () => {
    await add(["a/X", "a/x", "B", "b"], old);
    expect(await names(old)).toEqual(["B", "a/X", "a/x", "b"]);
  });

  test.each([
    ["the objects of both", ["Foo/a", "foo/b"]],
    ["the same name in both", ["Foo/a", "foo/a"]],
    ["a folder within", ["Foo/a", "foo/sub/b"]],
  ])("refuses folders that differ in case rather than mix or lose them: %s", async (_, both) => {
    await add(both, old);
    const { code, publicly } = await failure(names(old));
    expect([code, /foo/i.test(publicly)]).toEqual(["storage-list-failed", false]);
  });

  test("passes over what is deleted while it walks", async () => {
    await add(["a/1", "a/2", "a/3"], old);
    const found: string[] = [];
    old.faults.add({ matches: "info", skip: 1, times: 1, effect: { kind: "status", status: 503 } });
    const { api } = clientOf(old, {
      sleep: async () => {
        await old.rows.remove("inner?bucket", ["a/2"]);
      },
    });
    for await (const { name } of api.list("inner?bucket").objects) found.push(name);
    expect(found).toEqual(["a/1", "a/3"]);
  });

  test("throws when a page fails for good", async () => {
    await add(["a/1", "b/2"], old);
    old.faults.add({ matches: "object/list/", skip: 3, effect: { kind: "status", status: 500 } });
    expect((await failure(names(old))).code).toBe("storage-temporary");
  });

  test("is not begun because of any other error", async () => {
    const body = { statusCode: "404", error: "not_found", message: "x", code: "NoSuchBucket" };
    server.faults.add({ matches: "list-v2", effect: { kind: "status", status: 400, body } });
    expect((await failure(names())).code).toBe("storage-bucket-missing");
    expect(server.counters.requests.list).toBe(0);
  });
});
