import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { objectFilter } from "../../../src/storage/object-filter.ts";
import { seededBytes } from "../../fakes/storage/index.ts";
import { type BucketSafe, newBucketSafe } from "./safe.ts";

const oddKeys = [
  "//double.bin",
  "a//b.bin",
  "/lead.bin",
  "trail/",
  "q?x&y=1.txt",
  "a+b c.txt",
  "it's (fine)!*.txt",
  "empty/.emptyFolderPlaceholder",
  "Case/x.txt",
  "case/x.txt",
  "a",
  "a/b",
  "a/b/c.bin",
];
const sizes = [0, 1, 511, 512, 513, 65_535, 65_536, 65_537, 1_048_575, 1_048_576, 1_048_577, 7_000_000];

let safe: BucketSafe;
beforeAll(async () => {
  safe = await newBucketSafe();
  const { server } = safe;
  await server.addBucket("odd", { public: true });
  await server.addBucket("Sizes & co", {
    file_size_limit: 8_000_000,
    allowed_mime_types: ["image/*", "application/*"],
  });
  await server.addBucket("empty");
  for (const [at, name] of oddKeys.entries()) {
    const size = name.endsWith(".emptyFolderPlaceholder") ? 0 : 100 + at;
    await server.addObject("odd", { name, size, contentType: "text/plain", cacheControl: "no-cache" });
  }
  for (const size of sizes) {
    await server.addObject("Sizes & co", {
      name: `files/${size}.bin`,
      size,
      contentType: size % 2 === 0 ? "image/jpeg" : "application/pdf",
      cacheControl: size % 3 === 0 ? "max-age=3600" : "public, max-age=31536000",
      userMetadata: { size, umlaut: "ü" },
    });
  }
});
afterAll(() => safe[Symbol.asyncDispose]());

/** What curl sees: a client that is not ours. */
async function curled(
  server: { readonly url: string; readonly secretKey: string },
  path: string,
): Promise<Buffer> {
  const { stdout } = await promisify(execFile)(
    "curl",
    [
      "-sS",
      "--fail",
      "--path-as-is",
      "-H",
      `apikey: ${server.secretKey}`,
      `${server.url}/storage/v1/${path}`,
    ],
    { maxBuffer: 64 * 1024 * 1024, encoding: "buffer" },
  );
  return stdout;
}

const bytesOf = (seed: string, from: number, size: number): Buffer =>
  Buffer.concat([...seededBytes(seed, from, size)]);
const encoded = (key: string): string => key.split("/").map(encodeURIComponent).join("/");

