import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Connection, withDatabase } from "../../../src/postgres/connection.ts";
import { quoteIdentifier } from "../../../src/postgres/identifiers.ts";
import type { SnapshotJson } from "../../../src/snapshot/snapshot-json.ts";
import { loadNastyDatabase, nastyPasswords } from "../../support/nasty-database.ts";
import { majorsWithClients, type TestServer } from "../../support/servers.ts";
import { sharedServer } from "../../support/shared-server.ts";
import { sqlHashes, type TableHashes } from "../../support/table-hashes.ts";
import {
  backUp,
  complaints,
  connectionTo,
  databaseContentsOf,
  newSafe,
  restore,
  type Safe,
  verify,
} from "../backup/backing-up.ts";
import { dumpedRows, dumpedSchema } from "./dumped-text.ts";

/** As a hosted server's owner, too: such a role may neither see everything nor restore everything. */
const roles = [
  { who: "the superuser", name: "Nasty of 'Ünï' \"x\"", login: undefined },
  {
    who: "an owner without superuser",
    name: "nasty owned",
    login: { user: "nasty_owner", password: nastyPasswords.nasty_owner },
  },
] as const;
/**
 * Stock pg_restore gives a table to its owner before it grants CREATE on the schema, which only a superuser may.
 */
const ownable = `alter table app.pets owner to nasty_owner`;

/** The server decides what an owner may; the middle majors stand for all. */
const cases = (await majorsWithClients([13, 15, 17, 18])).flatMap((major) =>
  roles
    .filter(({ login }) => login === undefined || major === 15 || major === 17)
    .map((role) => ({ major, ...role })),
);

describe.each(cases)("PostgreSQL $major as $who", ({ major, name, login }) => {
  let safe: Safe;
  let server: TestServer;
  let source: Connection;
  let snapshot: SnapshotJson;
  let before: Look;

  beforeAll(async () => {
    safe = await newSafe();
    server = await sharedServer(major);
    await loadNastyDatabase(server, name, { superuser: login === undefined });
    source = connectionTo(server, name, login);
    if (login !== undefined) await server.sql(name, ownable);
    before = await lookAt(server, name);
    snapshot = (await backUp(safe, source)).snapshot;
  });
  afterAll(() => safe[Symbol.asyncDispose]());

  test("the backup says what the database holds", async () => {
    const database = await databaseContentsOf(safe, snapshot);
    const rows = [...before.hashes.values()].reduce((sum, table) => sum + table.rows, 0);
    expect(snapshot.totals.rows).toBe(rows);
    expect(snapshot.totals.objects).toBe(23);
    expect(database.tables.filter((table) => table.rows !== undefined && table.hash === undefined)).toEqual(
      [],
    );
  });

  test("what is sealed is what was backed up, table by table", async () => {
    const report = await verify(safe, snapshot.id, { level: "unsealed", waive: ["not-backed-up"] });
    expect(complaints(report)).toEqual([]);
    expect(report.verdict).toBe("passed");
    const components = report.components.map(({ component }) => component);
    expect(components.filter((component) => component !== "not-backed-up")).toEqual([
      "files",
      "archives",
      "rows",
    ]);
  });

  test("a check restores it, finds every component equal, and leaves nothing behind", async () => {
    // No server programs stand beside these clients, so the check gets a server.
    const report = await verify(safe, snapshot.id, {
      level: "restored",
      server: connectionTo(server, "postgres"),
      trustContents: true,
      waive: ["not-backed-up"],
    });
    expect(complaints(report)).toEqual([]);
    expect(report.verdict).toBe("passed");
    const components = report.components.map(({ component }) => component);
    for (const wanted of ["tables", "sequences", "large-objects", "policy", "acl", "trigger", "comment"])
      expect(components).toContain(wanted);
    expect(await databasesLike(server, "lifeboat")).toEqual([]);
  });

  test("restored into a new database it is the same in stock pg_dump's words", async () => {
    const target = withDatabase(source, `${name} again`);
    const { restored } = await restore(safe, snapshot.id, { target, mode: { kind: "new-database" } });
    expect(restored?.findings.filter(({ level }) => level === "error")).toEqual([]);
    await expectSame(server, target.database, before);
    await dropDatabase(server, target.database);
  });

  test("restored in place it is the same, and what stood there is kept", async () => {
    const target = withDatabase(source, `${name} live`);
    await server.createDatabase(target.database, login === undefined ? {} : { owner: login.user });
    await server.sql(target.database, "create table public.of_yesterday as select 7 as n");
    const { restored } = await restore(safe, snapshot.id, {
      target,
      mode: { kind: "in-place" },
      confirm: target.database,
    });
    await expectSame(server, target.database, before);
    const kept = restored?.keptDatabase ?? "";
    await server.sql("postgres", `alter database ${quoteIdentifier(kept)} allow_connections true`);
    expect(await server.sql(kept, "select n from public.of_yesterday")).toEqual([{ n: "7" }]);
    await dropDatabase(server, target.database);
    await dropDatabase(server, kept);
  });

  test("single tables come back into the living database and others stay as they are", async () => {
    await server.sql(
      name,
      `alter table app.frozen disable trigger user;
       delete from app.frozen; update app.wide_values set body = 'spoilt'; delete from names."*?$[|";
       update types.cells set a = 'newer' where id = 1;
       alter table app.frozen enable always trigger refuse`,
    );
    const spoilt = await sqlHashes(server.url(name));
    const tables = [
      { schema: "app", name: "frozen" },
      { schema: "app", name: "wide_values" },
      { schema: "names", name: "*?$[|" },
    ];
    const mode = { kind: "tables", tables, schemas: [] } as const;
    const wanted = { target: source, mode, confirm: name };
    if (login !== undefined) {
      await expect(restore(safe, snapshot.id, wanted)).rejects.toMatchObject({
        code: "restore-table-refused",
        outcome: "unchanged",
        hint: expect.stringContaining("session_replication_role") as string,
      });
      await server.sql("postgres", `grant set on parameter session_replication_role to ${login.user}`);
    }
    await restore(safe, snapshot.id, wanted);
    const after = await sqlHashes(server.url(name));
    for (const key of after.keys()) {
      const expected = key === "types\0cells" ? spoilt : before.hashes;
      expect(after.get(key), key).toEqual(expected.get(key));
    }
    expect(after.get("types\0cells")).not.toEqual(before.hashes.get("types\0cells"));
    expect(await dumpedSchema(connectionTo(server, name), major)).toBe(before.schema);
  });
});

interface Look {
  readonly schema: string;
  readonly rows: string;
  readonly hashes: TableHashes;
}

/** By other means than the code under test: stock pg_dump's text, and hashes over tables that the test lists. */
async function lookAt(server: TestServer, name: string): Promise<Look> {
  const connection = connectionTo(server, name);
  return {
    schema: await dumpedSchema(connection, server.major),
    rows: await dumpedRows(connection, server.major),
    hashes: await sqlHashes(server.url(name)),
  };
}

async function expectSame(server: TestServer, name: string, before: Look): Promise<void> {
  const after = await lookAt(server, name);
  expect(after.schema).toBe(before.schema);
  expect(after.rows).toBe(before.rows);
  expect(after.hashes).toEqual(before.hashes);
}

async function dropDatabase(server: TestServer, name: string): Promise<void> {
  await server.sql("postgres", `drop database ${quoteIdentifier(name)}`);
}

async function databasesLike(server: TestServer, beginning: string): Promise<unknown[]> {
  return await server.sql("postgres", `select datname from pg_database where datname like '${beginning}%'`);
}
