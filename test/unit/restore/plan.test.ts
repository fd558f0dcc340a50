import { describe, expect, test } from "vitest";
import {
  planDatabaseRestore,
  planHash,
  type RestoreRequest,
} from "../../../src/operations/plan-database-restore.ts";
import { renderPlan } from "../../../src/operations/render-restore-plan.ts";
import type { TargetFacts } from "../../../src/postgres/restore-target.ts";
import type { Contents, DatabaseContents } from "../../../src/snapshot/contents.ts";

const id = "20261123T031207Z-9f2c51e0a7b4";
const properties = {
  name: "shop",
  owner: "app",
  encoding: "UTF8",
  collate: "C",
  ctype: "C",
  localeProvider: "libc",
  locale: null,
  comment: null,
  connectionLimit: -1,
  acl: null,
  settings: [],
};
const database: DatabaseContents = {
  properties,
  server: { version: "15.18", major: 15 },
  client: { version: "15.18" },
  moment: { time: "2026-11-23T03:12:07Z" },
  extensions: [{ name: "pgcrypto", version: "1.3", schema: "public" }],
  roles: [{ name: "app", attributes: "LOGIN" }],
  tables: [
    {
      oid: 1,
      schema: "public",
      name: "orders",
      kind: "table",
      unlogged: false,
      columns: ["id"],
      bytes: 3_000_000,
      rows: 42,
    },
    {
      oid: 2,
      schema: "public",
      name: "far",
      kind: "foreign",
      unlogged: false,
      columns: [],
      bytes: 0,
      notBackedUp: "foreign table",
    },
  ],
  sequences: [],
  objects: [],
  largeObjects: { count: 0 },
};
const contents: Contents = { formatVersion: 1, id, source: "database", files: [], database };
const target = {
  host: "db.example.org",
  port: 5432,
  user: "postgres",
  password: "hunter2-secret",
  database: "shop",
  sslMode: "verify-full",
  sslModeChosen: false,
} as const;
const facts: TargetFacts = {
  server: { version: "15.18", major: 15 },
  user: { name: "postgres", isSuperuser: true, canCreateDatabases: true },
  clientMajor: 15,
  existing: undefined,
  availableExtensions: new Set(["pgcrypto"]),
  preloads: {},
  roles: new Map(),
  freeBytes: undefined,
  leftovers: [],
};
const existing: TargetFacts = {
  ...facts,
  existing: {
    oid: "16384",
    properties,
    bytes: 1,
    preparedTransactions: 0,
    replicationSlots: 1,
    enabledSubscriptions: 2,
  },
};

function plan(
  request: Partial<RestoreRequest> = {},
  more: TargetFacts = facts,
  inside: Partial<DatabaseContents> = {},
) {
  return planDatabaseRestore({
    contents: { ...contents, database: { ...database, ...inside } },
    request: { target, mode: { kind: "new-database" }, jobs: 2, ...request },
    facts: more,
  });
}

test("a plan in words", () => {
  const inPlace = plan({ mode: { kind: "in-place" }, confirm: "shop" }, existing);
  expect(renderPlan(inPlace)).toBe(`Restore "shop" (PostgreSQL 15.18) as of 2026-11-23T03:12:07Z,
snapshot ${id} of source database,
into "shop" on db.example.org:5432 (PostgreSQL 15.18) as postgres: in place.
2 tables, 42 rows, about 3 MiB; free space on the server: not checked (it cannot be seen from here).

What will be replaced:
  - Everything written to "shop" since the snapshot's moment is not in the restored database.
  - All sessions in "shop" are ended at the swap.

What cannot be restored:
  - Rows of "public"."far": foreign table.
  - Logical replication slots stay with the replaced database and must be made anew.

Missing roles:
  - "app"

Steps:
  - Create 1 missing roles without login; alter no existing one.
  - Create a new database beside "shop" and load the snapshot with 2 connections.
  - Retry what the server refuses; name what is missing in the end, and what creates it.
  - Compare it with the backup.
  - Disable the 2 enabled subscriptions of "shop"; their slots at the publisher stay, and hold back WAL there until you use or drop them.
  - Stop and drop it if rows or rights are missing that were not accepted by name.
  - Swap it with "shop" in one transaction; keep what stood before, closed to connections.

Plan ${planHash(inPlace)}
`);
  expect(JSON.stringify(inPlace)).not.toContain("hunter2");
});

