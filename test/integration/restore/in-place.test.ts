import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { planDatabaseRestore } from "../../../src/operations/plan-database-restore.ts";
import { restoreDatabase } from "../../../src/operations/restore-database.ts";
import { openClient } from "../../../src/postgres/client.ts";
import type { Connection } from "../../../src/postgres/connection.ts";
import { quoteIdentifier } from "../../../src/postgres/identifiers.ts";
import { beforeDatabaseName, newDatabaseName, writeMark } from "../../../src/postgres/restore-names.ts";
import { readTargetFacts } from "../../../src/postgres/restore-target.ts";
import { lockRestore } from "../../../src/postgres/swap.ts";
import type { ThrowawayServer } from "../../../src/postgres/throwaway-server.ts";
import {
  backUp,
  createDatabaseWith,
  newId,
  type RealBackup,
  run,
  startServer,
  tools,
} from "./real-backups.ts";
import { restore } from "./restoring.ts";

const rows = 3000;
let server: ThrowawayServer;
let backup: RealBackup;
let folder: string;

beforeAll(async () => {
  server = await startServer();
  folder = await mkdtemp("/tmp/restore-kill-");
  const source = await createDatabaseWith(
    server.connection,
    "source",
    `create table public.t (id int primary key, body text); create table public.u (id int primary key);
     insert into public.t select i, repeat('x', 500) from generate_series(1, ${rows}) i;
     insert into public.u select id from public.t`,
  );
  backup = await backUp(source, [`"public"."t"`]);
  const parts = Object.fromEntries(
    [...backup.parts].map(([name, bytes]) => [name, bytes.toString("base64")]),
  );
  await writeFile(join(folder, "backup.json"), JSON.stringify({ contents: backup.contents, parts }));
});
afterAll(async () => {
  await server.stop();
  await rm(folder, { recursive: true, force: true });
});

async function userDatabases(): Promise<string[]> {
  const found = await run(
    server.connection,
    "select datname from pg_database where datname !~ '^(postgres|template|source)'",
  );
  return found.map((row) => row["datname"] ?? "");
}

async function newTarget(name: string): Promise<Connection> {
  return await createDatabaseWith(
    server.connection,
    name,
    "create table public.old (n int); insert into public.old values (7)",
  );
}

beforeEach(async () => {
  for (const name of await userDatabases()) {
    await run(server.connection, `drop database ${quoteIdentifier(name)} with (force)`);
  }
});

test.each(["app", "select", "Odd \"name\" . = 'x'", "Ünï" + "ö".repeat(29), "a".repeat(63)])(
  "%j is replaced while clients reconnect; its rights and settings stay; what stood before is kept closed",
  async (name) => {
    const target = await newTarget(name);
    const quoted = quoteIdentifier(name);
    await run(
      server.connection,
      `alter database ${quoted} set "app.mine" to 'kept'; alter database ${quoted} connection limit 20;
      revoke connect on database ${quoted} from public; comment on database ${quoted} is 'mine'`,
    );
    let stop = false;
    const seen = new Set<string>();
    const client = async (): Promise<void> => {
      while (!stop) {
        try {
          const sql = await openClient(target);
          const { rows: found } = await sql.query<{ n: string }>(
            "select case when to_regclass('public.t') is null then 'old' else 'new' end n",
          );
          seen.add(found[0]?.n ?? "");
          await sql.query("select pg_sleep(0.02)").finally(() => sql.end().catch(() => {}));
        } catch (error) {
          seen.add((error as { code?: string }).code ?? "");
        }
      }
    };
    const clients = [client(), client(), client(), client()];
    const report = await restore(backup, { target, mode: { kind: "in-place" }, confirm: name });
    await delay(100);
    stop = true;
    await Promise.all(clients);
    expect(seen).toContain("old");
    expect(seen).toContain("new");
    expect(await run(target, "select count(*) n from public.t")).toEqual([{ n: String(rows) }]);
    const kept = report.keptDatabase ?? "";
    expect(kept).toMatch(/_before_\d{8}T\d{6}Z-[0-9a-f]{12}$/);
    expect(await userDatabases()).toEqual(expect.arrayContaining([name, kept]));
    expect(await userDatabases()).toHaveLength(2);
    const properties = `select d.datconnlimit, d.datallowconn, (select string_agg(a::text, ' ' order by a::text) from unnest(d.datacl) a) acl, s.setconfig::text, shobj_description(d.oid, 'pg_database') c
      from pg_database d left join pg_db_role_setting s on s.setdatabase = d.oid where datname = `;
    const [now] = await run(server.connection, `${properties} '${name.replaceAll("'", "''")}'`);
    expect(now).toEqual({
      datconnlimit: "20",
      datallowconn: "t",
      acl: "=T/postgres postgres=CTc/postgres",
      setconfig: "{app.mine=kept}",
      c: "mine",
    });
    const [before] = await run(server.connection, `${properties} '${kept.replaceAll("'", "''")}'`);
    expect(before?.["datallowconn"]).toBe("f");
  },
);

