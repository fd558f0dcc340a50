/** A bucket whose lock and storage class a policy gives by tier, on a real S3 server. */
import { randomBytes } from "node:crypto";
import { GetObjectRetentionCommand } from "@aws-sdk/client-s3";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { packKey, snapshotFileKey, snapshotJsonKey } from "../../../src/snapshot/keys.ts";
import type { Tier } from "../../../src/snapshot/snapshot-json.ts";
import { type S3Store, s3Store } from "../../../src/store/s3.ts";
import { systemClock } from "../../../src/system/clock.ts";
import { silentLogger } from "../../../src/system/logger.ts";
import { nextId, streamOf } from "../../contract/store.ts";
import { type S3Proxy, startS3Proxy } from "../../fakes/s3-proxy.ts";
import { credentials, s3ServerProgram, type S3Server, startS3Server } from "../../support/s3-server.ts";

const program = await s3ServerProgram();
const dayMs = 24 * 3600 * 1000;
const source = "database";
const prefix = "by-tier";

describe.skipIf(program === undefined)("an S3 store by tier", () => {
  let server: S3Server;
  let proxy: S3Proxy;
  let bucket: string;
  let store: S3Store;
  const classes: { readonly url: string; readonly asked: string }[] = [];
  beforeAll(async () => {
    server = await startS3Server(program!);
    proxy = await startS3Proxy(server.endpoint);
    bucket = await server.bucket("lock");
    store = openIn(bucket);
    proxy.answer = ({ url }, { "x-amz-storage-class": asked }) => {
      if (typeof asked === "string") classes.push({ url, asked });
      return undefined;
    };
  });
  afterAll(async () => {
    await proxy.close();
    await server.close();
  });

  const openIn = (of: string): S3Store =>
    s3Store({
      address: {
        bucket: of,
        prefix,
        pathStyle: true,
        endpoint: proxy.endpoint,
        lock: { daily: "none", monthly: "governance", yearly: "compliance" },
        storageClass: { monthly: "STANDARD_IA", yearly: "GLACIER_IR" },
      },
      clock: systemClock,
      logger: silentLogger,
      credentials,
      sleep: () => Promise.resolve(),
    });

  const lockOf = async (key: string) => {
    const asked = new GetObjectRetentionCommand({ Bucket: bucket, Key: `${prefix}/${key}` });
    return await server.client.send(asked).then(
      ({ Retention }) => Retention,
      (thrown: unknown) =>
        (thrown as Error).name === "NoSuchObjectLockConfiguration"
          ? undefined
          : Promise.reject(thrown as Error),
    );
  };
  const classesSent = (key: string): readonly string[] =>
    classes.filter(({ url }) => url.includes(key)).map(({ asked }) => asked);

  it.each([
    { tiers: ["daily"], mode: undefined, storageClass: [] },
    { tiers: ["daily", "monthly"], mode: "GOVERNANCE", storageClass: ["STANDARD_IA"] },
    { tiers: ["daily", "monthly", "yearly"], mode: "COMPLIANCE", storageClass: ["GLACIER_IR"] },
  ] as const)("a snapshot for $tiers is locked as $mode", async ({ tiers, mode, storageClass }) => {
    const id = nextId();
    const draft = await store.begin({ source, id, lifetime: { retentionDays: 30, tiers } });
    await draft.put("data.zst.age", streamOf(randomBytes(200_000)));
    const key = snapshotFileKey(source, id, "data.zst.age");
    expect(classesSent(key)).toEqual(storageClass);
    await draft.commit(Buffer.from("{}"));
    for (const one of [key, snapshotJsonKey(source, id)]) expect((await lockOf(one))?.Mode).toBe(mode);
    // A small file would be billed as a large one.
    expect(classesSent(snapshotJsonKey(source, id))).toEqual([]);
    if (mode !== undefined) {
      await expect(store.delete(key)).rejects.toMatchObject({ code: "store-object-locked" });
    } else await store.delete(key);
  });

  it("a pack keeps the mode of the snapshot that wrote it; later ones extend its time", async () => {
    const key = packKey(source, nextId());
    const inDays = (days: number): Date => new Date(Math.floor(Date.now() / 1000) * 1000 + days * dayMs);
    const [before, later, last] = [inDays(40), inDays(50), inDays(60)];
    const monthly: readonly Tier[] = ["monthly"];
    await store.putStream(key, streamOf("objects"), { retentionDays: 30, tiers: monthly });
    expect(await lockOf(key)).toMatchObject({ Mode: "GOVERNANCE" });
    await store.extendLock!(key, before, monthly);
    expect(await lockOf(key)).toEqual({ Mode: "GOVERNANCE", RetainUntilDate: before });
    await store.extendLock!(key, last, ["daily"]);
    expect(await lockOf(key)).toEqual({ Mode: "GOVERNANCE", RetainUntilDate: before });
    await store.extendLock!(key, later, ["yearly"]);
    expect(await lockOf(key)).toEqual({ Mode: "GOVERNANCE", RetainUntilDate: later });
  });

  it("what belongs to no tier is not locked", async () => {
    const key = packKey(source, nextId());
    await store.putStream(key, streamOf("marks"), { retentionDays: 30 });
    expect(await lockOf(key)).toBeUndefined();
  });

  it("only a tier that asks for a lock needs a bucket that has one", async () => {
    const plain = openIn(await server.bucket());
    const begin = (tiers: readonly Tier[]) =>
      plain.begin({ source, id: nextId(), lifetime: { retentionDays: 30, tiers } });
    await (await begin(["daily"])).abandon();
    await expect(begin(["daily", "yearly"])).rejects.toThrow("has no Object Lock");
    await expect(plain.begin({ source, id: nextId() })).rejects.toThrow("for how long");
  });
});

if (program === undefined) it.skip("SKIPPED: no S3 server could be built here (is Go missing?)", () => {});