describe("the plan's hash", () => {
  test("stays with what changes from minute to minute", () => {
    expect(planHash(plan({}, { ...facts, freeBytes: 1e12 }))).toBe(planHash(plan()));
  });
  test("changes with what would happen", () => {
    const hashes = [
      plan(),
      plan({ jobs: 3 }),
      plan({ roles: "as-backed-up" }),
      plan({ acceptNotVerified: true }),
      plan({ target: { ...target, database: "other" } }),
      plan({ mode: { kind: "in-place" }, confirm: "shop" }, existing),
    ].map(planHash);
    expect(new Set(hashes).size).toBe(hashes.length);
  });
});

describe("refused before anything is touched", () => {
  const inPlace = { mode: { kind: "in-place" } } as const;
  const chosen = {
    mode: { kind: "tables", tables: [{ schema: "public", name: "orders" }], schemas: [] },
  } as const;
  test.each<[string, Partial<RestoreRequest>, TargetFacts, Partial<DatabaseContents>, string, RegExp]>([
    ["no confirm", inPlace, existing, {}, "confirm-needed", /replace the database "shop"/],
    ["empty confirm", { ...inPlace, confirm: "" }, existing, {}, "confirm-needed", /not confirmed/],
    [
      "wrong confirm",
      { ...inPlace, confirm: "SHOP" },
      existing,
      {},
      "confirm-mismatch",
      /"SHOP" is not the target's name, "shop"/,
    ],
    ["tables without confirm", chosen, existing, {}, "confirm-needed", /replace rows/],
    ["target exists", {}, existing, {}, "restore-target-exists", /exists on db\.example\.org/],
    [
      "nothing to replace",
      { ...inPlace, confirm: "shop" },
      facts,
      {},
      "database-missing",
      /no database "shop"/,
    ],
    [
      "newer backup",
      {},
      facts,
      { server: { version: "17.1", major: 17 } },
      "restore-impossible",
      /backup is of PostgreSQL 17, the server is 15/,
    ],
    [
      "older programs",
      {},
      facts,
      { client: { version: "17.10 (Debian)" } },
      "restore-impossible",
      /pg_dump 17, pg_restore here is 15/,
    ],
    [
      "missing extension",
      {},
      { ...facts, availableExtensions: new Set() },
      {},
      "restore-impossible",
      /extensions pgcrypto/,
    ],
    [
      "no right",
      {},
      { ...facts, user: { ...facts.user, canCreateDatabases: false } },
      {},
      "restore-impossible",
      /may not create databases/,
    ],
    ["no room", {}, { ...facts, freeBytes: 10 }, {}, "disk-too-small", /needs about 3 MiB/],
    [
      "no such table",
      { mode: { kind: "tables", tables: [{ schema: "public", name: "order" }], schemas: [] } },
      existing,
      {},
      "restore-selection",
      /no table/,
    ],
    [
      "prepared transactions",
      { ...inPlace, confirm: "shop" },
      { ...existing, existing: { ...existing.existing!, preparedTransactions: 2 } },
      {},
      "restore-impossible",
      /2 prepared transactions/,
    ],
  ])("%s", (_, request, more, inside, code, message) => {
    let thrown: unknown;
    try {
      plan(request, more, inside);
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toMatchObject({ code, exitCode: 2, message: expect.stringMatching(message) as string });
  });
  test("all reasons are told at once", () => {
    const more = { ...facts, availableExtensions: new Set<string>(), clientMajor: 14 };
    expect(() => plan({}, more)).toThrow(/pg_restore here is 14; the server does not have the extensions/);
  });
});
