/** What a person meets at the terminal: refusals before anything is asked, lists, and what only the key shows. */
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { RunEnd } from "../faults/runs.ts";
import { backupFlags, openProject, type Project, projectFlags } from "./project.ts";

const key = "sb_secret_0123456789abcdefghijklmnopqrstuv";

let project: Project;
let incomplete: RunEnd;

const restore = (...more: readonly string[]): readonly string[] => [
  ...["restore", "storage", "--store", project.store, "--identity-file", project.identityFile],
  ...["--snapshot", newest, ...more],
];
let newest = "";

beforeAll(async () => {
  project = await openProject();
  const { server } = project;
  await server.addBucket("photos", {
    public: true,
    file_size_limit: 2_000_000,
    allowed_mime_types: ["image/*"],
  });
  await server.addBucket("notes");
  await server.addBucket("analytics", { type: "ANALYTICS" });
  for (const name of ["a/1.png", "a/2.png", "lost, and found.png"])
    await server.addObject("photos", { name, size: 1000, contentType: "image/png" });
  await server.addObject("notes", { name: "n.txt", size: 20 });
  const row = await server.rows.object("photos", "lost, and found.png");
  const lost = server.blobs.get(row?.version ?? "")!;
  server.blobs.delete(row?.version ?? "");
  incomplete = await project.lifeboat([...backupFlags(project), "--json"]);
  server.blobs.set(row?.version ?? "", lost);
  const { code, stdout, stderr } = await project.lifeboat([...backupFlags(project), "--json"]);
  expect(code, stderr).toBe(0);
  newest = (JSON.parse(stdout) as { snapshot: { id: string } }).snapshot.id;
});
afterAll(() => project[Symbol.asyncDispose]());

describe("refused before anything is asked of anybody", () => {
  interface Refused {
    readonly flags: readonly string[];
    /** Of $K. */
    readonly value?: () => string;
    readonly words: string;
  }
  const withKeyOf = (value: () => string, words: string): Refused => ({
    ...{ flags: ["--supabase-key", "env:K"], value, words },
  });
  const refused: readonly (readonly [string, Refused])[] = [
    ["a publishable key", withKeyOf(() => "sb_publishable_abc", "is a publishable key")],
    ["an anon key", withKeyOf(() => project.server.anonKey, "without the role service_role")],
    ["a key that is none", withKeyOf(() => "hunter2-hunter2", "neither a secret key nor")],
    ["a key on the command line", { flags: ["--supabase-key", key], words: "is a secret or holds one" }],
    ["a variable that is not set", { flags: ["--supabase-key", "env:NO"], words: "which is not set" }],
    ["an empty key", withKeyOf(() => " ", "--supabase-key: is missing.")],
    ["http to another machine", { flags: ["--supabase-url", "http://db.example.org"], words: "http://" }],
    ["a URL with a path", { flags: ["--supabase-url", "https://a.example.org/x"], words: "has a path" }],
    ["a shard without a group", { flags: ["--shard", "1/2"], words: "--shard-group: shards need one" }],
    ["a shard that is none", { flags: ["--shard", "3/2", "--shard-group", "g"], words: "not a shard" }],
    ["a shard that joins", { flags: ["--shard", "1/2", "--shard-group", "g", "--join"], words: "--join: " }],
    ["a glob without a slash", { flags: ["--include", "*.png"], words: "has no slash" }],
    ["an empty index identity", { flags: ["--index-identity-file", "/dev/null"], words: "is empty" }],
  ];
  test.each(refused)("a backup with %s", async (_, { flags, value = () => "", words }) => {
    project.server.resetCounters();
    // Of a flag that is given twice the last one counts.
    const end = await project.lifeboat([...backupFlags(project), ...flags], { K: value() });
    expect([end.code, end.stdout], end.stderr).toEqual([2, ""]);
    expect(end.stderr).toContain(words);
    for (const secret of [key, value()].filter((text) => text.trim() !== ""))
      expect(end.stderr).not.toContain(secret);
    expect(asked()).toBe(0);
  });

  test.each([
    ["no target", [], "input-invalid", "no target is given"],
    ["two targets", ["--target-directory", "/nowhere"], "input-invalid", "a directory is given as well"],
    ["a relative directory", ["--target-directory", "here"], "input-invalid", "not an absolute path"],
    ["an id that is none", ["--snapshot", "yesterday"], "input-invalid", "neither `latest` nor"],
  ] as const)("a restore with %s", async (what, more, code, words) => {
    project.server.resetCounters();
    const target = what.startsWith("no") || what.startsWith("a relative") ? [] : projectFlags(project);
    const end = await project.lifeboat([...restore(...target, ...more), "--json"]);
    expect(end.code, end.stderr).toBe(2);
    expect(JSON.parse(end.stdout)).toMatchObject({ error: { code }, exitCode: 2 });
    expect(end.stderr).toContain(words);
    expect(asked()).toBe(0);
  });

  test("a kind that nobody knows", async () => {
    for (const group of ["backup", "restore"]) {
      const end = await project.lifeboat([group, "files", "--store", project.store, "--json"]);
      expect(end.code, end.stderr).toBe(2);
      expect(JSON.parse(end.stdout)).toMatchObject({ error: { code: "input-invalid" }, exitCode: 2 });
      expect(end.stderr).toContain("files");
    }
  });
});

