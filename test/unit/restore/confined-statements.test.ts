/** What a superuser runs of an archive for itself: of an ACL nothing but rights, of other entries one plain statement. */
import { describe, expect, test } from "vitest";
import { grantStatements, splitStatements } from "../../../src/postgres/sql-statements.ts";
import { needsSuperuser } from "../../../src/postgres/superuser-entries.ts";
import { entriesInUntrustedLanguages } from "../../../src/postgres/untrusted-languages.ts";
import type { TocEntry } from "../../../src/postgres/restore-toc.ts";

const entry = (kind: string, definition: string, more: Partial<TocEntry> = {}): TocEntry => ({
  dumpId: 1,
  oid: 0,
  tag: "f",
  kind,
  section: "pre-data",
  definition,
  dropStatement: "",
  copyStatement: "",
  schema: "app",
  owner: "o",
  dependencies: [],
  ...more,
});

test.each([
  ['GRANT SELECT(a),INSERT(b) ON TABLE app."t;x" TO "who ON \n TO";\n'],
  [
    "REVOKE ALL ON FUNCTION app.f(a integer, OUT b text[]) FROM PUBLIC;\nGRANT ALL ON FUNCTION app.f(a integer) TO r WITH GRANT OPTION;\n",
  ],
  ["SET SESSION AUTHORIZATION other;\nGRANT USAGE ON SCHEMA app TO r;\nRESET SESSION AUTHORIZATION;\n"],
  ["REVOKE GRANT OPTION FOR SELECT ON TABLE app.t FROM r;\n"],
])("%j is nothing but rights", (definition) => {
  expect(grantStatements(definition)).toHaveLength(definition.match(/;\n/g)?.length ?? 0);
});

test.each([
  ["GRANT lifeboat TO mallory;\n"],
  ['GRANT lifeboat TO "x ON y TO z";\n'],
  ["GRANT SELECT ON TABLE app.t TO r; ALTER ROLE r SUPERUSER;\n"],
  ["GRANT SELECT ON TABLE app.t TO r -- ;\n"],
  ["GRANT SELECT ON TABLE app.t /* */ TO r;\n"],
  ["ALTER ROLE r SUPERUSER;\n"],
  ["SET SESSION AUTHORIZATION DEFAULT; SELECT evil.f();\n"],
  ["SET ROLE r;\n"],
])("%j is more than rights", (definition) => {
  expect(grantStatements(definition)).toBeUndefined();
});

test("statements end at semicolons outside of quotes", () => {
  expect(splitStatements(`a ';' b; c $x$ ; $$ ; $x$ d; e ";" f$1$g; `)).toEqual([
    "a ';' b",
    "c $x$ ; $$ ; $x$ d",
    'e ";" f$1$g',
  ]);
});

const settings = new Set(["session_replication_role"]);
const fn = (head: string): TocEntry =>
  entry("FUNCTION", `CREATE FUNCTION app.f(${head})\n    AS $$ LEAKPROOF $$;\n`);

describe("a superuser creates", () => {
  test.each([
    ["a leakproof function", fn("a int) RETURNS int\n    LANGUAGE plpgsql LEAKPROOF"), true],
    [
      "a setting of superusers",
      fn(") RETURNS int\n    LANGUAGE sql\n    SET session_replication_role TO 'replica'"),
      true,
    ],
    ["a word in a body", fn(") RETURNS int\n    LANGUAGE plpgsql"), false],
    [
      "an argument's default, which is read",
      fn("a t DEFAULT '{1}'::t) RETURNS int\n    LANGUAGE plpgsql LEAKPROOF"),
      false,
    ],
    [
      "a wrapper whose validator would be called",
      entry("FOREIGN DATA WRAPPER", "CREATE FOREIGN DATA WRAPPER w VALIDATOR v OPTIONS (\n a 'b'\n);\n"),
      false,
    ],
    ["a table", entry("TABLE", "CREATE TABLE app.t ();\n"), false],
    [
      "a cast of built-in types",
      entry("CAST", "CREATE CAST (date AS integer) WITH FUNCTION app.f(date);\n"),
      true,
    ],
    [
      "a cast of one's own",
      entry("CAST", "CREATE CAST (app.t AS integer) WITH FUNCTION app.f(app.t);\n"),
      false,
    ],
  ])("%s: %#", (_, one, expected) => {
    expect(needsSuperuser(one, settings)).toBe(expected);
  });
});

test("functions in languages that reach out, and what needs them, are left out", () => {
  const inLanguage = (dumpId: number, language: string): TocEntry =>
    entry("FUNCTION", `CREATE FUNCTION app.f() RETURNS int\n    LANGUAGE ${language}\n    AS $$;\n`, {
      dumpId,
    });
  const toc = {
    serverVersion: "15",
    entries: [
      ...["plpgsql", "sql", "plperl", "plperlu", "plpython3u", "c", "internal", '"odd one"'].map(
        (language, at) => inLanguage(at + 1, language),
      ),
      entry("TABLE", "CREATE TABLE", { dumpId: 20, dependencies: [4] }),
      entry("INDEX", "CREATE INDEX", { dumpId: 21, dependencies: [20] }),
      entry("TABLE", "CREATE TABLE", { dumpId: 22, dependencies: [1] }),
    ],
  };
  expect(
    entriesInUntrustedLanguages(toc).map(({ entry: { dumpId }, extension }) => [dumpId, extension]),
  ).toEqual([
    [4, "language:plperlu"],
    [5, "language:plpython3u"],
    [6, "language:c"],
    [7, "language:internal"],
    [8, "language:odd one"],
    [20, "language:plperlu"],
    [21, "language:plperlu"],
  ]);
});
