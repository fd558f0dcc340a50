/** Into a server that lacks what only a machine has, by a role that may not do everything, and over what is there. */
import { chmod, chown, mkdir, mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import {
  backUp,
  connectionTo,
  newSafe,
  restore,
  type Safe,
  verify,
} from "../integration/backup/backing-up.ts";
import { startServer, type TestServer } from "../support/servers.ts";
import { sharedServer } from "../support/shared-server.ts";

let safe: Safe;
let server: TestServer;
let other: TestServer;
let folder: string;
beforeAll(async () => {
  safe = await newSafe();
  [server, other] = await Promise.all([sharedServer(15), startServer(15)]);
  folder = await mkdtemp(join(tmpdir(), "lifeboat-places-"));
  await chmod(folder, 0o711);
});
afterAll(async () => {
  await other.stop();
  await rm(folder, { recursive: true, force: true });
  await safe[Symbol.asyncDispose]();
});

async function tablespace(on: TestServer, name: string): Promise<void> {
  const place = join(folder, `${name}-${on.port}`);
  await mkdir(place);
  const { uid, gid } = await stat(on.dataDir);
  await chown(place, uid, gid);
  await on.sql("postgres", `create tablespace ${name} location '${place}'`);
}

test("tablespaces and libraries that the other server lacks are told, and nothing else changes", async () => {
  for (const name of ["fast", "slow"]) await tablespace(server, name);
  await tablespace(other, "slow");
  await server.createDatabase("placed");
  await server.sql(
    "placed",
    `create table hot (id int primary key using index tablespace slow, v text) tablespace fast;
     insert into hot select n, 'v' from generate_series(1, 50) n; create index hot_v on hot (v) tablespace slow;
     create role librarian login; alter role librarian set session_preload_libraries = 'no_such_library';
     alter role librarian in database placed set session_preload_libraries = 'no_such_library';
     alter database placed set session_preload_libraries = 'no_such_library'`,
  );
  const { snapshot } = await backUp(safe, connectionTo(server, "placed"));
  const target = connectionTo(other, "placed");
  const { restored } = await restore(safe, snapshot.id, { target, mode: { kind: "new-database" } });
  expect(restored?.missing).toBeUndefined();
  const codes = restored?.findings.map(({ code }) => code).toSorted();
  expect(codes).toEqual([
    ...["library-left-out", "library-left-out", "library-left-out"],
    ...["role-created-without-login", "tablespace-left-out"],
  ]);
  expect(restored?.findings.map(({ remedy }) => remedy).join("\n")).toContain('alter database "placed" set');
  expect(
    await other.sql(
      "placed",
      `select relname, spcname from pg_class c join pg_tablespace s on s.oid = reltablespace where relname like 'hot%' order by 1`,
    ),
  ).toEqual([
    { relname: "hot_pkey", spcname: "slow" },
    { relname: "hot_v", spcname: "slow" },
  ]);
  expect(
    await other.sql("placed", "select from pg_db_role_setting, unnest(setconfig) c where c like '%no_such%'"),
  ).toEqual([]);
  expect(await other.sql("placed", "select count(*) as n from hot")).toEqual([{ n: "50" }]);

  const request = {
    level: "restored",
    server: connectionTo(other, "postgres"),
    trustContents: true,
  } as const;
  const report = await verify(safe, snapshot.id, request);
  expect(report.verdict).toBe("passed");
  expect(report.components.find(({ component }) => component === "restore")?.findings).toMatchObject([
    { level: "info", code: "tablespace-left-out", fault: "target" },
    { level: "info", code: "library-left-out", fault: "target" },
    { level: "info", code: "library-left-out", fault: "target" },
  ]);
});

test("in place, a missing index swaps and is told; missing rows or rights keep what is there", async () => {
  await server.createDatabase("light");
  await server.sql(
    "light",
    `create table t (k int); create unique index t_k on t (k); insert into t values (1);
     update pg_index set indisready = false where indexrelid = 't_k'::regclass; insert into t values (1);
     update pg_index set indisready = true where indexrelid = 't_k'::regclass`,
  );
  const light = (await backUp(safe, connectionTo(server, "light"))).snapshot;
  const mode = { kind: "in-place" } as const;
  const swapped = await restore(safe, light.id, {
    target: connectionTo(server, "light"),
    mode,
    confirm: "light",
  });
  expect(swapped.restored).toMatchObject({ missing: ["index:public.t_k"] });
  expect(await server.sql("light", "select count(*) as n from t")).toEqual([{ n: "2" }]);

  await server.createDatabase("heavy");
  await server.sql(
    "heavy",
    `create function twice(i int) returns int language plpgsql immutable as 'begin return i * 2; end';
     create table gen (a int, b int generated always as (twice(a)) stored); insert into gen values (1);
     create or replace function twice(i int) returns int language plpgsql immutable as $$ begin raise 'no more'; end $$;
     create table kept (v text); insert into kept values ('a'), ('b'); alter table kept enable row level security;
     create role former; create policy see on kept to former using (true); delete from pg_authid where rolname = 'former'`,
  );
  const heavy = (await backUp(safe, connectionTo(server, "heavy"))).snapshot;
  const request = { target: connectionTo(server, "heavy"), mode, confirm: "heavy" };
  await server.sql("heavy", "create table written_since (id int)");
  await expect(restore(safe, heavy.id, request)).rejects.toMatchObject({
    code: "restore-incomplete",
    exitCode: 3,
    outcome: "unchanged",
    hint: "If you can do without, run again with: --accept rows:public.gen,policy:public.kept.see",
    publicSentence: expect.stringMatching(/^(?!.*(?:gen|kept))/) as string,
  });
  expect(await server.sql("heavy", "select to_regclass('written_since') as t")).toEqual([
    { t: "written_since" },
  ]);
  expect(await server.sql("postgres", "select from pg_database where datname like 'heavy_%'")).toEqual([]);
  const accept = ["rows:public.gen", "policy"];
  const accepted = await restore(safe, heavy.id, { ...request, accept });
  expect(accepted.restored?.missing).toBeUndefined();
  expect(accepted.restored?.findings.filter(({ level }) => level === "error")).toEqual([]);
  expect(await server.sql("heavy", "select count(*) as n from kept")).toEqual([{ n: "2" }]);
});
