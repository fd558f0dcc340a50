import { afterAll, beforeAll, expect, test } from "vitest";
import { sharedServer } from "../../support/shared-server.ts";
import type { TestServer } from "../../support/servers.ts";
import { backUp, complaints, connectionTo, newSafe, restore, type Safe, verify } from "./backing-up.ts";

let safe: Safe;
let server: TestServer;

beforeAll(async () => {
  safe = await newSafe();
  server = await sharedServer(15);
});
afterAll(() => safe[Symbol.asyncDispose]());

test.each(["LATIN1", "SQL_ASCII"])(
  "%s: rows are counted and compared from the seal, and after a restore",
  async (encoding) => {
    const database = `in ${encoding}`;
    await server.createDatabase(database, { encoding, locale: "C" });
    // Text that goes through our own sessions is UTF-8, which SQL_ASCII takes as it is.
    await server.sql(
      database,
      `create table "tä ble" ("ö" int, t text); insert into "tä ble" select n, 'Ünï ' || n from generate_series(1, 500) n;
       create table "e mpty" (id int)`,
    );
    const { snapshot } = await backUp(safe, connectionTo(server, database));
    expect(snapshot.totals).toMatchObject({ tables: 2, rows: 500 });
    const unsealed = await verify(safe, snapshot.id, { level: "unsealed" });
    expect(complaints(unsealed)).toEqual([]);
    expect(unsealed.verdict).toBe("passed");
    const restored = await verify(safe, snapshot.id, { level: "restored" });
    expect(complaints(restored)).toEqual([]);
    expect(restored.verdict).toBe("passed");
    const tables = [{ schema: "public", name: "tä ble" }];
    await server.sql(database, `update "tä ble" set t = 'other'`);
    await restore(safe, snapshot.id, {
      target: connectionTo(server, database),
      mode: { kind: "tables", tables, schemas: [] },
      confirm: database,
    });
    const [row] = await server.sql(database, `select count(*) from "tä ble" where t = 'Ünï ' || "ö"`);
    expect(row?.["count"]).toBe("500");
  },
);
