import { describe, expect, test } from "vitest";
import { parseConnection } from "../../../src/postgres/connection.ts";
import { compareObjects, type InventoryObject } from "../../../src/storage/objects.ts";
import { repairRows } from "../../../src/supabase/storage-row-repair.ts";
import { openStorageRows } from "../../../src/supabase/storage-rows.ts";
import { startStorageServer, type StorageServer } from "../../fakes/storage/index.ts";
import { postgresRows } from "../../fakes/storage/rows-postgres.ts";
import { majorsAvailable, type TestServer } from "../../support/servers.ts";
import { sharedServer } from "../../support/shared-server.ts";
import { all, clientOf, failure, seeded } from "./client.ts";

const majors = await majorsAvailable([15, 17]);
let databases = 0;

interface Project extends AsyncDisposable {
  readonly database: string;
  readonly postgres: TestServer;
  readonly storage: StorageServer;
}

async function project(major: 15 | 17): Promise<Project> {
  const postgres = await sharedServer(major);
  const database = `project ${(databases += 1)}`;
  await postgres.createDatabase(database, { locale: "C.UTF-8" });
  const storage = await startStorageServer({ rows: await postgresRows(postgres.url(database)) });
  return { database, postgres, storage, [Symbol.asyncDispose]: () => storage.close() };
}

const connect = (postgres: TestServer, database: string) =>
  parseConnection(postgres.url(database), "test's URL");

async function* given(...objects: InventoryObject[]): AsyncGenerator<InventoryObject> {
  await Promise.resolve();
  yield* objects;
}

