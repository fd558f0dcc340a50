import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { LifeboatError } from "../../../src/errors.ts";
import { type ClientTools, findClientTools } from "../../../src/postgres/client-tools.ts";
import { type Connection, parseConnection } from "../../../src/postgres/connection.ts";
import { ensureClientTools } from "../../../src/postgres/install-programs.ts";
import { silentLogger } from "../../../src/system/logger.ts";
import { sharedServer } from "../../support/shared-server.ts";
import type { TestServer } from "../../support/servers.ts";
import { alteredTools, watchedTools, type WatchedTools } from "./altered-tools.ts";
import {
  backUp,
  type BackUpOptions,
  complaints,
  connectionTo,
  newSafe,
  type Safe,
  toolsOf,
  verify,
} from "./backing-up.ts";

let safe: Safe;
let server: TestServer;
let watched: WatchedTools;

beforeAll(async () => {
  safe = await newSafe();
  server = await sharedServer(15);
  watched = await watchedTools(safe.folder);
  await server.createDatabase("shop");
  await server.sql(
    "shop",
    `create role stranger login password 'stranger''s p@ss'; create role hidden login password 'h';
     create role hurried login password 'h'; alter role hurried set statement_timeout = '1s';
     alter role hurried set lock_timeout = '1s'; alter role hurried set idle_in_transaction_session_timeout = '1s';
     create schema inner_schema; create table inner_schema.private_table (id int); insert into inner_schema.private_table values (1);
     create table public.rows_of_many (id int); alter table public.rows_of_many enable row level security;
     grant usage on schema inner_schema to hidden; grant select on all tables in schema inner_schema, public to hidden;
     grant pg_read_all_data to hurried; alter role hurried bypassrls;`,
  );
});
afterAll(() => safe[Symbol.asyncDispose]());

async function refusal(connection: Connection, options: BackUpOptions = {}): Promise<LifeboatError> {
  const clientTools = (): Promise<WatchedTools["tools"]> => Promise.resolve(watched.tools);
  return await backUp(safe, connection, { source: "refused", clientTools, ...options }).then(
    () => expect.fail("the backup was made"),
    (error: unknown) => error as LifeboatError,
  );
}

afterAll(async () => {
  // None of these reached pg_dump, nor the store.
  expect((await watched.calls()).filter((args) => !args.includes("--version"))).toEqual([]);
  expect(await safe.store.files("snapshots/refused/")).toEqual([]);
});

test("client tools older than the server are updated where that may be, and told where not", async () => {
  const commands: string[] = [];
  const choices = {
    installer: {
      mayInstall: () => Promise.resolve(true),
      runAsRoot: (program: string, args: readonly string[]) => {
        commands.push([program, ...args].join(" "));
        return Promise.resolve(true);
      },
    },
    logger: silentLogger,
  };
  const { version } = await ensureClientTools(15, choices, "15.1");
  expect(commands).toEqual([]);
  expect((await ensureClientTools(15, choices, "15.999")).version).toBe(version);
  expect(commands.at(-1)).toMatch(/^apt-get .* install .* postgresql-client-15$/);
  const clientTools = async (): Promise<ClientTools> => ({ ...(await toolsOf(15)), version: "15.1" });
  const { findings } = await backUp(safe, connectionTo(server, "shop"), { clientTools });
  expect(findings.map(({ code }) => code)).toContain("client-older-than-server");
});

test("a role that may not read everything is told what to grant, in public by numbers and not by names", async () => {
  const error = await refusal(
    connectionTo(server, "shop", { user: "stranger", password: "stranger's p@ss" }),
  );
  expect(error).toMatchObject({ code: "privilege-missing" });
  expect(error.publicly.sentence).toMatch(/^The role may not read 2 of 2 tables/);
  expect(error.hint).toContain("GRANT pg_read_all_data");
});

test("a role from whom row-level security hides rows is told so", async () => {
  const error = await refusal(connectionTo(server, "shop", { user: "hidden", password: "h" }));
  expect(error).toMatchObject({
    code: "privilege-missing",
    message: "Row-level security would hide rows of 1 table: public.rows_of_many.",
  });
  expect(error.hint).toContain("BYPASSRLS");
});

test.each([
  ["a wrong password", { password: "wr0ng p@ss:word" }, "database-login-refused"],
  ["an unknown role", { user: "nobody_here" }, "database-login-refused"],
  ["an unknown database", { database: "nowhere" }, "database-missing"],
  ["a port where nobody listens", { port: 1 }, "database-unreachable"],
  ["a transaction pooler's port", { port: 6543 }, "transaction-pooler"],
  ["a host that does not exist", { host: "no-such-host.invalid" }, "database-unreachable"],
  ["a socket's folder that does not exist", { host: "/nonexistent" }, "database-unreachable"],
] as const)("%s is named, and no password is", async (_what, change, code) => {
  const error = await refusal({ ...connectionTo(server, "shop"), ...change });
  expect(error.code).toBe(code);
  expect(error.exitCode).toBe(2);
  const said = `${error.message} ${error.hint} ${String(error.cause)}`;
  expect(said).not.toContain("wr0ng");
  expect(said).not.toContain(server.password);
});

