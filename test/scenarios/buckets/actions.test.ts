/** Buckets into GitHub's artifacts and back, each step in a run of its own: the built actions, start to end. */
import { createHash } from "node:crypto";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { type FakeArtifact, type FakeRun } from "../../fakes/github/index.ts";
import { seededBytes, startStorageServer, type StorageServer } from "../../fakes/storage/index.ts";
import { type ActionEnd, type ActionName, runActionTo } from "../../support/actions.ts";
import { openProject, type Project } from "./project.ts";

const insideNames = /ward-files|x-ray|invoices|patient/;
const first = { objects: 61, bytes: 60 * 50_000 + 7_000_000 };
const dayMs = 24 * 3600 * 1000;

let project: Project;
let whole: ActionEnd;
let wholeRequests: number;

const act = (
  code: number,
  name: ActionName,
  inputs: Readonly<Record<string, string>>,
  run: FakeRun = project.github.state.addRun(),
): Promise<ActionEnd> => runActionTo(code, name, { github: project.github, run, inputs });
const backUp = (
  code: number,
  inputs: Readonly<Record<string, string>> = {},
  run?: FakeRun,
): Promise<ActionEnd> => act(code, "storage-backup", { ...project.backupInputs, ...inputs }, run);
const verify = (level: string, inputs: Readonly<Record<string, string>> = {}, code = 0): Promise<ActionEnd> =>
  act(code, "verify", { source: "storage", level, identity: project.identity, ...inputs });
const restoreInto = (target: StorageServer, inputs: Readonly<Record<string, string>> = {}, code = 0) =>
  act(code, "restore", {
    kind: "storage",
    "supabase-url": target.url,
    "supabase-key": target.serviceKey,
    identity: project.identity,
    ...inputs,
  });
const commits = (): readonly FakeArtifact[] =>
  project.github.state.finished().filter(({ name }) => name.includes(".snapshot."));
const packs = (): readonly FakeArtifact[] =>
  project.github.state.finished().filter(({ name }) => name.includes(".pack."));

beforeAll(async () => {
  project = await openProject();
  const { server } = project;
  await server.addBucket("ward-files", { file_size_limit: 8_000_000, allowed_mime_types: ["image/*"] });
  await server.addBucket("invoices", { public: true });
  for (let at = 0; at < 60; at += 1) {
    await server.addObject("ward-files", {
      name: `x-ray/${at}//patient.png`,
      size: 50_000,
      contentType: "image/png",
      userMetadata: { at },
    });
  }
  await server.addObject("invoices", {
    name: "patient.pdf",
    size: 7_000_000,
    contentType: "application/pdf",
  });
  whole = await backUp(0);
  wholeRequests = project.github.count("rest");
});
afterAll(() => project[Symbol.asyncDispose]());
afterEach(() => project.server.faults.clear());

async function expectSame(one: StorageServer, other: StorageServer): Promise<void> {
  const held = async ({ rows, blobs }: StorageServer): Promise<unknown[]> => {
    const all: unknown[] = [];
    for (const { id, public: isPublic, file_size_limit, allowed_mime_types } of await rows.buckets()) {
      all.push({ id, isPublic, file_size_limit, allowed_mime_types });
      for (const { name, version, metadata, user_metadata } of await rows.page(id, "", undefined, 1000)) {
        const blob = blobs.get(version ?? "")!;
        const hash = createHash("sha256");
        for await (const bytes of blob.read(0, blob.size)) hash.update(bytes);
        const { mimetype, cacheControl, size } = metadata ?? {};
        const sha256 = hash.digest("hex");
        all.push({ id, name, mimetype, cacheControl, size, user: user_metadata ?? {}, sha256 });
      }
    }
    return all;
  };
  expect(await held(other)).toEqual(await held(one));
}

