/** Through PgBouncer, which refuses or swallows the startup parameter `options`. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { type Connection, parseConnection } from "../../../src/postgres/connection.ts";
import { hasPgbouncer, type Pgbouncer, startPgbouncer } from "../../support/pgbouncer.ts";
import { startServer, type TestServer } from "../../support/servers.ts";
import { dumpedRows, dumpedSchema } from "../round-trip/dumped-text.ts";
import { backUp, complaints, connectionTo, newSafe, restore, type Safe, verify } from "./backing-up.ts";

describe.runIf(hasPgbouncer())("PgBouncer", () => {
  let server: TestServer;
  let safe: Safe;
  beforeAll(async () => {
    server = await startServer(15, { settings: { lc_monetary: "C.UTF-8" } });
    safe = await newSafe();
  });
  afterAll(async () => {
    await safe[Symbol.asyncDispose]();
    await server.stop();
  });
  beforeEach(async () => {
    await server.sql("postgres", "drop database if exists pooled with (force)");
    await server.sql("postgres", "drop database if exists copy with (force)");
    await server.createDatabase("pooled");
    await server.sql(
      "pooled",
      `create table t (id int primary key, b bytea);
       insert into t select n, decode('00ff5c', 'hex') from generate_series(1, 500) n;
       create table l as select n, repeat(md5(n::text), 200) v from generate_series(1, 3000) n;`,
    );
    await server.sql("postgres", "alter role postgres reset all");
  });

  function through(bouncer: Pgbouncer, database: string): Connection {
    return parseConnection(`postgresql://postgres@127.0.0.1:${bouncer.port}/${database}`, "test's URL");
  }

  async function dumpOf(database: string): Promise<string> {
    const connection = connectionTo(server, database);
    return [await dumpedSchema(connection, 15), await dumpedRows(connection, 15)].join("\n");
  }

  const takesNone = {
    "refuses options": { pool_mode: "session" },
    "swallows options": { pool_mode: "session", ignore_startup_parameters: "options" },
  };

  test.each(Object.entries(takesNone).slice(0, process.env["LIFEBOAT_TRIAL"] ? 2 : 1))(
    "one in session mode that %s is backed up and restored through",
    async (_, settings) => {
      await using bouncer = await startPgbouncer(server, settings);
      await server.sql("postgres", "alter role postgres set statement_timeout = '1min'");
      const { snapshot } = await backUp(safe, through(bouncer, "pooled"));
      const named = { level: "restored", server: through(bouncer, "postgres"), trustContents: true } as const;
      expect(complaints(await verify(safe, snapshot.id, named))).toEqual([]);
      await restore(safe, snapshot.id, { target: through(bouncer, "copy"), mode: { kind: "new-database" } });
      expect(await dumpOf("copy")).toBe(await dumpOf("pooled"));
      if (process.env["LIFEBOAT_TRIAL"] === undefined) return;
      await server.sql("copy", "delete from t");
      const inPlace = {
        target: through(bouncer, "copy"),
        mode: { kind: "in-place" },
        confirm: "copy",
      } as const;
      await restore(safe, snapshot.id, inPlace);
      expect(await dumpOf("copy")).toBe(await dumpOf("pooled"));
    },
  );

  test.each(Object.entries(takesNone))(
    "one in session mode that %s, under a setting that does harm, is refused with its name",
    async (_, settings) => {
      await using bouncer = await startPgbouncer(server, settings);
      await server.sql("postgres", "alter role postgres set bytea_output = 'escape'");
      await expect(backUp(safe, through(bouncer, "pooled"))).rejects.toMatchObject({
        code: "startup-options-refused",
        exitCode: 2,
        message: expect.stringMatching(/`options`.*: bytea_output\./) as string,
      });
    },
  );

  test("options of the URL that are refused are named", async () => {
    await using bouncer = await startPgbouncer(server, { pool_mode: "session" });
    const url = `postgresql://postgres@127.0.0.1:${bouncer.port}/pooled?options=-c%20geqo%3Doff`;
    await expect(backUp(safe, parseConnection(url, "test's URL"))).rejects.toMatchObject({
      code: "startup-options-refused",
      exitCode: 2,
      message: expect.stringContaining("startup parameter `options`") as string,
    });
  });

  test.each(["transaction", "statement"])(
    "one in %s mode is refused, whatever its port",
    async (pool_mode) => {
      await using bouncer = await startPgbouncer(server, { pool_mode });
      const refused = { code: "transaction-pooler", exitCode: 2 };
      await expect(backUp(safe, through(bouncer, "pooled"))).rejects.toMatchObject(refused);
      const { snapshot } = await backUp(safe, connectionTo(server, "pooled"));
      const request = { target: through(bouncer, "copy"), mode: { kind: "new-database" } } as const;
      await expect(restore(safe, snapshot.id, request)).rejects.toMatchObject(refused);
    },
  );

  test("a pool that is too small is named for what it is", async () => {
    await using bouncer = await startPgbouncer(server, {
      ...{ pool_mode: "session", default_pool_size: "1", query_wait_timeout: "1" },
    });
    await expect(backUp(safe, through(bouncer, "pooled"))).rejects.toMatchObject({
      code: "too-many-connections",
    });
  });
});
