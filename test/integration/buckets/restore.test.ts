/** Restores into projects that are not as empty, patient or permissive as one would like, and into directories. */
import { createHash } from "node:crypto";
import { lstat, mkdtemp, readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import type { LifeboatError } from "../../../src/errors.ts";
import type { BucketTarget } from "../../../src/operations/restore-buckets.ts";
import { renderStoragePlan } from "../../../src/operations/render-storage-plan.ts";
import type { StorageBackupReport } from "../../../src/operations/storage-backup.ts";
import { parseConnection } from "../../../src/postgres/connection.ts";
import { objectFilter } from "../../../src/storage/object-filter.ts";
import type { Store } from "../../../src/store/store.ts";
import { postgresRows } from "../../fakes/storage/rows-postgres.ts";
import { startStorageServer, type StorageServer } from "../../fakes/storage/index.ts";
import { majorsAvailable } from "../../support/servers.ts";
import { sharedServer } from "../../support/shared-server.ts";
import { forge } from "./forge.ts";
import { momentOf } from "./moment.ts";
import { apiOf, type BucketSafe, movableClock, newBucketSafe } from "./safe.ts";

const timeout = 40_000;
let safe: BucketSafe;
let report: StorageBackupReport;
const limits = { file_size_limit: 8_000_000, allowed_mime_types: ["text/plain", "video/mp4"] };
beforeAll(async () => {
  safe = await newBucketSafe({ readsOddKeys: true });
  await safe.server.addBucket("files", limits);
  for (let at = 0; at < 20; at += 1) {
    const object = { name: `small/${at}`, size: 1000 + at, contentType: "text/plain", userMetadata: { at } };
    await safe.server.addObject("files", object);
  }
  await safe.server.addObject("files", { name: "big", size: 7_000_000, contentType: "video/mp4" });
  await safe.server.addObject("files", { name: "größe#1.txt", size: 9, contentType: "text/plain" });
  report = await safe.backUp({}, { clock: movableClock() });
});
afterAll(() => safe[Symbol.asyncDispose]());

const servers: StorageServer[] = [];
async function newProject(): Promise<StorageServer> {
  const server = await startStorageServer();
  servers.push(server);
  return server;
}
afterEach(async () => {
  for (const server of servers.splice(0)) await server.close();
});

type Into = Extract<BucketTarget, { kind: "supabase" }>;
const into = (server: StorageServer, more: Partial<Into> = {}): Into => ({
  kind: "supabase",
  api: apiOf(server),
  name: "target",
  database: undefined,
  deleteExtraneous: false,
  ...more,
});

/** Without the object whose key no upload takes any more. */
async function expected(): Promise<Awaited<ReturnType<typeof momentOf>>> {
  return new Map([...(await momentOf(safe.server))].filter(([name]) => !name.includes("größe")));
}

describe("a restore", () => {
  it("done again keeps all, and asks for bytes only to compare them", { timeout }, async () => {
    const server = await newProject();
    const { restored } = await safe.restore({ target: into(server) });
    expect(restored).toMatchObject({ uploaded: 21, kept: 0, compared: 21 });
    expect(server.counters.requests["resumable-patch"]).toBe(2);
    expect(await momentOf(server)).toEqual(await expected());
    expect(restored?.findings.map(({ code }) => code)).toContain("object-not-restorable");
    for (const { publicSentence } of restored?.findings ?? []) expect(publicSentence).not.toContain("größe");
    server.resetCounters();
    const again = await safe.restore({ target: into(server) });
    expect(again.restored).toMatchObject({ uploaded: 0, kept: 21, compared: 21 });
    expect(server.counters.requests.upload + server.counters.requests["resumable-create"]).toBe(0);
    // Each object once to compare it, and the one of parts once more for the plan and once for the second look; a byte
    // of each for both.
    expect(server.counters.requests).toMatchObject({ download: 21 + 2, probe: 2 * 21 });
  });

  it("that broke off half-way is finished by the next, limits included", { timeout }, async () => {
    const server = await newProject();
    server.faults.add({
      matches: /^(POST|PATCH) .*(object\/files|resumable)/,
      skip: 9,
      effect: { kind: "status", status: 503 },
    });
    await expect(safe.restore({ target: into(server) })).rejects.toMatchObject({ code: "storage-temporary" });
    server.faults.clear();
    expect((await momentOf(server)).size).toBeGreaterThan(0);
    const { restored } = await safe.restore({ target: into(server) });
    expect(restored!.uploaded).toBeLessThan(21);
    expect(restored!.uploaded + restored!.kept).toBe(21);
    expect(await momentOf(server)).toEqual(await expected());
    expect(await server.rows.bucket("files")).toMatchObject(limits);
  });

  it(
    "into a bucket whose limits refuse an object lifts them meanwhile, whatever happens",
    { timeout },
    async () => {
      for (const refusing of [
        { file_size_limit: 5_000_000, allowed_mime_types: null },
        { file_size_limit: null, allowed_mime_types: ["text/*"] },
      ]) {
        const server = await newProject();
        await server.addBucket("files", refusing);
        const { plan } = await safe.restore({ target: into(server), dryRun: true });
        expect(plan?.buckets).toMatchObject({ differing: ["files"], lifted: ["files"], limited: [] });
        server.faults.add({ matches: "upload/resumable", effect: { kind: "status", status: 503 } });
        await expect(safe.restore({ target: into(server) })).rejects.toMatchObject({
          code: "storage-temporary",
        });
        expect(await server.rows.bucket("files")).toMatchObject(refusing);
        server.faults.clear();
        const { restored } = await safe.restore({ target: into(server) });
        expect(restored).toMatchObject({ compared: 21 });
        expect(await server.rows.bucket("files")).toMatchObject(refusing);
      }
    },
  );

  it("into a bucket that a killed restore left without limits sets the backup's", { timeout }, async () => {
    const server = await newProject();
    await server.addBucket("files");
    const { plan } = await safe.restore({ target: into(server), dryRun: true });
    expect(plan?.buckets).toMatchObject({ differing: [], lifted: [], limited: ["files"] });
    await safe.restore({ target: into(server) });
    expect(await server.rows.bucket("files")).toMatchObject(limits);
  });

  it("leaves out by name what the project refuses, and has all others", { timeout }, async () => {
    const server = await startStorageServer({ fileSizeLimit: 5_000_000 });
    servers.push(server);
    const restoring = safe.restore({ target: into(server) });
    await expect(restoring).rejects.toMatchObject({ code: "storage-objects-refused", exitCode: 3 });
    const cause = await restoring.catch((thrown: unknown) => thrown as LifeboatError);
    expect([(cause as LifeboatError).message, (cause as LifeboatError).publicly.sentence]).toEqual([
      expect.stringMatching(/"files\/big"/),
      expect.not.stringMatching(/big/),
    ]);
    const all = [...(await expected())].filter(([name]) => name !== "files/big");
    expect(await momentOf(server)).toEqual(new Map(all));
    expect(await server.rows.bucket("files")).toMatchObject(limits);
  });

  it("uploads what has a row and no bytes, without asking for consent", { timeout }, async () => {
    for (const bytesGone of [500, 404] as const) {
      const server = await startStorageServer({ bytesGone });
      servers.push(server);
      await safe.restore({ target: into(server) });
      await server.addObject("files", { name: "newer", size: 5, contentType: "text/plain" });
      await server.addObject("files", { name: "small/0", size: 3, contentType: "text/plain" });
      const before = (await server.rows.object("files", "small/0"))!;
      server.blobs.clear();
      const { plan, restored } = await safe.restore({ target: into(server) });
      expect(plan?.objects).toMatchObject({
        missing: 0,
        different: 0,
        identical: 0,
        withoutBytes: 21,
        extraneous: 1,
      });
      expect(restored).toMatchObject({ uploaded: 21, kept: 0, compared: 21 });
      const row = await server.rows.object("files", "small/0");
      expect([row?.id, row?.created_at]).toEqual([before.id, before.created_at]);
      const lost = restored?.findings.find(({ code }) => code === "row-without-bytes");
      expect([lost?.sentence, lost?.publicSentence]).toEqual([
        expect.stringContaining('"files/newer"'),
        expect.not.stringContaining("newer"),
      ]);
    }
  });

  it("compares what comes without a length, one request at a time", { timeout }, async () => {
    const server = await newProject();
    server.faults.add({ matches: "/authenticated/", effect: { kind: "chunked" } });
    const target = into(server, { api: apiOf(server, 1) });
    const { restored } = await safe.restore({ target, jobs: 4 });
    expect(restored?.compared).toBe(21);
  });

  it("never says that it is good where the project serves other bytes", { timeout }, async () => {
    const server = await newProject();
    const api = apiOf(server);
    const lying = into(server, {
      api: {
        ...api,
        upload: async (...[object, size, open]: Parameters<typeof api.upload>) => {
          await api.upload(object, size, open);
          if (object.name === "small/7") {
            await server.addObject("files", {
              name: object.name,
              size,
              seed: "x",
              contentType: "text/plain",
            });
          }
        },
      },
    });
    await expect(safe.restore({ target: lying })).rejects.toMatchObject({ code: "restore-not-verified" });
  });

  it("refuses where the target is no longer what was agreed to", { timeout }, async () => {
    const server = await newProject();
    const { planHash } = await safe.restore({ target: into(server), dryRun: true });
    await server.addBucket("files");
    await server.addObject("files", { name: "small/1", size: 5, contentType: "text/plain" });
    const outdated = safe.restore({ target: into(server), planHash });
    await expect(outdated).rejects.toMatchObject({ code: "plan-outdated" });
    expect((await momentOf(server)).size).toBe(1);
  });

  it("deletes what is extraneous within the chosen prefix, and nothing else", { timeout }, async () => {
    const server = await newProject();
    await server.addBucket("files");
    await server.addBucket("elsewhere");
    for (const name of ["small/extra", "other/extra", "Small/extra"])
      await server.addObject("files", { name, size: 1 });
    await server.addObject("elsewhere", { name: "small/extra", size: 1 });
    const { restored } = await safe.restore({
      target: into(server, { deleteExtraneous: true }),
      filter: objectFilter({ include: ["files/small/**"] }),
      confirm: "target",
    });
    expect(restored).toMatchObject({ uploaded: 20, deleted: 1 });
    const left = [...(await momentOf(server)).keys()].filter((name) => name.endsWith("extra"));
    expect(left).toEqual(["elsewhere/small/extra", "files/Small/extra", "files/other/extra"]);
  });

  it("of one object out of its pack costs ranged reads, not the pack", { timeout }, async () => {
    let bytes = 0;
    const counting: Store = {
      ...safe.store,
      read: async (key, range) => {
        const stream = await safe.store.read(key, range);
        if (!key.startsWith("packs/")) return stream;
        return (async function* () {
          for await (const chunk of stream) {
            bytes += chunk.length;
            yield chunk;
          }
        })();
      },
    };
    const [one] = await safe.entries(report);
    expect(one?.name).toBe("big");
    const pack = report.snapshot.packs.reduce((sum, { payload }) => sum + payload.length, 0);
    expect(pack).toBeGreaterThan(7_000_000);
    const path = await mkdtemp(join(safe.folder, "one-"));
    const filter = objectFilter({ include: ["files/small/5"] });
    await safe.restore({ target: { kind: "directory", path, replace: false }, filter }, { store: counting });
    expect((await readdir(join(path, "files"), { recursive: true })).length).toBe(2);
    expect(bytes).toBeLessThan(300_000);
  });

  it("into a directory has the objects whose keys no project takes", { timeout }, async () => {
    const path = await mkdtemp(join(safe.folder, "all-"));
    const { restored } = await safe.restore({ target: { kind: "directory", path, replace: false } });
    expect(restored).toMatchObject({ uploaded: 22, findings: [] });
    expect((await lstat(join(path, "files", "größe#1.txt"))).size).toBe(9);
  });
});

/** Keys that no file can be called like, as somebody may have put them into a bucket. */
const oddKeys = [
  "a/../../../x",
  "x/..",
  "./x",
  "nul\0byte",
  "both",
  "both/inner",
  "Case",
  "case",
  "ends/",
  "//empty//segments",
  "back\\slash",
  `${"l".repeat(300)}/name`,
  "d/".repeat(1500) + "deep",
];

describe("odd keys", () => {
  it("come back under escaped names inside the folder, and all others as they are", { timeout }, async () => {
    await using odd = await newBucketSafe({ readsOddKeys: true });
    await odd.server.addBucket("files");
    for (const name of [...oddKeys, "plain/one", "plain/two"]) {
      await odd.server.addObject("files", { name, size: 50 });
    }
    const { snapshot } = await odd.backUp();
    const outside = await mkdtemp(join(odd.folder, "outside-"));
    const path = join(outside, "target");
    const choice = { kind: "id", id: snapshot.id } as const;
    const target = { kind: "directory", path, replace: false } as const;
    const { restored } = await odd.restore({ choice, target });
    expect(restored).toMatchObject({ uploaded: oddKeys.length + 2, compared: oddKeys.length + 2 });
    expect(await readdir(outside)).toEqual(["target"]);
    const lines = (await readFile(join(path, "manifest.jsonl"), "utf8")).trimEnd().split("\n");
    const written = lines.map((line) => JSON.parse(line) as { path: string; name: string; sha256: string });
    expect(written.map(({ name }) => name).toSorted()).toEqual(
      [...oddKeys, "plain/one", "plain/two"].toSorted(),
    );
    for (const one of written) {
      const bytes = await readFile(join(path, one.path));
      expect([bytes.length, createHash("sha256").update(bytes).digest("hex")]).toEqual([50, one.sha256]);
    }
    const [renamed, ...others] = restored!.findings;
    expect(others).toEqual([]);
    expect(renamed).toMatchObject({ level: "warning", code: "object-renamed" });
    expect(renamed!.publicSentence).toMatch(/^\d+ objects have keys that no file can have/);
    for (const { name, path: at } of written.filter((one) => one.path !== `files/${one.name}`)) {
      expect(renamed!.sentence).toContain(`${JSON.stringify(`files/${name}`)} as ${JSON.stringify(at)}`);
    }
    expect(renamed!.sentence).not.toContain("plain/one");
  });

  it("that the API does not serve are named by the backup, which has all others", { timeout }, async () => {
    for (const hasListV2 of [true, false]) {
      await using odd = await newBucketSafe({ hasListV2 });
      await odd.server.addBucket("files");
      const unreadable = ["..", ".", "gr%C3%B6.txt", "größe", "a[1]", "a/../ü"];
      for (const name of [...unreadable, "a/..", "plain", "x"])
        await odd.server.addObject("files", { name, size: 50 });
      const made = await odd.backUp();
      expect(made.snapshot.state).toBe("incomplete");
      expect(made.account).toMatchObject({ stored: 3, failed: unreadable.length });
      expect((await odd.entries(made)).map(({ name }) => name)).toEqual(["a/..", "plain", "x"]);
      // The newest is not taken for whole; whoever names it gets what it has, and hears what it has not.
      const target = {
        kind: "directory",
        path: await mkdtemp(join(odd.folder, "odd-")),
        replace: false,
      } as const;
      await expect(odd.restore({ target })).rejects.toMatchObject({ code: "snapshot-incomplete" });
      const { restored } = await odd.restore({ target, choice: { kind: "id", id: made.snapshot.id } });
      expect(restored).toMatchObject({ uploaded: 3 });
      const finding = restored?.findings.find(({ code }) => code === "snapshot-incomplete");
      for (const name of unreadable) expect(finding?.sentence).toContain(JSON.stringify(`files/${name}`));
      expect(finding?.publicSentence).not.toContain("files");
    }
  });
});

describe("hostile names in a properly sealed index lead nowhere, and nothing is written outside", () => {
  it.each([
    ["../../x", "files"],
    ["a/../../x", "files"],
    ["..", "files"],
    ["a\0b", "files"],
    ["x", ".."],
    ["x", "../../files"],
    ["x", "/etc"],
  ])("%j in bucket %j", { timeout }, async (name, bucket) => {
    const forged = await forge(safe, report, (all) =>
      all.map((entry) => (entry.name === "small/3" ? { ...entry, name, bucket } : entry)),
    );
    const outside = await mkdtemp(join(safe.folder, "outside-"));
    const path = join(outside, "a");
    const target = { kind: "directory", path, replace: true } as const;
    const restoring = safe.restore({ choice: { kind: "id", id: forged.id }, target });
    // The pack says that the bytes are another object's.
    await expect(restoring).rejects.toMatchObject({ code: "snapshot-damaged" });
    await restoring.catch((cause: unknown) =>
      expect((cause as LifeboatError).publicly.sentence).not.toContain(name === "x" ? bucket : name),
    );
    expect(await readdir(outside)).toEqual(["a"]);
    expect((await safe.verify(forged.id, "unsealed")).verdict).toBe("failed");
    await safe.store.delete(`snapshots/storage/${forged.id}/snapshot.json`);
    for (const { key } of await safe.store.files(`snapshots/storage/${forged.id}/`))
      await safe.store.delete(key);
  });

  it("an absolute key stays below the folder", { timeout }, async () => {
    const server = await newBucketSafe();
    await server.server.addBucket("files");
    await server.server.addObject("files", { name: "/etc/passwd", size: 3 });
    await server.backUp();
    const path = await mkdtemp(join(server.folder, "tree-"));
    await server.restore({ target: { kind: "directory", path, replace: false } });
    expect(await readdir(join(path, "files"))).toEqual(["%2Fetc"]);
    await server[Symbol.asyncDispose]();
  });
});

const [major] = await majorsAvailable([17, 15]);
describe.skipIf(major === undefined)("with a database", () => {
  const owner = "5f0c7a8e-1b7e-4c5e-9d43-0a2b9f1c0d11";
  async function newDatabase(name: string) {
    const postgres = await sharedServer(major!);
    await postgres.sql("postgres", `create database ${name}`);
    const server = await startStorageServer({ rows: await postgresRows(postgres.url(name)) });
    servers.push(server);
    return { server, postgres, database: parseConnection(postgres.url(name), "test's URL") };
  }

  it("an old server's mixed listing does not end a backup by SQL", { timeout }, async () => {
    const { database, postgres } = await newDatabase("mixed_folders");
    const server = await startStorageServer({
      rows: await postgresRows(postgres.url("mixed_folders")),
      hasListV2: false,
    });
    servers.push(server);
    await server.addBucket("files");
    for (const name of ["Folder/x", "folder/x", "plain"]) await server.addObject("files", { name, size: 10 });
    const alone = safe.backUp({ source: "mixed-folders" }, { api: apiOf(server) });
    await expect(alone).rejects.toMatchObject({ code: "storage-list-failed" });
    const made = await safe.backUp({ source: "mixed-folders", database }, { api: apiOf(server) });
    expect([made.snapshot.state, made.account]).toMatchObject(["whole", { stored: 3 }]);
    expect(made.findings.map(({ code }) => code)).toContain("listing-unchecked");
  });

  it("a bucket's name, owner and AVIF flag come back, or are named", { timeout }, async () => {
    const from = await newDatabase("bucket_from");
    const to = await newDatabase("bucket_to");
    const without = await newDatabase("bucket_without");
    await from.server.addBucket("files");
    await from.postgres.sql(
      "bucket_from",
      `update storage.buckets set name = 'My files', owner = '${owner}', owner_id = '${owner}', avif_autodetection = true,
         created_at = '2020-01-02T03:04:05.678901Z', updated_at = '2021-01-02T03:04:05.678901Z'`,
    );
    const rowOf = ({ postgres }: typeof from, name: string): Promise<unknown> =>
      postgres.sql(name, "select * from storage.buckets");
    await safe.backUp({ source: "bucket", database: from.database }, { api: apiOf(from.server) });
    const target = into(to.server, { database: to.database });
    const { restored } = await safe.restore({ source: "bucket", target });
    expect(restored?.findings).toEqual([]);
    expect(await rowOf(to, "bucket_to")).toEqual(await rowOf(from, "bucket_from"));
    const named = await safe.restore({ source: "bucket", target: into(without.server) });
    expect(named.restored?.findings.map(({ code }) => code)).toContain("bucket-settings-differ");
  });

  it("owners and times come back", { timeout }, async () => {
    const from = await newDatabase("owners_from");
    const to = await newDatabase("owners_to");
    await from.server.addBucket("files");
    for (const name of ["a", "b", "c"])
      await from.server.addObject("files", { name, size: 10, contentType: "text/plain" });
    const rowsOf = ({ postgres }: typeof from, name: string): Promise<unknown> =>
      postgres.sql(
        name,
        `select name, owner, owner_id, created_at, updated_at, last_accessed_at, user_metadata from storage.objects order by name`,
      );
    await from.postgres.sql(
      "owners_from",
      `set session_replication_role = replica;
       update storage.objects set owner = '${owner}', owner_id = '${owner}', created_at = '2020-01-02T03:04:05.678901Z',
         updated_at = '2021-01-02T03:04:05.678901Z', last_accessed_at = '2022-01-02T03:04:05Z' where name <> 'c'`,
    );
    await safe.backUp({ source: "owners", database: from.database }, { api: apiOf(from.server) });
    const target = into(to.server, { database: to.database });
    const { restored } = await safe.restore({ source: "owners", target });
    expect(restored).toMatchObject({ uploaded: 3, rowsRepaired: 3, findings: [] });
    expect(await rowsOf(to, "owners_to")).toEqual(await rowsOf(from, "owners_from"));
  });

  it(
    "the plan tells of triggers that uploads fire, and the report of what they wrote",
    { timeout },
    async () => {
      const from = await newDatabase("triggers_from");
      const to = await newDatabase("triggers_to");
      await from.server.addBucket("files");
      for (const name of ["a", "b"])
        await from.server.addObject("files", { name, size: 10, contentType: "text/plain" });
      await safe.backUp({ source: "triggers", database: from.database }, { api: apiOf(from.server) });
      await to.postgres.sql(
        "triggers_to",
        `create table public.log (name text); insert into public.log values ('before');
       create table public."the Count" (n integer); insert into public."the Count" values (5);
       create table public.still (n integer); insert into public.still values (1);
       create function public.note() returns trigger language plpgsql as $$ begin
         insert into public.log values (new.name); update public."the Count" set n = n + 1; return new; end $$;
       create trigger "note it" after insert on storage.objects for each row execute function public.note();
       create trigger off after insert on storage.objects for each row execute function public.note();
       alter table storage.objects disable trigger off`,
      );
      const target = into(to.server, { database: to.database });
      const { plan, planHash } = await safe.restore({ source: "triggers", target, dryRun: true });
      expect(plan?.triggers).toEqual(["note it"]);
      expect(renderStoragePlan(plan!)).toContain(`trigger "note it" on storage.objects at every upload`);
      const { restored } = await safe.restore({ source: "triggers", target, planHash });
      expect(restored?.findings.map(({ code, sentence }) => [code, sentence])).toEqual([
        [
          "written-during-upload",
          "Rows were written while objects were uploaded, by the project's own triggers or by others: public.log (2), public.the Count (1). Triggers: note it.",
        ],
      ]);
      expect(restored?.findings[0]?.publicSentence).not.toMatch(/log|Count|note/);
    },
  );

  it(
    "of another project is refused, also where buckets and objects have the same names",
    { timeout },
    async () => {
      const one = await newDatabase("project_one");
      const other = await newDatabase("project_other");
      for (const { server } of [one, other]) {
        await server.addBucket("files");
        await server.addObject("files", { name: "logo", size: 10, contentType: "text/plain" });
      }
      await one.server.addObject("files", { name: "mine", size: 10 });
      const mixed = safe.backUp({ source: "mixed", database: one.database }, { api: apiOf(other.server) });
      await expect(mixed).rejects.toMatchObject({ code: "input-invalid" });
      await other.server.rows.remove("files", ["logo"]);
      const vanishing = safe.backUp(
        { source: "mixed", database: one.database },
        { api: apiOf(other.server) },
      );
      await expect(vanishing).rejects.toMatchObject({ code: "input-invalid" });
      await other.server.addBucket("elsewhere");
      await other.postgres.sql("project_other", "delete from storage.buckets where id = 'files'");
      const strange = safe.backUp({ source: "mixed", database: one.database }, { api: apiOf(other.server) });
      await expect(strange).rejects.toMatchObject({ code: "input-invalid" });
      expect([
        ...(await safe.store.snapshots("mixed")).snapshots,
        ...(await safe.store.files("packs/mixed/")),
      ]).toEqual([]);
    },
  );
});
