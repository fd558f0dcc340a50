/** Rows that extensions keep without declaring them as configuration: pg_dump leaves them out. */
import { rm } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { whileHypertablesRest } from "../../src/postgres/hypertables.ts";
import type { VerifyReport } from "../../src/operations/verify-snapshot.ts";
import {
  backUp,
  complaints,
  connectionTo,
  databaseContentsOf,
  newSafe,
  type Safe,
  verify,
} from "../integration/backup/backing-up.ts";
import { startServer, type TestServer } from "../support/servers.ts";
import { serverWithExtensions, type TestExtension } from "../support/supabase/with-extensions.ts";

/** As a queue does: a schema of its own, tables that a function makes its members, their sequences too. */
const queue: TestExtension = {
  name: "lb_queue",
  control: "schema = lb_queue",
  sql: `create table lb_queue.meta (name text primary key, made timestamptz default now());
    create function lb_queue.make(name text) returns void language plpgsql as $f$ begin
      insert into lb_queue.meta (name) values (make.name);
      execute format('create table lb_queue.%I (id bigint generated always as identity primary key, body jsonb)', 'q_' || name);
      execute format('alter extension lb_queue add table lb_queue.%I', 'q_' || name);
    end $f$;`,
};
/** Rows that its script inserts, and a table of which a part is declared. */
const lookup: TestExtension = {
  name: "lb_lookup",
  control: "schema = lb_lookup",
  sql: `create table lb_lookup.states (code text primary key, name text);
    insert into lb_lookup.states values ('BY', 'Bavaria'), ('HH', 'Hamburg');
    create table lb_lookup.systems (id int primary key, text text);
    insert into lb_lookup.systems select n, 'system ' || n from generate_series(1, 50) n;
    select pg_catalog.pg_extension_config_dump('lb_lookup.systems', 'WHERE NOT (id BETWEEN 1 AND 100)');`,
};

/** As TimescaleDB wants to be asked before and after a restore; what it was asked stands in its table. */
const resting: TestExtension = {
  name: "timescaledb",
  control: "",
  sql: `create table asked (at int generated always as identity, what text, rows bigint);
    create function timescaledb_pre_restore() returns bool language sql as $f$
      insert into public.asked (what, rows) values ('before', 0) returning true $f$;
    create function timescaledb_post_restore() returns bool language sql as $f$
      insert into public.asked (what, rows) select 'after', (xpath('/row/n/text()', query_to_xml('select count(*) as n from public.metrics', false, true, '')))[1]::text::bigint returning true $f$;`,
};

let programs: Awaited<ReturnType<typeof serverWithExtensions>>;
let server: TestServer;
let safe: Safe;

const verifyHere = (id: string, waive: readonly string[] = []): Promise<VerifyReport> =>
  verify(safe, id, {
    level: "restored",
    server: connectionTo(server, "postgres"),
    trustContents: true,
    waive,
  });

beforeAll(async () => {
  programs = await serverWithExtensions(15, [queue, lookup, resting]);
  [server, safe] = await Promise.all([startServer(15, { binDir: programs.binDir }), newSafe()]);
  await server.createDatabase("untouched");
  await server.sql(
    "untouched",
    `create schema lb_queue; create extension lb_queue schema lb_queue; create schema lb_lookup; create extension lb_lookup schema lb_lookup;
     insert into lb_lookup.systems values (200, 'our own')`,
  );
  await server.createDatabase("used");
  await server.sql(
    "used",
    `create schema lb_queue; create extension lb_queue schema lb_queue; create schema lb_lookup; create extension lb_lookup schema lb_lookup;
     select lb_queue.make('jobs'), lb_queue.make('empty');
     alter table lb_queue.q_jobs enable row level security; create policy readers on lb_queue.q_jobs using (true);
     insert into lb_queue.q_jobs (body) select jsonb_build_object('n', n, 'text', E'tab\\tand\\nline \\\\ ü😀') from generate_series(1, 40) n;
     update lb_lookup.states set name = 'Free State of Bavaria' where code = 'BY';
     update lb_lookup.systems set text = 'corrected' where id = 7;
     insert into lb_lookup.systems values (200, 'our own')`,
  );
}, 60_000);

afterAll(async () => {
  await Promise.all([server.stop(), safe[Symbol.asyncDispose]()]);
  await rm(programs.folder, { recursive: true, force: true });
});

describe("rows of extensions", { timeout: 120_000 }, () => {
  test("that CREATE EXTENSION makes are not missed", async () => {
    const { snapshot } = await backUp(safe, connectionTo(server, "untouched"));
    const report = await verifyHere(snapshot.id);
    expect([report.verdict, ...complaints(report)]).toEqual(["passed"]);
  });

  test("of TimescaleDB are restored between its own two functions", async () => {
    await server.createDatabase("series");
    await server.sql(
      "series",
      "create extension timescaledb; create table metrics (at int); insert into metrics select generate_series(1, 7)",
    );
    const { snapshot } = await backUp(safe, connectionTo(server, "series"));
    // A server that does not preload it can only be told to go without: here it needs no library.
    const connection = connectionTo(server, "series again");
    await server.createDatabase("series again");
    const extensions = (await databaseContentsOf(safe, snapshot)).extensions;
    await whileHypertablesRest(connection, extensions, () =>
      server.sql("series again", "create table metrics (at int); insert into metrics values (1), (2)"),
    );
    expect(await server.sql("series again", "select what, rows from asked order by at")).toEqual([
      { what: "before", rows: "0" },
      { what: "after", rows: "2" },
    ]);
    if (process.env["LIFEBOAT_TRIAL"] === undefined) return;
    const { verdict, components } = await verifyHere(snapshot.id);
    expect(verdict).toBe("not-verified");
    expect(components.flatMap(({ findings }) => findings.map(({ sentence }) => sentence)).join()).toContain(
      "shared_preload_libraries lacks timescaledb",
    );
  });

  test("that are lost are counted by the backup, table by table, and never verified", async () => {
    const { findings, snapshot } = await backUp(safe, connectionTo(server, "used"));
    const told = findings.filter(({ code }) => code.startsWith("extension-rows"));
    expect(told.map(({ code, level }) => `${level} ${code}`)).toEqual([
      "warning extension-rows-not-backed-up",
      "info extension-rows-outside-condition",
    ]);
    expect(told[0]?.sentence).toContain(
      "lb_lookup.states (2 rows), lb_queue.meta (2 rows), lb_queue.q_jobs (40 rows)",
    );
    expect(told[1]?.sentence).toContain("lb_lookup.systems (50 rows)");
    const report = await verifyHere(snapshot.id);
    expect(complaints(report).filter((line) => line.includes(": error "))).toEqual([]);
    expect(report.verdict).toBe("not-verified");
    const lost = complaints(report).filter((line) => line.includes("extension-rows-lost"));
    expect(lost.map((line) => / in (\S+) that/.exec(line)?.[1])).toEqual([
      "lb_lookup.states",
      "lb_lookup.systems",
      "lb_queue.meta",
      "lb_queue.q_empty",
      "lb_queue.q_jobs",
    ]);
    const waive = ["extension:lb_queue", "extension:lb_lookup"];
    const waived = await verifyHere(snapshot.id, waive);
    expect([waived.verdict, ...complaints(waived)]).toEqual(["passed"]);
  });
});
