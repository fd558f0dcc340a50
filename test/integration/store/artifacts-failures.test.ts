import { randomBytes } from "node:crypto";
import { readdir, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { snapshotFileKey, snapshotJsonKey } from "../../../src/snapshot/keys.ts";
import { backUp, breakingAfter, bytesOf, nextId, readAll, sha256, streamOf } from "../../contract/store.ts";
import type { Store } from "../../../src/store/store.ts";
import { type ArtifactPlace, artifactsIn } from "../../fakes/github/artifact-store.ts";

const source = "database";
const name = "data.zst.age";
const dayMs = 24 * 3600 * 1000;

let place: ArtifactPlace;
let now = new Date("2026-11-23T03:00:00Z");
beforeEach(async () => {
  now = new Date("2026-11-23T03:00:00Z");
  place = await artifactsIn({ now: () => now });
});
afterEach(() => place.close());

describe("an upload", () => {
  it("counts only if the downloaded bytes are the sent ones", async () => {
    place.github.blobs.flipNextUploads = 1;
    const id = nextId();
    const draft = await place.open().begin({ source, id });
    await expect(draft.put(name, streamOf(randomBytes(1000)))).rejects.toMatchObject({
      code: "store-write-unproven",
    });
    expect(place.github.state.finished()).toEqual([]);
    expect(await place.spooled()).toEqual([]);
    // The bytes that came back wrong are gone, so the part can be put again.
    await draft.put(name, streamOf("once more"));
    await draft.commit(Buffer.from("{}"));
    expect((await readAll(place.open(), snapshotFileKey(source, id, name))).toString()).toBe("once more");
  });

  it("does not commit what comes back changed", async () => {
    const draft = await place.open().begin({ source, id: nextId() });
    place.github.blobs.flipNextUploads = 1;
    await expect(draft.commit(Buffer.from("{}"))).rejects.toMatchObject({ code: "store-write-unproven" });
    expect(await place.open().snapshots(source)).toEqual({ snapshots: [], findings: [] });
  });

  it("spools into a private folder and removes it, also when the source breaks", async () => {
    const seen: string[] = [];
    async function* watching(): AsyncGenerator<Uint8Array> {
      yield Buffer.from("sealed");
      const [folder] = await place.spooled();
      const parent = (await readdir(tmpdir())).filter((one) => one.startsWith("lifeboat-runner-temp-"));
      for (const temp of parent) {
        const path = join(tmpdir(), temp, folder ?? "");
        const entry = await stat(path).catch(() => undefined);
        if (entry === undefined || folder === undefined) continue;
        seen.push((entry.mode & 0o777).toString(8));
        for (const file of await readdir(path)) {
          seen.push(((await stat(join(path, file))).mode & 0o777).toString(8));
        }
      }
    }
    const draft = await place.open().begin({ source, id: nextId() });
    await draft.put(name, watching());
    expect(seen).toEqual(["700", "600"]);
    expect(await place.spooled()).toEqual([]);
    const error = new Error("pg_dump was killed");
    await expect(draft.put("more.zst.age", breakingAfter(Buffer.from("x"), error))).rejects.toBe(error);
    expect(await place.spooled()).toEqual([]);
    expect(place.github.state.finished()).toHaveLength(1);
  });

  it("finds its artifact again when GitHub's answer was lost", async () => {
    place.github.faults.add({ matches: "FinalizeArtifact", times: 1, effect: { kind: "drop-answer" } });
    const id = nextId();
    const draft = await place.open(place.run, { uploadLimitMs: () => 1500 }).begin({ source, id });
    const stored = await draft.put(name, streamOf("sealed"));
    expect(stored.sha256).toBe(sha256("sealed"));
    expect(place.github.state.finished()).toHaveLength(1);
  });

  it("tries again from its spool when the connection was dropped", async () => {
    place.github.faults.add({ matches: "CreateArtifact", times: 1, effect: { kind: "drop" } });
    const draft = await place.open().begin({ source, id: nextId() });
    expect(await draft.put(name, streamOf("sealed"))).toMatchObject({ sha256: sha256("sealed") });
  });

  it("goes round a name that an interrupted upload blocks: commits take another slot, parts say it", async () => {
    const id = nextId();
    const draft = await place.open(place.run, { uploadLimitMs: () => 1500 }).begin({ source, id });
    const lost = { matches: "CreateArtifact", times: 1, effect: { kind: "drop-answer" } } as const;
    place.github.faults.add(lost);
    await expect(draft.put(name, streamOf("sealed"))).rejects.toMatchObject({ code: "store-write-failed" });
    place.github.faults.add(lost);
    await draft.commit(Buffer.from("{}"));
    expect((await place.open().snapshots(source)).snapshots.map((one) => one.id)).toEqual([id]);
  });

  it("waits until GitHub shows it", async () => {
    const draft = await place.open().begin({ source, id: nextId() });
    const create = place.github.state.newArtifact.bind(place.github.state);
    const late = { hiddenFor: 3, unlistedFor: 3 };
    place.github.state.newArtifact = (...args) => Object.assign(create(...args), late);
    expect(await draft.put(name, streamOf("sealed"))).toMatchObject({ length: 6 });
    await draft.commit(Buffer.from("{}"));
    expect((await place.open().snapshots(source)).snapshots).toHaveLength(1);
  });

  it("says that the storage is used up", async () => {
    place.github.service.quotaBytes = -1;
    const draft = await place.open().begin({ source, id: nextId() });
    await expect(draft.put(name, streamOf("sealed"))).rejects.toMatchObject({ code: "artifact-quota" });
  });

  it("says that it needs an action's environment", async () => {
    const draft = await place.open().begin({ source, id: nextId() });
    delete process.env["ACTIONS_RUNTIME_TOKEN"];
    await expect(draft.put(name, streamOf("sealed"))).rejects.toMatchObject({
      code: "input-invalid",
      hint: expect.stringContaining("uses:") as string,
    });
  });

  it("warns once if GitHub keeps it for a shorter time than asked", async () => {
    place.github.state.retentionDays = 5;
    const store = place.open();
    const draft = await store.begin({ source, id: nextId(), lifetime: { retentionDays: 30 } });
    await draft.put(name, streamOf("sealed"));
    await draft.commit(Buffer.from("{}"));
    expect(place.warnings).toHaveLength(1);
    expect(place.warnings[0]).toContain("5 days instead of 30");
    const [snapshot] = (await store.snapshots(source)).snapshots;
    expect(snapshot!.expiresAt!.getTime() - now.getTime()).toBeLessThanOrEqual(5 * dayMs);
  });

  it("leaves nothing of an abandoned draft", async () => {
    const readOnly = place.github.tokenWith({ actions: "read" });
    const draft = await place.open(place.run, { token: readOnly }).begin({ source, id: nextId() });
    await draft.put(name, streamOf("sealed"));
    await draft.put("globals.sql.zst.age", streamOf("sealed"));
    await draft.abandon();
    expect(place.github.state.artifacts.size).toBe(0);
  });
});

describe("a download", () => {
  const part = randomBytes(400_000);
  let key: string;
  beforeEach(async () => {
    key = snapshotFileKey(source, await backUp(place.open(), source, { [name]: part }), name);
  });

  it("goes on where the connection broke", async () => {
    const truncate = { kind: "truncate", after: 100_000 } as const;
    place.github.faults.add({ matches: /GET \/blob\/.*data\.zst\.age/, times: 3, effect: truncate });
    place.github.requests.length = 0;
    expect(sha256(await readAll(place.open(), key))).toBe(sha256(part));
    const blobs = place.github.requests.filter(
      ({ path }) => path.includes(name) && path.startsWith("/blob/"),
    );
    expect(blobs).toHaveLength(4);
  });

  it("is an error, never a short success, if it keeps breaking", async () => {
    const truncate = { kind: "truncate", after: 0 } as const;
    place.github.faults.add({ matches: /GET \/blob\/.*data\.zst\.age/, times: 99, effect: truncate });
    const bytes = await place.open().read(key);
    await expect(bytesOf(bytes)).rejects.toMatchObject({ code: "store-read-failed" });
  });

  it("is an error if GitHub holds fewer or more bytes than were recorded", async () => {
    const artifact = place.github.state.finished().find((one) => one.name.endsWith(name))!;
    for (const held of [part.subarray(0, 1000), Buffer.concat([part, Buffer.from("more")])]) {
      artifact.bytes = held;
      const bytes = await place.open().read(key);
      await expect(bytesOf(bytes)).rejects.toMatchObject({ code: "store-read-failed" });
    }
  });

  it("renews a signed URL that has expired", async () => {
    const store = place.open();
    await readAll(store, key);
    now = new Date(now.getTime() + 120_000);
    place.github.requests.length = 0;
    expect(sha256(await readAll(store, key))).toBe(sha256(part));
    expect(place.github.count("blob")).toBe(2);
  });

  it("says that an artifact has expired or is gone", async () => {
    const store = place.open();
    await readAll(store, key);
    const [artifact] = place.github.state.finished().filter((one) => one.name.endsWith(name));
    artifact!.expiresAt = new Date(0);
    const reader = place.open();
    await expect(reader.read(key)).rejects.toMatchObject({
      code: "store-object-missing",
      message: expect.stringContaining("expired") as string,
    });
    place.github.state.artifacts.delete(artifact!.id);
    await expect(reader.read(key)).rejects.toMatchObject({ code: "store-object-missing" });
  });

  it("shows no snapshot whose commit has expired", async () => {
    now = new Date(now.getTime() + 91 * dayMs);
    expect(await place.open().snapshots(source)).toEqual({ snapshots: [], findings: [] });
  });

  it("ends a connection that gives nothing any more", async () => {
    const stalled = place.open(place.run, { idleTimeoutMs: 50 });
    place.github.rest.extraRoutes.push({
      method: "GET",
      path: /\/artifacts\/\d+\/zip$/,
      answer: (exchange) =>
        exchange.send(302, Buffer.alloc(0), { location: `${place.github.apiUrl}/silence` }),
    });
    place.github.rest.extraRoutes.push({ method: "GET", path: /^\/silence$/, answer: () => {} });
    await expect(stalled.snapshots(source)).rejects.toMatchObject({
      code: "store-read-failed",
      message: expect.stringContaining("nothing came") as string,
    });
  });
});

describe("a listing", () => {
  beforeEach(async () => {
    await backUp(place.open(), source);
  });

  it("is complete or fails", async () => {
    place.github.rest.totalCountOffBy = 1;
    await expect(place.open().snapshots(source)).rejects.toMatchObject({ code: "store-list-failed" });
  });

  it("is worth another try if GitHub does not answer", async () => {
    place.github.faults.add({
      matches: "GET /repos",
      times: 1,
      effect: { kind: "status", status: 502 },
    });
    await expect(place.open().snapshots(source)).rejects.toMatchObject({ code: "store-temporary" });
    place.github.faults.add({ matches: "GET /repos", times: 1, effect: { kind: "drop" } });
    await expect(place.open().snapshots(source)).rejects.toMatchObject({ code: "store-temporary" });
  });

  it("names the permission that the token lacks", async () => {
    const token = place.github.tokenWith({});
    await expect(place.open(place.run, { token }).snapshots(source)).rejects.toMatchObject({
      code: "store-permission-missing",
      hint: expect.stringContaining("actions: read") as string,
    });
  });
});

describe("a deletion", () => {
  it("counts only once GitHub shows that the artifact is gone", async () => {
    const id = await backUp(place.open(), source);
    place.github.rest.extraRoutes.push({
      method: "DELETE",
      path: /./,
      answer: (exchange) => exchange.json(204, undefined),
    });
    const deleting = place.open().delete(snapshotJsonKey(source, id));
    await expect(deleting).rejects.toMatchObject({ code: "store-write-failed" });
  });
});

describe("rights", () => {
  it("names the permission that deleting needs", async () => {
    const id = await backUp(place.open(), source);
    const token = place.github.tokenWith({ actions: "read" });
    const deleting = place.open(place.run, { token }).delete(snapshotJsonKey(source, id));
    await expect(deleting).rejects.toMatchObject({
      code: "store-permission-missing",
      hint: expect.stringContaining("actions: write") as string,
    });
  });

  it("only reads from a terminal", async () => {
    const id = await backUp(place.open(), source);
    const store = place.open(place.run, { run: undefined as never });
    expect(store.address).toBe("artifacts:acme/lifeboat");
    expect((await store.snapshots(source)).snapshots.map((one) => one.id)).toEqual([id]);
    for (const act of [
      () => store.begin({ source, id: nextId() }),
      () => store.put("evidence/database/x", Buffer.from("x")),
      () => store.delete(snapshotJsonKey(source, id)),
    ]) {
      await expect(act()).rejects.toMatchObject({ code: "input-invalid" });
    }
  });
});

it("lists what stands behind a gap of deleted slots, where another run has written since", async () => {
  const store = place.open();
  const ids: string[] = [];
  for (let number = 0; number < 7; number += 1) ids.push(await backUp(store, source));
  const nextRun = (): Store => place.open(place.github.state.addRun());
  const next = await backUp(nextRun(), source);
  for (const id of ids.slice(1, 6)) await store.delete(snapshotJsonKey(source, id));
  const left = [ids[0], ids[6], next];
  const idsIn = async (reader: Store): Promise<string[]> =>
    (await reader.snapshots(source)).snapshots.map(({ id }) => id);
  expect(await idsIn(nextRun())).toEqual(left);
  // Nor does whoever writes now let those forget it that read after that.
  const last = await backUp(nextRun(), source);
  await store.delete(snapshotJsonKey(source, next));
  expect(await idsIn(nextRun())).toEqual([ids[0], ids[6], last]);
});
