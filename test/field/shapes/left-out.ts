/** What pg_dump never writes, or writes otherwise: no restore has it, and none is worse for it. */
import type { Kind } from "./shape.ts";

export const leftOut: Kind = {
  title: "What pg_dump leaves out or writes in another order",
  shapes: [
    {
      name: "invalid_index",
      what: "An index that a failed CREATE UNIQUE INDEX CONCURRENTLY left invalid, with a comment",
      alone: true,
      inCi: true,
      inProject: true,
      setup: [
        `create table subscribers (id int primary key, email text);
         insert into subscribers select n, 'u' || (n % 40) || '@example.org' from generate_series(1, 50) n`,
      ],
      failing: "create unique index concurrently subscribers_email_key on subscribers (email)",
      notes: ["index-not-dumped"],
      notCovered: "The invalid index: pg_dump never writes one.",
    },
    {
      name: "invalid_partitioned_index",
      what: "An index of a partitioned table that no partition has yet, and one that only some have",
      setup: [
        `create table parts (id int, v text) partition by range (id); create table parts_1 partition of parts for values from (0) to (10); create table parts_2 partition of parts for values from (10) to (20);
         create index parts_v on only parts (v); create index parts_1_v on parts_1 (v); alter index parts_v attach partition parts_1_v; create index lonely on only parts (id, v);
         alter table only parts add constraint parts_key unique (id); insert into parts values (1, 'a'), (11, 'b')`,
      ],
    },
    {
      name: "inherit_order",
      what: "A column added to the parent after the child had columns of its own",
      setup: [
        `create table vehicles (id int primary key, name text); create table cars (doors int default 1 + 3, state varchar default 'x' check (state in ('x', 'y'))) inherits (vehicles);
         insert into cars values (1, 'a', 4, 'x'); alter table vehicles add column colour text default 'red, (dark';
         alter table vehicles add column state2 varchar default case when 'a'::varchar in ('a', 'b') then 'a' end;
         insert into vehicles values (2, 'b', 'blue'); insert into cars (id, name, doors, colour) values (3, 'c', 2, 'green')`,
        "create table plain (a int); create table child (b int) inherits (plain); alter table plain add c int; create table grandchild () inherits (child); insert into child values (1, 2, 3); alter table only plain alter a set not null",
      ],
      notCovered: "The order of the columns of the child: pg_dump writes those of the parent first.",
    },
    {
      name: "dropped_public",
      what: "The schema public dropped",
      alone: true,
      inCi: true,
      setup: [
        `create schema app; create table app.items (id int primary key, name text); insert into app.items select n, 'item ' || n from generate_series(1, 20) n; drop schema public`,
      ],
    },
    {
      name: "public_owned",
      what: "The schema public made anew by another owner, with rights of its own and a comment",
      alone: true,
      setup: [
        `create role keeper; drop schema public; create schema public authorization keeper; grant usage on schema public to public; comment on schema public is 'ours'; create table public.items (id int); alter table public.items owner to keeper`,
      ],
    },
    {
      name: "comment_inherited",
      what: "A comment on an inherited constraint; a replica identity whose index is gone",
      setup: [
        `create table base (id int, n int constraint base_n check (n > 0)); create table derived (extra text) inherits (base); comment on constraint base_n on derived is 'inherited'; insert into derived values (1, 2, 'x');
         create table rep (id int primary key, k int not null); create unique index rep_k on rep (k); alter table rep replica identity using index rep_k; drop index rep_k; insert into rep values (1, 1)`,
      ],
      notes: ["comment-not-dumped", "table-not-dumped"],
      notCovered: "That comment and that replica identity: pg_dump does not write them.",
    },
    {
      name: "foreign_key_clones",
      what: "Foreign keys from and to partitioned tables, with a comment on the clone of a partition",
      setup: [
        `create table owners (id int primary key) partition by range (id); create table owners_1 partition of owners for values from (0) to (10); create table owners_2 partition of owners for values from (10) to (20);
         create table pets (id int primary key, owner int references owners on delete cascade) partition by hash (id); create table pets_1 partition of pets for values with (modulus 2, remainder 0); create table pets_2 partition of pets for values with (modulus 2, remainder 1);
         create table toys (pet int references pets deferrable initially deferred); comment on constraint pets_owner_fkey on pets_1 is 'a clone';
         insert into owners select generate_series(0, 19); insert into pets select n, n from generate_series(0, 19) n; insert into toys select generate_series(0, 19)`,
      ],
      notes: ["comment-not-dumped"],
    },
    {
      name: "inherited_names",
      what: "Constraints, indexes, triggers and comments of partitions under names of their own",
      setup: [
        `create table p (id int, v varchar(9), constraint v_in check (v in ('a', 'b'))) partition by list (id); create table p1 partition of p (constraint mine check (v <> 'x')) for values in (1); create table p2 (id int, v varchar(9), constraint v_in check (v in ('a', 'b')), constraint own_u unique (id)); alter table p attach partition p2 for values in (2);
         create function noted() returns trigger language plpgsql as 'begin return new; end'; create trigger tr after insert on p for each row when (new.v in ('a', 'b')) execute function noted(); alter table p1 disable trigger tr; create trigger own after insert on p2 for each row execute function noted(); comment on trigger own on p2 is 'own'; alter table p add constraint p_u unique (id); comment on constraint own_u on p2 is 'named'; comment on index p1_id_key is 'made'; alter index p1_id_key rename to other_name; alter table p2 alter v set default 'p2'; insert into p values (1, 'a'), (2, 'b')`,
      ],
    },
    {
      name: "span_and_domains",
      what: "A range with its casts, a domain whose default calls a function, constraints of one name on two domains",
      setup: [
        `create type span as range (subtype = float8); create function one() returns int language sql immutable as 'select 1';
         create domain d1 as int default one() constraint positive check (value > 0); create domain d2 as int constraint positive check (value > 0 and (value < 9 and value <> 5));
         create table spans (s span, a d1, b d2); insert into spans values ('[1,2]', 1, 2)`,
      ],
    },
    {
      name: "acl_upgrade",
      what: "Grants that PostgreSQL 17 and later spell with MAINTAIN",
      setup: [
        `create role r35; create table a (v int); grant select on a to r35; create table b (v int); grant all on b to r35 with grant option; create view w as select * from a; grant all on w to public; create sequence s; grant all on s to r35; create materialized view m as select 1 as x; grant all on m to r35;
         alter default privileges in schema acl_upgrade grant all on tables to r35; alter default privileges for role r35 grant select on tables to public; alter default privileges for role r35 revoke insert on tables from r35; create table c (v int); revoke all on c from postgres, r35; grant select on c to r35`,
      ],
    },
  ],
};
