/** One bad object does not keep the rest from coming back: what the server refuses is named, with what fixes it. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { lossError } from "../../src/operations/restore-losses.ts";
import type { SnapshotRestoreReport } from "../../src/operations/restore-snapshot.ts";
import {
  backUp,
  connectionTo,
  newSafe,
  restore,
  type Safe,
  verify,
} from "../integration/backup/backing-up.ts";
import type { Row, TestServer } from "../support/servers.ts";
import { sharedServer } from "../support/shared-server.ts";

/** Every kind of contradiction between rows, names and definitions that a source can hold. */
const contradictory = `
  create table parents (id int primary key, self int references parents);
  create table partitioned (id int, p int, primary key (id)) partition by range (id);
  create table part1 partition of partitioned for values from (0) to (10);
  insert into parents values (1, null), (2, 1); insert into partitioned select n, 1 from generate_series(0, 9) n;
  alter table partitioned add constraint part_parent foreign key (p) references parents;
  create table to_partitioned (a int references partitioned); insert into to_partitioned values (5), (6);
  create table bookings (room int, during int4range, exclude using gist (during with &&));
  insert into bookings values (1, '[1,5)'), (2, '[6,9)');
  create function most() returns int language sql immutable as 'select 100';
  create domain small as int constraint small_ok check (value < most());
  create table smalls (v small); insert into smalls values (50);
  create table checked (v int constraint v_ok check (v < most()), w int constraint w_ok check (w < most()));
  comment on constraint v_ok on checked is 'small'; insert into checked values (50, 50);
  create table elder (v int constraint e_ok check (v < most())); create table younger () inherits (elder);
  insert into elder values (60); insert into younger values (61);
  create table dup (id int not null, k int not null); insert into dup select n, n from generate_series(1, 5) n;
  create unique index dup_k on dup (k); alter table dup replica identity using index dup_k;
  alter table dup cluster on dup_k; comment on index dup_k is 'a comment';
  create table keyed (id int constraint keyed_pkey primary key, v text); insert into keyed values (1, 'a'), (2, 'b');
  create table refers (k int constraint refers_fkey references keyed); insert into refers values (1);
  create view grouped as select id, v from keyed group by id; comment on view grouped is 'needs the key';
  create schema app; create table app.words (w text); insert into app.words values ('a'), ('A');
  create unique index words_lower on app.words (lower(w)) where w <> 'A';
  set search_path = app, public;
  create materialized view app.found as select word, ndoc from ts_stat('select to_tsvector(''simple'', w) from words');
  create index on app.found (word); create materialized view app.counted as select count(*) from app.found;
  reset search_path;
  create role leaver; create role stayer; grant select on keyed to leaver, stayer; grant usage on schema app to leaver;
  delete from pg_authid where rolname = 'leaver';
  -- read by a check before its own rows are there
  create table a_lookup (id int primary key); insert into a_lookup values (1);
  create function known(int) returns bool language sql stable as 'select exists (select from public.a_lookup where id = $1)';
  create table "A first" (id int check (known(id))); insert into "A first" values (1);
  -- now they contradict
  set session_replication_role = replica;
  delete from parents where id = 1; delete from partitioned where id = 5;
  create or replace function most() returns int language sql immutable as 'select 10';
  update pg_index set indisready = false, indisunique = false
    where indexrelid in ('dup_k'::regclass, 'keyed_pkey'::regclass, 'bookings_during_excl'::regclass, 'app.words_lower'::regclass);
  insert into dup values (6, 2); insert into keyed values (2, 'c'); insert into bookings values (3, '[2,3)');
  insert into app.words values ('a');
  update pg_index set indisready = true, indisunique = indexrelid <> 'bookings_during_excl'::regclass
    where not indisready`;

const missing = [
  "constraint:public.bookings.bookings_during_excl",
  "constraint:public.checked.v_ok",
  "constraint:public.checked.w_ok",
  "constraint:public.elder.e_ok",
  "constraint:public.keyed.keyed_pkey",
  "constraint:public.parents.parents_self_fkey",
  "constraint:public.partitioned.part_parent",
  "constraint:public.small.small_ok",
  "constraint:public.to_partitioned.to_partitioned_a_fkey",
  "index:app.words_lower",
  "index:public.dup_k",
  "materialized-view:app.found",
];

