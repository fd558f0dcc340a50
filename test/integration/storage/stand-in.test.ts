/** Holds the stand-in to what the real Storage API was seen to do, by the vendor's client, fetch and curl. */
import { execFile, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { promisify } from "node:util";
import { StorageApiError, StorageClient } from "@supabase/storage-js";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { seededBytes, startStorageServer, type StorageServer } from "../../fakes/storage/index.ts";

const run = promisify(execFile);
let server: StorageServer;
let client: StorageClient;
const legacy = (): Record<string, string> => ({
  apikey: server.serviceKey,
  authorization: `Bearer ${server.serviceKey}`,
});

beforeAll(async () => {
  server = await startStorageServer();
  client = new StorageClient(`${server.url}/storage/v1`, legacy());
  await server.addBucket("photos");
});
afterAll(() => server.close());

async function refused(path: string, init: RequestInit = {}): Promise<[number, string, string]> {
  const response = await fetch(`${server.url}/storage/v1${path}`, { headers: legacy(), ...init });
  const body = (await response.json()) as { statusCode: string; code: string };
  return [response.status, body.statusCode, body.code];
}

describe("errors", () => {
  test("carry the true status in the body of a 400", async () => {
    expect(await refused("/object/authenticated/photos/none")).toEqual([400, "404", "NoSuchKey"]);
    expect(await refused("/object/none/none")).toEqual([400, "404", "NoSuchBucket"]);
    expect(await refused("/object/photos/%C3%A9", { method: "POST", body: "x" })).toEqual([
      400,
      "400",
      "InvalidKey",
    ]);
    const bad = { headers: { apikey: server.serviceKey, authorization: "Bearer sb_secret_x" } };
    expect(await refused("/bucket", bad)).toEqual([400, "403", "AccessDenied"]);
    await server.addObject("photos", { name: "error/lost", size: 3 });
    server.blobs.delete((await server.rows.object("photos", "error/lost"))!.version!);
    expect(await refused("/object/photos/error/lost")).toEqual([500, "500", "InternalError"]);
  });

  test("reach the vendor's client with status, code and message", async () => {
    await client.createBucket("twice", { public: false });
    const { error } = await client.createBucket("twice", { public: false });
    expect(error).toBeInstanceOf(StorageApiError);
    expect(error).toMatchObject({ status: 400, statusCode: "409", code: "BucketAlreadyExists" });
  });
});

describe("keys", () => {
  test("of both kinds are taken as the gateway takes them", async () => {
    const status = async (headers: Record<string, string>): Promise<number> =>
      (await fetch(`${server.url}/storage/v1/bucket`, { headers })).status;
    const { secretKey } = server;
    expect(await status({ apikey: secretKey })).toBe(200);
    expect(await status({ apikey: secretKey, authorization: `Bearer ${secretKey}` })).toBe(200);
    expect(await status({ authorization: `Bearer ${secretKey}` })).toBe(400);
    expect(await status({ apikey: secretKey, "user-agent": "Mozilla/5.0 (X11)" })).toBe(401);
    expect(await status({})).toBe(400);
    await using selfHosted = await startStorageServer({ knowsSecretKeys: false });
    const response = await fetch(`${selfHosted.url}/storage/v1/bucket`, { headers: { apikey: secretKey } });
    expect(response.status).toBe(401);
  });

  test("without the service role see nothing, and no error either", async () => {
    const anonymous = new StorageClient(`${server.url}/storage/v1`, {
      apikey: server.anonKey,
      authorization: `Bearer ${server.anonKey}`,
    });
    await server.addObject("photos", { name: "hidden", size: 1 });
    expect(await anonymous.listBuckets()).toEqual({ data: [], error: null });
    expect((await anonymous.from("photos").list()).data).toEqual([]);
    expect((await anonymous.from("photos").listV2()).data?.objects).toEqual([]);
  });
});

describe("buckets", () => {
  test("are made, listed by page, changed, and only removed when empty", async () => {
    const made = { public: true, fileSizeLimit: "1kb", allowedMimeTypes: ["image/*"] };
    expect((await client.createBucket("a-bucket", made)).data).toEqual({ name: "a-bucket" });
    const page = await client.listBuckets({ limit: 1, offset: 0, sortColumn: "id", sortOrder: "asc" });
    expect(page.data).toEqual([
      expect.objectContaining({ id: "a-bucket", public: true, file_size_limit: 1000, type: "STANDARD" }),
    ]);
    await client.updateBucket("a-bucket", { public: false, fileSizeLimit: null, allowedMimeTypes: null });
    const { data } = await client.getBucket("a-bucket");
    expect(data).toMatchObject({ public: false, file_size_limit: null, allowed_mime_types: null });
    expect(data).not.toHaveProperty("type");
    await server.addObject("a-bucket", { name: "x", size: 1 });
    expect((await client.deleteBucket("a-bucket")).error).toMatchObject({ statusCode: "409" });
    expect((await client.emptyBucket("a-bucket")).data?.message).toMatch(/queued/);
    expect((await client.from("a-bucket").list()).data).toHaveLength(1);
    await server.runQueue();
    expect((await client.from("a-bucket").list()).data).toHaveLength(0);
    expect((await client.deleteBucket("a-bucket")).error).toBeNull();
  });

  test("hold service keys to their limits and types, and folder placeholders to 0 bytes", async () => {
    await client.createBucket("small", {
      public: false,
      fileSizeLimit: 10,
      allowedMimeTypes: ["text/plain"],
    });
    const from = client.from("small");
    expect((await from.upload("big", "01234567890", { contentType: "text/plain" })).error).toMatchObject({
      statusCode: "413",
    });
    expect((await from.upload("a.png", "x", { contentType: "image/png" })).error).toMatchObject({
      statusCode: "415",
    });
    const placeholder = "f/.emptyFolderPlaceholder";
    expect((await from.upload(placeholder, "x", { contentType: "a/b" })).error).toMatchObject({
      statusCode: "413",
    });
    expect((await from.upload(placeholder, "", { contentType: "a/b" })).error).toBeNull();
  });
});

describe("listing", () => {
  const odd = ["/lead.bin", "t//double.bin", "trail/", "q?x.txt"];

  beforeAll(async () => {
    await server.addBucket("lists");
    for (const name of ["Dir/a", "dir/b", "dir/sub/c", "Z", "a", ...odd]) {
      await server.addObject("lists", { name, size: 1 });
    }
  });

  test("by level ignores the prefix's case and misses keys with empty segments", async () => {
    const root = await client.from("lists").list("");
    expect(root.data?.map(({ name, id }) => [name, id === null])).toEqual([
      ["a", false],
      ["Dir", true],
      ["q?x.txt", false],
      ["t", true],
      ["trail", true],
      ["Z", false],
    ]);
    expect((await client.from("lists").list("DIR")).data?.map(({ name }) => name)).toEqual(["a", "b", "sub"]);
    expect((await client.from("lists").list("trail")).data).toEqual([]);
    expect(
      (await client.from("lists").list("", { limit: 2, offset: 1 })).data?.map(({ name }) => name),
    ).toEqual(["Dir", "q?x.txt"]);
  });

  test("gives 100 unless asked and 1500 at most", async () => {
    await server.addBucket("many");
    for (let at = 0; at < 1600; at += 1) await server.addObject("many", { name: `n${at}`, size: 0 });
    expect((await client.from("many").list("")).data).toHaveLength(100);
    expect((await client.from("many").list("", { limit: 5000 })).data).toHaveLength(1500);
    const page = await client.from("many").listV2({ limit: 5000 });
    expect(page.data?.objects).toHaveLength(1000);
    const rest = await client.from("many").listV2({ cursor: page.data!.nextCursor! });
    expect(rest.data?.objects).toHaveLength(600);
    expect(rest.data).toMatchObject({ hasNext: false });
  });

  test("by list-v2 finds every key, in the order of its bytes, with the prefix's case", async () => {
    const { data } = await client.from("lists").listV2();
    expect(data?.objects.map(({ name }) => name)).toEqual([
      "/lead.bin",
      "Dir/a",
      "Z",
      "a",
      "dir/b",
      "dir/sub/c",
      "q?x.txt",
      "t//double.bin",
      "trail/",
    ]);
    expect(
      (await client.from("lists").listV2({ prefix: "dir/" })).data?.objects.map(({ name }) => name),
    ).toEqual(["dir/b", "dir/sub/c"]);
    const level = await client.from("lists").listV2({ with_delimiter: true, limit: 3 });
    expect(level.data?.folders.map(({ name }) => name)).toEqual(["/", "Dir/"]);
    const next = await client.from("lists").listV2({ with_delimiter: true, cursor: level.data!.nextCursor! });
    expect(next.data?.folders.map(({ name }) => name)).toEqual(["dir/", "t/", "trail/"]);
    expect(next.data?.objects.map(({ name }) => name)).toEqual(["a", "q?x.txt"]);
  });

  test("by list-v2 is an upload for an old server, whose errors have no code", async () => {
    await using old = await startStorageServer({ hasListV2: false });
    const asked = await new StorageClient(`${old.url}/storage/v1`, { apikey: old.secretKey })
      .from("x")
      .listV2();
    expect(asked.error).toMatchObject({ status: 400, statusCode: "404", message: "Bucket not found" });
    expect((asked.error as { code?: unknown }).code).toBeUndefined();
  });
});

describe("downloads", () => {
  test("whose bytes are gone fail, where info, listings and HEAD do not", async () => {
    await server.addObject("photos", { name: "gone/1", size: 5 });
    const row = (await server.rows.object("photos", "gone/1"))!;
    server.blobs.delete(row.version!);
    expect(await refused("/object/authenticated/photos/gone/1")).toEqual([500, "500", "InternalError"]);
    const head = { method: "HEAD", headers: legacy() };
    const url = `${server.url}/storage/v1/object`;
    expect((await fetch(`${url}/authenticated/photos/gone/1`, head)).status).toBe(200);
    expect((await fetch(`${url}/info/photos/gone/1`, { headers: legacy() })).status).toBe(200);
    expect((await client.from("photos").list("gone")).data).toMatchObject([{ name: "1" }]);
  });

  test("and questions are refused for keys that no upload may have", async () => {
    await server.addObject("photos", { name: "50%", size: 5 });
    for (const path of ["/object/authenticated/photos/50%25", "/object/info/photos/50%25"])
      expect(await refused(path)).toEqual([400, "400", "InvalidKey"]);
  });

  test("serve ranges, know ETags, and give HTML as plain text", async () => {
    const size = 100_000;
    await server.addObject("photos", {
      name: "page.html",
      size,
      contentType: "text/html",
      cacheControl: "no-store",
    });
    const url = `${server.url}/storage/v1/object/authenticated/photos/page.html`;
    const bytes = Buffer.concat([...seededBytes("page.html", 0, size)]);
    const etag = `"${createHash("md5").update(bytes).digest("hex")}"`;
    const get = (headers: Record<string, string>): Promise<Response> =>
      fetch(url, { headers: { ...legacy(), ...headers } });
    const whole = await get({});
    expect(Buffer.from(await whole.arrayBuffer()).equals(bytes)).toBe(true);
    expect(Object.fromEntries(whole.headers)).toMatchObject({
      "content-type": "text/plain",
      "accept-ranges": "bytes",
      etag,
      "cache-control": "no-store",
    });
    const part = await get({ range: "bytes=70001-70009" });
    expect([part.status, part.headers.get("content-range")]).toEqual([206, `bytes 70001-70009/${size}`]);
    expect(Buffer.from(await part.arrayBuffer()).equals(bytes.subarray(70_001, 70_010))).toBe(true);
    expect((await get({ range: `bytes=${size}-` })).status).toBe(416);
    expect((await get({ "if-none-match": etag })).status).toBe(304);
    // The Storage API does not hand If-Match on.
    expect((await get({ "if-match": '"other"' })).status).toBe(200);
  });

  test("of objects that need neither disk nor memory", async () => {
    const made = await server.addObject("photos", { name: "giant", size: 1024 ** 3 });
    expect(made.metadata?.["eTag"]).toMatch(/^"[0-9a-f]{32}-64"$/);
    const tail = await fetch(`${server.url}/storage/v1/object/photos/giant`, {
      headers: { ...legacy(), range: `bytes=${1024 ** 3 - 5}-` },
    });
    expect(Buffer.from(await tail.arrayBuffer())).toEqual(
      Buffer.concat([...seededBytes("giant", 1024 ** 3 - 5, 1024 ** 3)]),
    );
  });
});

describe("uploads", () => {
  const stored = async (key: string): Promise<unknown> => {
    const row = await server.rows.object("photos", key);
    return {
      cacheControl: row?.metadata?.["cacheControl"],
      mimetype: row?.metadata?.["mimetype"],
      user: row?.user_metadata,
    };
  };

  test("keep id and creation, replace version, and make missing metadata {}", async () => {
    const before = await server.addObject("photos", { name: "up", size: 1, userMetadata: { a: 1 } });
    expect((await client.from("photos").upload("up", "x")).error).toMatchObject({ statusCode: "409" });
    await client.from("photos").upload("up", "xy", { upsert: true, contentType: "text/css" });
    const after = await server.rows.object("photos", "up");
    expect(after).toMatchObject({ id: before.id, created_at: before.created_at, user_metadata: {} });
    expect(after?.version).not.toBe(before.version);
    expect(after?.metadata).toMatchObject({
      size: 2,
      eTag: `"${createHash("md5").update("xy").digest("hex")}"`,
    });
  });

  test("as raw body keep cache control, as form make it max-age", async () => {
    const raw = { headers: { "cache-control": "public, max-age=60, immutable" }, metadata: { a: "b" } };
    await client.from("photos").upload("raw", "x", { ...raw, contentType: "text/css" });
    expect(await stored("raw")).toEqual({
      cacheControl: "public, max-age=60, immutable",
      mimetype: "text/css",
      user: { a: "b" },
    });
    const blob = new Blob(["x"], { type: "image/png" });
    await client.from("photos").upload("form", blob, { cacheControl: "77", metadata: { c: "d" } });
    expect(await stored("form")).toEqual({
      cacheControl: "max-age=77",
      mimetype: "image/png",
      user: { c: "d" },
    });
    expect((await server.rows.object("photos", "form"))?.metadata?.["eTag"]).toMatch(/-1"$/);
    await fetch(`${server.url}/storage/v1/object/photos/bare`, {
      method: "POST",
      headers: legacy(),
      body: Buffer.from("x"),
    });
    expect(await stored("bare")).toEqual({
      cacheControl: "no-cache",
      mimetype: "application/octet-stream",
      user: {},
    });
  });

  test("by TUS take 6 MiB chunks in order, one writer at a time", async () => {
    const mib6 = 6 * 1024 * 1024;
    const encode = (text: string): string => Buffer.from(text).toString("base64");
    const metadata = {
      bucketName: "photos",
      objectName: "tus//odd?",
      contentType: "a/b",
      cacheControl: "public",
    };
    const tus = (
      path: string,
      method: string,
      headers: Record<string, string>,
      body?: Uint8Array,
    ): Promise<Response> =>
      fetch(`${server.url}/storage/v1/upload/resumable${path}`, {
        method,
        headers: { ...legacy(), "tus-resumable": "1.0.0", ...headers },
        ...(body === undefined ? {} : { body: body as Uint8Array<ArrayBuffer> }),
      });
    const create = (): Promise<Response> =>
      tus("", "POST", {
        "upload-length": String(mib6 + 5),
        "upload-metadata": Object.entries(metadata)
          .map(([name, value]) => `${name} ${encode(value)}`)
          .join(","),
      });
    const created = await create();
    expect(created.status).toBe(201);
    const id = `/${created.headers.get("location")!.split("/").at(-1)!}`;
    const chunk = (offset: number, length: number): Promise<Response> =>
      tus(
        id,
        "PATCH",
        { "upload-offset": String(offset), "content-type": "application/offset+octet-stream" },
        Buffer.alloc(length, 7),
      );
    expect((await chunk(0, 100)).status).toBe(400);
    expect((await chunk(5, mib6)).status).toBe(409);
    expect((await chunk(0, mib6)).status).toBe(204);
    expect((await tus(id, "HEAD", {})).headers.get("upload-offset")).toBe(String(mib6));
    expect((await chunk(mib6, 5)).status).toBe(204);
    expect(await stored("tus//odd?")).toEqual({ cacheControl: "no-cache", mimetype: "a/b", user: null });
    expect((await create()).status).toBe(409);
    server.resumables.expireAll();
    expect((await tus(id, "HEAD", {})).status).toBe(404);
  });

  test("and downloads of odd keys are exact for curl", async () => {
    for (const key of ["/lead", "a//b", "trail/", "q?x&y+z", "sp ace/it's", "a/../b/./c"]) {
      const path = key.split("/").map(encodeURIComponent).join("/");
      const url = `${server.url}/storage/v1/object/photos/${path}`;
      const headers = ["-H", `apikey: ${server.secretKey}`];
      await run("curl", [
        "-sSf",
        "--path-as-is",
        ...headers,
        "-H",
        "content-type: a/b",
        "--data-binary",
        `is ${key}`,
        url,
      ]);
      expect((await server.rows.object("photos", key))?.name).toBe(key);
      const { stdout } = await run("curl", ["-sSf", "--path-as-is", ...headers, url]);
      expect(stdout).toBe(`is ${key}`);
    }
  });
});

test("keys are removed by up to 1000, and what is not there is left out", async () => {
  await server.addObject("photos", { name: "gone/1", size: 1 });
  const { data } = await client.from("photos").remove(["gone/1", "gone/2"]);
  expect(data?.map(({ name }) => name)).toEqual(["gone/1"]);
  const tooMany = await client.from("photos").remove(Array.from({ length: 1001 }, (_, at) => `k${at}`));
  expect(tooMany.error).toMatchObject({ statusCode: "400" });
});

test("faults come when they were asked for, and requests and bytes are counted", async () => {
  await using busy = await startStorageServer();
  await busy.addBucket("b");
  await busy.addObject("b", { name: "o", size: 50_000 });
  const url = `${busy.url}/storage/v1/object/b/o`;
  const get = async (): Promise<number | string> => {
    const response = await fetch(url, { headers: { apikey: busy.secretKey } });
    return (await response.arrayBuffer().catch(() => "broken")) === "broken" ? "broken" : response.status;
  };
  busy.faults.add({
    matches: "GET",
    every: 3,
    effect: { kind: "status", status: 429, headers: { "retry-after": "7" } },
  });
  busy.faults.add({ matches: "GET", skip: 1, times: 1, effect: { kind: "reset", after: 1000 } });
  expect([await get(), await get(), await get(), await get()]).toEqual([200, "broken", 429, 200]);
  expect(busy.counters.requests.download).toBe(3);
  expect(busy.counters.bytesServed).toBe(101_000);
  busy.faults.clear();
  busy.faults.add({ matches: "GET", times: 1, effect: { kind: "short", after: 10, framing: "length" } });
  expect(await get()).toBe("broken");
  busy.faults.add({ matches: "GET", times: 1, effect: { kind: "drop" } });
  await expect(get()).rejects.toThrow("fetch failed");
});

test("it runs as a process that ends with its parent's pipe", async () => {
  const script = new URL("../../fakes/storage/serve.ts", import.meta.url).pathname;
  const child = spawn(process.execPath, [script], { stdio: ["pipe", "pipe", "inherit"] });
  const [line] = (await once(child.stdout, "data")) as [Buffer];
  const { url, secretKey } = JSON.parse(line.toString()) as { url: string; secretKey: string };
  expect((await fetch(`${url}/storage/v1/bucket`, { headers: { apikey: secretKey } })).status).toBe(200);
  child.stdin.end();
  expect(await once(child, "close")).toEqual([0, null]);
});