test("without confirm, or with a wrong one, nothing is touched", async () => {
  const target = await newTarget("app");
  const request = { target, mode: { kind: "in-place" } } as const;
  await expect(restore(backup, request)).rejects.toMatchObject({ code: "confirm-needed", exitCode: 2 });
  await expect(restore(backup, { ...request, confirm: "App" })).rejects.toMatchObject({
    code: "confirm-mismatch",
  });
  await expect(restore(backup, { target, mode: { kind: "new-database" } })).rejects.toMatchObject({
    code: "restore-target-exists",
  });
  expect(await userDatabases()).toEqual(["app"]);
});

test("a failed proof leaves the target alone and drops the copy; hooks hear of it", async () => {
  const target = await newTarget("app");
  const heard: string[] = [];
  const more = {
    hooks: { before: "stop", after: "start" },
    runHook: (command: string, env: Readonly<Record<string, string>>) => {
      heard.push(`${command} ${env["LIFEBOAT_OUTCOME"] ?? ""}`);
      return Promise.resolve();
    },
  };
  const request = { target, mode: { kind: "in-place" }, confirm: "app" } as const;
  const verifyRestored = () => Promise.resolve({ verdict: "failed" as const, findings: [] });
  await expect(restore(backup, request, { ...more, verifyRestored })).rejects.toMatchObject({
    outcome: "unchanged",
  });
  expect(heard).toEqual([]);
  expect(await userDatabases()).toEqual(["app"]);
  expect(await run(target, "select n from public.old")).toEqual([{ n: "7" }]);
  await restore(backup, request, more);
  expect(heard).toEqual(["stop ", "start restored"]);
});

test("a before command that fails leaves the target alone, and the verified copy for the next run", async () => {
  const target = await newTarget("app");
  const request = { target, mode: { kind: "in-place" }, confirm: "app" } as const;
  const heard: string[] = [];
  const runHook = (command: string, env: Readonly<Record<string, string>>): Promise<void> => {
    heard.push(`${command} ${env["LIFEBOAT_OUTCOME"] ?? ""}`);
    return command === "stop" ? Promise.reject(new Error("systemctl says no")) : Promise.resolve();
  };
  const hooks = { before: "stop", after: "start" };
  await expect(restore(backup, request, { hooks, runHook })).rejects.toMatchObject({
    code: "hook-failed",
    outcome: "unchanged",
  });
  expect(heard).toEqual(["stop ", "start unchanged"]);
  expect(await run(target, "select n from public.old")).toEqual([{ n: "7" }]);
  expect((await restore(backup, request)).resumed).toBe(true);
  expect(await run(target, "select count(*) n from public.t")).toEqual([{ n: String(rows) }]);
});

test("a second restore into the same database is refused while one is at work", async () => {
  const target = await newTarget("app");
  const lock = await lockRestore(server.connection, "app");
  await expect(restore(backup, { target, mode: { kind: "in-place" }, confirm: "app" })).rejects.toMatchObject(
    {
      code: "restore-running",
    },
  );
  await lock.end();
});

test("leftovers of other snapshots and unmarked ones are dropped; a database that only looks like one is not", async () => {
  const target = await newTarget("app");
  const [stale, unmarked, foreign] = [newId(), newId(), newId()].map((id) => newDatabaseName("app", id));
  for (const name of [stale, unmarked, foreign, "app_new_thing"])
    await run(server.connection, `create database "${name ?? ""}"`);
  const mark = writeMark({ state: "verified", database: "app", snapshot: newId() });
  await run(
    server.connection,
    `comment on database "${stale ?? ""}" is '${mark}'; comment on database "${foreign ?? ""}" is 'of a colleague'`,
  );
  const report = await restore(backup, { target, mode: { kind: "in-place" }, confirm: "app" });
  expect(report.resumed).toBe(false);
  expect(await run(target, "select count(*) n from public.t")).toEqual([{ n: String(rows) }]);
  const names = await userDatabases();
  expect(names).toContain("app_new_thing");
  expect(names).toContain(foreign);
  expect(names).not.toContain(stale);
  expect(names).not.toContain(unmarked);
});

