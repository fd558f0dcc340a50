import { describe, expect, test } from "vitest";
import type { TocEntry } from "../../../src/postgres/restore-toc.ts";
import { compareRights, parseRights } from "../../../src/supabase/acl.ts";
import { classifyEntries, type ClassifyContext } from "../../../src/supabase/classify.ts";
import { isUsersObject } from "../../../src/supabase/compare-project.ts";
import { silencing } from "../../../src/supabase/default-privileges.ts";
import { fitColumns, literalDefaults } from "../../../src/supabase/managed-rows.ts";
import { ownerChanges } from "../../../src/supabase/owners.ts";
import { describeLine, ProjectTally, unfinishedFindings } from "../../../src/supabase/project-report.ts";
import { usersGrants } from "../../../src/supabase/users-grants.ts";
import { plainGrants } from "../../../src/supabase/run-entries.ts";

const context: ClassifyContext = {
  missingExtensions: new Set(["postgis"]),
  presentExtensions: new Set(["pgcrypto"]),
  signIns: false,
  vaultSealed: false,
  managedSchemas: new Set(["auth", "storage", "realtime", "their_new_one"]),
  publications: new Set(["supabase_realtime"]),
};

function entry(dumpId: number, kind: string, more: Partial<TocEntry> = {}): TocEntry {
  return {
    ...{
      dumpId,
      kind,
      oid: dumpId,
      tag: `thing_${dumpId}`,
      section: "pre-data",
      definition: "",
      dropStatement: "",
    },
    ...{ copyStatement: "", schema: "public", owner: "postgres", dependencies: [] },
    ...more,
  };
}

function classOf(...entries: TocEntry[]): string | undefined {
  return classifyEntries(entries, context).at(-1)?.class;
}

test("a column's default, as COPY would write it", () => {
  const definition = `CREATE TABLE storage.objects (
    id uuid DEFAULT extensions.uuid_generate_v4() NOT NULL,
    is_versioned boolean DEFAULT false NOT NULL,
    status text DEFAULT 'it''s DIS\\ABLED'::text NOT NULL,
    kind storage.buckettype DEFAULT 'STANDARD'::storage.buckettype NOT NULL,
    "a ""b" numeric(10,2) DEFAULT '-1.50'::numeric,
    small smallint DEFAULT 0,
    tags text[] DEFAULT ARRAY[]::text[],
    name character varying(255) DEFAULT ''::character varying,
    made_at timestamp with time zone DEFAULT now(),
    both text DEFAULT ('a'::text || 'b'::text),
    none jsonb,
    CONSTRAINT objects_check CHECK ((name <> 'DEFAULT 1'::text))
);`;
  expect([...literalDefaults(definition)]).toEqual([
    ["is_versioned", "f"],
    ["status", String.raw`it's DIS\\ABLED`],
    ["kind", "STANDARD"],
    ['a "b', "-1.50"],
    ["small", "0"],
    ["tags", "{}"],
    ["name", ""],
  ]);
});

