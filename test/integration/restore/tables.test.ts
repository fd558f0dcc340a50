import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import type { LifeboatError } from "../../../src/errors.ts";
import { type Connection, withDatabase } from "../../../src/postgres/connection.ts";
import type { ThrowawayServer } from "../../../src/postgres/throwaway-server.ts";
import { parseTableName } from "../../../src/postgres/toc-selection.ts";
import {
  backUp,
  breakingSource,
  createDatabaseWith,
  type RealBackup,
  run,
  startServer,
  wholeText,
} from "./real-backups.ts";
import { restore } from "./restoring.ts";

const everything = `
  create schema "My . Schema"; create schema whole;
  create type public.mood as enum ('sad', 'happy');
  create table public.parents (id int primary key, name text);
  create table public.children (
    id bigserial primary key, parent int references public.parents on delete cascade, mood public.mood,
    twice int generated always as (parent * 2) stored, check (id > 0));
  create table public.grandchildren (id int generated always as identity primary key,
    child bigint not null references public.children on delete cascade);
  create table "My . Schema"."Odd ""table"". (x)" ("a ""b"", (c" text, "select" int);
  create table "My . Schema"."Odd ""table"". (x) y" (n int primary key references public.parents);
  create table public.none ();
  create table public.parted (at date not null, n int, primary key (at, n)) partition by range (at);
  create table public.parted_1 partition of public.parted for values from ('2026-01-01') to ('2026-06-01');
  create table public.parted_2 partition of public.parted for values from ('2026-06-01') to ('2027-01-01');
  create table public.by_mood (m public.mood, n int) partition by hash (m);
  create table public.by_mood_0 partition of public.by_mood for values with (modulus 2, remainder 0);
  create table public.by_mood_1 partition of public.by_mood for values with (modulus 2, remainder 1);
  create table whole.one (id serial primary key, t text); create view whole.v as select * from whole.one;
  create function whole.f() returns int language sql as 'select 1';
  insert into public.parents select i, 'p' || i from generate_series(1, 20) i;
  insert into public.children (parent, mood) select 1 + i % 20, 'happy' from generate_series(1, 100) i;
  insert into public.grandchildren (child) select id from public.children;
  insert into "My . Schema"."Odd ""table"". (x)" values (E'COPY public.parents (id, name) FROM stdin;\\n\\\\.\\n', 1), ('\\.', 2), (null, 3);
  insert into "My . Schema"."Odd ""table"". (x) y" values (1);
  insert into public.none select from generate_series(1, 3);
  insert into public.parted select '2026-01-01'::date + i, i from generate_series(1, 300) i;
  insert into public.by_mood select (array['sad', 'happy'])[1 + i % 2]::public.mood, i from generate_series(1, 10) i;
  insert into whole.one (t) values ('x');
  create function public.refuse() returns trigger language plpgsql as $$ begin raise 'trigger fired'; end $$;
  create trigger always_refuse before insert or update or delete on public.children for each row execute function public.refuse();
  create trigger refuse before insert or delete on public.children for each row execute function public.refuse();
  alter table public.children enable always trigger always_refuse, enable row level security;
  create policy mine on public.children using (parent > 0);
  create policy of_others on public.grandchildren using (exists (select from public.children c where c.id = child));
  create index children_parent on public.children (parent);
  create rule silent as on update to public.grandchildren do instead nothing;
  comment on table public.children is 'kids'; comment on column public.children.mood is 'how';
  create role friend; grant select on public.children to friend; grant update (mood) on public.children to friend;
  create view public.happy as select * from public.children where mood = 'happy';
  create statistics public.stats on parent, mood from public.children;
`;

let server: ThrowawayServer;
let source: Connection;
let target: Connection;
let backup: RealBackup;

beforeAll(async () => {
  server = await startServer();
  source = await createDatabaseWith(server.connection, "source", everything);
  backup = await backUp(source, [`"public"."children"`, `"public"."parted_2"`]);
});
afterAll(async () => await server.stop());

beforeEach(async () => {
  target = withDatabase(server.connection, "tar get");
  await run(server.connection, `drop database if exists "tar get" with (force)`);
  await run(server.connection, `create database "tar get" template source`);
});

