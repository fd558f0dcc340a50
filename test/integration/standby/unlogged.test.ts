/** A backup of a hot standby: what only the primary has is left out and told, everything else is there. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { majorsWithClients, startServer, type TestServer } from "../../support/servers.ts";
import { caughtUp, startStandby } from "../../support/standby.ts";
import {
  backUp,
  connectionTo,
  newSafe,
  databaseContentsOf,
  type Safe,
  verify,
} from "../backup/backing-up.ts";

const [major] = (await majorsWithClients([15, 17])).filter((one) => one >= 15);

let primary: TestServer;
let standby: TestServer;
let safe: Safe;
beforeAll(async () => {
  safe = await newSafe();
  primary = await startServer(major!, { settings: { wal_level: "replica", max_wal_senders: "4" } });
  await primary.createDatabase("app");
  await primary.sql(
    "app",
    `create table orders (id int generated always as identity primary key, v text);
     insert into orders (v) select 'o' || n from generate_series(1, 30) n;
     create unlogged table cache (id bigserial primary key, v text);
     insert into cache (v) select 'c' || n from generate_series(1, 10) n;
     create unlogged table wide_cache (v text);
     insert into wide_cache select repeat(md5(n::text), 100) from generate_series(1, 9000) n;
     create table parts (at int) partition by list (at);
     create table part_1 partition of parts for values in (1);
     create unlogged table part_2 partition of parts for values in (2);
     insert into parts values (1), (1), (2);
     create unlogged sequence counter;
     select nextval('counter');
     create view seen as select * from cache`,
  );
  standby = await startStandby(primary);
  await caughtUp(primary, standby);
}, 120_000);
afterAll(async () => {
  await standby.stop();
  await primary.stop();
  await safe[Symbol.asyncDispose]();
});

test(
  "the backup of a standby names unlogged tables and sequences as left out",
  { timeout: 120_000 },
  async () => {
    const report = await backUp(safe, connectionTo(standby, "app"));
    expect(report.findings.find(({ code }) => code === "unlogged-not-backed-up")).toMatchObject({
      level: "warning",
      sentence: expect.stringMatching(
        /public\.cache, public\.part_2, public\.wide_cache, public\.cache_id_seq, public\.counter\.$/,
      ) as string,
      publicSentence: expect.not.stringContaining("wide_cache") as string,
    });
    const { tables, sequences } = await databaseContentsOf(safe, report.snapshot);
    expect(tables.map(({ name, rows, notBackedUp }) => [name, rows, notBackedUp !== undefined])).toEqual([
      ["cache", 0, true],
      ["orders", 30, false],
      ["part_1", 2, false],
      ["part_2", 0, true],
      ["parts", undefined, false],
      ["wide_cache", 0, true],
    ]);
    expect(sequences.map(({ name, lastValue }) => [name, lastValue])).toEqual([
      ["cache_id_seq", null],
      ["counter", null],
      ["orders_id_seq", "30"],
    ]);

    const checked = await verify(safe, report.snapshot.id, { level: "restored" });
    expect(checked.verdict, JSON.stringify(checked.components)).toBe("passed");
    const told = checked.components.find(({ component }) => component === "not-backed-up");
    expect(told?.findings.map(({ code }) => code)).toEqual(["unlogged-not-backed-up"]);
  },
);

test("the primary's own backup has them all", { timeout: 120_000 }, async () => {
  const report = await backUp(safe, connectionTo(primary, "app"), { source: "primary" });
  expect(report.findings.map(({ code }) => code)).not.toContain("unlogged-not-backed-up");
  const { tables } = await databaseContentsOf(safe, report.snapshot);
  expect(tables.find(({ name }) => name === "wide_cache")?.rows).toBe(9000);
});