describe.each(majors as (15 | 17)[])("storage's tables on PostgreSQL %i", (major) => {
  test("list what the Storage API lists, in its order, and more about it", async () => {
    await using own = await project(major);
    const { database, postgres, storage } = own;
    for (const bucket of ["a-b", "a", "B"]) await storage.addBucket(bucket);
    const odd = ["/lead", "a//b", "trail/", "q?x", "Foo/x", "foo/x", "foo-1", "é/\u{1F600}", "é/\uFFFD"];
    const many = Array.from({ length: 2100 }, (_, at) => `n/${at}`);
    for (const name of [...odd, ...many])
      await storage.addObject("a", { name, size: 3, userMetadata: { name } });
    for (const bucket of ["a-b", "B"]) await storage.addObject(bucket, { name: "x", size: 1 });
    await postgres.sql(
      database,
      `update storage.objects set metadata = metadata || '{"size": "3"}' where name = 'foo-1';
       insert into storage.objects (bucket_id, name, is_delete_marker) values ('a', 'deleted', true);
       insert into storage.objects (bucket_id, name, archived_at) values ('a', 'earlier', now())`,
    );
    await using rows = await openStorageRows(connect(postgres, database));
    // One moment for all that is read.
    await storage.addObject("a", { name: "too late", size: 1 });
    const objects = await all(rows.objects());
    expect(objects).toHaveLength(odd.length + many.length + 2);
    expect(objects).toEqual(objects.toSorted(compareObjects));
    const { api } = clientOf(storage);
    const listed = (await all(api.list("a").objects)).filter(
      ({ name }) => !/too late|deleted|earlier/.test(name),
    );
    const inA = await all(rows.objects(["a"]));
    expect(inA.map(({ name, id, size, etag }) => [name, id, size, etag])).toEqual(
      listed.map(({ name, id, size, etag }) => [name, id, size, etag]),
    );
    const [one, info] = [inA.find(({ name }) => name === "foo-1"), await api.info("a", "foo-1")];
    expect(one).toMatchObject({
      size: 3,
      version: info?.version,
      userMetadata: { name: "foo-1" },
      owner: null,
    });
    expect(Date.parse(one!.createdAt!)).toBe(Date.parse(info!.createdAt!));
    expect(one?.createdAt).toMatch(/\.\d{6}Z$/);
    expect(await all(rows.objects(["B", "none"]))).toMatchObject([{ bucket: "B", name: "x" }]);
  });

  test("are read a thousand at a time", async () => {
    await using own = await project(major);
    const { database, postgres, storage } = own;
    await storage.addBucket("b");
    await postgres.sql(
      database,
      "insert into storage.objects (bucket_id, name) select 'b', 'n' || n from generate_series(1, 20000) as n",
    );
    await using rows = await openStorageRows(connect(postgres, database));
    let count = 0;
    for await (const { name } of rows.objects()) {
      count += name === "" ? 0 : 1;
      if (count !== 1500) continue;
      const [cursor] = await postgres.sql(
        database,
        "select query from pg_stat_activity where application_name = 'lifeboat' and datname = current_database()",
      );
      expect(cursor?.["query"]).toBe("fetch 1000 from storage_objects");
    }
    expect(count).toBe(20_000);
  });

  test("tell buckets' settings, and which hold no objects", async () => {
    await using own = await project(major);
    const { database, postgres, storage } = own;
    await storage.addBucket("b", {
      public: true,
      file_size_limit: 6_000_000_000,
      allowed_mime_types: ["a/*"],
    });
    await postgres.sql(
      database,
      `update storage.buckets set owner_id = 'x', avif_autodetection = true, name = 'other name';
       insert into storage.buckets (id, name, type) values ('ice', 'ice', 'ANALYTICS');
       insert into storage.buckets_analytics (name) values ('iceberg');
       insert into storage.buckets_analytics (name, deleted_at) values ('gone', now());
       insert into storage.buckets_vectors (id) values ('vec');
       insert into storage.vector_indexes values ('i', 'i', 'vec', 'float32', 3, 'cosine')`,
    );
    await using rows = await openStorageRows(connect(postgres, database));
    expect(await rows.buckets()).toMatchObject([
      {
        ...{
          id: "b",
          name: "other name",
          public: true,
          fileSizeLimit: 6_000_000_000,
          allowedMimeTypes: ["a/*"],
        },
        ...{ owner: null, ownerId: "x", avifAutodetection: true, type: "STANDARD" },
      },
      { id: "ice", type: "ANALYTICS" },
    ]);
    expect(await rows.specialBuckets()).toEqual([
      { id: "ice", type: "ANALYTICS" },
      { id: "iceberg", type: "ANALYTICS" },
      { id: "vec", type: "VECTOR", indexes: 1 },
    ]);
  });

  test("of an old project do without the columns of newer ones", async () => {
    const { database, postgres, storage } = await project(major);
    await storage.addBucket("b");
    await storage.addObject("b", { name: "x", size: 7 });
    await storage.close();
    await postgres.sql(
      database,
      `alter table storage.objects drop version, drop owner_id, drop user_metadata, drop archived_at,
         drop is_delete_marker, drop is_versioned;
       alter table storage.buckets drop avif_autodetection, drop file_size_limit, drop allowed_mime_types,
         drop owner_id, drop type, drop versioning_status;
       drop table storage.vector_indexes, storage.buckets_vectors, storage.buckets_analytics`,
    );
    await using rows = await openStorageRows(connect(postgres, database));
    const [object] = await all(rows.objects());
    expect(object).toMatchObject({ bucket: "b", name: "x", size: 7, owner: null });
    for (const unknown of ["version", "ownerId", "userMetadata"]) expect(object).not.toHaveProperty(unknown);
    expect(await rows.buckets()).toMatchObject([
      { id: "b", fileSizeLimit: null, allowedMimeTypes: null, type: "STANDARD" },
    ]);
    expect(await rows.specialBuckets()).toEqual([]);
    const repaired = await repairRows(
      connect(postgres, database),
      given({ ...object!, createdAt: "2020-01-01T00:00:00Z", userMetadata: null }),
    );
    expect(repaired).toEqual({ found: 1, changed: 1, missing: 0, updatedAt: "restored" });
  });

  test("are missed by name, and rows that may not be seen are an error", async () => {
    const postgres = await sharedServer(major);
    expect((await failure(openStorageRows(connect(postgres, "postgres")))).code).toBe(
      "storage-schema-missing",
    );
    await using own = await project(major);
    const { database, storage } = own;
    await storage.addBucket("b");
    await storage.addObject("b", { name: "inner", size: 1 });
    const role = `reader_${databases}`;
    await postgres.sql(
      database,
      `alter table storage.objects enable row level security;
       create role ${role} login password 'secret';
       grant usage on schema storage to ${role};
       grant select on all tables in schema storage to ${role}`,
    );
    const connection = { ...connect(postgres, database), user: role, password: "secret" };
    await using rows = await openStorageRows(connection);
    expect((await failure(all(rows.objects()))).code).toBe("privilege-missing");
  });

  test("are put back after a restore as they were, without touching what names and describes the bytes", async () => {
    await using own = await project(major);
    const { database, postgres, storage } = own;
    await storage.addBucket("b");
    for (const name of ["plain", "full", "gone"]) {
      await storage.addObject("b", {
        name,
        size: 9,
        userMetadata: name === "full" ? { a: { b: "ü" } } : null,
      });
    }
    await postgres.sql(
      database,
      `set session_replication_role = replica;
       update storage.objects set created_at = '2020-02-03 04:05:06.789012+00', updated_at = '2021-01-01 00:00:00.000001+00',
         last_accessed_at = null;
       update storage.objects set owner = '11111111-2222-3333-4444-555555555555', owner_id = 'o''wner' where name = 'full'`,
    );
    const connection = connect(postgres, database);
    const inventory = async (): Promise<InventoryObject[]> => {
      await using rows = await openStorageRows(connection);
      return await all(rows.objects());
    };
    const before = await inventory();
    const { api } = clientOf(storage);
    await api.remove(
      "b",
      before.map(({ name }) => name),
    );
    for (const object of before.filter(({ name }) => name !== "gone")) {
      await api.upload(object, 9, () => seeded(object.name, 9));
    }
    const uploaded = await inventory();
    expect(uploaded.find(({ name }) => name === "plain")?.userMetadata).toEqual({});
    const repair = await repairRows(connection, given(...before));
    expect(repair).toEqual({ found: 2, changed: 2, missing: 1, updatedAt: "restored" });
    const after = await inventory();
    for (const now of after) {
      const was = before.find(({ name }) => name === now.name)!;
      const { id, version, etag } = uploaded.find(({ name }) => name === now.name)!;
      expect(now).toEqual({ ...was, id, version, etag });
      expect(now.version).not.toBe(was.version);
    }
    // Done twice it changes nothing, and what is not known stays.
    expect(await repairRows(connection, given(...before))).toMatchObject({ found: 2, changed: 0 });
    expect(await repairRows(connection, given({ bucket: "b", name: "full" }))).toMatchObject({
      found: 1,
      changed: 0,
    });
  });

  test("keep the time of the restore where the role may not switch the trigger off", async () => {
    await using own = await project(major);
    const { database, postgres, storage } = own;
    await storage.addBucket("b");
    for (let at = 0; at < 1100; at += 1) await storage.addObject("b", { name: `n${at}`, size: 0 });
    const role = `owner_${databases}`;
    await postgres.sql(
      database,
      `create role ${role} login password 'secret' bypassrls;
       grant usage on schema storage to ${role}; grant all on all tables in schema storage to ${role}`,
    );
    const connection = { ...connect(postgres, database), user: role, password: "secret" };
    const times = { createdAt: "2020-01-01T00:00:00.000001Z", updatedAt: "2020-01-02T00:00:00.000000Z" };
    const objects = Array.from({ length: 1100 }, (_, at) => ({ bucket: "b", name: `n${at}`, ...times }));
    const kept = await repairRows(connection, given(...objects));
    expect(kept).toEqual({ found: 1100, changed: 1100, missing: 0, updatedAt: "kept" });
    const updated = async (): Promise<unknown> =>
      (
        await postgres.sql(database, "select count(*) from storage.objects where updated_at < '2021-01-01'")
      )[0]?.["count"];
    expect(await updated()).toBe("0");
    await postgres.sql(database, `grant set on parameter session_replication_role to ${role}`);
    expect(await repairRows(connection, given(...objects))).toMatchObject({
      changed: 1100,
      updatedAt: "restored",
    });
    expect(await updated()).toBe("1100");
  });
});