describe("refused by what is there", () => {
  test("a bucket that is not there, in a backup and in a restore", async () => {
    for (const args of [backupFlags(project), restore(...projectFlags(project))]) {
      const end = await project.lifeboat([...args, "--bucket", "photo", "--json"]);
      expect(end.code, end.stderr).toBe(2);
      expect(JSON.parse(end.stdout)).toMatchObject({ error: { code: "bucket-missing" }, exitCode: 2 });
      expect(end.stderr).toContain('There is no bucket "photo"');
      expect(end.stderr).toMatch(/There are: .*notes, photos/);
    }
  });

  test("a key that the project does not know", async () => {
    const end = await project.lifeboat(backupFlags(project), { STORAGE_KEY: key });
    expect(end.code, end.stderr).toBe(2);
    expect(end.stderr).toContain("(storage-key-refused:");
    expect(end.stderr + end.stdout).not.toContain(key);
  });

  test("what would be replaced or deleted without the project's host as confirmation", async () => {
    const { server } = project;
    await server.addObject("notes", { name: "new.txt", size: 3 });
    const args = restore(...projectFlags(project), "--delete-extraneous");
    for (const [confirm, code] of [
      [[], "confirm-needed"],
      [["--confirm", "photos"], "confirm-mismatch"],
    ] as const) {
      const end = await project.lifeboat([...args, ...confirm, "--json"]);
      expect(end.code, end.stderr).toBe(2);
      expect(JSON.parse(end.stdout)).toMatchObject({ error: { code }, exitCode: 2 });
      expect(end.stderr).toContain("0 objects would be replaced and 1 deleted");
      expect(end.stderr).toContain(new URL(server.url).host);
    }
    expect(await server.rows.object("notes", "new.txt")).toBeDefined();
    const dry = await project.lifeboat([...args, "--dry-run"]);
    expect([dry.code, dry.stdout]).toEqual([0, expect.stringMatching(/delete/i)]);
    const end = await project.lifeboat([...args, "--confirm", new URL(server.url).host, "--json"]);
    expect(end.code, end.stderr).toBe(0);
    expect(JSON.parse(end.stdout)).toMatchObject({ restored: { deleted: 1, uploaded: 0, kept: 4 } });
    expect(await server.rows.object("notes", "new.txt")).toBeUndefined();
  });

  test("an incomplete backup: its document, its error and 1; not verified, restored only by its id", async () => {
    const { code, stdout, stderr } = incomplete;
    expect(code).toBe(1);
    const { snapshot, account } = JSON.parse(stdout) as {
      snapshot: { id: string; state: string };
      account: object;
    };
    expect([snapshot.state, account]).toMatchObject(["incomplete", { failed: 1, stored: 3 }]);
    expect(stderr).toContain("1 of 4 objects could not be read");
    expect(stderr).toContain("(storage-incomplete:");
    const verify = ["verify", "--store", project.store, "--identity-file", project.identityFile];
    const target = ["--target-directory", join(project.folder, "holes")];
    const verified = await project.lifeboat([...verify, "--snapshot", snapshot.id]);
    expect(verified.code, verified.stderr).toBe(3);
    expect(verified.stderr).toContain("(snapshot-incomplete:");
    const end = await project.lifeboat([...restore(...target), "--snapshot", snapshot.id]);
    expect(end.code, end.stderr).toBe(0);
    expect(end.stdout).toContain("1 object could not be read when the snapshot was taken");
  });
});

describe("to look at", () => {
  const stored = (): readonly string[] => ["--store", project.store];
  const withKey = (): readonly string[] => [...stored(), "--identity-file", project.identityFile];

  test("list shows objects, packs and state, and needs no key", async () => {
    const { code, stdout } = await project.lifeboat(["list", ...stored()]);
    expect(code).toBe(0);
    expect(stdout.trimEnd().split("\n")).toEqual([
      expect.stringMatching(/^\S+ {2}daily {2}incomplete {2}3 objects {2}1 packs {2}\d/),
      expect.stringMatching(/^\S+ {2}daily {2}whole {2}4 objects {2}2 packs {2}\d/),
    ]);
  });

  test("show names nothing from inside without the identity", async () => {
    const { code, stdout } = await project.lifeboat(["show", ...stored()]);
    expect(code).toBe(0);
    expect(stdout).toContain('(whole) of storage "storage"');
    expect(stdout).toMatch(/^Holds {5}4 objects$/m);
    expect(stdout.match(/^Pack {6}/gm)).toHaveLength(2);
    expect(stdout).not.toMatch(/photos|notes|tables|rows/);
  });

  test("show names buckets, and what an incomplete backup lacks, with it", async () => {
    const { id } = (JSON.parse(incomplete.stdout) as { snapshot: { id: string } }).snapshot;
    const { code, stdout, stderr } = await project.lifeboat(["show", ...withKey(), "--snapshot", id]);
    expect(code, stderr).toBe(0);
    expect(stdout).toContain('Bucket    "notes"  private\n');
    expect(stdout).toContain('Bucket    "photos"  public  files up to 2.0 MB  only image/*\n');
    expect(stdout).toContain("Account   3 fetched, 0 unchanged, 0 vanished, 1 failed; listed by list-v2\n");
    expect(stdout).toMatch(/^Failed {4}"photos\/lost, and found\.png" .*\(storage-object-unreadable\)$/m);
    expect(stdout).toMatch(/^No bytes {2}"photos\/lost, and found\.png"$/m);
    expect(stdout).toContain('Not here  "analytics" (analytics)');
  });

  test("the index identity opens no contents and no object", async () => {
    const flags = ["--store", project.store, "--identity-file", project.indexIdentityFile];
    const shown = await project.lifeboat(["show", ...flags]);
    const target = ["--target-directory", join(project.folder, "holes")];
    const restored = await project.lifeboat(["restore", "storage", ...flags, ...target]);
    for (const end of [shown, restored]) {
      expect(end.code, end.stderr).toBe(2);
      expect(end.stderr).toContain("(identity-does-not-open:");
    }
  });
});

function asked(): number {
  return Object.values(project.server.counters.requests).reduce((sum, count) => sum + count, 0);
}
