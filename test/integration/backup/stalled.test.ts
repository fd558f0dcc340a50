/** A connection that falls silent while both ends keep it open ends the work with its reason; a busy server does not. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { partSource } from "../../../src/operations/sealed-files.ts";
import { openClient } from "../../../src/postgres/client.ts";
import { toolPath } from "../../../src/postgres/client-tools.ts";
import type { Connection } from "../../../src/postgres/connection.ts";
import { loadArchives } from "../../../src/postgres/load.ts";
import { systemClock } from "../../../src/system/clock.ts";
import { silentLogger } from "../../../src/system/logger.ts";
import { sharedServer } from "../../support/shared-server.ts";
import type { TestServer } from "../../support/servers.ts";
import { startTcpProxy } from "../../support/tcp-proxy.ts";
import { backUp, connectionTo, contentsOf, newSafe, type Safe, toolsOf } from "./backing-up.ts";

const stallLimits = { quietMs: 300, confirmMs: 300, answerMs: 1000 };
let server: TestServer;
let safe: Safe;

beforeAll(async () => {
  safe = await newSafe();
  server = await sharedServer(15);
  await server.createDatabase("shop");
  await server.sql(
    "shop",
    `create table t as select n, repeat(md5(n::text), 100) v from generate_series(1, 12000) n;
     alter table t add primary key (n);
     create function slow(int) returns int language sql immutable as $$ select $1 from pg_sleep(0.4) $$;
     create table few as select n from generate_series(1, 4) n; create index on few (slow(n))`,
  );
});
afterAll(() => safe[Symbol.asyncDispose]());

test("a dump through a network that swallows everything ends as stalled, and nothing is stored", async () => {
  await using proxy = await startTcpProxy(server.port);
  const source = { ...connectionTo(server, "shop"), port: proxy.port, stallLimits };
  await backUp(safe, source, { source: "whole" });
  proxy.after(20_000_000, "stall");
  await expect(backUp(safe, source, { source: "stalled" })).rejects.toMatchObject({
    code: "connection-stalled",
    exitCode: 1,
  });
  expect(await safe.store.files("snapshots/stalled/")).toEqual([]);
});

test("a restore through such a network ends as stalled, and one whose server is long at work does not", async () => {
  const { snapshot } = await backUp(safe, connectionTo(server, "shop"));
  const { files } = await contentsOf(safe, snapshot);
  const source = partSource(safe.store, snapshot, safe.identities);
  const tools = { pgRestore: toolPath(await toolsOf(15), "pg_restore"), zstd: "zstd" };
  const rest = { source, files, tools, jobs: 2, clock: systemClock, logger: silentLogger };
  await using proxy = await startTcpProxy(server.port);
  const into = async (name: string): Promise<Connection> => {
    await server.createDatabase(name);
    return { ...connectionTo(server, name), port: proxy.port, stallLimits };
  };
  await loadArchives({ ...rest, connection: await into("busy") });
  const [{ rows = "" } = {}] = await server.sql("busy", "select count(*) as rows from t");
  expect(rows).toBe("12000");
  const connection = await into("silent");
  proxy.after(5_000_000, "stall", "sent");
  await expect(loadArchives({ ...rest, connection })).rejects.toMatchObject({ code: "connection-stalled" });
});

test("a query of ours through such a network ends as stalled, and one that takes long does not", async () => {
  await using proxy = await startTcpProxy(server.port);
  const sql = await openClient({ ...connectionTo(server, "shop"), port: proxy.port, stallLimits });
  await sql.query("select from pg_sleep(1.3)");
  proxy.after(0, "stall", "sent");
  await expect(sql.query("select 1")).rejects.toMatchObject({ code: "connection-stalled" });
});
