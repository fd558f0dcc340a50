import { describe, expect, test } from "vitest";
import { entriesWithout, rowsWithout } from "../../../src/postgres/missing-extensions.ts";
import type { ArchiveToc, TocEntry } from "../../../src/postgres/restore-toc.ts";
import { superuserOwned } from "../../../src/postgres/superuser-owners.ts";
import type { DatabaseContents } from "../../../src/snapshot/contents.ts";

type Known = Pick<DatabaseContents, "extensions" | "tables">;

function entry(
  dumpId: number,
  kind: string,
  schema: string,
  tag: string,
  more: Partial<TocEntry> = {},
): TocEntry {
  return {
    dumpId,
    oid: 0,
    kind,
    schema,
    tag,
    section: "pre-data",
    definition: "",
    dropStatement: "",
    copyStatement: "",
    owner: "",
    dependencies: [],
    ...more,
  };
}

const toc = (...entries: TocEntry[]): ArchiveToc => ({ serverVersion: "15.18", entries });

const members = [
  { schema: "vault", name: "secrets" },
  { schema: "vault", name: "create_secret" },
  { schema: "vault", name: "odd(name" },
  { schema: "", name: "vaulted" },
];
const known: Known = {
  extensions: [
    { name: "supabase_vault", version: "0.3", schema: "vault", members },
    {
      name: "pgcrypto",
      version: "1.3",
      schema: "extensions",
      members: [{ schema: "extensions", name: "crypt" }],
    },
  ],
  tables: [],
};

const skippedIds = (contents: Known, missing: readonly string[], ...entries: TocEntry[]): readonly number[] =>
  entriesWithout(toc(...entries), contents, missing).map((one) => one.entry.dumpId);

describe("what goes with a missing extension", () => {
  test("its entry and what depends on it, however far, whichever way round the archive lists them", () => {
    const entries = [
      entry(5, "VIEW", "public", "second", { dependencies: [4] }),
      entry(4, "VIEW", "public", "first", { dependencies: [1, 9] }),
      entry(1, "EXTENSION", "", "supabase_vault"),
      entry(2, "EXTENSION", "", "pgcrypto"),
      entry(3, "COMMENT", "", "EXTENSION supabase_vault", { dependencies: [1] }),
      entry(6, "VIEW", "public", "other", { dependencies: [2] }),
    ];
    expect(skippedIds(known, ["supabase_vault"], ...entries)).toEqual([5, 4, 1, 3]);
    expect(skippedIds(known, [], ...entries)).toEqual([]);
  });

  test.each([
    ["ACL", "vault", "TABLE secrets", true],
    ["ACL", "vault", "COLUMN secrets.name", true],
    ["ACL", "vault", "FUNCTION create_secret(text, text)", true],
    ["ACL", "vault", "FUNCTION odd(name(text)", true],
    ["ACL", "vault", "TABLE secrets_of_mine", false],
    ["ACL", "public", "TABLE secrets", false],
    ["ACL", "", "SCHEMA vaulted", true],
    ["ACL", "", "SCHEMA vault", false],
    ["ACL", "extensions", "FUNCTION crypt(text, text)", false],
    ["POLICY", "vault", "secrets owners only", true],
    ["ROW SECURITY", "vault", "secrets", true],
    ["TABLE", "vault", "secrets", false],
  ])("%s of %s, %s: %s", (kind, schema, tag, goes) => {
    expect(
      skippedIds(known, ["supabase_vault"], entry(7, kind, schema, tag, { dependencies: [99] })),
    ).toEqual(goes ? [7] : []);
  });

  test("a snapshot that lists no members knows its extensions' tables", () => {
    const older: Known = {
      extensions: [{ name: "supabase_vault", version: "0.3", schema: "vault" }],
      tables: [
        {
          oid: 70,
          schema: "vault",
          name: "secrets",
          kind: "table",
          unlogged: false,
          columns: [],
          bytes: 0,
          extension: "supabase_vault",
        },
      ],
    };
    expect(skippedIds(older, ["supabase_vault"], entry(7, "ACL", "vault", "TABLE secrets"))).toEqual([7]);
    const rows = toc(
      entry(1, "TABLE DATA", "vault", "secrets", { oid: 70 }),
      entry(2, "TABLE DATA", "x", "y", { oid: 71 }),
    );
    expect(rowsWithout(rows, older, ["supabase_vault"], []).map(({ dumpId }) => dumpId)).toEqual([1]);
  });

  test("rows of skipped tables and values of skipped sequences, by what they are and not by number", () => {
    const skipped = [
      { entry: entry(1, "TABLE", "public", "calls", { oid: 50 }), extension: "pg_net" },
      { entry: entry(2, "SEQUENCE", "public", "calls_id_seq"), extension: "pg_net" },
    ];
    const rest = toc(
      entry(1, "TABLE DATA", "public", "kept", { oid: 51 }),
      entry(8, "TABLE DATA", "public", "calls", { oid: 50 }),
      entry(9, "SEQUENCE SET", "public", "calls_id_seq"),
      entry(10, "SEQUENCE SET", "app", "calls_id_seq"),
      entry(11, "BLOBS", "", "BLOBS"),
    );
    expect(rowsWithout(rest, known, ["pg_net"], skipped).map(({ dumpId }) => dumpId)).toEqual([8, 9]);
  });
});

test("superusers must own event triggers, wrappers, and publications of all tables or of schemas", () => {
  const owned = superuserOwned(
    toc(
      entry(1, "EVENT TRIGGER", "", "e", { owner: "one" }),
      entry(2, "FOREIGN DATA WRAPPER", "", "w", { owner: "two" }),
      entry(3, "PUBLICATION", "", "all", {
        owner: "three",
        definition: "CREATE PUBLICATION p FOR ALL TABLES WITH (…)",
      }),
      entry(4, "PUBLICATION", "", "some", { owner: "none", definition: "CREATE PUBLICATION p WITH (…)" }),
      entry(5, "PUBLICATION", "", "schemas", { owner: "four" }),
      entry(6, "PUBLICATION TABLES IN SCHEMA", "", "schemas app", { owner: "four", dependencies: [5, 90] }),
      entry(7, "TABLE", "public", "t", { owner: "none" }),
    ),
  );
  expect(owned.map(({ owner }) => owner).toSorted()).toEqual(["four", "one", "three", "two"]);
});
