import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { snapshotFileKey, snapshotPrefix } from "../../../src/snapshot/keys.ts";
import { snapshotFamily, slotName } from "../../../src/store/artifacts-names.ts";
import { writeEnvelope } from "../../../src/store/artifacts-envelope.ts";
import { backUp, bytesOf, nextId, readAll, streamOf } from "../../contract/store.ts";
import { type ArtifactPlace, artifactsIn } from "../../fakes/github/artifact-store.ts";
import type { RunOptions } from "../../fakes/github/index.ts";

const source = "database";
const commitName = slotName(snapshotFamily(source), 0);

let place: ArtifactPlace;
beforeEach(async () => {
  place = await artifactsIn();
});
afterEach(() => place.close());

/** A perfect commit by whoever started such a run. */
function forge(options: RunOptions): { readonly id: string; readonly runId: number } {
  const id = nextId();
  const run = place.github.state.addRun(options);
  const key = `${snapshotPrefix(source, id)}snapshot.json`;
  const envelope = writeEnvelope({ key, bytes: Buffer.from("{}\n"), earlier: [] });
  place.github.state.addArtifact(run, commitName, envelope);
  return { id, runId: run.id };
}

describe("artifacts that are not ours", () => {
  const strangers: readonly (readonly [string, RunOptions])[] = [
    ["a fork", { event: "pull_request", headRepositoryId: 99 }],
    ["a fork that names our branch", { event: "push", headRepositoryId: 99, headBranch: "main" }],
    ["a pull request from our default branch", { event: "pull_request", headBranch: "main" }],
    ["a pull_request_target run", { event: "pull_request_target", headBranch: "main" }],
    ["another branch", { event: "push", headBranch: "feature" }],
  ];
  for (const [who, options] of strangers) {
    it(`never counts a newer sealed snapshot from ${who}, and reports it`, async () => {
      const ours = await backUp(place.open(), source);
      const { runId } = forge(options);
      const { snapshots, findings } = await place.open().snapshots(source);
      expect(snapshots.map(({ id }) => id)).toEqual([ours]);
      expect(findings.map(({ code }) => code)).toEqual(["foreign-artifact"]);
      expect(findings[0]!.sentence).toContain(String(runId));
    });
  }

  it("counts a branch that the policy allows", async () => {
    const { id } = forge({ event: "push", headBranch: "release" });
    const { snapshots, findings } = await place
      .open(place.run, { allowedBranches: ["release"] })
      .snapshots(source);
    expect([snapshots.map((one) => one.id), findings]).toEqual([[id], []]);
  });

  for (const [who, options] of strangers) {
    it(`does not even begin a backup in a run of ${who}`, async () => {
      const store = place.open(place.github.state.addRun(options));
      const refused = {
        code: "input-invalid",
        message: expect.stringContaining("would not count") as string,
      };
      await expect(store.begin({ source, id: nextId() })).rejects.toMatchObject(refused);
      await expect(store.put(`evidence/${source}/x`, Buffer.from("x"))).rejects.toMatchObject(refused);
    });
  }

  it("does not believe a foreign commit's copies of earlier ones", async () => {
    const ours = await backUp(place.open(), source);
    const [listed] = place.github.state.finished({ name: commitName });
    const id = nextId();
    const envelope = writeEnvelope({
      key: `${snapshotPrefix(source, id)}snapshot.json`,
      bytes: Buffer.from("{}\n"),
      earlier: [
        {
          artifactId: listed!.id,
          digest: listed!.digest!,
          key: `${snapshotPrefix(source, ours)}snapshot.json`,
          bytes: Buffer.from("forged"),
        },
      ],
    });
    const fork = place.github.state.addRun({ event: "pull_request", headRepositoryId: 99 });
    place.github.state.addArtifact(fork, commitName, envelope);
    const { snapshots } = await place.open().snapshots(source);
    expect(Buffer.from(snapshots[0]!.snapshotJson).toString()).toBe(`{"id":"${ours}"}\n`);
  });

  it("reads a snapshot's parts from the commit's own run only", async () => {
    const id = nextId();
    const fork = place.github.state.addRun({ event: "pull_request", headRepositoryId: 99 });
    const forged = `lifeboat.${source}.${id}.data.zst.age`;
    place.github.state.addArtifact(fork, forged, Buffer.from("theirs, before"));
    const draft = await place.open().begin({ source, id });
    await draft.put("data.zst.age", streamOf("ours"));
    await draft.commit(Buffer.from("{}"));
    place.github.state.addArtifact(fork, forged, Buffer.from("theirs, after"));
    const key = snapshotFileKey(source, id, "data.zst.age");
    expect((await readAll(place.open(), key)).toString()).toBe("ours");
    expect(await place.open().files(snapshotPrefix(source, id))).toHaveLength(2);
  });

  it("reports what has a commit's name and is none", async () => {
    const run = place.github.state.addRun();
    place.github.state.addArtifact(run, commitName, Buffer.from("{}"));
    const { snapshots, findings } = await place.open().snapshots(source);
    expect(snapshots).toEqual([]);
    expect(findings.map(({ code }) => code)).toEqual(["snapshot-json-missing"]);
  });
});