async function restoreChosen(
  tables: string[],
  more: Parameters<typeof restore>[2] = {},
  schemas: string[] = [],
) {
  const mode = { kind: "tables", tables: tables.map(parseTableName), schemas } as const;
  return await restore(backup, { target, mode, confirm: "tar get" }, more);
}

/** Rows come back in the archive's order, so the texts are compared line by line without regard to order. */
function sorted(text: string): string[] {
  return text.split("\n").toSorted();
}

test("an existing table gets the backup's rows; triggers, foreign keys and rules stay silent, and stay", async () => {
  await run(
    target,
    `set session_replication_role = replica; alter table public.children disable trigger all;
    delete from public.children where id > 50; update public.children set parent = 3, mood = 'sad';
    insert into public.children (id, parent) values (999, 1); alter table public.children enable trigger all;
    alter table public.children enable always trigger always_refuse`,
  );
  const report = await restoreChosen(["public.children"]);
  expect(report.tables).toEqual({ created: [], replaced: ['"public"."children"'] });
  expect(sorted(wholeText(target))).toEqual(sorted(wholeText(source)));
});

test("sequences move forward only", async () => {
  await run(
    target,
    `select setval('public.children_id_seq', 5000), setval('public.grandchildren_id_seq', 3)`,
  );
  await restoreChosen(["public.children", "public.grandchildren"]);
  expect(
    await run(
      target,
      `select (select last_value from public.children_id_seq) a,
    (select last_value from public.grandchildren_id_seq) b`,
    ),
  ).toEqual([{ a: "5000", b: "100" }]);
});

test("rows that would be left without their partner roll everything back", async () => {
  await run(
    target,
    `insert into public.parents values (77, 'new'); set session_replication_role = replica;
    alter table public.children disable trigger all;
    insert into public.children (id, parent) values (1000, 77); alter table public.children enable trigger all;
    alter table public.children enable always trigger always_refuse`,
  );
  const before = wholeText(target);
  await expect(restoreChosen(["public.parents"])).rejects.toMatchObject({
    code: "restore-table-refused",
    message: expect.stringMatching(/^1 rows of public\.children would refer/) as string,
    outcome: "unchanged",
  });
  expect(wholeText(target)).toBe(before);
});

test("a missing table comes back with all that is its own, and nothing that is another's", async () => {
  await run(target, "drop table public.grandchildren, public.children cascade");
  const report = await restoreChosen(["public.children", "public.grandchildren"]);
  expect(report.tables?.created).toEqual(['"public"."children"', '"public"."grandchildren"']);
  // The view went with the table and is not the table's own.
  await run(target, "create view public.happy as select * from public.children where mood = 'happy'");
  expect(sorted(wholeText(target))).toEqual(sorted(wholeText(source)));
});

test("what another table has of the missing one, its foreign key and policy, is left to it", async () => {
  await run(target, "drop table public.children cascade");
  await restoreChosen(["public.children"]);
  await run(
    target,
    `create view public.happy as select * from public.children where mood = 'happy';
     create policy of_others on public.grandchildren using (exists (select from public.children c where c.id = child));
     alter table public.grandchildren add foreign key (child) references public.children on delete cascade`,
  );
  expect(sorted(wholeText(target))).toEqual(sorted(wholeText(source)));
});

test("one of two tables that look alike, with the worst of names, with rows that look like COPY's own lines", async () => {
  const name = `"My . Schema"."Odd ""table"". (x)"`;
  await run(target, `delete from ${name}; insert into ${name} values ('gone', 9)`);
  await restoreChosen([name]);
  expect(sorted(wholeText(target))).toEqual(sorted(wholeText(source)));
  await run(target, `drop table ${name}`);
  await restoreChosen([name]);
  expect(sorted(wholeText(target))).toEqual(sorted(wholeText(source)));
  await run(target, `drop schema "My . Schema" cascade`);
  await restoreChosen([name, `"My . Schema"."Odd ""table"". (x) y"`]);
  expect(sorted(wholeText(target))).toEqual(sorted(wholeText(source)));
});

test("a root brings all its partitions, present or missing, also those that are loaded through it", async () => {
  await run(
    target,
    "delete from public.parted where n > 10; insert into public.parted values ('2026-12-01', 1); delete from public.by_mood",
  );
  await restoreChosen(["public.parted", "public.by_mood"]);
  expect(sorted(wholeText(target))).toEqual(sorted(wholeText(source)));
  await run(target, "drop table public.parted, public.by_mood");
  await restoreChosen(["public.parted", "public.by_mood"]);
  expect(sorted(wholeText(target))).toEqual(sorted(wholeText(source)));
});