describe("what becomes of an entry", () => {
  test.each([
    ["a user's table", entry(1, "TABLE"), "restore"],
    ["a table of the platform", entry(1, "TABLE", { schema: "auth", owner: "supabase_auth_admin" }), "kept"],
    ["a table that a user made in auth", entry(1, "TABLE", { schema: "auth" }), "person"],
    ["a user's function in extensions", entry(1, "FUNCTION", { schema: "extensions" }), "restore"],
    [
      "a schema that the target's platform owns",
      entry(1, "SCHEMA", { schema: "", tag: "their_new_one" }),
      "kept",
    ],
    ["people", entry(1, "TABLE DATA", { schema: "auth", tag: "users" }), "restore"],
    ["sessions", entry(1, "TABLE DATA", { schema: "auth", tag: "sessions" }), "kept"],
    ["a service's own record", entry(1, "TABLE DATA", { schema: "auth", tag: "schema_migrations" }), "kept"],
    ["vectors", entry(1, "TABLE DATA", { schema: "storage", tag: "buckets_vectors" }), "kept"],
    ["an unknown table of auth", entry(1, "TABLE DATA", { schema: "auth", tag: "of_next_year" }), "person"],
    ["jobs", entry(1, "TABLE DATA", { schema: "cron", tag: "job" }), "put-back"],
    ["secrets without their values", entry(1, "TABLE DATA", { schema: "vault", tag: "secrets" }), "person"],
    [
      "a user's trigger on auth",
      entry(1, "TRIGGER", { schema: "auth", tag: "users on_created" }),
      "put-back",
    ],
    [
      "the platform's trigger",
      entry(1, "TRIGGER", { schema: "storage", tag: "objects protect_objects_delete" }),
      "kept",
    ],
    ["a policy on storage", entry(1, "POLICY", { schema: "storage", tag: "objects mine" }), "put-back"],
    ["pg_cron's own policy", entry(1, "POLICY", { schema: "cron", tag: "job cron_job_policy" }), "kept"],
    [
      "the platform's event trigger",
      entry(1, "EVENT TRIGGER", { schema: "", tag: "pgrst_ddl_watch" }),
      "kept",
    ],
    ["a user's event trigger", entry(1, "EVENT TRIGGER", { schema: "", tag: "mine" }), "put-back"],
    ["the realtime publication", entry(1, "PUBLICATION", { schema: "", tag: "supabase_realtime" }), "kept"],
    ["a subscription", entry(1, "SUBSCRIPTION", { schema: "" }), "person"],
    ["default privileges of the platform", entry(1, "DEFAULT ACL", { owner: "supabase_admin" }), "kept"],
    ["default privileges of the user", entry(1, "DEFAULT ACL"), "put-back"],
    [
      "default privileges of the user for a role of their own in the platform's schema",
      entry(1, "DEFAULT ACL", {
        schema: "storage",
        definition:
          "ALTER DEFAULT PRIVILEGES FOR ROLE postgres IN SCHEMA storage GRANT SELECT ON TABLES  TO app;\n",
      }),
      "put-back",
    ],
    [
      "default privileges of postgres that the platform made",
      entry(1, "DEFAULT ACL", {
        schema: "storage",
        definition:
          "ALTER DEFAULT PRIVILEGES FOR ROLE postgres IN SCHEMA storage GRANT ALL ON TABLES  TO anon;\n",
      }),
      "kept",
    ],
    ["rights on schema public", entry(1, "ACL", { schema: "", tag: "SCHEMA public" }), "restore"],
    ["rights on what is in no archive", entry(1, "ACL", { tag: "FUNCTION f()", dependencies: [99] }), "kept"],
    [
      "rights that a user gave on what an extension made",
      entry(1, "ACL", { tag: "FUNCTION f()", definition: "GRANT ALL ON FUNCTION net.f() TO app;\n" }),
      "put-back",
    ],
    ["a missing extension", entry(1, "EXTENSION", { schema: "", tag: "postgis" }), "extension-missing"],
    [
      "a webhook where webhooks are off",
      entry(1, "TRIGGER", { definition: "… supabase_functions.http_request()" }),
      "person",
    ],
  ])("%s", (_, one, expected) => {
    expect(classOf(one)).toBe(expected);
  });

  test("what stands on a missing extension goes with it, however far away, and its rights too", () => {
    const entries = [
      entry(1, "EXTENSION", { schema: "", tag: "postgis" }),
      entry(2, "TABLE", { dependencies: [1] }),
      entry(3, "VIEW", { dependencies: [2] }),
      entry(4, "ACL", { tag: "TABLE thing_3", dependencies: [3] }),
      entry(5, "TABLE"),
    ];
    expect(classifyEntries(entries, context).map((classified) => classified.class)).toEqual([
      ...["extension-missing", "extension-missing", "extension-missing", "extension-missing"],
      "restore",
    ]);
  });
});

