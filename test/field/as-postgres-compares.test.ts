/** What a restore does not bring back because pg_dump never writes it, or spells otherwise, is no difference. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { complaints, newSafe, type Safe } from "../integration/backup/backing-up.ts";
import { majorsWithClients, type TestServer } from "../support/servers.ts";
import { sharedServer } from "../support/shared-server.ts";
import { roundTrip, dumpsOfBoth } from "./round-trip.ts";

interface Shape {
  readonly name: string;
  /** Statements one by one, each of which may fail (CREATE INDEX CONCURRENTLY leaves an invalid index so). */
  readonly setup: readonly string[];
  readonly notes?: readonly string[];
}

const shapes: readonly Shape[] = [
  {
    name: "an index that CREATE INDEX CONCURRENTLY left invalid",
    setup: [
      `create table subscribers (id int primary key, email text);
       insert into subscribers select n, 'u' || (n % 40) from generate_series(1, 50) n`,
      "create unique index concurrently subscribers_email_key on subscribers (email)",
      "comment on index subscribers_email_key is 'never came to be'",
    ],
    notes: ["index-not-dumped"],
  },
  {
    name: "a column added to the parent after the child had its own",
    setup: [
      `create table vehicles (id int primary key, name text);
       create table cars (doors int default 1 + 3, state varchar default 'x' check (state in ('x', 'y'))) inherits (vehicles);
       alter table vehicles add column colour text default 'red, (dark';
       alter table vehicles add column state2 varchar default case when 'a'::varchar in ('a', 'b') then 'a' end;
       insert into cars values (1, 'a', 4, 'x', 'green')`,
    ],
  },
  {
    name: "a comment on an inherited constraint, a replica identity whose index is gone",
    setup: [
      `create table base (id int, n int constraint base_n check (n > 0));
       create table derived (extra text) inherits (base);
       comment on constraint base_n on derived is 'inherited';
       create table rep (id int primary key, k int not null);
       create unique index rep_k on rep (k);
       alter table rep replica identity using index rep_k;
       drop index rep_k`,
    ],
    notes: ["comment-not-dumped", "table-not-dumped"],
  },
  {
    name: "foreign keys from and to partitioned tables",
    setup: [
      `create table owners (id int primary key) partition by range (id);
       create table owners_1 partition of owners for values from (0) to (10);
       create table owners_2 partition of owners for values from (10) to (20);
       create table pets (id int primary key, owner int references owners on delete cascade) partition by hash (id);
       create table pets_1 partition of pets for values with (modulus 2, remainder 0);
       create table pets_2 partition of pets for values with (modulus 2, remainder 1);
       create table toys (pet int references pets deferrable initially deferred);
       comment on constraint pets_owner_fkey on pets_1 is 'a clone';
       insert into owners select generate_series(0, 19); insert into pets select n, n from generate_series(0, 19) n;
       insert into toys select generate_series(0, 19)`,
    ],
    notes: ["comment-not-dumped"],
  },
  {
    name: "a dropped public schema",
    setup: [
      `create schema app; create table app.items (id int primary key, name text);
       insert into app.items select n, 'item' from generate_series(1, 20) n; drop schema public`,
    ],
  },
  {
    name: "a range with its casts, a domain whose default calls a function, domains with constraints of one name",
    setup: [
      `create type span as range (subtype = float8);
       create function one() returns int language sql immutable as 'select 1';
       create domain d1 as int default one() constraint positive check (value > 0);
       create domain d2 as int constraint positive check (value > 0 and (value < 9 and value <> 5));
       create table spans (s span, a d1, b d2); insert into spans values ('[1,2]', 1, 2)`,
    ],
  },
];

for (const major of await majorsWithClients([15, 17])) {
  describe(`PostgreSQL ${major}`, () => {
    let safe: Safe;
    let server: TestServer;
    beforeAll(async () => {
      safe = await newSafe();
      server = await sharedServer(major);
    });
    afterAll(() => safe[Symbol.asyncDispose]());

    test.each(shapes.map((shape, index) => ({ ...shape, database: `shape_${index}` })))(
      "$name",
      async ({ setup, database, notes = [] }) => {
        await server.createDatabase(database);
        for (const statement of setup) await server.sql(database, statement).catch(() => []);
        const trip = await roundTrip(safe, server, database);
        expect(complaints(trip.verified)).toEqual([]);
        expect(trip.verified.verdict).toBe("passed");
        expect(trip.restored.restored?.findings.filter(({ level }) => level !== "info")).toEqual([]);
        const told = trip.verified.components.flatMap(({ findings }) => findings.map(({ code }) => code));
        expect(told.filter((code) => code.endsWith("-not-dumped")).toSorted()).toEqual(notes);
        if (database === "shape_4") {
          const schemas = await server.sql(
            `${database} again`,
            "select from pg_namespace where nspname = 'public'",
          );
          expect(schemas).toEqual([]);
        }
        const { source, target } = await dumpsOfBoth(trip, major);
        // A respelt expression, and the columns of an inheriting table, settle after one restore.
        if (!database.endsWith("_1") && !database.endsWith("_5")) expect(target).toBe(source);
      },
    );
  });
}
