/** Definitions whose deparsed text changes when it is parsed again, in every kind of object that has one. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { complaints, connectionTo, newSafe, type Safe } from "../integration/backup/backing-up.ts";
import { compareRestored } from "../../src/operations/compare-restored.ts";
import { databaseContentsOf } from "../integration/backup/backing-up.ts";
import { majorsWithClients, type TestServer } from "../support/servers.ts";
import { sharedServer } from "../support/shared-server.ts";
import { type RoundTrip, roundTrip } from "./round-trip.ts";

/** `status in (…)` on varchar, BETWEEN within AND, mixed casts: each of these is respelt by the next parser. */
const inList = "status in ('new', 'paid', 'sent')";
const flattened = "qty between 1 and 9 and (flag and (qty > 0 and status <> 'gone'))";
const both = `(${inList} or ${flattened})`;

const shapes = `
  create schema app;
  create table app.orders (
    id int primary key,
    status varchar(20) not null default case when 'a'::varchar in ('a', 'b') then 'new' else 'paid' end,
    qty int default 1, flag boolean default (1 between 0 and 2 and true),
    code char(3) check (code in ('abc', 'def')),
    doubled int generated always as (case when ${inList} then qty * 2 else 0 end) stored,
    constraint in_list check (${inList}),
    constraint both_of check (${both}) not valid,
    constraint no_two exclude using btree (id with =) where (${inList})
  );
  insert into app.orders (id, status, qty, flag, code)
    select n, (array['new', 'paid', 'sent'])[1 + n % 3], 1 + n % 9, true, 'abc' from generate_series(1, 60) n;
  create index on app.orders (qty) where ${both};
  create index on app.orders ((${inList}), (qty between 1 and 3));
  create view app.open_orders as select * from app.orders where ${both};
  create materialized view app.totals as select status, count(*) filter (where ${inList}) from app.orders group by 1;
  create view app.nested as select o.id, exists (select from app.open_orders p where p.id = o.id and p.${inList}) as open from app.orders o;
  alter table app.orders enable row level security;
  create policy seen on app.orders for select using (${both} and status in (select x.status from app.open_orders x));
  create policy written on app.orders for insert with check (${inList});
  create function app.noted() returns trigger language plpgsql as 'begin return new; end';
  create trigger noted before update on app.orders for each row
    when (new.status in ('new', 'paid') and old.qty between 1 and 5 and old.flag) execute function app.noted();
  create table app.log (status varchar(20), n int);
  create rule logged as on update to app.orders where new.status in ('new', 'paid')
    do also insert into app.log values (new.status, case when new.status in ('new', 'sent') then 1 else 2 end);
  create domain app.state as varchar(20) default 'new' check (value in ('new', 'paid', 'sent'));
  create table app.parts (id int, status varchar(10)) partition by list ((case when status in ('a', 'b') then 1 else 2 end));
  create table app.parts_1 partition of app.parts for values in (1);
  insert into app.parts values (1, 'a');
`;
const since14 = `
  create statistics app.of_orders on (${inList}), (qty between 1 and 5 and flag) from app.orders;
  create function app.is_open(varchar, int default case when 'x'::varchar in ('x', 'y') then 1 else 2 end) returns boolean
    language sql begin atomic select $1 in ('new', 'paid') and $2 between 1 and 5 and true; end;
`;
const since15 = `create publication respelt for table app.orders (id, status) where (id > 0 and (id between 1 and 50 and id <> 7));`;

/** Every expression is respelt alike by all of them; `npm run trial` asks the oldest and the newest too. */
const majors =
  process.env["LIFEBOAT_TRIAL"] === undefined ? ([15, 17] as const) : ([13, 15, 17, 18] as const);

for (const major of await majorsWithClients([...majors])) {
  describe(`PostgreSQL ${major}`, () => {
    let safe: Safe;
    let server: TestServer;
    let trip: RoundTrip;

    beforeAll(async () => {
      safe = await newSafe();
      server = await sharedServer(major);
      await server.createDatabase("respelt");
      const sql = [shapes, major >= 14 ? since14 : "", major >= 15 ? since15 : ""].join("\n");
      await server.sql("respelt", sql);
      trip = await roundTrip(safe, server, "respelt");
    });
    afterAll(() => safe[Symbol.asyncDispose]());

    test("is verified and restored without a complaint", () => {
      expect(complaints(trip.verified)).toEqual([]);
      expect(trip.verified.verdict).toBe("passed");
      expect(trip.restored.restored?.findings.filter(({ level }) => level !== "info")).toEqual([]);
    });

    test("what means something else is still found", async () => {
      const backup = await databaseContentsOf(safe, trip.snapshot);
      await server.sql(
        "respelt again",
        `alter table app.orders drop constraint in_list, add constraint in_list check (status in ('new', 'paid', 'send')) not valid;
         alter table app.orders alter qty set default 2;
         drop policy written on app.orders;
         create policy written on app.orders for insert with check (status in ('new', 'paid', 'sent', ''));
         create or replace view app.nested as select o.id, exists (select from app.open_orders p where p.id = o.id and p.status in ('new', 'sent')) as open from app.orders o;
         alter domain app.state drop constraint state_check;
         alter domain app.state add constraint state_check check (value in ('new', 'paid'));`,
      );
      const verdicts = await compareRestored(connectionTo(server, "respelt again"), backup);
      const found = verdicts
        .flatMap(({ findings }) => findings)
        .map(({ code, sentence }) => [code, / (\S+( \w+)?) differs:/.exec(sentence)?.[1]]);
      expect(found.toSorted()).toEqual([
        ["constraint-differs", "app.orders in_list"],
        ["domain-constraint-differs", "app.state state_check"],
        ["policy-differs", "app.orders written"],
        ["table-differs", "app.orders"],
        ["view-differs", "app.nested"],
      ]);
    });
  });
}
