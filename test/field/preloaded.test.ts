/** Extensions that a server must preload, and pg_cron, which one database of a server can have. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  backUp,
  complaints,
  connectionTo,
  newSafe,
  restore,
  type Safe,
  verify,
  verifyThrownAway,
} from "../integration/backup/backing-up.ts";
import { serverBinDir } from "../support/postgres-programs.ts";
import { startServer, type TestServer } from "../support/servers.ts";

const programs = (await serverBinDir(15)) ?? "";
const isThere = ["pg_cron", "pgaudit"].every((name) => existsSync(join(programs, "../lib", `${name}.so`)));
if (!isThere) console.warn("Skipped: pg_cron and pgaudit are not installed for PostgreSQL 15.");

const preloading = { shared_preload_libraries: "pg_cron, pgaudit", "cron.database_name": "c14" };
const jobs = "select jobname, schedule, command, database, active from cron.job order by jobid";

describe.runIf(isThere)("extensions that a server preloads", { timeout: 120_000 }, () => {
  let source: TestServer;
  let alike: TestServer;
  let plain: TestServer;
  let safe: Safe;
  let snapshot: Awaited<ReturnType<typeof backUp>>["snapshot"];

  beforeAll(async () => {
    [source, alike, plain, safe] = await Promise.all([
      startServer(15, { settings: preloading }),
      startServer(15, { settings: preloading }),
      startServer(15),
      newSafe(),
    ]);
    await source.createDatabase("c14");
    await alike.sql("postgres", "create role scheduler");
    await source.sql(
      "c14",
      `create extension pg_cron; create extension pgaudit;
       create table visits (id int primary key, at timestamptz default now());
       insert into visits select n from generate_series(1, 30) n;
       create role scheduler; grant usage on schema cron to scheduler;
       create view planned as select jobname, schedule from cron.job;
       select cron.schedule('purge', '0 3 * * *', $$delete from visits where at < now() - interval '30 days'$$);
       select cron.schedule('tick', '* * * * *', 'insert into visits select max(id) + 1 from visits')`,
    );
    ({ snapshot } = await backUp(safe, connectionTo(source, "c14")));
  }, 120_000);

  afterAll(async () => {
    await Promise.all([source.stop(), alike.stop(), plain.stop(), safe[Symbol.asyncDispose]()]);
  });

  test("are there in a server of the check's own, and nothing they have scheduled runs", async () => {
    const confined = await verifyThrownAway(safe, snapshot.id, { waive: ["not-backed-up"] });
    expect([confined.verdict, ...complaints(confined)]).toEqual(["passed"]);
    if (process.env["LIFEBOAT_TRIAL"] === undefined) return;
    const trusted = await verifyThrownAway(safe, snapshot.id, {
      trustContents: true,
      waive: ["not-backed-up"],
    });
    expect([trusted.verdict, ...complaints(trusted)]).toEqual(["passed"]);
  });

  test("count as missing on a server that does not preload them, and can be waived", async () => {
    const server = connectionTo(plain, "postgres");
    const request = { level: "restored", server, trustContents: true } as const;
    const report = await verify(safe, snapshot.id, request);
    expect(report.verdict).toBe("not-verified");
    const said = report.components
      .flatMap(({ findings }) => findings.map(({ sentence }) => sentence))
      .join("\n");
    expect(said).toContain("shared_preload_libraries lacks pgaudit");
    const waive = ["extension:pg_cron", "extension:pgaudit", "not-backed-up"];
    expect((await verify(safe, snapshot.id, { ...request, waive })).verdict).toBe("passed");
    await expect(
      restore(safe, snapshot.id, { target: connectionTo(plain, "c14"), mode: { kind: "new-database" } }),
    ).rejects.toMatchObject({ code: "restore-impossible" });
  });

  test("come back into a new database, and in place, jobs and all", async () => {
    const target = connectionTo(alike, "c14");
    const made = await restore(safe, snapshot.id, { target, mode: { kind: "new-database" } });
    expect(made.plan.steps.join()).toContain("pg_cron");
    const errors = (report: typeof made): unknown =>
      report.restored?.findings.filter(({ level }) => level !== "info");
    expect(errors(made)).toEqual([]);
    expect(await alike.sql("c14", jobs)).toEqual(await source.sql("c14", jobs));
    expect(await alike.sql("c14", "select * from planned")).toHaveLength(2);
    await alike.sql("c14", "delete from cron.job where jobname = 'purge'");
    const replaced = await restore(safe, snapshot.id, { target, mode: { kind: "in-place" }, confirm: "c14" });
    expect(errors(replaced)).toEqual([]);
    expect(await alike.sql("c14", jobs)).toEqual(await source.sql("c14", jobs));
    // A new job takes no number that one of them has.
    const [next] = await alike.sql("c14", "select cron.schedule('again', '0 4 * * *', 'select 1') as id");
    expect(next).toEqual({ id: "3" });
  });

  test("leave pg_cron out where another database has it, and name the setting", async () => {
    const target = connectionTo(alike, "elsewhere");
    const { restored } = await restore(safe, snapshot.id, { target, mode: { kind: "new-database" } });
    const told = restored?.findings.find(({ code }) => code === "extension-not-loadable");
    expect(told?.sentence).toContain('cron.database_name is "c14"');
    expect(await alike.sql("elsewhere", "select extname from pg_extension order by 1")).toEqual([
      { extname: "pgaudit" },
      { extname: "plpgsql" },
    ]);
  });
});
