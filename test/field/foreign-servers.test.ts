/** Foreign tables, alone and among partitions and children: nothing we do asks their servers for anything. */
import { createServer, type Server } from "node:net";
import { once } from "node:events";
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
import { dumpedSchema } from "../integration/round-trip/dumped-text.ts";
import type { TestServer } from "../support/servers.ts";
import { sharedServer } from "../support/shared-server.ts";

let server: TestServer;
let safe: Safe;
let elsewhere: Server;
let dials = 0;

beforeAll(async () => {
  [server, safe] = await Promise.all([sharedServer(15), newSafe()]);
  elsewhere = createServer((socket) => {
    dials += 1;
    socket.destroy();
  }).listen(0, "127.0.0.1");
  await once(elsewhere, "listening");
  const address = elsewhere.address();
  const port = typeof address === "object" ? (address?.port ?? 0) : 0;
  await server.createDatabase("outward");
  await server.sql(
    "outward",
    `create extension postgres_fdw;
     create server far foreign data wrapper postgres_fdw options (host '127.0.0.1', port '${port}', use_remote_estimate 'true');
     create user mapping for current_user server far options (user 'a', password 'b c''d');
     create user mapping for public server far options (user 'anybody');
     create table events (at int, what text) partition by range (at);
     create table events_1 partition of events for values from (0) to (100);
     create foreign table events_2 partition of events for values from (100) to (200) server far;
     create table deep partition of events for values from (200) to (400) partition by list (what);
     create foreign table deep_a partition of deep for values in ('a') server far;
     create table deep_b partition of deep for values in ('b');
     insert into events select n, 'near' from generate_series(1, 30) n;
     insert into events values (201, 'b');
     create table parent (id int primary key);
     create table near_child () inherits (parent);
     create foreign table far_child () inherits (parent) server far;
     insert into parent select generate_series(1, 20);
     create materialized view later as select * from events_2 with no data;
     create view seen as select * from events`,
  );
  await server.sql("outward", "create index on events_1 (at); create index on near_child (id)");
  expect(dials).toBe(0);
  // What PostgreSQL itself does: this test sees it.
  await expect(server.sql("outward", "analyze events")).rejects.toThrow();
  expect(dials).toBeGreaterThan(0);
}, 60_000);

afterAll(async () => {
  elsewhere.close();
  await safe[Symbol.asyncDispose]();
});

describe("foreign tables", { timeout: 120_000 }, () => {
  test("are backed up, verified and restored without a single connection to their server", async () => {
    dials = 0;
    const { snapshot } = await backUp(safe, connectionTo(server, "outward"));
    const apart = await verifyThrownAway(safe, snapshot.id, { waive: ["not-backed-up"] });
    expect([apart.verdict, ...complaints(apart)]).toEqual(["passed"]);
    if (process.env["LIFEBOAT_TRIAL"] !== undefined) {
      const named = await verify(safe, snapshot.id, {
        level: "restored",
        server: connectionTo(server, "postgres"),
        trustContents: true,
        waive: ["not-backed-up"],
      });
      expect([named.verdict, ...complaints(named)]).toEqual(["passed"]);
    }
    const target = connectionTo(server, "outward again");
    await restore(safe, snapshot.id, { target, mode: { kind: "new-database" } });
    await restore(safe, snapshot.id, { target, mode: { kind: "in-place" }, confirm: "outward again" });
    expect(dials).toBe(0);
    expect(await dumpedSchema(target, 15)).toBe(await dumpedSchema(connectionTo(server, "outward"), 15));
    const analyzed =
      "select relname from pg_class where reltuples > 0 and relname in ('events_1', 'deep_b') order by 1";
    expect(await server.sql("outward again", analyzed)).toEqual([
      { relname: "deep_b" },
      { relname: "events_1" },
    ]);
  });

  test("are not read by a check, not even for a materialized view over their root", async () => {
    await server.createDatabase("read");
    await server.sql(
      "read",
      `create extension tablefunc; create type own as (a int);
       create extension postgres_fdw; create server far foreign data wrapper postgres_fdw options (port '1');
       create user mapping for current_user server far options (password 'x');
       create table root (at int) partition by range (at);
       create table branch partition of root for values from (0) to (100) partition by range (at);
       create foreign table leaf partition of branch for values from (0) to (100) server far;
       create view through as select * from root;
       create materialized view kept as select * from through with no data; create index on kept (at);
       create materialized view near as select 1 as one;
       -- As if it had been filled when the other server was there.
       update pg_class set relispopulated = true where relname = 'kept'`,
    );
    const { snapshot } = await backUp(safe, connectionTo(server, "read"));
    const report = await verifyThrownAway(safe, snapshot.id, { waive: ["not-backed-up"] });
    expect([report.verdict, ...complaints(report)]).toEqual(["passed"]);
    const told = report.components.flatMap(({ findings }) => findings.map(({ code }) => code));
    expect(told).toContain("foreign-view-not-refreshed");
  });

  test("have user mappings: what the backup role cannot see is named, and a superuser's comes back", async () => {
    await server.sql(
      "outward",
      "create role reader login password 'x' in role pg_read_all_data; create role plain; create user mapping for plain server far",
    );
    const reader = connectionTo(server, "outward", { user: "reader", password: "x" });
    const { findings, snapshot } = await backUp(safe, reader);
    const [told] = findings.filter(({ code }) => code === "user-mapping-options-not-backed-up");
    expect(told?.level).toBe("warning");
    expect(told?.sentence).toContain("postgres on server far, public on server far");
    // It has none that could be missing.
    expect(told?.sentence).not.toContain("plain on server far");
    expect(told?.publicSentence).not.toContain("far");
    const apart = await verifyThrownAway(safe, snapshot.id);
    expect(apart.verdict).toBe("not-verified");
    expect(complaints(apart).join()).toContain("public on server far");

    const whole = await backUp(safe, connectionTo(server, "outward"));
    expect(whole.findings.map(({ code }) => code)).not.toContain("user-mapping-options-not-backed-up");
    await restore(safe, whole.snapshot.id, {
      target: connectionTo(server, "mapped"),
      mode: { kind: "new-database" },
    });
    const mappings =
      "select usename, (select array_agg(o order by o) from unnest(umoptions) o)::text from pg_user_mappings order by 1";
    expect(await server.sql("mapped", mappings)).toEqual(await server.sql("outward", mappings));
  });
});
