/**
 * Names from inside buckets and everything secret, looked for in every encoding and every channel of the actions in a
 * public repository: in success and in failure, on the disk and in command lines while they run.
 */
import { mkdir, mkdtemp } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { startStorageServer, type StorageServer } from "../../fakes/storage/index.ts";
import { type ActionEnd, type ActionName, runActionTo } from "../../support/actions.ts";
import { findIn, type Needle, needlesFor, newMarker } from "../secrets/encodings.ts";
import { type Seen, watching } from "../secrets/watcher.ts";
import { openProject, type Project } from "./project.ts";

const [bucket, folder, object, metadata, bytes] = Array.from({ length: 5 }, newMarker) as [
  ...[string, string, string, string, string],
];
const inside: readonly Needle[] = [
  ...needlesFor("a bucket", bucket),
  ...needlesFor("a folder", folder),
  ...needlesFor("an object", object),
  ...needlesFor("user metadata", metadata),
  ...needlesFor("an object's bytes", bytes),
];
const oddName = `/${folder}//${object}-?&+ .txt`;

let project: Project;
let needles: readonly Needle[];

beforeAll(async () => {
  // Other tests on this machine have the stand-in's usual keys.
  project = await openProject({
    secretKey: `sb_secret_${newMarker()}`,
    jwtSecret: newMarker(),
    readsOddKeys: true,
  });
  const { server } = project;
  needles = [
    ...inside,
    ...[project.identity, project.indexIdentity].flatMap((text) =>
      needlesFor("an identity", /AGE-SECRET-KEY-\w+/.exec(text)![0]),
    ),
    ...needlesFor("the secret key", server.secretKey),
    ...needlesFor("the legacy key", server.serviceKey.split(".")[2]!),
  ];
  await server.addBucket(`${bucket} & co`, { allowed_mime_types: [`text/x-${metadata}`, "text/plain"] });
  for (const name of [oddName, `${object}.txt`, `${folder}/second.txt`]) await upload(server, name);
  // A key that today's rules refuse.
  await server.addObject(`${bucket} & co`, { name: `${object}-ünï.txt`, size: 9, contentType: "text/plain" });
});
afterAll(() => project[Symbol.asyncDispose]());
afterEach(() => project.server.faults.clear());

async function upload({ url, secretKey }: StorageServer, name: string): Promise<void> {
  const path = [`${bucket} & co`, ...name.split("/")].map(encodeURIComponent).join("/");
  const userMetadata = { [metadata]: [metadata] };
  const answer = await fetch(`${url}/storage/v1/object/${path}`, {
    method: "POST",
    headers: {
      ...{ apikey: secretKey, "content-type": "text/plain", "x-upsert": "true" },
      ...{ "x-metadata": Buffer.from(JSON.stringify(userMetadata)).toString("base64") },
    },
    body: `${bytes} `.repeat(60_000),
  });
  expect(answer.status, await answer.text()).toBe(200);
}

/** Runs an action under watch, and proves that no channel and no artifact carries a needle. */
async function quietly(
  code: number,
  name: ActionName,
  inputs: Readonly<Record<string, string>>,
): Promise<{ readonly end: ActionEnd; readonly seen: Seen }> {
  const { github } = project;
  const step = await mkdtemp(join(project.folder, "step-"));
  const watch = { folders: [step, join(project.folder, "store")], needles };
  const [end, seen] = await watching(watch, () =>
    runActionTo(code, name, { github, run: github.state.addRun(), inputs, folder: step }),
  );
  expect(seen.leaks).toEqual([]);
  expect(findIn(end.published, needles)).toEqual([]);
  for (const artifact of github.state.artifacts.values()) {
    expect(findIn(artifact.name, needles)).toEqual([]);
    expect(findIn(artifact.bytes, needles)).toEqual([]);
  }
  expect(end.leftInTemp).toEqual([]);
  return { end, seen };
}

const backUp = (code: number, inputs: Readonly<Record<string, string>> = {}) =>
  quietly(code, "storage-backup", { ...project.backupInputs, ...inputs });
const opened = (): Readonly<Record<string, string>> => ({ source: "storage", identity: project.identity });

test.each(["artifacts", "directory"])("a backup into a store of kind %s", async (kind) => {
  const { end, seen } = await backUp(0, kind === "artifacts" ? {} : { store: project.store });
  expect(end.outputs).toMatchObject({ state: "whole", objects: "4" });
  // It was really looked at: the sealed files, as they grew.
  expect(seen.filesRead).toBeGreaterThan(2);
  if (kind === "artifacts") expect(project.github.state.artifacts.size).toBeGreaterThan(3);
});

