/** What a project refuses of a backup keeps nothing else from coming back, unless rows or rights would be missing. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { type SupabaseCluster } from "../../support/supabase/cluster.ts";
import { backUp, newSafe, type Safe } from "../backup/backing-up.ts";
import { addStandIn, connectionOf, restoreInto, targetCluster } from "./restoring-projects.ts";

let safe: Safe;
let cluster: SupabaseCluster;
let snapshot: string;
const project = { target: "supabase", cronJobs: "inactive", signIns: false } as const;
const limit = { timeout: 240_000 };

beforeAll(async () => {
  safe = await newSafe();
  cluster = await targetCluster({ major: 15, imitate: [] });
  for (const name of ["source", "fresh", "accepted", "without rights"]) await cluster.createPlatform(name);
  for (const name of ["fresh", "accepted", "without rights"]) await addStandIn(cluster, name);
  await cluster.asPostgres(
    `create table public.cities (id int primary key, name text);
     create table public.people (id int primary key, email text, city int);
     insert into public.cities select n, 'city ' || n from generate_series(1, 9) n;
     insert into public.people select n, 'p' || n, n % 9 + 1 from generate_series(1, 30) n;
     create unique index people_email on public.people (email);
     create index people_city on public.people (city);
     create view public.newest as select id, email, city from public.people group by id;
     create function public.plain(text) returns text language sql immutable as 'select lower($1)';
     create materialized view public.words as select public.plain(email) from public.people;
     create function public.noted() returns trigger language plpgsql as 'begin return new; end';
     create trigger noted after insert on public.people for each row execute function public.noted();
     alter table public.people enable row level security;
     create policy mine on public.people using (city = 1);`,
    "source",
  );
  // As after a change of glibc's collations, and as NOT VALID leaves it.
  await cluster.asAdmin(
    `update pg_index set indisready = false where indexrelid = 'people_email'::regclass;
     insert into public.people values (31, 'p5', 77);
     update pg_index set indisready = true where indexrelid = 'people_email'::regclass;
     alter table public.people add constraint people_city_fkey foreign key (city) references public.cities not valid;
     update pg_constraint set convalidated = true where conname = 'people_city_fkey';
     create or replace function public.plain(text) returns text language plpgsql immutable as 'begin raise exception ''no more''; end'`,
    "source",
  );
  snapshot = (await backUp(safe, connectionOf(cluster, "source"))).snapshot.id;
}, 240_000);

afterAll(async () => {
  await cluster.stop();
  await safe[Symbol.asyncDispose]();
});

const refused = [
  "constraint:public.people.people_city_fkey",
  "index:public.people_email",
  "materialized-view:public.words",
];

test(
  "keys that rows contradict and a view that cannot be filled are named; all else is there",
  limit,
  async () => {
    const { restored } = await restoreInto(cluster, safe, snapshot, { database: "fresh", project });
    expect(restored?.missing?.toSorted()).toEqual(refused);
    const about = restored?.findings.filter(({ level }) => level === "error").map(({ about: name }) => name);
    expect(about?.toSorted()).toEqual(refused);
    const there = `select (select count(*) from public.people) people, (select count(*) from public.newest) newest,
    (select string_agg(indexname, ' ' order by indexname) from pg_indexes where tablename = 'people') indexes,
    (select convalidated from pg_constraint where conname = 'people_city_fkey') validated,
    (select ispopulated from pg_matviews where matviewname = 'words') populated,
    (select count(*) from pg_policy where polrelid = 'public.people'::regclass) policies,
    (select count(*) from pg_trigger where tgname = 'noted') triggers`;
    expect(await cluster.asAdmin(there, "fresh")).toEqual([
      {
        ...{ people: "31", newest: "31", indexes: "people_city people_pkey", validated: "f" },
        ...{ populated: "f", policies: "1", triggers: "1" },
      },
    ]);
    expect(restored?.project?.unfinished.map(({ name }) => name).toSorted()).toEqual([
      "public.people_email",
      "public.words",
    ]);
  },
);

test("what was accepted by name or kind is no loss", limit, async () => {
  const accept = ["constraint", "index:public.people_email", "materialized-view"];
  const { restored } = await restoreInto(cluster, safe, snapshot, { database: "accepted", accept, project });
  expect(restored?.missing).toBeUndefined();
  expect(restored?.findings.filter(({ level }) => level === "error")).toEqual([]);
});

test(
  "a policy that the project refuses keeps it as it was, for nobody may see more than before",
  limit,
  async () => {
    // Under a name of the platform's, or the project would not count as a fresh one.
    await cluster.asAdmin(
      `drop event trigger if exists pgrst_ddl_watch;
     create or replace function extensions.pgrst_ddl_watch() returns event_trigger language plpgsql as
       'begin raise exception ''no policies here''; end';
     create event trigger pgrst_ddl_watch on ddl_command_start when tag in ('CREATE POLICY')
       execute function extensions.pgrst_ddl_watch();
     alter event trigger pgrst_ddl_watch enable always`,
      "without rights",
    );
    await expect(
      restoreInto(cluster, safe, snapshot, { database: "without rights", project }),
    ).rejects.toMatchObject({
      code: "project-refused",
    });
    expect(await cluster.asAdmin("select to_regclass('public.people') as people", "without rights")).toEqual([
      { people: null },
    ]);
  },
);
