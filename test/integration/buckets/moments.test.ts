/** Three snapshots of a project that changes in between: each gives back its own moment, and fetches only changes. */
import { afterAll, describe, expect, it } from "vitest";
import type { Connection } from "../../../src/postgres/connection.ts";
import { parseConnection } from "../../../src/postgres/connection.ts";
import type { StorageServer } from "../../fakes/storage/index.ts";
import { postgresRows } from "../../fakes/storage/rows-postgres.ts";
import { majorsAvailable } from "../../support/servers.ts";
import { sharedServer } from "../../support/shared-server.ts";
import { type Moment, momentOf, restoredMoment } from "./moment.ts";
import { type BucketSafe, newBucketSafe } from "./safe.ts";

const unchanged = 40;
const safes: BucketSafe[] = [];
afterAll(async () => {
  for (const safe of safes) await safe[Symbol.asyncDispose]();
});

async function fill(server: StorageServer): Promise<void> {
  await server.addBucket("files");
  await server.addBucket("other");
  for (let at = 0; at < unchanged; at += 1) {
    const contentType = at % 2 === 0 ? "text/plain" : "image/png";
    await server.addObject(at % 3 === 0 ? "other" : "files", {
      name: `same/${at}.bin`,
      size: 1000 + at,
      contentType,
    });
  }
  for (const name of ["changed", "changed-same-size", "deleted", "renamed", "retyped", "annotated"])
    await server.addObject("files", { name, size: 2000, contentType: "text/plain" });
  await server.addObject("files", { name: "big", size: 1_500_000, contentType: "video/mp4" });
}

/** What `rename` of the Storage API leaves: another key, the same bytes. */
async function change(server: StorageServer): Promise<{ readonly objects: number; readonly bytes: number }> {
  const { rows } = server;
  const text = { contentType: "text/plain" };
  await server.addObject("files", { ...text, name: "changed", seed: "v2", size: 2500 });
  await server.addObject("files", { ...text, name: "changed-same-size", seed: "v2", size: 2000 });
  await rows.remove("files", ["deleted", "renamed"]);
  await server.addObject("files", { ...text, name: "new name", seed: "renamed", size: 2000 });
  await server.addObject("files", { ...text, name: "added", size: 3000 });
  await server.addObject("files", {
    name: "retyped",
    size: 2000,
    contentType: "text/csv",
    cacheControl: "no-cache",
  });
  const before = await rows.object("files", "annotated");
  await rows.upsert("files", {
    name: "annotated",
    version: before?.version ?? "",
    metadata: before?.metadata ?? {},
    userMetadata: { reviewed: true },
  });
  return { objects: 6, bytes: 2500 + 2000 + 2000 + 3000 + 2000 + 2000 };
}

async function changeAgain(server: StorageServer): Promise<{ objects: number; bytes: number }> {
  await server.rows.remove("files", ["added", "big"]);
  await server.addObject("files", { name: "deleted", seed: "again", size: 10, contentType: "text/plain" });
  await server.addObject("other", {
    name: "changed",
    seed: "elsewhere",
    size: 20,
    contentType: "text/plain",
  });
  return { objects: 2, bytes: 30 };
}

async function threeMoments(safe: BucketSafe, databases: readonly (Connection | undefined)[]): Promise<void> {
  const { server } = safe;
  await fill(server);
  const moments: Moment[] = [];
  const taken: { readonly id: string; readonly ms: number }[] = [];
  const acts = [() => Promise.resolve({ objects: unchanged + 7, bytes: -1 }), change, changeAgain];
  for (const [at, act] of acts.entries()) {
    // Snapshots of one second have no order, and the clock of a database cannot be moved.
    await new Promise((resolve) => setTimeout(resolve, at === 0 ? 5 : 1500));
    const { objects, bytes } = await act(server);
    moments.push(await momentOf(server));
    server.resetCounters();
    const { snapshot, account } = await safe.backUp({ database: databases[at] });
    taken.push({ id: snapshot.id, ms: Date.parse(snapshot.times.snapshot) });
    expect(account).toMatchObject({
      stored: objects,
      carried: moments[at]!.size - objects,
      failed: 0,
      vanished: 0,
    });
    expect([snapshot.state, server.counters.requests.download]).toEqual(["whole", objects]);
    if (bytes >= 0) expect([account.fetchedBytes, server.counters.bytesServed]).toEqual([bytes, bytes]);
    if (databases[at] !== undefined) expect(server.counters.requests.info).toBe(0);
  }
  for (const [at, { id, ms }] of taken.entries()) {
    expect(await restoredMoment(safe, { kind: "id", id })).toEqual(moments[at]);
    const asOf = { kind: "as-of", moment: new Date(ms + 500) } as const;
    expect(await restoredMoment(safe, asOf)).toEqual(moments[at]);
    expect((await safe.verify(id, "restored")).verdict).toBe("passed");
  }
  await expect(
    restoredMoment(safe, { kind: "as-of", moment: new Date("2026-03-01T00:00:00Z") }),
  ).rejects.toMatchObject({ code: "snapshot-not-found" });
}

describe("each of three snapshots gives back its own moment, and fetches only what changed", () => {
  it("by list-v2", { timeout: 60_000 }, async () => {
    const safe = await newBucketSafe();
    safes.push(safe);
    await threeMoments(safe, [undefined, undefined, undefined]);
  });

  it("by walking folders", { timeout: 60_000 }, async () => {
    const safe = await newBucketSafe({ hasListV2: false });
    safes.push(safe);
    await threeMoments(safe, [undefined, undefined, undefined]);
  });
});

const majors = await majorsAvailable([15, 17]);
describe.each(majors)("with the rows of PostgreSQL %s", (major) => {
  it.each([
    ["list-v2, then SQL", [false, true, true]],
    ["SQL, then list-v2, then SQL", [true, false, true]],
  ])("each moment comes back where the listing is by %s", { timeout: 120_000 }, async (name, bySql) => {
    const postgres = await sharedServer(major);
    const database = `moments_${name.length}`;
    await postgres.sql("postgres", `create database ${database}`);
    const safe = await newBucketSafe({ rows: await postgresRows(postgres.url(database)) });
    safes.push(safe);
    const connection = parseConnection(postgres.url(database), "test's URL");
    await threeMoments(
      safe,
      bySql.map((sql) => (sql ? connection : undefined)),
    );
    // The pool must be gone before the server is.
    await safe.server.close();
  });
});
