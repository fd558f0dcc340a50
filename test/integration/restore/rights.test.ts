/** Roles and everything that belongs to them, of one server on another: held against each other by stock pg_dumpall. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { withClient } from "../../../src/postgres/client.ts";
import { createMissingRoles, type RoleChoice } from "../../../src/postgres/missing-roles.ts";
import { parseGlobals } from "../../../src/postgres/restore-globals.ts";
import { readServerRoles } from "../../../src/postgres/restore-shared.ts";
import { libpqEnvironment } from "../../../src/postgres/libpq.ts";
import { toolPath } from "../../../src/postgres/client-tools.ts";
import { runTool } from "../../../src/system/process.ts";
import type { Finding } from "../../../src/verification/findings.ts";
import { type Major, majorsAvailable, startServer, type TestServer } from "../../support/servers.ts";
import { backUp, connectionTo, newSafe, restore, type Safe, toolsOf } from "../backup/backing-up.ts";

/** There is no client 16 of its own here; a newer one is right for it. */
const clientOf = (major: Major): Major => (major === 16 ? 17 : major === 14 ? 15 : major);

const roles = `
  create role r_group; create role r_other noinherit connection limit 7;
  create role r_app login createdb connection limit 3 valid until '2031-02-03 04:05:06+00' password 'x';
  create role r_admin createrole; create role r_bypass bypassrls replication;
  create role "r Odd ""x"" '\\"; create role r_chain; create role r_leaf noinherit;
  comment on role r_app is E'two\\nlines; it''s \\\\ odd'; comment on role r_group is 'group';
  alter role r_app set work_mem to '8MB'; alter role r_app set search_path to "$user", public, "a ""b";
  alter role r_app set "app.secret" to 's3cret; drop';
  alter role r_group set statement_timeout to '5s';
  grant r_chain to r_leaf; grant r_group to r_chain; grant pg_read_all_settings to r_other;
  grant r_app to "r Odd ""x"" '\\" with admin option;
`;
const before16 = `grant r_group to r_app; grant r_group to r_admin with admin option;
  grant r_group to r_bypass granted by r_admin;`;
const since16 = `
  grant r_group to r_app with inherit false, set true; grant r_group to r_admin with admin true, inherit false, set false;
  grant r_group to r_bypass with inherit true, set false granted by r_admin;
  grant r_group to r_bypass with inherit false, set true;
  grant r_other to r_app with admin true, inherit false, set false;
  grant r_other to r_bypass with admin true granted by r_app; grant r_other to r_leaf granted by r_bypass;`;
const inside = `
  create table t (id int primary key, secret text); create sequence s; create view v as select id from t;
  create function f() returns int language sql as 'select 1'; create type mood as enum ('a');
  create procedure p() language sql as 'select 1'; create domain d as int;
  create foreign data wrapper w; create server srv foreign data wrapper w;
  grant select on t to r_group with grant option; set role r_group; grant select on t to r_app; reset role;
  grant update (secret), select (id) on t to r_other; grant usage on sequence s to r_app with grant option;
  revoke execute on function f() from public; grant execute on function f() to r_app;
  revoke execute on procedure p() from public; grant usage on type mood to r_app; revoke usage on type mood from public;
  revoke usage on domain d from public; grant usage on foreign server srv to r_app with grant option;
  grant usage on foreign data wrapper w to r_other; revoke usage on language plpgsql from public;
  grant usage on language plpgsql to r_app; revoke execute on function pg_sleep(double precision) from public;
  select lo_create(4711); grant select on large object 4711 to r_app;
  revoke all on schema public from public; grant usage on schema public to r_group;
  alter default privileges for role r_app in schema public grant select on tables to r_group with grant option;
  alter default privileges for role r_app revoke execute on functions from public;
  alter default privileges revoke usage on types from public;
  alter database shop set work_mem to '12MB'; alter role r_app in database shop set lock_timeout to '3s';
  revoke connect on database shop from public; revoke temporary on database shop from postgres;
  grant connect on database shop to r_group with grant option; set role r_group;
  grant connect on database shop to r_app; reset role;
  comment on database shop is 'the shop'; alter database shop connection limit 9;
`;
const parameters = `grant set on parameter log_min_messages to r_app with grant option; grant alter system on parameter work_mem to r_group;
  grant set on parameter app.knob to r_other;`;

