/** As on servers of a provider: the restoring role may create roles and databases, and is no superuser. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { backUp, connectionTo, newSafe, restore, type Safe } from "../integration/backup/backing-up.ts";
import { majorsWithClients, startServer, type TestServer } from "../support/servers.ts";
import { sharedServer } from "../support/shared-server.ts";

const role = { user: "boss", password: "p" };
const owners = `select string_agg(format('%s %s', c.oid::regclass, relowner::regrole), ', ' order by relname) as all
  from pg_class c join pg_namespace n on n.oid = relnamespace where nspname in ('s', 'extra') and relkind in ('r', 'm')`;

let safe: Safe;
let source: TestServer;
let id: string;
beforeAll(async () => {
  safe = await newSafe();
  source = await sharedServer(15);
  await source.createDatabase("app");
  await source.sql(
    "app",
    `create role app_owner; create role app_reader; create role extra_owner; alter database app owner to app_owner;
     create schema s authorization app_owner; create schema extra authorization extra_owner;
     create extension citext; comment on extension citext is 'as we like it';
     set session authorization app_owner;
     create table s.t (id int generated always as identity primary key, v public.citext); insert into s.t (v) values ('a');
     alter table s.t enable row level security; create policy p on s.t to app_reader using (true);
     grant select on s.t to app_reader; grant usage on schema s to app_reader;
     alter default privileges in schema s grant select on tables to app_reader;
     create materialized view s.m as select v from s.t;
     reset session authorization;
     create table extra.x (id int); alter table extra.x owner to app_owner`,
  );
  ({
    snapshot: { id },
  } = await backUp(safe, connectionTo(source, "app")));
});
afterAll(() => safe[Symbol.asyncDispose]());

describe.each((await majorsWithClients([15, 17])).map((major) => [major]))("PostgreSQL %i", (major) => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startServer(major);
    await server.sql("postgres", "create role boss login createdb createrole password 'p'");
  });
  afterAll(() => server.stop());

  test("it becomes a member of the owners for as long as it gives their objects to them", async () => {
    const target = connectionTo(server, "app", role);
    const { restored } = await restore(safe, id, { target, mode: { kind: "new-database" } });
    expect(restored?.missing).toBeUndefined();
    expect(await server.sql("app", owners)).toEqual(await source.sql("app", owners));
    const usage = "select pg_has_role('boss', 'app_owner', 'usage') as usage";
    expect(await server.sql("postgres", usage)).toEqual([{ usage: "f" }]);
  });

  test("where it may not become one, each owner is told, or no-owner gives everything to it", async () => {
    await server.sql("postgres", "drop database app");
    await server.sql("postgres", "alter role boss nocreaterole");
    await server.sql("postgres", "revoke app_owner, app_reader, extra_owner from boss").catch(() => []);
    const target = connectionTo(server, "app", role);
    const mode = { kind: "new-database" } as const;
    await expect(restore(safe, id, { target, mode })).rejects.toMatchObject({
      code: "restore-impossible",
      hint: expect.stringContaining("no-owner") as string,
    });
    const { restored } = await restore(safe, id, { target, mode, isOwnerless: true });
    expect(restored?.findings.map(({ code }) => code)).toContain("owners-left-out");
    // Rights of another role on what it will make are that role's to give.
    expect(restored?.missing).toEqual(["default-acl:s.DEFAULT PRIVILEGES FOR TABLES"]);
    expect(await server.sql("app", owners)).toEqual([{ all: "s.m boss, s.t boss, extra.x boss" }]);
    expect(
      await server.sql("app", "select has_table_privilege('app_reader', 's.t', 'select') as has"),
    ).toEqual([{ has: "t" }]);
  });
});