test("a table without columns keeps its number of rows", async () => {
  await run(target, "delete from public.none");
  await restoreChosen(["public.none"]);
  expect(await run(target, "select count(*) n from public.none")).toEqual([{ n: "3" }]);
});

test("a schema that is gone comes back whole; one that exists gets its tables' rows", async () => {
  await run(target, "drop schema whole cascade");
  await restoreChosen([], {}, ["whole"]);
  expect(sorted(wholeText(target))).toEqual(sorted(wholeText(source)));
  await run(target, "delete from whole.one");
  await restoreChosen([], {}, ["whole"]);
  expect(sorted(wholeText(target))).toEqual(sorted(wholeText(source)));
});

test.each([
  ["a column is gone", "alter table public.parents drop column name", /column "name" is missing/],
  [
    "a new column needs a value",
    "alter table public.parents add extra int default 1 not null; alter table public.parents alter extra drop default",
    /column "extra" is new, NOT NULL/,
  ],
  [
    "a type cannot take the values",
    "alter table public.parents alter name type int using 1",
    /invalid input syntax for type integer/,
  ],
  [
    "it is a view there",
    "alter table public.parents rename to other; create view public.parents as select 1 as one",
    /not a table in the target/,
  ],
])("a target that cannot take the rows stays as it was: %s", async (_, sql, message) => {
  await run(target, sql);
  const before = wholeText(target);
  const error: unknown = await restoreChosen(["public.parents"]).catch((thrown: unknown) => thrown);
  expect(error).toMatchObject({ code: "restore-table-refused" });
  const { message: sentence, inside = "" } = error as LifeboatError;
  expect(`${sentence}\n${inside}`).toMatch(message);
  expect(wholeText(target)).toBe(before);
});

test("a missing type is named", async () => {
  await run(target, "drop table public.children, public.by_mood cascade; drop type public.mood");
  await expect(restoreChosen(["public.children"])).rejects.toMatchObject({
    message: expect.stringMatching(/needs the type "public"\."mood"/) as string,
  });
});

test("a failed proof, a broken source and a killed connection leave the target as it was", async () => {
  await run(target, "delete from public.grandchildren; delete from public.parted");
  const before = wholeText(target);
  const error = {
    level: "error",
    code: "x",
    sentence: "rows differ",
    publicSentence: "",
    remedy: "",
  } as const;
  await expect(
    restoreChosen(["public.parted"], { verifyTables: () => Promise.resolve([error]) }),
  ).rejects.toMatchObject({
    code: "restore-not-verified",
  });
  expect(wholeText(target)).toBe(before);
  await expect(
    restoreChosen(["public.parted"], { source: breakingSource(backup.parts, "data-2.zst.age", 0.5) }),
  ).rejects.toMatchObject({ message: expect.stringMatching(/^the sealed part is damaged/) as string });
  expect(wholeText(target)).toBe(before);
  const kill = () =>
    run(
      server.connection,
      "select pg_terminate_backend(pid) from pg_stat_activity where datname = 'tar get'",
    ).then(() => []);
  await expect(restoreChosen(["public.parted"], { verifyTables: kill })).rejects.toMatchObject({
    code: "database-unreachable",
    outcome: "unchanged",
  });
  expect(wholeText(target)).toBe(before);
});

test("a role that may not silence triggers is told so, and changes nothing", async () => {
  await run(server.connection, "drop role if exists plain; create role plain login");
  await run(target, "alter table public.parents owner to plain; grant plain to postgres");
  const before = wholeText(target);
  const mode = { kind: "tables", tables: [{ schema: "public", name: "parents" }], schemas: [] } as const;
  await expect(
    restore(backup, { target: { ...target, user: "plain" }, mode, confirm: "tar get" }),
  ).rejects.toMatchObject({
    code: "restore-table-refused",
    message: expect.stringMatching(/may not silence/) as string,
  });
  expect(wholeText(target)).toBe(before);
});

test("a table that is not in the snapshot costs nothing but a hint, before any confirmation", async () => {
  await expect(restoreChosen(["public.childern"])).rejects.toMatchObject({
    code: "restore-selection",
    hint: 'Did you mean "public"."children"?',
  });
});
