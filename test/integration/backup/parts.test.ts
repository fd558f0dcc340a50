import { afterAll, beforeAll, expect, test } from "vitest";
import type { Connection } from "../../../src/postgres/connection.ts";
import { proveCoverage } from "../../../src/postgres/dump-parts.ts";
import { quoteIdentifier } from "../../../src/postgres/identifiers.ts";
import { sharedServer } from "../../support/shared-server.ts";
import type { TestServer } from "../../support/servers.ts";
import { sqlHashes } from "../../support/table-hashes.ts";
import { alteredTools, watchedTools } from "./altered-tools.ts";
import {
  backUp,
  complaints,
  connectionTo,
  databaseContentsOf,
  newSafe,
  restore,
  type Safe,
  verify,
} from "./backing-up.ts";

const database = `Da ta."base" \\ 'Ünï' select`;
let safe: Safe;
let server: TestServer;
let source: Connection;

/** Names that must not reach a command line, five tables worth an archive of their own, two of them partitions. */
const large = (table: string): string =>
  `insert into ${table} select n, repeat(md5(n::text), 3) from generate_series(1, 90000) n;`;
const tables = `
  create schema "Sche ma."; create schema "select";
  create table "Sche ma."."Ünï ""tab.le\\" (n int, t text); ${large(`"Sche ma."."Ünï ""tab.le\\"`)}
  create table "select"."select" (n int, t text); ${large(`"select"."select"`)}
  create table public.secretname (n int, t text); ${large("public.secretname")}
  create table public.parted (n int, t text) partition by range (n);
  create table public.parted_low partition of public.parted for values from (0) to (50000);
  create table public.parted_high partition of public.parted for values from (50000) to (1000000);
  insert into public.parted select n, repeat(md5(n::text), 6) from generate_series(1, 99999) n;
  create table public.small (id serial, t text); insert into public.small (t) values ('a'), ('b');
  create table public.empty ();
  select lo_from_bytea(42, 'large object');`;

beforeAll(async () => {
  safe = await newSafe();
  server = await sharedServer(15);
  await server.createDatabase(database);
  await server.sql(database, tables);
  source = connectionTo(server, database);
});
afterAll(() => safe[Symbol.asyncDispose]());

test.each([
  { jobs: 1, parts: 3 },
  { jobs: 3, parts: 5 },
  { jobs: 9, parts: 7 },
])(
  "$jobs jobs: large tables and partitions in archives of their own, all of it whole",
  async ({ jobs, parts }) => {
    const { snapshot, parts: made } = await backUp(safe, source, { jobs });
    expect(made).toBe(parts);
    const contents = await databaseContentsOf(safe, snapshot);
    const data = contents.tables.filter(({ part }) => part?.startsWith("data-"));
    expect(data.map(({ name }) => name).toSorted()).toEqual(
      [`Ünï "tab.le\\`, "parted_high", "parted_low", "secretname", "select"].toSorted(),
    );
    const report = await verify(safe, snapshot.id, { level: "restored" });
    expect(complaints(report)).toEqual([]);
    expect(report.verdict).toBe("passed");
  },
);

test("without the zstd binary, and with names in every place, a restore is equal", async () => {
  const { snapshot } = await backUp(safe, source, { zstd: false });
  const target = connectionTo(server, `${database} II`);
  await restore(safe, snapshot.id, { target, mode: { kind: "new-database" } });
  expect(await sqlHashes(server.url(target.database))).toEqual(await sqlHashes(server.url(database)));
  await server.sql("postgres", `drop database ${quoteIdentifier(target.database)}`);
});

test("no command line shows a table, schema, database, user or password", async () => {
  const watched = await watchedTools(safe.folder);
  await backUp(safe, source, { clientTools: () => Promise.resolve(watched.tools) });
  const dumps = (await watched.calls()).filter((args) => args.includes("--format=custom"));
  expect(dumps).toHaveLength(5);
  const text = dumps.flat().join("\n");
  expect(text).toContain("--table=");
  for (const name of [
    "secretname",
    "tab.le",
    "Sche",
    "parted",
    "Da ta",
    server.password,
    "postgres",
    "127.0.0.1",
  ])
    expect(text).not.toContain(name);
});

test.each([
  [
    "forgets a table",
    `a=(); for x in "$@"; do case "$x" in --table=*) [ -z "$seen" ] && seen=1 && continue;; esac; a+=("$x"); done; exec "$real" "\${a[@]}"`,
  ],
  [
    "takes a table twice",
    `a=(); for x in "$@"; do case "$x" in --exclude-table-data=*) continue;; esac; a+=("$x"); done; exec "$real" "\${a[@]}"`,
  ],
])("a pg_dump that %s is found out, and nothing becomes visible", async (_how, script) => {
  const tools = await alteredTools(safe.folder, { script });
  const running = backUp(safe, source, {
    source: "unproven",
    jobs: 2,
    clientTools: () => Promise.resolve(tools),
  });
  await expect(running).rejects.toMatchObject({ code: "coverage-unproven", exitCode: 1 });
  expect(await safe.store.files("snapshots/unproven/")).toEqual([]);
});

test.each([
  ["exits with 0 half-way", `"$real" "$@" | head -c 3000000; exit 0`],
  ["is killed half-way", `"$real" "$@" | head -c 3000000; kill -KILL $$`],
  ["ends with an error after the last byte", `"$real" "$@"; echo 'pg_dump: error: relation "x"' >&2; exit 1`],
])("a pg_dump that %s fails the backup or its check", async (how, script) => {
  const name = `cut-${how.replaceAll(/[^a-z]/g, "").slice(0, 20)}`;
  const tools = await alteredTools(safe.folder, { script });
  const outcome = await backUp(safe, source, {
    source: name,
    clientTools: () => Promise.resolve(tools),
  }).then(
    async ({ snapshot }) => (await verify(safe, snapshot.id, { source: name, level: "unsealed" })).verdict,
    (error: unknown) => (error as { code: string }).code,
  );
  expect(["failed", "dump-failed"]).toContain(outcome);
  if (outcome === "dump-failed") expect(await safe.store.files(`snapshots/${name}/`)).toEqual([]);
});

test("the proof counts missing, foreign and doubled tables", () => {
  const part = (
    name: "rest" | "data-1",
    oids: readonly number[],
  ): Parameters<typeof proveCoverage>[0][number] => ({
    name,
    role: name === "rest" ? "rest" : "data",
    tables: oids.map((oid) => ({ oid }) as never),
    selection: [],
  });
  const parts = [part("rest", [1, 2]), part("data-1", [3])];
  const prove = (rest: number[], data: number[]): void =>
    proveCoverage(
      parts,
      new Map([
        ["rest", rest],
        ["data-1", data],
      ]),
    );
  expect(() => prove([2, 1], [3])).not.toThrow();
  for (const [rest, data] of [
    [[1], [3]],
    [[1, 2, 3], [3]],
    [[1, 2, 2], [3]],
    [[1, 2], []],
    [
      [1, 2],
      [3, 9],
    ],
  ])
    expect(() => prove(rest ?? [], data ?? [])).toThrow(/are missing and/);
});

test("an empty database is a backup like any other", async () => {
  await server.createDatabase("empty");
  const { snapshot, parts } = await backUp(safe, connectionTo(server, "empty"));
  expect(parts).toBe(2);
  expect(snapshot.totals).toMatchObject({ tables: 0, rows: 0, objects: 0 });
  const report = await verify(safe, snapshot.id, { level: "restored" });
  expect(complaints(report)).toEqual([]);
});
