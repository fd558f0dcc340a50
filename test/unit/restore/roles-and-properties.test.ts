import { describe, expect, test } from "vitest";
import { createRole, planRoles } from "../../../src/postgres/missing-roles.ts";
import { createDatabaseSql, providerRefusal } from "../../../src/postgres/new-database.ts";
import { parseGlobals } from "../../../src/postgres/restore-globals.ts";
import {
  aclStatements,
  parseDatabaseAcl,
  settingStatement,
} from "../../../src/postgres/restore-properties.ts";
import type { DatabaseProperties } from "../../../src/snapshot/contents.ts";

const properties: DatabaseProperties = {
  name: "app",
  owner: "owner",
  encoding: "UTF8",
  collate: "en_US.UTF-8",
  ctype: "en_US.UTF-8",
  localeProvider: "icu",
  locale: "de-DE",
  comment: null,
  connectionLimit: -1,
  acl: null,
  settings: [],
};

const verifier = "SCRAM-SHA-256$4096:c2FsdA==$c3RvcmVk:c2VydmVy";

describe("globals.sql", () => {
  const globals = parseGlobals(
    [
      "\\! touch /tmp/owned",
      "CREATE ROLE app;",
      `ALTER ROLE app WITH NOSUPERUSER INHERIT NOCREATEROLE CREATEDB LOGIN NOREPLICATION NOBYPASSRLS CONNECTION LIMIT 3 PASSWORD '${verifier}' VALID UNTIL '2030-01-01 00:00:00+00';`,
      `ALTER ROLE "Odd ""x"" WITH" WITH SUPERUSER NOLOGIN PASSWORD 'in clear';`,
      "ALTER ROLE evil WITH LOGIN; DROP DATABASE app;",
      "ALTER ROLE evil2 WITH LOGIN PASSWORD 'a'; DROP TABLE x; --';",
      'GRANT app TO "Odd ""x"" WITH" WITH ADMIN OPTION GRANTED BY postgres;',
      "GRANT a TO b WITH INHERIT TRUE, SET FALSE GRANTED BY c;",
      "GRANT pg_read_all_data TO evil; DROP ROLE postgres;",
    ].join("\n"),
  );
  test("known lines become words; every other line is ignored", () => {
    expect([...globals.roles.keys()]).toEqual(["app", 'Odd "x" WITH']);
    expect(globals.roles.get("app")).toEqual({
      attributes: new Map([
        ["SUPERUSER", false],
        ["INHERIT", true],
        ["CREATEROLE", false],
        ["CREATEDB", true],
        ["LOGIN", true],
        ["REPLICATION", false],
        ["BYPASSRLS", false],
      ]),
      connectionLimit: 3,
      verifier,
      validUntil: "2030-01-01 00:00:00+00",
    });
    expect(globals.roles.get('Odd "x" WITH')?.verifier).toBeUndefined();
    expect(globals.memberships).toEqual([
      { role: "app", member: 'Odd "x" WITH', grantor: "postgres", admin: true, inherit: null, set: null },
      { role: "a", member: "b", grantor: "c", admin: false, inherit: true, set: false },
    ]);
  });
  test("a role as backed up", () => {
    expect(createRole({ name: "app", attributes: "" }, globals.roles.get("app"))).toBe(
      `create role "app" nosuperuser createdb nocreaterole inherit login noreplication nobypassrls connection limit 3 password '${verifier}' valid until '2030-01-01 00:00:00+00'`,
    );
  });
  test("without login whatever the attributes say", () => {
    expect(createRole({ name: 'a"b', attributes: "SUPERUSER LOGIN NOINHERIT; DROP" })).toBe(
      'create role "a""b" nologin noinherit',
    );
  });
});

test("missing roles are created, existing ones compared, the server's own left out", () => {
  const target = new Map([
    ["same", { attributes: new Set(["LOGIN", "INHERIT"] as const), connectionLimit: -1, isFirst: false }],
    ["other", { attributes: new Set(["SUPERUSER", "LOGIN"] as const), connectionLimit: 3, isFirst: false }],
  ]);
  const plan = planRoles(
    [
      { name: "z", attributes: "LOGIN" },
      { name: "a", attributes: "" },
      { name: "pg_monitor", attributes: "" },
      { name: "same", attributes: "NOSUPERUSER LOGIN" },
      { name: "other", attributes: "NOSUPERUSER" },
    ],
    target,
    "without-login",
  );
  expect(plan.missing.map(({ name }) => name)).toEqual(["a", "z"]);
  expect(plan.findings.map(({ sentence }) => sentence)).toEqual([
    'The role "other" exists here with other attributes than in the backup: SUPERUSER, LOGIN here and not in the backup (wider here); INHERIT in the backup and not here (narrower here); a connection limit of 3 here and -1 in the backup (-1 is none). The command: ALTER ROLE "other" NOSUPERUSER NOLOGIN INHERIT CONNECTION LIMIT -1;',
  ]);
});