test("an incremental one, a shard and the joining, with the legacy key", async () => {
  const inputs = { "supabase-key": project.server.serviceKey, source: "again" };
  await backUp(0, inputs);
  await backUp(0, inputs);
  await backUp(0, { ...inputs, shard: "1/1", "shard-group": "g" });
  await backUp(0, { ...inputs, join: "true", "shard-group": "g", "supabase-url": "", "supabase-key": "" });
});

test("verifications of every level, and what they find", async () => {
  for (const level of ["stored", "unsealed", "restored"]) await quietly(0, "verify", { ...opened(), level });
  const { state } = project.github;
  const packs = state.finished().filter(({ name }) => name.startsWith("lifeboat.storage.pack."));
  expect(packs.length).toBeGreaterThan(0);
  for (const { bytes } of packs) bytes[bytes.length >> 1]! ^= 1;
  for (const level of ["stored", "restored"]) {
    const { end } = await quietly(3, "verify", { ...opened(), level });
    expect(end.record.error?.code).toBe("backup-bad");
  }
  await using elsewhere = await startStorageServer({ secretKey: project.server.secretKey });
  const target = { kind: "storage", "supabase-url": elsewhere.url, "supabase-key": elsewhere.secretKey };
  await quietly(3, "restore", { ...opened(), ...target });
  for (const { bytes } of packs) bytes[bytes.length >> 1]! ^= 1;
});

test("restores: planned, refused, done with keys that cannot come back, and different afterwards", async () => {
  await using elsewhere = await startStorageServer({ secretKey: project.server.secretKey });
  const target = {
    ...{ ...opened(), kind: "storage" },
    ...{ "supabase-url": elsewhere.url, "supabase-key": elsewhere.secretKey },
  };
  const plan = await quietly(0, "restore", { ...target, "dry-run": "true" });
  expect(plan.end.summary).toContain("| Cannot restore | 1 |");
  const { end } = await quietly(0, "restore", target);
  expect(end.summary).toContain("`object-not-restorable`");
  expect(end.summary).toContain("| Compared byte for byte | 3 |");
  await elsewhere.addObject(`${bucket} & co`, { name: `${object}.txt`, size: 5, contentType: "text/plain" });
  await elsewhere.rows.changeBucket(`${bucket} & co`, { public: true });
  await quietly(2, "restore", target);
  await quietly(2, "restore", { ...target, confirm: "something else" });
  const missing = await quietly(2, "restore", { ...target, buckets: "not-there" });
  expect(missing.end.record.error?.code).toBe("bucket-missing");
  // Its bytes are served short after the upload.
  elsewhere.faults.add({
    matches: `GET /storage/v1/object/authenticated/`,
    effect: { kind: "status", status: 403, body: { statusCode: "403", error: oddName, message: oddName } },
  });
  const confirmed = { ...target, confirm: new URL(elsewhere.url).host };
  const unproven = await quietly(2, "restore", confirmed);
  expect(unproven.end.record.outcome).toBe("failure");
});

test.each(["directory"])("a restore into a %s holds the bytes there and nowhere else", async () => {
  // Deeper than strangers look.
  const target = join(project.folder, "1/2/3/restored");
  await mkdir(target, { recursive: true });
  const { end } = await quietly(0, "restore", { ...opened(), kind: "storage", "target-directory": target });
  expect(end.record.numbers).toMatchObject({ compared: 4 });
});

test("objects that have no bytes, and objects that are refused", async () => {
  const { server } = project;
  const source = { source: "holes" };
  const row = await server.rows.object(`${bucket} & co`, oddName);
  const lost = server.blobs.get(row?.version ?? "")!;
  server.blobs.delete(row?.version ?? "");
  const holes = await backUp(1, source);
  server.blobs.set(row?.version ?? "", lost);
  expect(holes.end.record.error?.code).toBe("storage-incomplete");
  expect(holes.end.summary).toContain("`row-without-bytes`");
  const message = `refused: ${bucket}/${oddName}`;
  server.faults.add({
    matches: "GET /storage/v1/object/authenticated/",
    effect: { kind: "status", status: 400, body: { statusCode: "400", error: message, message } },
  });
  const refused = await backUp(1, source);
  expect(refused.end.record.error?.code).toBe("storage-incomplete");
});

test("listings and buckets that answer with errors full of names", async () => {
  const message = `no: ${bucket} ${oddName}`;
  for (const matches of ["/storage/v1/object/list", "/storage/v1/bucket"]) {
    project.server.faults.add({
      matches,
      effect: { kind: "status", status: 400, body: { statusCode: "400", error: message, message } },
    });
    const { end } = await backUp(2, { source: "failing" });
    expect(end.record.error?.code).toBe("storage-request-refused");
    project.server.faults.clear();
  }
  const refused = await backUp(2, { "supabase-key": `${project.server.secretKey}x` });
  expect(refused.end.record.error?.code).toBe("storage-key-refused");
});
