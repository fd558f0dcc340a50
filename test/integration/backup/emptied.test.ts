/** A database that was emptied, or is another one, is told by the backup itself; so is what no backup of it holds. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { parseConnection } from "../../../src/postgres/connection.ts";
import { majorsWithClients, startServer, type TestServer } from "../../support/servers.ts";
import { backUp, newSafe, type Safe, verify } from "./backing-up.ts";

const [major] = await majorsWithClients([15, 17]);
let server: TestServer;
let safe: Safe;

beforeAll(async () => {
  safe = await newSafe();
  server = await startServer(major!);
  for (const name of ["shop", "other"]) {
    await server.createDatabase(name);
    await server.sql(name, "create table t as select generate_series(1, 1000) as n");
  }
}, 120_000);

afterAll(async () => {
  await server.stop();
  await safe[Symbol.asyncDispose]();
});

const codes = async (database: string): Promise<readonly string[]> => {
  const { findings } = await backUp(safe, parseConnection(server.url(database), "url"));
  return findings.filter(({ level }) => level !== "info").map(({ code }) => code);
};

test("1,000 rows that become none, and another database, are named", { timeout: 120_000 }, async () => {
  expect(await codes("shop")).toEqual([]);
  expect(await codes("shop")).toEqual([]);
  expect(await codes("other")).toEqual(["anomaly-another-database"]);
  expect(await codes("shop")).toEqual(["anomaly-another-database"]);
  await server.sql("shop", "truncate t");
  expect(await codes("shop")).toEqual(["anomaly-shrunk"]);
  await server.sql(
    "shop",
    "create foreign data wrapper w; create server far foreign data wrapper w; create foreign table f (n int) server far",
  );
  const report = await backUp(safe, parseConnection(server.url("shop"), "url"));
  expect(report.findings.map(({ code }) => code)).toContain("foreign-rows-not-backed-up");
  expect(report.findings.filter(({ code }) => code === "other-databases")).toMatchObject([{ level: "info" }]);
  expect(Object.keys(report.snapshot.clocks ?? {})).toEqual(["runner", "server", "store"]);
});

test("what is left out is not-verified, and does not decide the verdict", { timeout: 120_000 }, async () => {
  const { snapshot } = await backUp(safe, parseConnection(server.url("shop"), "url"));
  const checked = await verify(safe, snapshot.id, { level: "unsealed" });
  const leftOut = { component: "not-backed-up", isRequired: false };
  expect(checked.verdict).toBe("passed");
  expect(checked.components).toContainEqual(
    expect.objectContaining({ ...leftOut, verdict: "not-verified" }) as unknown,
  );
  const waived = await verify(safe, snapshot.id, { level: "unsealed", waive: ["not-backed-up"] });
  expect(waived.components).toContainEqual(
    expect.objectContaining({ ...leftOut, verdict: "passed" }) as unknown,
  );
});