test("client tools that are missing, incomplete or of another major are named with the cure", async () => {
  const empty = join(safe.folder, "no-tools");
  await mkdir(empty);
  const choose = (major: number, chosenFolder?: string): Promise<unknown> =>
    ensureClientTools(major, {
      logger: silentLogger,
      ...(chosenFolder === undefined ? {} : { chosenFolder }),
    });
  await expect(choose(15, empty)).rejects.toMatchObject({ code: "client-tools-wrong" });
  await expect(choose(14, (await toolsOf(15)).binDir)).rejects.toMatchObject({
    code: "client-tools-wrong",
    message: expect.stringMatching(/are version 15\.\d+; the server needs 14\.$/) as string,
  });
  await expect(choose(99)).rejects.toMatchObject({
    code: "client-tools-missing",
    hint: expect.stringContaining("postgresql-client-99") as string,
  });
  const error = await refusal(connectionTo(server, "shop"), {
    clientTools: (major) => choose(major, empty) as never,
  });
  expect(error.code).toBe("client-tools-wrong");
});

test("a client below the security floor backs up, and the report says so", async () => {
  const script = `[ "$1" = --version ] && echo 'pg_dump (PostgreSQL) 15.17' && exit; exec "$real" "$@"`;
  const { binDir } = await alteredTools(safe.folder, { script });
  const clientTools = async (major: number) => (await findClientTools(major, binDir))!;
  const report = await backUp(safe, connectionTo(server, "shop"), { clientTools });
  expect(report.findings.map(({ code, level }) => [code, level])).toEqual([
    ["client-below-security-floor", "warning"],
    ["client-older-than-server", "info"],
  ]);
  expect(report.snapshot.versions.client).toBe("15.17");
});

test("a weaker sslmode than verify-full is a finding where somebody chose it, and none on a socket", async () => {
  const socket = { host: server.socketDir, sslMode: "disable", sslModeChosen: true } as const;
  const chosen = parseConnection(`${server.url("shop")}?sslmode=disable`, "test's URL");
  expect((await backUp(safe, chosen)).findings.map(({ code }) => code)).toEqual(["weak-tls"]);
  expect((await backUp(safe, { ...chosen, ...socket })).findings).toEqual([]);
  expect((await backUp(safe, connectionTo(server, "shop"))).findings).toEqual([]);
});

test("a role with short time limits backs up what takes longer", async () => {
  await server.createDatabase("slow");
  await server.sql("slow", "create table public.t as select 1 as id");
  const slowDump = `[ "$1" = --format=custom ] && sleep 1.2; exec "$real" "$@"`;
  const tools = await alteredTools(safe.folder, { script: slowDump });
  const connection = connectionTo(server, "slow", { user: "hurried", password: "h" });
  const { snapshot } = await backUp(safe, connection, { clientTools: () => Promise.resolve(tools) });
  expect(snapshot.totals.rows).toBe(1);
});

test("a database's and a server's odd defaults change nothing", async () => {
  await server.createDatabase("odd");
  await server.sql(
    "odd",
    `create schema hidden_first; create table public.t (d date, ts timestamptz, i interval, b bytea, m money, f float8, x xml);
     insert into public.t values ('2026-02-03', '2026-02-03 04:05:06.789+00', '1 year -2 days 03:04', '\\xdeadbeef00', 12.34, 0.1, 'a<b/>');
     create view hidden_first.pg_class as select 1 as oid; create function hidden_first.count(int) returns int language sql as 'select 0';
     alter database odd set datestyle = 'German, DMY'; alter database odd set bytea_output = 'escape';
     alter database odd set timezone = 'Asia/Tokyo'; alter database odd set intervalstyle = 'sql_standard';
     alter database odd set extra_float_digits = -15; alter database odd set search_path = hidden_first, pg_catalog, public;
     alter database odd set default_transaction_read_only = on; alter database odd set default_transaction_isolation = 'serializable';
     alter database odd set standard_conforming_strings = off; alter database odd set row_security = off;
     alter database odd set client_min_messages = debug1; alter database odd set xmloption = document;
     alter database odd set default_transaction_deferrable = on;`,
  );
  const { snapshot } = await backUp(safe, connectionTo(server, "odd"));
  const report = await verify(safe, snapshot.id, { level: "restored" });
  expect(complaints(report)).toEqual([]);
  expect(report.verdict).toBe("passed");
});