/** What `role` may do with each object of the database, however it came to that. */
const matrix = `
  with r as (select oid, rolname from pg_roles where rolname ~ '^r[_ ]')
  select r.rolname, o.name, o.rights from r, lateral (
    select 'table t', array[has_table_privilege(r.oid, 't', 'select'), has_table_privilege(r.oid, 't', 'select with grant option'),
       has_any_column_privilege(r.oid, 't', 'update'), has_column_privilege(r.oid, 't', 'secret', 'select')]::text
    union all select 'sequence', has_sequence_privilege(r.oid, 's', 'usage with grant option')::text
    union all select 'function', has_function_privilege(r.oid, 'f()', 'execute')::text
    union all select 'procedure', has_function_privilege(r.oid, 'p()', 'execute')::text
    union all select 'sleep', has_function_privilege(r.oid, 'pg_sleep(double precision)', 'execute')::text
    union all select 'type', array[has_type_privilege(r.oid, 'mood', 'usage'), has_type_privilege(r.oid, 'd', 'usage')]::text
    union all select 'server', has_server_privilege(r.oid, 'srv', 'usage')::text
    union all select 'wrapper', has_foreign_data_wrapper_privilege(r.oid, 'w', 'usage')::text
    union all select 'language', has_language_privilege(r.oid, 'plpgsql', 'usage')::text
    union all select 'schema', array[has_schema_privilege(r.oid, 'public', 'usage'), has_schema_privilege(r.oid, 'public', 'create')]::text
    union all select 'database', array[has_database_privilege(r.oid, 'shop', 'connect'), has_database_privilege(r.oid, 'shop', 'create'),
       has_database_privilege(r.oid, 'shop', 'temporary')]::text
    union all select 'role ' || g.rolname, array[pg_has_role(r.oid, g.oid, 'usage'), pg_has_role(r.oid, g.oid, 'member'),
       pg_has_role(r.oid, g.oid, 'usage with admin option')]::text from r g) o (name, rights)
  order by 1, 2`;

const clientTools = (major: number) => toolsOf(clientOf(major as Major));

async function globalsOf(server: TestServer, client: Major): Promise<string> {
  const { stdout } = await runTool({
    program: toolPath(await toolsOf(client), "pg_dumpall"),
    args: ["--globals-only", "--no-role-passwords", "--no-password"],
    env: libpqEnvironment(connectionTo(server, "postgres")),
  });
  return stdout.toString("utf8").replaceAll(/^(?:\\(un)?restrict|--) .*\n/gm, "");
}

async function schemaOf(server: TestServer, client: Major): Promise<string> {
  const { stdout } = await runTool({
    program: toolPath(await toolsOf(client), "pg_dump"),
    args: ["--schema-only", "--create", "--no-password"],
    env: libpqEnvironment(connectionTo(server, "shop")),
  });
  return stdout.toString("utf8").replaceAll(/^(?:\\(un)?restrict|-- Dumped) .*\n/gm, "");
}

const trial = process.env["LIFEBOAT_TRIAL"] !== undefined;
/** pg_restore 17 does not speak to a server 16, and there is no 16 here: the last test has 16 on both sides. */
const wanted: readonly (readonly [from: Major, into: Major])[] = trial
  ? [[13, 13], [13, 15], [13, 17], [15, 15], [15, 17], [16, 17], [16, 18], [17, 17], [17, 18], [18, 18]]
  : [[15, 15], [15, 17], [16, 17]]; // prettier-ignore
const available = await majorsAvailable(trial ? undefined : [15, 16, 17]);
const pairs = wanted.filter((pair) => pair.every((major) => available.includes(major)));
const majors = [...new Set(pairs.map(([from]) => from))];

