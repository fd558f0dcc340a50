/** Twelve thousand objects with every odd key there is: backed up, verified, lost, restored, and read by curl. */
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { mkdir, mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { seededBytes, type SeededObject } from "../../fakes/storage/index.ts";
import { curlAll, pathOf } from "./curl.ts";
import { backupFlags, openProject, type Project, projectFlags, wipe } from "./project.ts";

type Placed = SeededObject & { readonly bucket: string };

const isTrial = process.env["LIFEBOAT_TRIAL"] !== undefined;
const prefixes = isTrial ? 300 : 120;
// Each oddity once in every prefix; the trial four times.
const small = isTrial ? 12_000 : 1200;
const mebibyte = 1024 * 1024;
const bigSizes = [
  ...[65_535, 65_536, 65_537, mebibyte - 1, mebibyte, mebibyte + 1, 6 * mebibyte, 6 * mebibyte + 1],
  ...[4 * mebibyte + 1, 17_000_000, isTrial ? 1024 * mebibyte : 64 * mebibyte],
];

/** One of each kind in every prefix; with two of them the empty segment is the key's own. */
const oddities: readonly ((at: number) => string)[] = [
  (at) => `plain-${at}.bin`,
  (at) => `/double ${at}.bin`,
  (at) => `trail ${at}/`,
  (at) => `q?x&y=${at}#`.replace("#", ";v"),
  (at) => `a+b c ${at}.txt`,
  (at) => `folder-${at}/.emptyFolderPlaceholder`,
  (at) => `it's (fine)!*@,$=:-${at}`,
  (at) => `Mixed-${at}.TXT`,
  (at) => `mixed-${at}.txt`,
  (at) => `..hidden..${at}`,
];

function* objects(): Generator<Placed, void, undefined> {
  for (let at = 0; at < small; at += 1) {
    const prefix = at % prefixes;
    const folder = `${prefix % 2 === 0 ? "D" : "d"}${prefix % 7}/level-${prefix % 30}/${prefix}`;
    const odd = oddities[Math.floor(at / prefixes) % oddities.length]!;
    const name = `${at % 97 === 0 ? "/" : ""}${folder}/${odd(at)}`;
    const isEmpty = name.endsWith(".emptyFolderPlaceholder") || at % 50 === 1;
    yield {
      bucket: ["photos", "Invoices & co", "a+b, c"][at % 3]!,
      name,
      size: isEmpty ? 0 : (at * at * 31) % 7000,
      contentType: ["text/plain;charset=UTF-8", "image/jpeg", "text/html", "application/json"][at % 4]!,
      cacheControl: ["max-age=3600", "no-cache", "public, max-age=31536000, immutable"][at % 3]!,
      userMetadata: at % 5 === 0 ? null : { at, ünï: ["😀", { deep: `/${at}` }], quote: `"'\\` },
    };
  }
  for (const size of bigSizes) {
    yield { bucket: "photos", name: `big/${size}.bin`, size, contentType: "video/mp4" };
  }
}

let project: Project;
let blobFolder: string | undefined;
const all = [...objects()];
const seconds = new Map<string, number>();

beforeAll(async () => {
  // A gigabyte that is restored is nothing for the stand-in's memory.
  if (isTrial) blobFolder = await mkdtemp(join(tmpdir(), "lifeboat-blobs-"));
  project = await openProject(blobFolder === undefined ? {} : { folder: blobFolder });
  const { server } = project;
  await server.addBucket("photos", { public: true, file_size_limit: 2 * 1024 ** 3 });
  await server.addBucket("Invoices & co", {
    allowed_mime_types: ["text/*", "image/jpeg", "application/json"],
  });
  await server.addBucket("a+b, c");
  for (const { bucket, ...object } of all) await server.addObject(bucket, object);
});
afterAll(async () => {
  console.log(`seconds: ${[...seconds].map(([name, took]) => `${name} ${took.toFixed(1)}`).join(", ")}`);
  await project[Symbol.asyncDispose]();
  if (blobFolder !== undefined) await rm(blobFolder, { recursive: true });
});

async function timed<T>(name: string, work: Promise<T>): Promise<T> {
  const startedMs = performance.now();
  const result = await work;
  seconds.set(name, (performance.now() - startedMs) / 1000);
  return result;
}

async function lifeboat(name: string, args: readonly string[]): Promise<Record<string, unknown>> {
  const { code, stdout, stderr } = await timed(name, project.lifeboat([...args, "--json"]));
  expect(code, stderr).toBe(0);
  return JSON.parse(stdout) as Record<string, unknown>;
}

test("they come back byte for byte, with type, cache control and metadata, as curl reads them", async () => {
  const { server } = project;
  const infos = all.map((object) => pathOf("object/info", object));
  const before = await curlAll(server, infos, join(project.folder, "before"));
  const rawBytes = all.reduce((sum, { size }) => sum + size, 0);

  const first = await lifeboat("backup", backupFlags(project));
  expect(first["account"]).toMatchObject({ stored: all.length, carried: 0, vanished: 0, failed: 0 });
  expect(first["snapshot"]).toMatchObject({ state: "whole", totals: { objects: all.length, rawBytes } });
  server.resetCounters();
  const again = await lifeboat("backup with nothing new", backupFlags(project));
  expect(again["account"]).toMatchObject({ stored: 0, carried: all.length, fetchedBytes: 0, newPacks: 0 });
  // A sample is asked for one byte each; of an empty object there is none, so these are asked for whole.
  expect(server.counters.requests.info).toBe(0);
  expect(server.counters.bytesServed).toBe(0);

  const key = ["--store", project.store, "--identity-file", project.identityFile];
  const verified = await lifeboat("verify", ["verify", ...key, "--level", "restored"]);
  expect(verified).toMatchObject({ verdict: "passed", level: "restored" });

  await wipe(server);
  expect(server.blobs.size).toBe(0);
  const restored = await lifeboat("restore", ["restore", "storage", ...key, ...projectFlags(project)]);
  expect(restored["restored"]).toMatchObject({
    ...{ uploaded: all.length, uploadedBytes: rawBytes, kept: 0, compared: all.length, deleted: 0 },
  });

  const contents = all.map((object) => pathOf("object/authenticated", object));
  const files = await timed("curl", curlAll(server, contents, join(project.folder, "bytes")));
  const after = await curlAll(server, infos, join(project.folder, "after"));
  const different: string[] = [];
  for (const [at, object] of all.entries()) {
    const [was, is] = [await described(before[at]!), await described(after[at]!)];
    // An object without metadata has an empty one after any upload.
    if (was !== is || (await hashOf(createReadStream(files[at]!))) !== (await hashOf(bytesOf(object))))
      different.push(`${object.bucket} ${object.name}: ${was} ${is}`);
  }
  expect(different).toEqual([]);
  expect(await settings()).toEqual([
    ["Invoices & co", false, null, ["text/*", "image/jpeg", "application/json"]],
    ["a+b, c", false, null, null],
    ["photos", true, 2 * 1024 ** 3, null],
  ]);
  expect(await readdir(project.temporary)).toEqual([]);
}, 900_000);

test("a folder takes them too, each under a name of its own", async () => {
  const target = join(project.folder, "tree");
  await mkdir(target);
  const key = ["--store", project.store, "--identity-file", project.identityFile];
  const only = ["--bucket", "a+b, c", "--exclude", "**/*.bin"];
  const args = ["restore", "storage", ...key, "--target-directory", target, ...only];
  const wanted = all.filter(({ bucket, name }) => bucket === "a+b, c" && !name.endsWith(".bin"));
  const { restored } = await lifeboat("restore into a folder", args);
  expect(restored).toMatchObject({ uploaded: wanted.length, compared: wanted.length });
  const lines = (await readFile(join(target, "manifest.jsonl"), "utf8")).trimEnd().split("\n");
  const listed = lines.map((line) => JSON.parse(line) as { path: string; bucket: string; name: string });
  expect(new Set(listed.map(({ path }) => path)).size).toBe(wanted.length);
  const places = new Map(listed.map(({ name, path }) => [name, path]));
  for (const object of wanted) {
    const path = join(target, places.get(object.name) ?? "missing");
    expect([object.name, await hashOf(createReadStream(path))]).toEqual([
      object.name,
      await hashOf(bytesOf(object)),
    ]);
  }
}, 600_000);

function bytesOf({ name, size }: Placed): Iterable<Uint8Array> {
  return seededBytes(name, 0, size);
}

async function hashOf(bytes: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of bytes) hash.update(chunk);
  return hash.digest("hex");
}

async function described(file: string): Promise<string> {
  const info = JSON.parse(await readFile(file, "utf8")) as Record<string, unknown>;
  return JSON.stringify([info["size"], info["content_type"], info["cache_control"], info["metadata"] ?? {}]);
}

async function settings(): Promise<unknown[]> {
  return (await project.server.rows.buckets()).map((bucket) => [
    ...[bucket.id, bucket.public, bucket.file_size_limit, bucket.allowed_mime_types],
  ]);
}