describe("many snapshots", () => {
  it("lists 200 snapshots in fewer than 15 REST requests, each exactly as stored", async () => {
    // The 199th commit carries the 198 before it, as commits do; the last one is written by the store itself.
    const { state } = place.github;
    const earlier = [];
    const ids: string[] = [];
    for (let number = 0; number < 199; number += 1) {
      const id = nextId();
      const key = `${snapshotPrefix(source, id)}snapshot.json`;
      const bytes = Buffer.from(`{"id":"${id}"}\n`);
      const envelope = writeEnvelope({ key, bytes, earlier: number === 198 ? earlier : [] });
      const artifact = state.addArtifact(state.addRun(), commitName, envelope);
      earlier.push({ artifactId: artifact.id, digest: artifact.digest!, key, bytes });
      ids.push(id);
    }
    ids.push(await backUp(place.open(), source));
    place.github.requests.length = 0;
    const { snapshots, findings } = await place.open().snapshots(source);
    expect(place.github.count("rest")).toBeLessThan(15);
    expect(findings).toEqual([]);
    expect(snapshots.map(({ id }) => id)).toEqual(ids);
    for (const { id, snapshotJson } of snapshots) {
      expect(Buffer.from(snapshotJson).toString()).toBe(`{"id":"${id}"}\n`);
    }
  });

  it("carries only commits that still exist", async () => {
    const store = place.open();
    const first = await backUp(store, source);
    const second = await backUp(store, source);
    await store.delete(`${snapshotPrefix(source, first)}snapshot.json`);
    const third = await backUp(place.open(), source);
    const [newest] = place.github.state.finished();
    expect(newest!.bytes.toString()).toContain(second);
    expect(newest!.bytes.toString()).not.toContain(first);
    expect((await place.open().snapshots(source)).snapshots.map(({ id }) => id)).toEqual([second, third]);
  });

  it("takes the next slot in a re-run, which shares its run's names", async () => {
    const first = await backUp(place.open(), source);
    const again = place.github.state.addAttempt(place.run);
    const second = await backUp(place.open(again), source, { "data.zst.age": Buffer.from("again") });
    const names = place.github.state.finished().map(({ name }) => name);
    expect(names).toContain("lifeboat.database.snapshot.0.json");
    expect(names).toContain("lifeboat.database.snapshot.1.json");
    const { snapshots } = await place.open(again).snapshots(source);
    expect(snapshots.map(({ id }) => id)).toEqual([first, second]);
    const part = await place.open(again).read(snapshotFileKey(source, second, "data.zst.age"));
    expect((await bytesOf(part)).toString()).toBe("again");
  });
});