describe.each(majors)("backed up from %i", (from) => {
  let safe: Safe;
  let source: TestServer;
  let id: string;
  let target: TestServer;
  beforeAll(async () => {
    safe = await newSafe();
    source = await startServer(from);
    await source.sql("postgres", roles);
    await source.sql("postgres", from >= 16 ? since16 : before16);
    if (from >= 15) await source.sql("postgres", parameters);
    await source.createDatabase("shop");
    await source.sql("shop", inside);
    ({
      snapshot: { id },
    } = await backUp(safe, connectionTo(source, "shop"), { clientTools, rolePasswords: true }));
  }, 120_000);
  afterAll(async () => {
    await source.stop();
    await safe[Symbol.asyncDispose]();
  });
  afterEach(async () => {
    await target.stop();
  });

  async function restored(into: Major, choice: RoleChoice): Promise<readonly Finding[]> {
    target = await startServer(into);
    const request = {
      target: connectionTo(target, "shop"),
      mode: { kind: "new-database" },
      roles: choice,
    } as const;
    const report = await restore(safe, id, request, clientTools);
    return report.restored?.findings ?? [];
  }
  const told = (findings: readonly Finding[]): readonly string[] =>
    findings.filter(({ level }) => level !== "info").map(({ sentence }) => sentence);

  test.each(pairs.filter(([one]) => one === from))("%i into %i, roles as backed up", async (_, into) => {
    const findings = await restored(into, "as-backed-up");
    // What another major spells otherwise is not about rights; MAINTAIN came with 17.
    const spelling = /^The (?:acl relation public\.t differs: postgres=arwdDxtm|view public\.v is spelt)/;
    expect(told(findings).filter((sentence) => into === from || !spelling.test(sentence))).toEqual([]);
    expect(await target.sql("shop", matrix)).toEqual(await source.sql("shop", matrix));
    const client = clientOf(into);
    if (from >= 16 || into < 16) {
      expect(await globalsOf(target, client)).toBe(await globalsOf(source, client));
    }
    if (into === from) {
      expect(await schemaOf(target, client)).toBe(await schemaOf(source, client));
    }
    const comments =
      "select rolname, shobj_description(oid, 'pg_authid') as c from pg_roles where rolname ~ '^r' order by 1";
    expect(await target.sql("shop", comments)).toEqual(await source.sql("shop", comments));
  });

  test("without login nobody can log in, nothing is wider, and what is narrower is named", async () => {
    const into = from === 16 ? 17 : from;
    const findings = await restored(into, "without-login");
    expect(await target.sql("shop", matrix)).toEqual(await source.sql("shop", matrix));
    const mine = (await globalsOf(target, clientOf(into))).split("\n");
    const lost = (await globalsOf(source, clientOf(into))).split("\n").filter((line) => !mine.includes(line));
    expect(lost.map((line) => line.replace(/ WITH .*/s, ""))).toEqual([
      "ALTER ROLE r_admin",
      "ALTER ROLE r_app",
      "ALTER ROLE r_bypass",
    ]);
    for (const command of [
      'ALTER ROLE "r_admin" CREATEROLE;',
      'ALTER ROLE "r_app" CREATEDB LOGIN;',
      'ALTER ROLE "r_bypass" REPLICATION BYPASSRLS;',
    ]) {
      expect(told(findings).join("\n")).toContain(command);
    }
    const strong = `select rolname from pg_roles where rolname ~ '^r' and (rolcanlogin or rolcreatedb or rolcreaterole
      or rolreplication or rolbypassrls or rolsuper)`;
    expect(await target.sql("shop", strong)).toEqual([]);
  });
});

test.runIf(available.includes(16))("memberships of 16, options and grantors, on another 16", async () => {
  const [source, target] = [await startServer(16), await startServer(16)];
  try {
    for (const text of [roles, since16, parameters]) await source.sql("postgres", text);
    const backup = await withClient(connectionTo(source, "postgres"), readServerRoles);
    const globals = parseGlobals(await globalsOf(source, 17));
    const restore = { choice: "as-backed-up", backup: { ...backup, memberships: [] }, globals } as const;
    const { findings } = await withClient(connectionTo(target, "postgres"), (sql) =>
      createMissingRoles(sql, restore),
    );
    expect(findings).toEqual([]);
    expect(await globalsOf(target, 17)).toBe(await globalsOf(source, 17));
  } finally {
    await source.stop();
    await target.stop();
  }
});