describe("rights that a user gave on the platform's own", () => {
  const told = (definition: string): readonly string[] =>
    usersGrants(definition).map(({ statement, privileges }) => `${statement} [${privileges.join()}]`);

  test("to roles of the user's own, in whatever words", () => {
    expect(
      told(
        'GRANT SELECT(email),UPDATE("a, b") ON TABLE auth.identities TO app;\n' +
          'GRANT ALL ON FUNCTION net.f(a text, b text) TO "of ""us""";\n' +
          "GRANT SELECT ON TABLE storage.buckets TO app WITH GRANT OPTION;\n" +
          "GRANT USAGE ON FOREIGN DATA WRAPPER w TO app;\n",
      ),
    ).toEqual([
      'grant SELECT(email),UPDATE("a, b") on TABLE auth.identities to app [SELECT(email),UPDATE("a, b")]',
      'grant ALL on FUNCTION net.f(a text, b text) to "of ""us""" [EXECUTE]',
      "grant SELECT on TABLE storage.buckets to app with grant option [SELECT]",
      "grant USAGE on FOREIGN DATA WRAPPER w to app [USAGE]",
    ]);
  });

  test("by postgres to anybody; what the platform gave, its own releases give", () => {
    expect(
      told(
        "REVOKE ALL ON SCHEMA auth FROM app;\nGRANT ALL ON TABLE auth.users TO supabase_auth_admin;\n" +
          "GRANT ALL ON TABLE auth.users TO PUBLIC;\nGRANT SELECT ON TABLE auth.users TO postgres WITH GRANT OPTION;\n" +
          "SET SESSION AUTHORIZATION postgres;\nGRANT SELECT ON TABLE auth.users TO authenticated;\n" +
          "GRANT SELECT ON TABLE auth.users TO PUBLIC;\nRESET SESSION AUTHORIZATION;\n" +
          "GRANT ALL ON TABLE auth.users TO anon;\n",
      ),
    ).toEqual([
      "grant SELECT on TABLE auth.users to authenticated [SELECT]",
      "grant SELECT on TABLE auth.users to PUBLIC [SELECT]",
    ]);
  });
});

describe("rights", () => {
  const compare = (expected: string, found: string, identity = "relation public.t"): readonly string[] =>
    compareRights(new Map([[identity, expected]]), new Map([[identity, found]]), new Set()).flatMap(
      ({ statements }) => statements,
    );

  test("what the target has more is taken, what it has less is granted", () => {
    expect(compare("postgres=r/postgres,anon=r/postgres", "postgres=r/postgres,anon=arw/postgres")).toEqual([
      'revoke INSERT on table public.t from "anon"',
      'revoke UPDATE on table public.t from "anon"',
    ]);
    expect(compare("postgres=r/postgres,a=r*w/postgres", "postgres=r/postgres,a=r/postgres")).toEqual([
      'grant SELECT on table public.t to "a" with grant option',
      'grant UPDATE on table public.t to "a"',
    ]);
  });

  test("an object that the platform's superuser owned is postgres' afterwards; other grantees keep their names", () => {
    const before =
      "supabase_admin=arw/supabase_admin,postgres=arw/supabase_admin,supabase_auth_admin=r/supabase_admin";
    expect(compare(before, "postgres=arw/postgres,supabase_auth_admin=r/postgres")).toEqual([]);
  });

  test("a function without an entry may be called by everybody; odd names are taken apart", () => {
    const found = new Map([["function public.f(integer)", 'postgres=X/postgres,"a,b=c"=X/postgres']]);
    expect(compareRights(new Map(), found, new Set()).flatMap(({ statements }) => statements)).toEqual([
      "grant EXECUTE on routine public.f(integer) to PUBLIC",
      'revoke EXECUTE on routine public.f(integer) from "a,b=c"',
    ]);
    expect(compare("=r/o,o=r/o", "o=r/o", 'column public."T.x"."c d"')).toEqual([
      'grant SELECT ("c d") on table public."T.x" to PUBLIC',
    ]);
    expect([...parseRights('"=x"=r/"o o"').held.keys()]).toEqual(["=x"]);
  });

  test("grants of other grantors become the owner's, and MAINTAIN goes where the server does not know it", () => {
    const definition =
      "GRANT SELECT,MAINTAIN ON TABLE public.t TO anon;\nSET SESSION AUTHORIZATION a;\nGRANT MAINTAIN ON TABLE public.t TO b;\nRESET SESSION AUTHORIZATION;";
    expect(plainGrants(definition, 15)).toBe("GRANT SELECT ON TABLE public.t TO anon;\n");
    expect(plainGrants(definition, 17)).toBe(
      "GRANT SELECT,MAINTAIN ON TABLE public.t TO anon;\nGRANT MAINTAIN ON TABLE public.t TO b;",
    );
    const defaults =
      "ALTER DEFAULT PRIVILEGES FOR ROLE postgres IN SCHEMA public GRANT SELECT,MAINTAIN ON TABLES TO anon;";
    expect(plainGrants(defaults, 15)).not.toContain("MAINTAIN");
  });
});

