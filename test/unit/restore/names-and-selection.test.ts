import { describe, expect, test } from "vitest";
import {
  beforeDatabaseName,
  isNewDatabaseName,
  newDatabaseName,
  readMark,
  writeMark,
} from "../../../src/postgres/restore-names.ts";
import { isFurther } from "../../../src/postgres/restore-sequences.ts";
import { parseSchemaName, parseTableName, selectTables } from "../../../src/postgres/toc-selection.ts";
import type { TableContents } from "../../../src/snapshot/contents.ts";

const id = "20261123T031207Z-9f2c51e0a7b4";

describe("names of databases beside", () => {
  test("a short name keeps all of itself", () => {
    expect(newDatabaseName("app", id)).toBe(`app_new_${id}`);
    expect(beforeDatabaseName("app", id)).toBe(`app_before_${id}`);
  });
  test("only exactly our own form is recognised", () => {
    expect(isNewDatabaseName(`app_new_${id}`, "app")).toBe(true);
    expect(isNewDatabaseName(`app_new_${id}`, "ap")).toBe(false);
    expect(isNewDatabaseName(`app_before_${id}`, "app")).toBe(false);
    expect(isNewDatabaseName("app_new_1", "app")).toBe(false);
    expect(isNewDatabaseName(newDatabaseName("x".repeat(63), id), "x".repeat(63))).toBe(true);
  });
  test("a comment is a mark only whole", () => {
    const mark = { state: "verified", database: "it's", snapshot: id } as const;
    expect(readMark(writeMark(mark))).toEqual(mark);
    for (const comment of [
      null,
      "",
      "lifeboat restore",
      "lifeboat restore {}",
      'lifeboat restore {"state":"verified"',
      writeMark(mark).replace("verified", "done"),
    ]) {
      expect(readMark(comment)).toBeUndefined();
    }
  });
});

describe("names that people write", () => {
  test.each([
    ["public.users", { schema: "public", name: "users" }],
    ["Public.Users", { schema: "public", name: "users" }],
    ['"My Schema"."my.table"', { schema: "My Schema", name: "my.table" }],
    ['public."a ""b"""', { schema: "public", name: 'a "b"' }],
    ['"select"."Ünï\n"', { schema: "select", name: "Ünï\n" }],
  ])("%j", (text, name) => expect(parseTableName(text)).toEqual(name));
  test.each(["users", "a.b.c", "public.", '"public.users', "public.my table", 'a"b.c', ""])(
    "%j is refused",
    (text) =>
      expect(() => parseTableName(text)).toThrow(
        expect.objectContaining({ code: "restore-selection", exitCode: 2 }),
      ),
  );
  test("a schema alone", () => {
    expect(parseSchemaName('"My . Schema"')).toBe("My . Schema");
    expect(() => parseSchemaName("a.b")).toThrow(expect.objectContaining({ code: "restore-selection" }));
  });
});

describe("choosing", () => {
  const table = (
    oid: number,
    schema: string,
    name: string,
    more: Partial<TableContents> = {},
  ): TableContents => ({
    oid,
    schema,
    name,
    kind: "table",
    unlogged: false,
    columns: [],
    bytes: 0,
    ...more,
  });
  const all = [
    table(1, "public", "orders"),
    table(2, "public", "parted", { kind: "partitioned" }),
    table(3, "public", "parted_1", { root: 2 }),
    table(4, "public", "mv", { kind: "materialized-view" }),
    table(5, "other", "left_out", { notBackedUp: "the role may not read it" }),
    table(6, "third", "one"),
    table(7, "third", "foreign", { kind: "foreign" }),
  ];
  const choose = (tables: readonly (readonly [string, string])[], schemas: string[] = []) =>
    selectTables(all, { tables: tables.map(([schema, name]) => ({ schema, name })), schemas }).map(
      (selected) => [selected.table.oid, ...selected.leaves.map(({ oid }) => oid)],
    );

  test("a root brings its leaves, also when a leaf was chosen too", () => {
    expect(
      choose([
        ["public", "parted"],
        ["public", "parted_1"],
      ]),
    ).toEqual([[2, 3]]);
    expect(choose([["public", "parted_1"]])).toEqual([[3, 3]]);
  });
  test("a schema means its tables, and not what has no rows of its own", () => {
    expect(choose([], ["third"])).toEqual([[6, 6]]);
    expect(choose([["third", "one"]], ["third"])).toEqual([[6, 6]]);
  });
  test.each([
    ["another schema", [["publik", "orders"]], 'Did you mean "public"."orders"?'],
    ["a slip", [["public", "Order"]], 'Did you mean "public"."orders"?'],
  ] as const)("near misses: %s", (_, names, hint) => {
    expect(() => choose(names)).toThrow(expect.objectContaining({ code: "restore-selection", hint }));
  });
  test("what has no rows in the backup is refused with the reason", () => {
    expect(() => choose([["public", "mv"]])).toThrow(/materialized view/);
    expect(() => choose([["other", "left_out"]])).toThrow(/may not read/);
    expect(() => choose([], ["nowhere"])).toThrow(
      expect.objectContaining({ hint: "It has tables in: other, public, third." }),
    );
  });
});

test.each([
  ["5", true, "4", true, "1", true],
  ["4", true, "5", true, "1", false],
  ["5", true, "5", false, "1", true],
  ["5", false, "5", true, "1", false],
  ["-5", true, "-4", true, "-1", true],
  ["9223372036854775807", true, "9223372036854775806", true, "1", true],
])("value %s (%s) lies beyond %s (%s) by %s: %s", (a, aCalled, b, bCalled, increment, further) => {
  expect(isFurther(a, aCalled, b, bCalled, increment)).toBe(further);
});