describe("storage-backup in a public repository", () => {
  test("says what it did, in numbers only, and asks GitHub's rate limit for little", () => {
    expect(whole.outputs).toMatchObject({
      source: "storage",
      state: "whole",
      objects: String(first.objects),
      "fetched-objects": String(first.objects),
      "fetched-bytes": String(first.bytes),
    });
    expect(whole.summary).toMatch(/^## ✅ Backed up buckets of "storage"$/m);
    expect(whole.summary).toContain("| Objects | 61: 61 fetched, 0 unchanged |");
    expect(whole.record).toMatchObject({
      ...{ outcome: "success", kind: "storage", source: "storage", snapshot: whole.outputs["snapshot"] },
      numbers: { objects: first.objects, stored: first.objects, carried: 0, failed: 0, vanished: 0 },
    });
    expect(whole.published).not.toMatch(insideNames);
    expect(whole.leftInTemp).toEqual([]);
    console.log(`first backup: ${packs().length} packs, ${wholeRequests} REST requests`);
    expect(wholeRequests).toBeLessThan(30 + 4 * packs().length);
  });

  test("another run with the index identity alone fetches only what changed", async () => {
    const { server, github } = project;
    await server.addObject("ward-files", {
      ...{ name: "x-ray/7//patient.png", size: 50_001, seed: "again", contentType: "image/png" },
    });
    await server.addObject("ward-files", { name: "x-ray/new.png", size: 10, contentType: "image/png" });
    await server.rows.remove("ward-files", ["x-ray/8//patient.png"]);
    server.resetCounters();
    github.requests.length = 0;
    const second = await backUp(0);
    expect(second.outputs).toMatchObject({
      ...{ objects: "61", "fetched-objects": "2", "fetched-bytes": "50011", state: "whole" },
    });
    expect(server.counters.requests.download).toBe(2);
    expect(server.counters.bytesServed).toBe(50_011);
    expect(second.published).not.toMatch(insideNames);
    console.log(`incremental backup: ${github.count("rest")} REST requests`);
    expect(github.count("rest")).toBeLessThan(60);

    const { summary } = await verify("restored", { snapshot: second.outputs["snapshot"]! });
    for (const component of ["files", "packs", "index", "objects", "restored objects"]) {
      expect(summary).toMatch(new RegExp(`^\\| ${component} \\|.*✅`, "m"));
    }
    await using elsewhere = await startStorageServer();
    const done = await restoreInto(elsewhere, { snapshot: second.outputs["snapshot"]! });
    expect(done.outputs).toMatchObject({ outcome: "restored", snapshot: second.outputs["snapshot"] });
    expect(done.record).toMatchObject({ kind: "storage", numbers: { uploaded: 61, compared: 61 } });
    expect(done.published).not.toMatch(insideNames);
    expect(done.leftInTemp).toEqual([]);
    await expectSame(server, elsewhere);
  });

  test("each snapshot restores to its own moment, by a plan that a dry run showed", async () => {
    await using elsewhere = await startStorageServer();
    const snapshot = { snapshot: whole.outputs["snapshot"]!, include: "ward-files/x-ray/7//*" };
    const dry = await restoreInto(elsewhere, { ...snapshot, "dry-run": "true" });
    expect(dry.outputs).toMatchObject({ outcome: "planned" });
    expect(dry.published).not.toMatch(insideNames);
    expect(await elsewhere.rows.buckets()).toEqual([]);
    const outdated = await restoreInto(elsewhere, { ...snapshot, "plan-hash": "0123456789abcdef" }, 2);
    expect(outdated.record.error?.code).toBe("plan-outdated");
    await restoreInto(elsewhere, { ...snapshot, "plan-hash": dry.outputs["plan-hash"]! });
    const row = await elsewhere.rows.object("ward-files", "x-ray/7//patient.png");
    const blob = elsewhere.blobs.get(row?.version ?? "");
    const bytes = Buffer.concat([...seededBytes("x-ray/7//patient.png", 0, 50_000)]);
    expect(Buffer.concat(await Array.fromAsync(blob!.read(0, blob!.size))).equals(bytes)).toBe(true);
    expect(row?.user_metadata).toEqual({ at: 7 });
  });

  test("replaces only what was confirmed by the project's host", async () => {
    await using elsewhere = await startStorageServer();
    const { host } = new URL(elsewhere.url);
    await restoreInto(elsewhere);
    await elsewhere.addObject("invoices", { name: "patient.pdf", size: 9, contentType: "application/pdf" });
    for (const [confirm, code] of [
      ["", "confirm-needed"],
      ["other", "confirm-mismatch"],
    ] as const) {
      const refused = await restoreInto(elsewhere, { confirm }, 2);
      expect(refused.record.error?.code).toBe(code);
      expect(refused.published).not.toMatch(insideNames);
    }
    await restoreInto(elsewhere, { confirm: host });
    await expectSame(project.server, elsewhere);
  });

  test("a matrix of shards is joined into one snapshot, and without one of them into none", async () => {
    const group = { "shard-group": "run-1" };
    const run = project.github.state.addRun();
    project.server.resetCounters();
    const before = commits().length;
    const [one] = await Promise.all(
      [1, 3].map((number) => backUp(0, { ...group, shard: `${number}/3`, source: "sharded" }, run)),
    );
    expect(one?.outputs["snapshot"]).toBeUndefined();
    expect(one?.summary).toMatch(/^## ✅ Stored shard 1 of 3 of "sharded"$/m);
    const join = { ...group, join: "true", source: "sharded", "supabase-url": "", "supabase-key": "" };
    const early = await backUp(1, join, run);
    expect(early.record.error?.code).toBe("shard-missing");
    expect(early.errors.join()).toContain("missing: 2");
    expect(commits()).toHaveLength(before);

    await backUp(0, { ...group, shard: "2/3", source: "sharded" }, project.github.state.addAttempt(run));
    const served = project.server.counters.bytesServed;
    const joined = await backUp(0, join, run);
    expect(joined.outputs).toMatchObject({ objects: "61", "fetched-objects": "61", state: "whole" });
    expect(project.server.counters.bytesServed).toBe(served);
    expect(joined.published).not.toMatch(insideNames);
    expect(project.github.state.finished().filter(({ name }) => name.includes(".shard."))).toEqual([]);
    await verify("restored", { source: "sharded" });
    const next = await backUp(0, { source: "sharded" });
    expect(next.outputs).toMatchObject({ objects: "61", "fetched-objects": "0" });
  });

  test("objects that cannot be read turn the step red once all others are safe", async () => {
    const { server } = project;
    const row = await server.rows.object("ward-files", "x-ray/5//patient.png");
    const lost = server.blobs.get(row?.version ?? "")!;
    server.blobs.delete(row?.version ?? "");
    const end = await backUp(1, { source: "holes" });
    server.blobs.set(row?.version ?? "", lost);
    expect(end.outputs).toMatchObject({ state: "incomplete", objects: "60" });
    expect(end.errors).toHaveLength(1);
    expect(end.errors[0]).toContain("storage-incomplete::1 of 61 objects could not be read");
    expect(end.record).toMatchObject({
      ...{ outcome: "failure", error: { code: "storage-incomplete" } },
      ...{ snapshot: end.outputs["snapshot"], numbers: { objects: 60, failed: 1 } },
    });
    expect(end.summary).toMatch(/^## ❌ Incomplete: 1 of 61 objects of "holes" could not be read$/m);
    expect(end.published).not.toMatch(insideNames);
    const verified = await verify("unsealed", { source: "holes" }, 3);
    expect(verified.record.error?.code).toBe("snapshot-incomplete");
    await using elsewhere = await startStorageServer();
    const refused = await restoreInto(elsewhere, { source: "holes" }, 3);
    expect(refused.record.error?.code).toBe("snapshot-incomplete");
    expect(await elsewhere.rows.buckets()).toEqual([]);
    const healed = await backUp(0, { source: "holes" });
    expect(healed.outputs).toMatchObject({ objects: "61", "fetched-objects": "1", state: "whole" });
  });

  test("a pack that would expire first is copied, without asking Supabase or opening it", async () => {
    const { server, github } = project;
    const before = await backUp(0, { source: "lasting", "retention-days": "30" });
    const expiring = packs().filter(({ name }) => name.startsWith("lifeboat.lasting."));
    for (const pack of expiring) pack.expiresAt = new Date(Date.now() + 10 * dayMs);
    server.resetCounters();
    const after = await backUp(0, { source: "lasting", "retention-days": "30" });
    expect(after.outputs).toMatchObject({ "fetched-objects": "0", "fetched-bytes": "0" });
    expect(after.record.numbers).toMatchObject({ copiedPacks: expiring.length, newPacks: 0 });
    expect(server.counters.requests.download).toBe(0);
    for (const { id } of expiring) github.state.artifacts.delete(id);
    const lost = await verify("stored", { source: "lasting", snapshot: before.outputs["snapshot"]! }, 3);
    expect(lost.record.error?.code).toBe("backup-bad");
    await verify("restored", { source: "lasting" });
  });

  test.each([
    ["a fork", { headRepositoryId: 99, event: "push" }],
    ["a pull request", { event: "pull_request" }],
  ])("neither a snapshot nor a pack from %s is taken for ours", async (_, options) => {
    const { state } = project.github;
    const ours = (await backUp(0, { source: "trust" })).outputs["snapshot"]!;
    await project.server.addObject("invoices", {
      ...{ name: `patient-${options.event}.pdf`, size: 20_000, contentType: "application/pdf" },
    });
    const trusted = state.addRun();
    const theirs = (await backUp(0, { source: "trust" }, trusted)).outputs["snapshot"]!;
    // Byte for byte the same artifacts, uploaded by a run that anybody may start.
    const foreign = state.addRun(options);
    for (const { id, name, bytes } of state.finished({ runId: trusted.id })) {
      state.addArtifact(foreign, name, bytes);
      state.artifacts.delete(id);
    }
    const latest = await verify("unsealed", { source: "trust" });
    expect(latest.outputs["snapshot"]).toBe(ours);
    expect(latest.summary).toContain("`foreign-artifact`");
    const named = await verify("stored", { source: "trust", snapshot: theirs }, 2);
    expect(named.record.error?.code).toBe("snapshot-not-found");
    await using elsewhere = await startStorageServer();
    const dry = await restoreInto(elsewhere, { source: "trust", "dry-run": "true" });
    expect(dry.outputs["snapshot"]).toBe(ours);
    const next = await backUp(0, { source: "trust" });
    expect(next.outputs).toMatchObject({ "fetched-objects": "1" });
    expect(next.warnings.join("\n")).toContain(`run ${foreign.id} has the name of a backup`);
    for (const { id } of state.finished({ runId: foreign.id })) state.artifacts.delete(id);
  });
});