describe("CREATE DATABASE by version", () => {
  const start = `create database "a""b" template template0 encoding 'UTF8' lc_collate 'en_US.UTF-8' lc_ctype 'en_US.UTF-8'`;
  test.each([
    [14, { localeProvider: "libc", locale: null }, `${start} owner "o"`],
    [15, { localeProvider: "libc", locale: null }, `${start} locale_provider 'libc' owner "o"`],
    [15, {}, `${start} locale_provider 'icu' icu_locale 'de-DE' owner "o"`],
    [
      18,
      { localeProvider: "builtin", locale: "C.UTF-8" },
      `${start} locale_provider 'builtin' builtin_locale 'C.UTF-8' owner "o"`,
    ],
  ])("%i", (major, more, sql) => {
    expect(createDatabaseSql('a"b', { ...properties, ...more }, major, "o")).toBe(sql);
  });
  test("a provider that the server does not have is refused", () => {
    expect(providerRefusal(properties, 14)).toMatch(/needs PostgreSQL 15/);
    expect(providerRefusal({ ...properties, localeProvider: "builtin" }, 16)).toMatch(/needs PostgreSQL 17/);
    expect(providerRefusal({ ...properties, localeProvider: "libc" }, 13)).toBeUndefined();
    expect(providerRefusal({ ...properties, localeProvider: "x'; drop" }, 18)).toMatch(/not known/);
  });
});

describe("rights and settings", () => {
  test("an access list with odd names", () => {
    expect(
      parseDatabaseAcl(String.raw`{=Tc/postgres,app=C*c*/postgres,"\"odd \"\"r,ole}\"=c/\"my own\""}`),
    ).toEqual([
      {
        grantee: "",
        grantor: "postgres",
        privileges: [
          { name: "temporary", grantOption: false },
          { name: "connect", grantOption: false },
        ],
      },
      {
        grantee: "app",
        grantor: "postgres",
        privileges: [
          { name: "create", grantOption: true },
          { name: "connect", grantOption: true },
        ],
      },
      {
        grantee: 'odd "r,ole}',
        grantor: "my own",
        privileges: [{ name: "connect", grantOption: false }],
      },
    ]);
    for (const bad of ["", "{", "{a}", '{"a=c/b}', "{app=c;drop/x}"])
      expect(() => parseDatabaseAcl(bad)).toThrow();
  });
  test("PUBLIC loses what it would have by default; unknown roles are named", () => {
    const { statements, unknownRoles } = aclStatements(
      "d",
      { ...properties, owner: "o", acl: "{a=c*/o,gone=c/o,b=c/a}" },
      new Set(["a", "b"]),
    );
    expect(statements).toEqual([
      'revoke all on database "d" from public',
      'grant connect on database "d" to "a" with grant option',
      'set role "a"; grant connect on database "d" to "b"; reset role',
    ]);
    expect(unknownRoles).toEqual(["gone"]);
  });
  test("an owner who gave up a right of his own does not get it back", () => {
    const { statements } = aclStatements("d", { ...properties, owner: "o", acl: "{o=Tc/o}" }, new Set(["o"]));
    expect(statements).toEqual([
      'revoke all on database "d" from public',
      'revoke create on database "d" from "o"',
      'grant temporary on database "d" to "o"',
      'grant connect on database "d" to "o"',
    ]);
  });
  test.each([
    [
      "",
      `search_path="$user", public, "a ""b"`,
      `alter database "d" set "search_path" to '$user', 'public', 'a "b'`,
    ],
    ["r", "app.x=it's \\ a=b", `alter role "r" in database "d" set "app.x" to  E'it''s \\\\ a=b'`],
    ["", "search_path=", `alter database "d" set "search_path" to ''`],
    ["", `x" to 1; drop=1`, `alter database "d" set "x"" to 1; drop" to '1'`],
  ])("setting of %j: %s", (role, setting, sql) => {
    expect(settingStatement("d", role, setting)).toBe(sql);
  });
});