describe("buckets", () => {
  it("come back into an empty project with every byte, type, cache control and metadata", async () => {
    const report = await safe.backUp();
    expect(report.snapshot.state).toBe("whole");
    expect(report.account).toMatchObject({
      stored: oddKeys.length + sizes.length,
      carried: 0,
      vanished: 0,
      failed: 0,
    });
    const verified = await safe.verify(report.snapshot.id, "restored");
    expect(verified.components.flatMap(({ findings }) => findings)).toEqual([]);
    expect([verified.verdict, verified.components.map(({ component }) => component)]).toEqual([
      "passed",
      ["files", "packs", "index", "objects", "restored objects"],
    ]);

    await using elsewhere = await newBucketSafe();
    const target = {
      kind: "supabase",
      api: elsewhere.api,
      name: "x",
      database: undefined,
      deleteExtraneous: false,
    } as const;
    const dry = await safe.restore({ target, dryRun: true });
    expect(dry.plan?.objects).toMatchObject({
      wanted: oddKeys.length + sizes.length,
      missing: oddKeys.length + sizes.length,
    });
    expect(await elsewhere.api.buckets()).toEqual([]);
    const done = await safe.restore({ target, planHash: dry.planHash });
    expect(done.restored).toMatchObject({ uploaded: oddKeys.length + sizes.length, kept: 0 });
    expect(done.restored?.compared).toBe(oddKeys.length + sizes.length);

    for (const [bucket, name] of [
      ...oddKeys.map((key) => ["odd", key] as const),
      ...sizes.map((size) => ["Sizes & co", `files/${size}.bin`] as const),
    ]) {
      const path = `${encodeURIComponent(bucket)}/${encoded(name)}`;
      const [was, is] = await Promise.all(
        [safe.server, elsewhere.server].map(async (server) => ({
          bytes: await curled(server, `object/authenticated/${path}`),
          info: JSON.parse((await curled(server, `object/info/${path}`)).toString()) as Record<
            string,
            unknown
          >,
        })),
      );
      expect(is?.bytes.equals(was?.bytes ?? Buffer.of()), name).toBe(true);
      for (const field of ["size", "content_type", "cache_control"])
        expect([name, field, is?.info[field]]).toEqual([name, field, was?.info[field]]);
      expect(is?.info["metadata"] ?? {}).toEqual(was?.info["metadata"] ?? {});
    }
    const settings = (await elsewhere.api.buckets()).map(
      ({ id, public: isPublic, fileSizeLimit, allowedMimeTypes }) => ({
        id,
        isPublic,
        fileSizeLimit,
        allowedMimeTypes,
      }),
    );
    expect(settings).toEqual([
      {
        id: "Sizes & co",
        isPublic: false,
        fileSizeLimit: 8_000_000,
        allowedMimeTypes: ["image/*", "application/*"],
      },
      { id: "empty", isPublic: false, fileSizeLimit: null, allowedMimeTypes: null },
      { id: "odd", isPublic: true, fileSizeLimit: null, allowedMimeTypes: null },
    ]);
  });

  it("fill only what is missing, and replace or delete only what was confirmed", async () => {
    await safe.backUp();
    await using elsewhere = await newBucketSafe();
    const target = { kind: "supabase", api: elsewhere.api, name: "project", database: undefined } as const;
    await safe.restore({ target: { ...target, deleteExtraneous: false } });
    await elsewhere.api.remove("odd", ["a+b c.txt"]);
    await elsewhere.server.addObject("odd", {
      name: "a/b",
      size: 5,
      seed: "other",
      contentType: "text/plain",
    });
    await elsewhere.server.addObject("odd", { name: "extra.txt", size: 5, contentType: "text/plain" });
    const again = { ...target, deleteExtraneous: true };
    await expect(safe.restore({ target: again })).rejects.toMatchObject({ code: "confirm-needed" });
    await expect(safe.restore({ target: again, confirm: "other" })).rejects.toMatchObject({
      code: "confirm-mismatch",
    });
    expect(await elsewhere.api.info("odd", "extra.txt")).toBeDefined();

    elsewhere.server.resetCounters();
    const { restored } = await safe.restore({ target: again, confirm: "project" });
    expect(restored).toMatchObject({ uploaded: 2, deleted: 1 });
    expect(await elsewhere.api.info("odd", "extra.txt")).toBeUndefined();
    const replaced = await curled(elsewhere.server, "object/authenticated/odd/a/b");
    expect(replaced.equals(bytesOf("a/b", 0, 111))).toBe(true);
  });

  it("restore chosen objects alone: a bucket, a prefix, a glob, one object", async () => {
    const { snapshot } = await safe.backUp();
    for (const [choice, expected] of [
      [{ buckets: ["empty"] }, []],
      [{ include: ["odd/a/**"] }, ["a//b.bin", "a/b", "a/b/c.bin"]],
      [{ include: ["odd/[0-9]"] }, []],
      [{ include: ["*/*.txt"], exclude: ["odd/q**"] }, ["a+b c.txt", "it's (fine)!*.txt"]],
      [{ include: ["odd///double.bin"] }, ["//double.bin"]],
    ] as const) {
      await using elsewhere = await newBucketSafe();
      const target = {
        kind: "supabase",
        api: elsewhere.api,
        name: "x",
        database: undefined,
        deleteExtraneous: false,
      } as const;
      await safe.restore({ target, filter: objectFilter(choice), choice: { kind: "id", id: snapshot.id } });
      const names = [];
      for (const { id } of await elsewhere.api.buckets())
        for await (const { name } of elsewhere.api.list(id).objects) names.push(name);
      expect(names).toEqual(expected);
    }
    const missing = safe.restore({
      target: { kind: "directory", path: join(safe.folder, "x"), replace: false },
      filter: objectFilter({ buckets: ["od"] }),
    });
    await expect(missing).rejects.toMatchObject({ code: "bucket-missing" });
  });

  it("restore into a directory, where a key that is another's folder finds a place too", async () => {
    await safe.backUp();
    const path = join(safe.folder, "tree");
    const { restored } = await safe.restore({ target: { kind: "directory", path, replace: false } });
    expect(restored?.uploaded).toBe(oddKeys.length + sizes.length);
    const sha = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");
    for (const [file, key, size] of [
      ["odd/a%", "a", 110],
      ["odd/a/b%", "a/b", 111],
      ["odd/a/b/c.bin", "a/b/c.bin", 112],
      ["odd/%2Flead.bin", "/lead.bin", 102],
      ["odd/trail%2F", "trail/", 103],
    ] as const) {
      expect([file, sha(await readFile(join(path, file)))]).toEqual([file, sha(bytesOf(key, 0, size))]);
    }
    const again = await safe.restore({ target: { kind: "directory", path, replace: false } });
    expect(again.restored).toMatchObject({ uploaded: 0, kept: oddKeys.length + sizes.length });
  });
});