test("the target changing after the plan is noticed before anything is done", async () => {
  const target = await newTarget("app");
  const facts = await readTargetFacts(target, tools);
  expect(facts.freeBytes).toBeGreaterThan(0);
  const request = { target, mode: { kind: "in-place" }, confirm: "app", jobs: 1 } as const;
  const plan = planDatabaseRestore({ contents: backup.contents, request, facts });
  await run(server.connection, "drop database app");
  await newTarget("app");
  const means = {
    target,
    contents: backup.contents,
    source: backup.source,
    tools,
    signal: AbortSignal.any([]),
  } as unknown as Parameters<typeof restoreDatabase>[1];
  await expect(restoreDatabase(plan, means)).rejects.toMatchObject({ code: "plan-outdated" });
});

/** One restore in a process of its own, which says when its copy is verified. */
function startRestore(name: string): {
  readonly child: ChildProcess;
  readonly verified: Promise<void>;
  readonly ended: Promise<number | null>;
} {
  const child = spawn(
    process.execPath,
    [
      join(import.meta.dirname, "restore-process.ts"),
      join(folder, "backup.json"),
      server.connection.host,
      name,
    ],
    { stdio: ["ignore", "pipe", "inherit"], env: { PATH: process.env["PATH"] } },
  );
  const ended = new Promise<number | null>((resolve) => child.once("exit", resolve));
  const verified = new Promise<void>((resolve) => {
    child.stdout.on("data", (text: Buffer) => {
      if (text.toString().includes("verified")) resolve();
    });
    void ended.then(() => resolve());
  });
  return { child, verified, ended };
}

async function expectWholeThenFinished(target: Connection): Promise<"old" | "new"> {
  // The server finishes the query of a client that has died: the catalog is judged when it has.
  const busy = "select from pg_stat_activity where application_name = 'lifeboat' and pid <> pg_backend_pid()";
  while ((await run(server.connection, busy)).length > 0) await delay(20);
  const [state] = await run(target, "select to_regclass('public.t') t, to_regclass('public.old') o");
  const isNew = state?.["t"] != null;
  if (isNew) expect(await run(target, "select count(*) n from public.t")).toEqual([{ n: String(rows) }]);
  else expect(await run(target, "select n from public.old")).toEqual([{ n: "7" }]);
  await restore(backup, { target, mode: { kind: "in-place" }, confirm: target.database });
  expect(await run(target, "select count(*) n from public.t")).toEqual([{ n: String(rows) }]);
  const leftovers = (await userDatabases()).filter((name) => name.includes("_new_"));
  expect(leftovers).toEqual([]);
  return isNew ? "new" : "old";
}

const rounds = process.env["LIFEBOAT_TRIAL"] === undefined ? 8 : 20;

test("killed at any instant while loading, the old database is whole and the next run starts over", async () => {
  for (let round = 0; round < rounds; round += 1) {
    const target = await newTarget(`load_${round}`);
    const { child, ended } = startRestore(target.database);
    await Promise.race([ended, delay(250 + (round * 600) / rounds)]);
    child.kill("SIGKILL");
    await ended;
    await expectWholeThenFinished(target);
  }
}, 240_000);

test("killed at any instant around the swap, the database is whole and the next run finishes", async () => {
  const states: string[] = [];
  for (let round = 0; round < rounds; round += 1) {
    const target = await newTarget(`swap_${round}`);
    // A session that must be ended first makes the swap take its time. It is not one of ours by name.
    const idle = await openClient(target);
    await idle.query("set application_name = 'somebody'");
    const { child, verified, ended } = startRestore(target.database);
    await verified;
    await Promise.race([ended, delay(Math.random() * 60)]);
    child.kill("SIGKILL");
    await ended;
    await idle.end().catch(() => {});
    states.push(await expectWholeThenFinished(target));
  }
  console.log(
    `swap kills: ${states.filter((state) => state === "new").length} of ${states.length} had swapped`,
  );
}, 240_000);

test("names of what stood before never lose their id", () => {
  const id = newId();
  for (const name of ["a".repeat(63), "ö".repeat(31), "😀".repeat(15)]) {
    const before = beforeDatabaseName(name, id);
    expect(Buffer.byteLength(before)).toBeLessThanOrEqual(63);
    expect(before.endsWith(`_before_${id}`)).toBe(true);
    expect(before).not.toContain("\uFFFD");
  }
});
