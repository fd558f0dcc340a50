/** What the backup role may not read is one error before anything is dumped; what it names, granted, is enough. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { LifeboatError } from "../../../src/errors.ts";
import { openClient } from "../../../src/postgres/client.ts";
import { refuseUnreadable } from "../../../src/postgres/readable.ts";
import { listTables } from "../../../src/postgres/table-listing.ts";
import { majorsWithClients, type TestServer } from "../../support/servers.ts";
import { sharedServer } from "../../support/shared-server.ts";
import { backUp, connectionTo, newSafe, type Safe } from "./backing-up.ts";

const [major = 15] = (await majorsWithClients([17, 15])).toReversed();
const reader = { user: "backup_reader", password: "reader" };
let server: TestServer;
let safe: Safe;

beforeAll(async () => {
  server = await sharedServer(major);
  safe = await newSafe();
  await server.sql("postgres", "create role app_owner; create role backup_reader login password 'reader'");
});
afterAll(() => safe[Symbol.asyncDispose]());

async function refusalIn(database: string): Promise<LifeboatError | undefined> {
  const sql = await openClient(connectionTo(server, database, reader));
  try {
    await refuseUnreadable(sql, await listTables(sql));
    return undefined;
  } catch (error) {
    if (error instanceof LifeboatError) return error;
    throw error;
  } finally {
    await sql.end();
  }
}

const shapes = {
  "a large object of the application's": "select lo_from_bytea(770001, 'contract')",
  "a sequence": "create sequence numbers; create sequence more",
  "an identity column's sequence":
    "create table t (id int generated always as identity); grant select on t to backup_reader",
  "a table and its schema": `create schema "Odd one"; create table "Odd one"."T" (id int)`,
  "hidden rows": `create table r (id int); alter table r enable row level security; grant select on r to backup_reader`,
  "all of them": `create schema s; create table s.t (id serial); alter table s.t enable row level security;
    select lo_create(n::oid) from generate_series(5001, 5003) n`,
};

test.each(Object.entries(shapes))(
  "%s: the statements that the error names are enough",
  async (name, shape) => {
    await server.sql("postgres", "drop database if exists closed");
    await server.createDatabase("closed");
    await server.sql(
      "closed",
      `alter database closed owner to app_owner; grant create on schema public to app_owner;
    set role app_owner; ${shape}`,
    );
    const error = await refusalIn("closed");
    expect(error).toMatchObject({ code: "privilege-missing", exitCode: 2 });
    for (const statement of (error?.inside ?? "").split("\n")) await server.sql("closed", statement);
    expect(await refusalIn("closed")).toBeUndefined();
    if (name === "all of them" || process.env["LIFEBOAT_TRIAL"]) {
      await backUp(safe, connectionTo(server, "closed", reader));
    }
    await server.sql("postgres", "alter role backup_reader nobypassrls");
    await server.sql("postgres", "drop database closed");
  },
);

test("pg_read_all_data does not cover large objects, and what is missing then is said", async () => {
  await server.createDatabase("held");
  await server.sql(
    "held",
    "grant pg_read_all_data to backup_reader; create table t (id serial); create table files (blob oid)",
  );
  await server.sql("held", "select lo_from_bytea(770001, 'contract')");
  await expect(backUp(safe, connectionTo(server, "held", reader))).rejects.toMatchObject({
    code: "privilege-missing",
    message: "The role may not read 1 large object: large object 770001.",
    hint: "As an administrator run: GRANT SELECT ON LARGE OBJECT 770001 TO backup_reader;",
    publicly: { sentence: "The role may not read 1 large object." },
  });
});