test("default privileges are silenced down to what PostgreSQL itself gives", () => {
  expect(silencing({ schema: "a b", objectType: "r", grantees: ["anon", ""] }, "postgres")).toEqual([
    'alter default privileges in schema "a b" revoke all on tables from "anon"',
    'alter default privileges in schema "a b" revoke all on tables from public',
  ]);
  expect(silencing({ schema: null, objectType: "f", grantees: ["postgres"] }, "postgres").slice(1)).toEqual([
    'alter default privileges grant all on functions to "postgres"',
    "alter default privileges grant execute on functions to public",
  ]);
});

test("columns: common ones are loaded, missing ones must be null, and one that must be given refuses", () => {
  const column = (name: string, more = {}) => ({ name, generated: false, mustBeGiven: false, ...more });
  const target = [
    column("id"),
    column("email", { generated: true }),
    column("tenant", { mustBeGiven: true }),
  ];
  expect(fitColumns("auth.users", ["id", "email", "old"], target)).toEqual({
    common: ["id"],
    mustBeNull: ["old"],
    unfillable: ["tenant"],
  });
  expect(fitColumns("storage.objects", ["level"], [])).toMatchObject({ mustBeNull: [] });
});

test("owners: a schema before what is in it, and the platform's are postgres'", () => {
  const entries = [
    entry(1, "FUNCTION", { owner: "app", dropStatement: "DROP FUNCTION app.f(integer);\n", schema: "app" }),
    entry(2, "SCHEMA", { owner: "app", dropStatement: 'DROP SCHEMA "app";\n', schema: "" }),
    entry(3, "TABLE", { owner: "supabase_admin", dropStatement: "DROP TABLE public.t;\n" }),
  ];
  expect(ownerChanges(entries, "postgres").map(({ statement }) => statement)).toEqual([
    'alter SCHEMA "app" owner to "app"',
    'alter FUNCTION app.f(integer) owner to "app"',
  ]);
});

test("whose an object is", () => {
  const whose = (kind: string, identity: string): boolean =>
    isUsersObject({ kind, identity, definition: "" }, new Set(["theirs"]));
  expect(whose("table", "public.t")).toBe(true);
  expect(whose("table", '"my auth".t')).toBe(true);
  expect(whose("table", "auth.users")).toBe(false);
  expect(whose("table", "theirs.t")).toBe(false);
  expect(whose("trigger", "auth.users on_auth_user_created")).toBe(true);
  expect(whose("trigger", "storage.objects update_objects_updated_at")).toBe(false);
  expect(whose("policy", 'storage.objects "Own pictures"')).toBe(true);
  expect(whose("default-privileges", 'postgres "Büro & Lager" f')).toBe(true);
  expect(whose("default-privileges", "supabase_admin public r")).toBe(false);
  expect(whose("comment", "policy Own on storage.objects")).toBe(true);
  expect(whose("comment", "table column auth.users.id")).toBe(false);
  expect(whose("acl", "large object 12")).toBe(true);
});

test("a report's lines add up, and what is public names nothing from inside", () => {
  const tally = new ProjectTally();
  tally.add("TABLE", "restored");
  tally.add("TABLE", "kept", { name: "auth.users", reason: "the platform's" });
  tally.add("roles", "person", { name: "inside", reason: "no password", server: "says inside" });
  const report = tally.report();
  expect(report.lines[0]).toMatchObject({ kind: "TABLE", inBackup: 2, restored: 1, kept: 1 });
  expect(report.lines.map(describeLine)).toEqual([
    "TABLE: 2 in the backup, 1 restored, 1 kept as the platform made it",
    "roles: 1 in the backup, 0 restored, 1 needs a person: 1 (no password)",
  ]);
  const [finding] = unfinishedFindings(report);
  expect(finding?.sentence).toContain("inside: no password: says inside");
  expect(finding?.publicSentence).not.toContain("inside:");
});