let safe: Safe;
let server: TestServer;
let id: string;
beforeAll(async () => {
  safe = await newSafe();
  server = await sharedServer(15);
  await server.createDatabase("bad");
  await server.sql("bad", contradictory);
  ({
    snapshot: { id },
  } = await backUp(safe, connectionTo(server, "bad"), { jobs: 4 }));
});
afterAll(() => safe[Symbol.asyncDispose]());

const rows = (database: string): Promise<Row[]> =>
  server.sql(
    database,
    `select format('%s %s', t, (xpath('/row/n/text()', query_to_xml('select count(*) n from ' || t, false, true, '')))[1]) as rows
     from (select oid::regclass::text t from pg_class where relkind = 'r' and relnamespace in ('public'::regnamespace, 'app'::regnamespace)) o order by 1`,
  );

function errorOf({ restored }: SnapshotRestoreReport): { code?: string; exitCode?: number } {
  return lossError(restored?.missing ?? [], restored?.findings ?? []) ?? {};
}

test("a check says that the source contradicts itself, names what and how, and can be waived by name", async () => {
  const request = {
    level: "restored",
    server: connectionTo(server, "postgres"),
    trustContents: true,
  } as const;
  const { verdict, components } = await verify(safe, id, request);
  expect(verdict).toBe("failed");
  const findings = components.flatMap((one) => one.findings).filter(({ level }) => level !== "info");
  expect(findings.map(({ about }) => about).toSorted()).toEqual(missing);
  for (const { fault, remedy } of findings) {
    expect(fault).toBe("source");
    expect(remedy).toMatch(/^Another backup will not differ\. In the source, /);
  }
  const waived = await verify(safe, id, { ...request, waive: [...missing.slice(8), "constraint"] });
  expect(waived.verdict).toBe("passed");
});

test("a restore brings back everything else, and ends with exit 3 until what is missing is accepted", async () => {
  const target = connectionTo(server, "bad again");
  const report = await restore(safe, id, { target, mode: { kind: "new-database" } });
  expect(report.restored?.missing?.toSorted()).toEqual(missing);
  expect(errorOf(report)).toMatchObject({ code: "restored-in-part", exitCode: 3 });
  expect(await rows("bad again")).toEqual(await rows("bad"));
  const told = report.restored?.findings ?? [];
  expect(told.filter(({ level }) => level === "error").map(({ about }) => about)).toHaveLength(
    missing.length,
  );
  expect(told.map(({ code }) => code)).toContain("grant-to-vanished-role");
  const remedies = told.map(({ remedy }) => remedy).join("\n");
  expect(remedies).toContain("ALTER TABLE ONLY public.parents VALIDATE CONSTRAINT parents_self_fkey;");
  expect(remedies).toContain("REFRESH MATERIALIZED VIEW app.found;");
  expect(
    await server.sql("bad again", "select has_table_privilege('stayer', 'keyed', 'select') as has"),
  ).toEqual([{ has: "t" }]);
  // The commands do what they say once the rows are right.
  await server.sql("bad again", "update parents set self = null; delete from dup where id = 6");
  for (const [, command] of remedies.matchAll(/then run: (.*(?:parents_self_fkey|dup_k)[^\n]*;) Accept/g))
    await server.sql("bad again", command ?? "");
  await server.sql("postgres", `drop database "bad again"`);

  const accepted = await restore(safe, id, {
    target,
    mode: { kind: "new-database" },
    accept: ["constraint", ...missing.filter((name) => !name.startsWith("constraint:"))],
  });
  expect(accepted.restored?.missing).toBeUndefined();
  expect(errorOf(accepted)).toEqual({});
});

test("with atomic, the first refusal ends it all and leaves no database behind", async () => {
  const target = connectionTo(server, "all or nothing");
  const work = restore(safe, id, { target, mode: { kind: "new-database" }, isAtomic: true });
  await expect(work).rejects.toMatchObject({ code: "tool-failed", outcome: "unchanged" });
  expect(await server.sql("postgres", "select from pg_database where datname like 'all or%'")).toEqual([]);
});
