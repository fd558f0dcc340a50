/**
 * The demo's Storage API: the stand-in of the tests as a process of its own, filled, looked at and emptied by plain HTTP
 * requests that share nothing with Lifeboat.
 */
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { resolve } from "node:path";
import { createInterface } from "node:readline";

export interface Buckets extends AsyncDisposable {
  readonly url: string;
  readonly key: string;
  /** Every object by bucket and key: SHA-256 of its bytes, type, cache control and user metadata. */
  fingerprints(): Promise<ReadonlyMap<string, string>>;
  /** Deletes every object and bucket. */
  lose(): Promise<void>;
  settings(): Promise<string>;
}

interface Upload {
  readonly bucket: string;
  readonly name: string;
  readonly bytes: Buffer;
  readonly type: string;
}

const entry = resolve(import.meta.dirname, "../test/fakes/storage/serve.ts");
const atOnce = 8;
const keys = ["a//b.txt", "/lead.txt", "trail/", "q?x&y=1.txt", "a+b c.txt", "empty/.emptyFolderPlaceholder"];

/** Starts it and fills three buckets. */
export async function startBuckets(): Promise<Buckets> {
  const child = spawn(process.execPath, [entry], { stdio: ["pipe", "pipe", "inherit"] });
  const stop = async (): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, "exit");
    // It ends when its stdin does, also if the demo is killed.
    child.stdin.end();
    await ended;
  };
  try {
    const told = createInterface(child.stdout)[Symbol.asyncIterator]();
    const { value } = await told.next();
    if (value === undefined) throw new Error("The Storage API did not start.");
    const { url, secretKey: key } = JSON.parse(value) as { url: string; secretKey: string };
    const call = caller(url, key);
    await fill(call);
    return {
      url,
      key,
      fingerprints: () => fingerprints(call),
      lose: () => lose(call),
      settings: async () => JSON.stringify(await bucketsOf(call)),
      [Symbol.asyncDispose]: stop,
    };
  } catch (cause) {
    await stop();
    throw cause;
  }
}

type Call = (method: string, path: string, init?: RequestInit) => Promise<Response>;

function caller(url: string, key: string): Call {
  return async (method, path, init = {}) => {
    const headers = { apikey: key, ...(init.headers as Record<string, string> | undefined) };
    const answer = await fetch(`${url}/storage/v1/${path}`, { ...init, method, headers });
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`);
    return answer;
  };
}

const json = (body: unknown): RequestInit => ({
  body: JSON.stringify(body),
  headers: { "content-type": "application/json" },
});

async function fill(call: Call): Promise<void> {
  await call(
    "POST",
    "bucket",
    json({ id: "avatars", name: "avatars", public: true, file_size_limit: 9_000_000 }),
  );
  await call(
    "POST",
    "bucket",
    json({ id: "invoices", name: "invoices", allowed_mime_types: ["application/pdf"] }),
  );
  await call("POST", "bucket", json({ id: "odd keys", name: "odd keys" }));
  const uploads: Upload[] = [
    ...Array.from({ length: 300 }, (_, at) => ({
      ...{ bucket: "avatars", name: `users/${at % 30}/${at}.png`, type: "image/png" },
      bytes: noise(`avatar ${at}`, 500 + at * 211),
    })),
    ...Array.from({ length: 100 }, (_, at) => ({
      ...{ bucket: "invoices", name: `2026/${at % 12}/${at}.pdf`, type: "application/pdf" },
      bytes: noise(`invoice ${at}`, 30_000),
    })),
    { bucket: "avatars", name: "film.mp4", type: "video/mp4", bytes: noise("film", 8_000_000) },
    ...keys.map((name) => ({
      ...{ bucket: "odd keys", name, type: "text/plain" },
      bytes: name.endsWith("Placeholder") ? Buffer.alloc(0) : Buffer.from(`The bytes of ${name}.\n`),
    })),
  ];
  await each(uploads, async ({ bucket, name, bytes, type }, at) => {
    const userMetadata = Buffer.from(JSON.stringify({ number: at })).toString("base64");
    const cacheControl = at % 2 === 0 ? "public, max-age=31536000" : "no-cache";
    const headers = { "content-type": type, "cache-control": cacheControl, "x-metadata": userMetadata };
    await call("POST", objectPath("object", bucket, name), { body: new Uint8Array(bytes), headers });
  });
}

async function fingerprints(call: Call): Promise<ReadonlyMap<string, string>> {
  const found = new Map<string, string>();
  for (const { id } of await bucketsOf(call)) {
    await each(await namesOf(call, id), async (name) => {
      const body = await call("GET", objectPath("object/authenticated", id, name));
      const hash = createHash("sha256").update(Buffer.from(await body.arrayBuffer()));
      const answer = await call("GET", objectPath("object/info", id, name));
      const info = (await answer.json()) as Record<string, unknown>;
      const told = [info["size"], info["content_type"], info["cache_control"], info["metadata"]];
      found.set(`${id}/${name}`, `${hash.digest("hex")} ${JSON.stringify(told)}`);
    });
  }
  return found;
}

async function lose(call: Call): Promise<void> {
  for (const { id } of await bucketsOf(call)) {
    await call("DELETE", `object/${encodeURIComponent(id)}`, json({ prefixes: await namesOf(call, id) }));
    await call("DELETE", `bucket/${encodeURIComponent(id)}`);
  }
  if ((await bucketsOf(call)).length > 0) throw new Error("The buckets are still there.");
}

type Settings = Readonly<Record<"id" | "public" | "file_size_limit" | "allowed_mime_types", unknown>>;

async function bucketsOf(call: Call): Promise<readonly (Settings & { readonly id: string })[]> {
  const buckets = (await (await call("GET", "bucket")).json()) as (Settings & { readonly id: string })[];
  return buckets
    .map(({ id, public: isPublic, file_size_limit, allowed_mime_types }) => ({
      ...{ id, public: isPublic, file_size_limit, allowed_mime_types },
    }))
    .sort((one, other) => (one.id < other.id ? -1 : 1));
}

/** All of a bucket: it holds less than a page. */
async function namesOf(call: Call, bucket: string): Promise<readonly string[]> {
  const answer = await call(
    "POST",
    `object/list-v2/${encodeURIComponent(bucket)}`,
    json({ prefix: "", limit: 1000 }),
  );
  const { objects, hasNext } = (await answer.json()) as { objects: { name: string }[]; hasNext: boolean };
  if (hasNext) throw new Error("A bucket of the demo has more than a page.");
  return objects.map(({ name }) => name);
}

function objectPath(kind: string, bucket: string, name: string): string {
  return `${kind}/${[bucket, ...name.split("/")].map(encodeURIComponent).join("/")}`;
}

/** Bytes that nothing compresses, the same in every demo. */
function noise(seed: string, length: number): Buffer {
  return createHash("shake256", { outputLength: length }).update(seed).digest();
}

async function each<T>(items: readonly T[], work: (item: T, at: number) => Promise<void>): Promise<void> {
  const left = items.entries();
  await Promise.all(
    Array.from({ length: atOnce }, async () => {
      for (const [at, item] of left) await work(item, at);
    }),
  );
}
