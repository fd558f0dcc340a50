import { randomBytes } from "node:crypto";
import {
  GetObjectRetentionCommand,
  HeadObjectCommand,
  ListMultipartUploadsCommand,
  PutObjectCommand,
} from "@aws-sdk/client-s3";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import {
  evidenceKey,
  packKey,
  snapshotFileKey,
  snapshotJsonKey,
  snapshotPrefix,
} from "../../../src/snapshot/keys.ts";
import { openStore } from "../../../src/store/open-store.ts";
import { type S3Store, s3Store } from "../../../src/store/s3.ts";
import { parseS3Address } from "../../../src/store/s3-address.ts";
import { systemClock } from "../../../src/system/clock.ts";
import type { Logger } from "../../../src/system/logger.ts";
import { backUp, breakingAfter, bytesOf, nextId, readAll, sha256, streamOf } from "../../contract/store.ts";
import { refusal, type S3Proxy, startS3Proxy } from "../../fakes/s3-proxy.ts";
import { credentials, s3ServerProgram, type S3Server, startS3Server } from "../../support/s3-server.ts";

const program = await s3ServerProgram();
const dayMs = 24 * 3600 * 1000;
const source = "database";

describe.skipIf(program === undefined)("an S3 store", () => {
  let server: S3Server;
  let proxy: S3Proxy;
  let bucket: string;
  let lines: string[] = [];
  const logger: Logger = {
    info: (line) => lines.push(line),
    warning: (line) => lines.push(`warning: ${line}`),
    debug: () => {},
  };

  beforeAll(async () => {
    server = await startS3Server(program!);
    proxy = await startS3Proxy(server.endpoint);
    bucket = await server.bucket();
  });
  afterEach(() => {
    proxy.answer = undefined;
    proxy.change = undefined;
    proxy.seen.length = 0;
    lines = [];
  });
  afterAll(async () => {
    await proxy.close();
    await server.close();
  });

  function open(
    options = "",
    { of = bucket, prefix = randomBytes(4).toString("hex"), endpoint = proxy.endpoint } = {},
  ): S3Store {
    const address = parseS3Address(`s3://${of}/${prefix}?endpoint=${endpoint}${options}`);
    return s3Store({ address, clock: systemClock, logger, credentials, sleep: () => Promise.resolve() });
  }
  /** The same place for somebody else. */
  const again = (store: S3Store, options = ""): S3Store => {
    const [, of = "", prefix = ""] = /^s3:\/\/([^/]+)\/([^?]+)/.exec(store.address) ?? [];
    return open(options, { of, prefix });
  };
  const fullKey = (store: S3Store, key: string): string =>
    `${/^s3:\/\/[^/]+\/([^?]+)/.exec(store.address)?.[1]}/${key}`;

  it("stores a long stream in parts with the checksum of each, and leaves no upload behind", async () => {
    const store = open("&part-size=5");
    const part = randomBytes(12 * 1024 * 1024 + 5);
    const id = await backUp(store, source, { "data.zst.age": part });
    expect(proxy.seen.filter(({ url }) => url.includes("partNumber="))).toHaveLength(3);
    const key = snapshotFileKey(source, id, "data.zst.age");
    expect(sha256(await readAll(store, key))).toBe(sha256(part));
    const middle = await bytesOf(await store.read(key, { offset: 5 * 1024 * 1024 - 3, length: 7 }));
    expect(middle).toEqual(part.subarray(5 * 1024 * 1024 - 3, 5 * 1024 * 1024 + 4));
    const head = await server.client.send(
      new HeadObjectCommand({ Bucket: bucket, Key: fullKey(store, key), ChecksumMode: "ENABLED" }),
    );
    expect(head.ChecksumSHA256).toMatch(/-3$/);
    const { Uploads = [] } = await server.client.send(new ListMultipartUploadsCommand({ Bucket: bucket }));
    expect(Uploads).toEqual([]);
  });

  it("aborts the upload when the source of a long stream fails", async () => {
    const store = open("&part-size=5");
    const draft = await store.begin({ source, id: nextId() });
    const error = new Error("pg_dump was killed");
    await expect(draft.put("data.zst.age", breakingAfter(randomBytes(11 * 1024 * 1024), error))).rejects.toBe(
      error,
    );
    const { Uploads = [] } = await server.client.send(new ListMultipartUploadsCommand({ Bucket: bucket }));
    expect(Uploads).toEqual([]);
  });

  it("goes on with a download whose connection breaks, without reading twice", async () => {
    const store = open();
    const part = randomBytes(3 * 1024 * 1024);
    const id = await backUp(store, source, { "data.zst.age": part });
    let breaks = 0;
    proxy.harm = {
      kind: "body cut off",
      every: 1,
      only: ({ url }) => url.includes("data.zst.age") && (breaks += 1) <= 3,
    };
    const bytes = await readAll(store, snapshotFileKey(source, id, "data.zst.age"));
    proxy.harm = undefined;
    expect(sha256(bytes)).toBe(sha256(part));
    expect(breaks).toBe(4);
  });

  it("refuses to go on where the object was replaced meanwhile", async () => {
    const store = open();
    const id = await backUp(store, source, { "data.zst.age": randomBytes(1024 * 1024) });
    const key = snapshotFileKey(source, id, "data.zst.age");
    let breaks = 0;
    proxy.harm = {
      kind: "body cut off",
      every: 1,
      only: ({ url }) => url.includes("data.zst.age") && (breaks += 1) === 1,
    };
    const bytes = await store.read(key);
    await server.client.send(
      new PutObjectCommand({ Bucket: bucket, Key: fullKey(store, key), Body: randomBytes(1024 * 1024) }),
    );
    await expect(bytesOf(bytes)).rejects.toMatchObject({ code: "store-read-failed" });
    proxy.harm = undefined;
  });

  it("lists more than a thousand keys", async () => {
    const store = open();
    const keys = Array.from(
      { length: 1005 },
      (_, index) => `packs/database/pack-${String(index).padStart(4, "0")}`,
    );
    for (let at = 0; at < keys.length; at += 50) {
      await Promise.all(
        keys
          .slice(at, at + 50)
          .map((key) =>
            server.client.send(new PutObjectCommand({ Bucket: bucket, Key: fullKey(store, key), Body: "x" })),
          ),
      );
    }
    expect((await store.files("packs/database/")).map(({ key }) => key)).toEqual(keys);
  });

  it("refuses a truncated listing that does not lead on, and one without its end", async () => {
    const store = open();
    await backUp(store, source);
    const changes: [RegExp, string][] = [
      [/<IsTruncated>false<\/IsTruncated>/, "<IsTruncated>true</IsTruncated>"],
      [/<IsTruncated>.*$/s, "</ListBucketResult>"],
      [/<KeyCount>\d+</, "<KeyCount>77<"],
    ];
    for (const [from, to] of changes) {
      proxy.change = ({ url }, answer) =>
        url.includes("list-type=2")
          ? { ...answer, body: Buffer.from(answer.body.toString().replace(from, to)) }
          : undefined;
      await expect(store.snapshots(source), to).rejects.toMatchObject({ code: "store-list-failed" });
    }
  });

  it("works with a credential that cannot delete, and says which right is missing", async () => {
    const store = open("&part-size=5");
    proxy.answer = ({ method }) => (method === "DELETE" ? refusal(403, "AccessDenied") : undefined);
    const part = randomBytes(6 * 1024 * 1024);
    const id = await backUp(store, source, { "data.zst.age": part });
    const reader = again(store);
    expect(await reader.snapshots(source)).toMatchObject({ snapshots: [{ id }], findings: [] });
    expect(await reader.files(snapshotPrefix(source, id))).toHaveLength(2);
    const key = snapshotFileKey(source, id, "data.zst.age");
    expect(sha256(await readAll(reader, key))).toBe(sha256(part));
    const refused = reader.delete(key);
    await expect(refused).rejects.toMatchObject({ code: "store-permission-missing" });
    await expect(refused).rejects.toThrow("s3:DeleteObject");
    const draft = await reader.begin({ source, id: nextId() });
    await draft.put("data.zst.age", streamOf("half of it"));
    await draft.abandon();
    expect((await reader.snapshots(source)).snapshots).toHaveLength(1);
  });

  it("sweeps a draft after seven days, reports it where it may not, and touches nothing else", async () => {
    const store = open();
    const whole = await backUp(store, source, { "data.zst.age": randomBytes(10) });
    const damaged = await backUp(store, source, { "data.zst.age": randomBytes(10) });
    await store.delete(snapshotJsonKey(source, damaged));
    const left = nextId();
    const draft = await store.begin({ source, id: left });
    await draft.put("data.zst.age", streamOf("half of it"));
    const partOf = (id: string): string => snapshotFileKey(source, id, "data.zst.age");

    const early = await store.snapshots(source);
    expect(early.findings).toMatchObject([{ code: "snapshot-json-missing", id: damaged }]);
    const longAgo = new Date(Date.now() - 8 * dayMs).toISOString();
    proxy.change = ({ url }, answer) => {
      if (!url.includes("list-type=2")) return undefined;
      const listing = answer.body.toString();
      const older = listing.replaceAll(/<LastModified>[^<]*/g, `<LastModified>${longAgo}`);
      return { ...answer, body: Buffer.from(older) };
    };
    const { snapshots, findings } = await again(store).snapshots(source);
    expect(snapshots.map(({ id }) => id)).toEqual([whole]);
    expect(findings).toMatchObject([
      { code: "snapshot-json-missing", id: damaged },
      { code: "unfinished-draft", id: left },
    ]);
    proxy.answer = ({ method }) => (method === "DELETE" ? refusal(403, "AccessDenied") : undefined);
    await (await again(store).begin({ source, id: nextId() })).abandon();
    expect(lines.join()).toMatch(/warning: .* stays there/);
    proxy.answer = undefined;
    await (await again(store).begin({ source, id: nextId() })).abandon();
    await expect(store.read(partOf(left))).rejects.toMatchObject({ code: "store-object-missing" });
    await readAll(store, partOf(whole));
    await readAll(store, partOf(damaged));
  });

  it("keeps a snapshot whose commit was taken though its answer was lost", async () => {
    const store = open();
    const id = nextId();
    const draft = await store.begin({ source, id });
    await draft.put("data.zst.age", streamOf("all of it"));
    proxy.harm = { kind: "reset after the server acted", every: 1, only: ({ method }) => method === "PUT" };
    proxy.answer = ({ method, url }) =>
      method === "GET" && url.includes("snapshot.json") ? refusal(503, "SlowDown") : undefined;
    await expect(draft.commit(Buffer.from("{}"))).rejects.toMatchObject({ code: "store-temporary" });
    proxy.harm = undefined;
    proxy.answer = undefined;
    await draft.abandon();
    expect((await store.snapshots(source)).snapshots).toMatchObject([{ id }]);
    await readAll(store, snapshotFileKey(source, id, "data.zst.age"));
  });

  it("finds out that a server answered a delete and kept the object", async () => {
    const store = open();
    const id = await backUp(store, source);
    proxy.answer = ({ method }) =>
      method === "DELETE" ? { status: 200, headers: {}, body: Buffer.from("") } : undefined;
    await expect(store.delete(snapshotJsonKey(source, id))).rejects.toMatchObject({
      code: "store-write-failed",
    });
  });

  it("does not count a write that comes back changed", async () => {
    const store = open();
    const draft = await store.begin({ source, id: nextId() });
    proxy.change = ({ method, url }, answer) => {
      if (method !== "GET" || !url.includes("data.zst.age")) return undefined;
      const body = Buffer.from(answer.body);
      body[0] = (body[0] ?? 0) ^ 1;
      return { ...answer, body };
    };
    await expect(draft.put("data.zst.age", streamOf("the bytes"))).rejects.toMatchObject({
      code: "store-write-unproven",
    });
  });

  it.each([
    [
      "does not know If-None-Match",
      "if-none-match",
      501,
      "NotImplemented",
      "A header you provided implies functionality that is not implemented",
    ],
    [
      "does not know SHA-256 checksums",
      "x-amz-checksum-sha256",
      400,
      "InvalidArgument",
      "Unsupported header 'x-amz-checksum-sha256'",
    ],
  ])("writes, and never overwrites, where the server %s", async (_, header, status, code, words) => {
    const store = open("&part-size=5");
    proxy.answer = ({ method }, headers) =>
      (method === "PUT" || method === "POST") &&
      (header in headers || (header.includes("checksum") && "x-amz-checksum-algorithm" in headers))
        ? refusal(status, code, words)
        : undefined;
    const part = randomBytes(6 * 1024 * 1024);
    const id = await backUp(store, source, { "data.zst.age": part, "globals.sql.zst.age": randomBytes(10) });
    expect(sha256(await readAll(store, snapshotFileKey(source, id, "data.zst.age")))).toBe(sha256(part));
    const key = evidenceKey(source, id, new Date(0), "0a1b2c3d");
    const stored = await store.put(key, Buffer.from("first"));
    expect(await store.put(key, Buffer.from("first"))).toEqual(stored);
    await expect(store.put(key, Buffer.from("other"))).rejects.toMatchObject({ code: "store-key-exists" });
    expect(await readAll(store, key)).toEqual(Buffer.from("first"));
  });

  it("lets one of many writers of a key win, whole", async () => {
    const store = open();
    const key = evidenceKey(source, nextId(), new Date(0), "0a1b2c3d");
    const tries = Array.from({ length: 8 }, (_, index) =>
      again(store).put(key, Buffer.from(`writer ${index}`)),
    );
    const outcomes = await Promise.allSettled(tries);
    const winners = outcomes.flatMap((outcome, index) => (outcome.status === "fulfilled" ? [index] : []));
    expect(winners).toHaveLength(1);
    expect((await readAll(store, key)).toString()).toBe(`writer ${winners[0]}`);
    for (const outcome of outcomes) {
      if (outcome.status === "rejected") expect(outcome.reason).toMatchObject({ code: "store-key-exists" });
    }
  });

  it("says what is wrong with the bucket, the keys and the clock", async () => {
    await expect(open("", { of: "no-such-bucket" }).snapshots(source)).rejects.toMatchObject({
      code: "input-invalid",
    });
    await expect(open("", { of: "no-such-bucket" }).begin({ source, id: nextId() })).rejects.toThrow(
      "no bucket no-such-bucket",
    );
    const stranger = s3Store({
      address: parseS3Address(`s3://${bucket}/x?endpoint=${proxy.endpoint}`),
      clock: systemClock,
      logger,
      credentials: { ...credentials, secretAccessKey: "canary-secret-value" },
      sleep: () => Promise.resolve(),
    });
    const refused = stranger.snapshots(source);
    await expect(refused).rejects.toMatchObject({ code: "store-permission-missing" });
    await expect(refused).rejects.not.toThrow("canary");
    const cases = [
      [403, "RequestTimeTooSkewed", "store-clock-skew"],
      [403, "ExpiredToken", "store-permission-missing"],
      [301, "PermanentRedirect", "input-invalid"],
      [503, "SlowDown", "store-temporary"],
      [507, "QuotaExceeded", "store-full"],
    ] as const;
    for (const [status, name, code] of cases) {
      proxy.answer = () => refusal(status, name);
      await expect(open().begin({ source, id: nextId() }), name).rejects.toMatchObject({ code });
    }
  });

  it("tells the store's time", async () => {
    const time = await open().serverTime?.();
    expect(Math.abs((time?.getTime() ?? 0) - Date.now())).toBeLessThan(60_000);
  });

  it("is opened by its address, with retries", () => {
    const store = openStore(`s3://${bucket}/x?endpoint=${proxy.endpoint}`, { clock: systemClock, logger });
    expect(store.address).toBe(`s3://${bucket}/x?endpoint=${proxy.endpoint}`);
    expect(store.isReadOnly).toBe(false);
    expect(Object.keys(store)).toEqual(expect.arrayContaining(["extendLock", "serverTime"]));
  });

  describe("with Object Lock", () => {
    let locked: string;
    beforeAll(async () => {
      locked = await server.bucket("lock");
    });
    const openLocked = (mode = "governance"): S3Store => open(`&lock=${mode}`, { of: locked });
    const retentionOf = async (store: S3Store, key: string) => {
      const asked = new GetObjectRetentionCommand({ Bucket: locked, Key: fullKey(store, key) });
      return (await server.client.send(asked)).Retention;
    };

    it("locks a snapshot's files for its lifetime once it is committed, and refuses to delete them", async () => {
      const store = openLocked();
      const id = nextId();
      const draft = await store.begin({ source, id, lifetime: { retentionDays: 30 } });
      await draft.put("data.zst.age", streamOf("all of it"));
      const key = snapshotFileKey(source, id, "data.zst.age");
      await expect(retentionOf(store, key)).rejects.toThrow();
      await draft.commit(Buffer.from("{}"));
      for (const one of [key, snapshotJsonKey(source, id)]) {
        const lock = await retentionOf(store, one);
        expect(lock?.Mode).toBe("GOVERNANCE");
        expect(Math.abs(lock!.RetainUntilDate!.getTime() - Date.now() - 30 * dayMs)).toBeLessThan(60_000);
        await expect(store.delete(one)).rejects.toMatchObject({ code: "store-object-locked" });
      }
      expect((await store.snapshots(source)).snapshots).toMatchObject([{ id }]);
    });

    it("locks nothing of a draft that is abandoned", async () => {
      const store = openLocked();
      const id = nextId();
      const draft = await store.begin({ source, id, lifetime: { retentionDays: 30 } });
      const { key } = await draft.put("data.zst.age", streamOf("half of it"));
      await draft.abandon();
      await expect(store.read(key)).rejects.toMatchObject({ code: "store-object-missing" });
    });

    it("extends a pack's lock and never shortens or loosens it", async () => {
      const store = openLocked("compliance");
      const key = packKey(source, nextId());
      await store.putStream(key, streamOf("objects"), { retentionDays: 1 });
      const until = new Date(Math.floor(Date.now() / 1000) * 1000 + 2 * dayMs);
      await store.extendLock!(key, until);
      expect(await retentionOf(store, key)).toMatchObject({ Mode: "COMPLIANCE", RetainUntilDate: until });
      await store.extendLock!(key, new Date(until.getTime() - dayMs));
      await again(store, "&lock=governance").extendLock!(key, until);
      expect(await retentionOf(store, key)).toMatchObject({ Mode: "COMPLIANCE", RetainUntilDate: until });
      await expect(store.delete(key)).rejects.toMatchObject({ code: "store-object-locked" });
      expect((await readAll(store, key)).toString()).toBe("objects");
    });

    it("refuses to lock for nobody knows how long", async () => {
      const started = openLocked().begin({ source, id: nextId() });
      await expect(started).rejects.toMatchObject({ code: "input-invalid" });
      await expect(started).rejects.toThrow("for how long");
    });

    it("refuses a bucket that has no Object Lock before any work", async () => {
      const started = open("&lock=governance").begin({
        source,
        id: nextId(),
        lifetime: { retentionDays: 1 },
      });
      await expect(started).rejects.toMatchObject({ code: "input-invalid" });
      await expect(started).rejects.toThrow("has no Object Lock");
      expect(proxy.seen.filter(({ method }) => method === "PUT")).toEqual([]);
    });
  });
});

if (program === undefined) it.skip("SKIPPED: no S3 server could be built here (is Go missing?)", () => {});
