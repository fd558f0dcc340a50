/** Expressions that the server spells otherwise once it has parsed its own text again. */
import type { Kind } from "./shape.ts";

const inList = "status in ('new', 'paid', 'sent')";

export const definitions: Kind = {
  title: "Expressions whose text changes when it is parsed again",
  shapes: [
    {
      name: "check_in_varchar",
      what: "CHECK with IN on varchar",
      inProject: true,
      setup: [
        `create table orders (id int primary key, status varchar(20) not null default 'new', qty int, flag boolean,
           constraint orders_status_check check (${inList}));
         insert into orders select n, (array['new','paid','sent'])[1 + n % 3], n % 10, n % 2 = 0 from generate_series(1, 100) n`,
      ],
    },
    {
      name: "checks",
      what: "CHECK with char(n), BETWEEN SYMMETRIC, NOT IN, CASE, COALESCE, ANY and ALL, intervals, COLLATE, row comparisons, IS DISTINCT FROM, AT TIME ZONE, EXTRACT, SUBSTRING, OVERLAPS, OPERATOR(), named arguments",
      inProject: true,
      setup: [
        `create type pair as (a int, b text);
         create domain code as varchar(5) check (value ~ '^[a-z]+$' or value in ('A', 'B'));
         create function plus(first int default 1, variadic more int[] default '{}') returns int language sql immutable as 'select $1';
         create table checked (id int, c char(3), v varchar(9), t text, n numeric(9,2), f float4, b boolean, d date,
           ts timestamp, tz timestamptz, i interval, j jsonb, x xml, bits bit(4), vb bit varying(9), a varchar(4)[], p pair,
           k code, u uuid, e "char", nm name, money_ money, net inet, r int4range, tm time, ttz timetz,
           check (c in ('abc', 'de')), check (c not in ('x', 'yy')), check (id between symmetric 9 and 1), check (id not between 100 and 200),
           check (v = any (array['a', 'b'])), check (v <> all ('{x,y}'::varchar[])), check (a && array['a', 'b']::varchar[]),
           check (coalesce(v, 'a', c) <> nullif(t, 'zz')), check (case v when 'a' then true when 'b' then c = 'abc' else id > 0 end),
           check (case when v in ('a', 'b') then 1 else 2.5 end > 0), check (k in ('a', 'b') or k is null),
           check (i > interval '1 day 02:03:04' or i = '1 year 2 mons -3 days'), check (tz > '2020-01-01 00:00:00+02'), check (ts < 'infinity'),
           check (d between '1990-01-01' and date '2100-01-01'), check (t collate "POSIX" < 'zz' and v collate "C" < 'zz' and (v || 'x') collate "C" > ''),
           check ((id, v) < (100000, 'zz')), check (row(id, v) is distinct from row(1, 'q')), check (p is null or (p).a > 0), check (row(id, t) is not null),
           check (id is distinct from 7 and v is not distinct from v), check (extract(year from tz at time zone 'UTC') > 1900),
           check (date_part('dow', d) < 7 and extract(epoch from i) > 0), check (substring(v from 1 for 2) <> 'qq' and substring(t from '^x') is null),
           check ((ts, ts) overlaps (ts, interval '1 day')), check (trim(both ' ' from t) <> '' and trim(leading from v) <> 'k' and btrim(t, 'x') <> 'k'),
           check (position('z' in t) = 0 and overlay(t placing 'a' from 1 for 1) <> ''), check (id operator(pg_catalog.+) 1 > 0),
           check (plus(first => 2, variadic more => array[1]) > 0 and plus(1, 2, 3) > 0 and plus(1, variadic array[2]) > 0),
           check (n > 1e-5 and n < 1e5 and n <> -1 and f <> 1.5e10 and n <> '-1'::int and - n < 5 and n * -1.50 < 9),
           check (t <> E'back\\\\slash' and t <> E'tab\\there' and t <> U&'\\00fc\\+01F600' and t not like '%\\%' escape '!' and t <> 'it''s'),
           check (bits <> b'1010' and vb <> x'1f'::bit varying), check (b is not false and (b is unknown or b is true or not b)),
           check (t is null or not (v is null and n is null)), check (j ->> 'a' is null and j @> '{"a": [1, null]}' is not true and not j ? 'x'),
           check (xmlelement(name foo, xmlattributes(v as bar), t) is document or x is not document), check (xmlserialize(content x as text) <> 'k'),
           check (u <> '00000000-0000-0000-0000-000000000000'), check (e in ('a', 'b') and nm <> 'pg' and nm not in ('x', 'y')),
           check (r <> 'empty' and r && int4range(1, 1000) and not r @> 5000), check (net << '10.0.0.0/8' or net is null), check (money_ <> '5'::money),
           check ((array[id, 1])[1] > 0 and (array[[1,2],[3,4]])[1][2] = 2 and (a)[1:2] <> '{q}' and a[:1] <> array['q']::varchar[] and array_length(a, 1) < 9),
           check (t similar to '%a%' or t ~~* 'B%' or t !~ 'c' or t ilike 'd'), check (greatest(id, 1) >= least(1, id, null)),
           check (v::text || c::text <> t::varchar(3) and c::varchar(2) <> 'k' and id::numeric(5,1)::int >= 0 and v::char(2) <> 'k'),
           check (tm < '24:00' and tm at time zone 'UTC' < '23:59:59.5+01'), check (current_date > '2000-01-01' and localtimestamp(2) > '2000-01-01' and current_user <> ''),
           check (normalize(t, nfc) is nfc normalized or t is not normalized), check (ceil(n)::bigint % 7 <> 8 and @ n >= 0 and |/ 4.0 = 2 and 2 ^ 3 = 8 and !! 'a'::tsquery is not null),
           check (id = 1 or (id = 2 or id > 0) and (b or (not b or b is null)) and (((id > 0 and id < 10000) and id <> 5000))));
         insert into checked (id, c, v, t, n, b, d, i, ts, r, bits, f, a, e, nm) values (7 - 1, 'abc', 'a', 'b', 1, true, '2020-01-01', '2 days', '2020-01-01', '[1,5)', '0001', 1, '{a}', 'a', 'n')`,
      ],
    },
    {
      name: "defaults",
      what: "Defaults and generated columns with casts, intervals, arrays, sequences, time zones, strings with backslashes and Unicode",
      inProject: true,
      setup: [
        `create sequence odd increment -2 minvalue -100 maxvalue -1 start -1 cycle cache 5;
         create domain level as int default 3 not null check (value between 1 and 5 or value in (7, 8));
         create type mood as enum ('sad', 'ok', 'happy'); alter type mood add value 'so-so' before 'ok'; alter type mood add value 'ecstatic' after 'happy'`,
        `         create table defaulted (id bigint default nextval('odd'), other int default (nextval('odd'::text::regclass) % 5)::int, m mood default 'so-so', ms mood[] default '{sad,ok}',
           v varchar(5) default 'a' || 'b', c char(2) default 'x', n numeric(5,2) default -1.50, big numeric default 1e20, neg int default -2147483648, f float8 default '-Infinity',
           t text default E'a\\\\b\\n', u text default U&'\\00fc', i interval default interval '1 day' * 2, i2 interval hour to minute default '3 hours', tz timestamptz default ('2020-01-01 00:00' at time zone 'Europe/Berlin'),
           d date default (now() at time zone 'utc')::date, ts timestamp(3) default current_timestamp, b bytea default '\\x00ff', bits bit(3) default b'101', a int[] default array[]::int[], aa text[][] default '{{a,b},{c,d}}',
           j json default '{"a": 1}', jb jsonb default jsonb_build_object('a', array[1, 2]), lvl level default 4, r int4range default int4range(1, 5, '[]'), bo boolean default (not false and 't'::boolean), nul text default null,
           usr name default current_user, ses text default session_user, g int generated always as (case when neg in (1, 2, 3) then 1 when neg between 4 and 9 then 2 else 0 end) stored,
           gv text generated always as ((v || '-') || c::text) stored, gb boolean generated always as (v in ('ab', 'cd') or c not in ('x', 'y')) stored);
         insert into defaulted default values; insert into defaulted (v, bits) values ('cd', b'000')`,
      ],
    },
    {
      name: "views",
      what: "Views with GROUPING SETS, window frames, recursive and nested CTEs, LATERAL, ORDINALITY, whole rows, USING with aliases, TABLESAMPLE, set operations, VALUES, subselects, ordered-set aggregates",
      inProject: true,
      setup: [
        `create table base (id int primary key, parent int, status varchar(20), qty numeric, at timestamptz, tags varchar(5)[], c char(4), j jsonb);
         insert into base select n, nullif(n / 2, 0), (array['new','paid','sent'])[1 + n % 3], n, '2020-01-01 UTC', '{a,b}', 'c', '{"a":[{"b":1}]}' from generate_series(1, 30) n;
         create table other (id int, note varchar(9), status varchar(20) collate "C");
         insert into other values (1, 'n', 'new');
         create view grouped as select status, c, grouping(status, c) g, count(*) filter (where status in ('new', 'paid')), count(distinct qty) as d, sum(qty) as "Sum of" from base group by grouping sets ((status), (c), (status, c), ()) having count(*) > 0 and min(status) not in ('x', 'y');
         create view cubed as select status, c, parent, sum(qty) from base group by cube (status, c), rollup (parent) order by 1 nulls first, 2 desc;
         create view windowed as select id, sum(qty) over (partition by status order by id rows between 2 preceding and current row exclude ties) s, rank() over w, lag(qty, 1, 0::numeric) over (w rows unbounded preceding) l, first_value(id) over (order by at range between '1 day' preceding and '1 day' following) fv, nth_value(id, 2) over (order by id groups between 1 preceding and 1 following exclude current row) from base window w as (partition by c order by qty desc nulls last);
         create view recursed as with recursive r (id, path) as (select id, array[id] from base where parent is null union all select b.id, r.path || b.id from base b join r on b.parent = r.id where b.status in ('new', 'paid', 'sent')), s as materialized (select * from r limit 5), n as not materialized (with z as (select 1 one) select * from z) select s.*, (select one from n) from s where exists (select from n where one between 1 and 3) offset 0 rows;
         create view lateraled as select b.id, l.x, o.tag, o.ord, e.value from base b cross join lateral (select b.qty * 2 as x where b.status in ('new', 'paid')) l left join lateral unnest(b.tags, array[1, 2]) with ordinality as o (tag, num, ord) on true, jsonb_array_elements(b.j -> 'a') e, rows from (generate_series(1, 2), unnest(array['a', 'b'])) with ordinality as f (g, h, i);
         create view wholes as select b, b.*, (b).status as again, row(b.*)::text as r, o from base b join other o using (id, status) where b is not null and row(b.id, b.status) = row(o.id, o.status) and (b.id, b.c) in (select id, note from other where note in ('a', 'b'));
         create view joined as select id, b.status as bs, o.note from (base b full join other o using (id)) natural left join (select 1 as one) u right join (values (1, 'a'), (2, null)) v (k, w) on v.k = id where b.status in ('new', 'paid') or o.status not in ('x', 'y') is not false;
         create view sampled as select count(*) from base tablesample bernoulli (50) repeatable (7) where c in ('a', 'b');
         create view combined as (select id, status from base where status in ('new', 'paid') union select id, note from other) except all (select id, null from other intersect select 3, 'x'::varchar) order by 1 desc fetch first 3 rows with ties;
         create view valued as values (1, 'a'::varchar, null::int), (2, 'b', 3);
         create view subselected as select id, array(select o.id from other o where o.status in ('new', 'paid') order by 1) a, (select max(o.note) from other o where o.id = b.id) m, id in (select id from other) i, id > all (select id from other) al, id <> any (array[1, 2]) an, not exists (select 1 from other o where o.id = b.id) ne, status = any (select status from other) st from base b where status like any (array['n%', 'p%']);
         create view ordered as select percentile_cont(0.5) within group (order by qty) p, mode() within group (order by status desc) m, string_agg(distinct status, ', ' order by status) s, array_agg(id order by qty desc nulls last, id) filter (where c = 'c') from base;
         create view typed as select status::char(3) c3, c::varchar(2) v2, qty::int::text t, at at time zone 'Europe/Berlin' as local, at::date + interval '1 month' as next, extract(week from at) w, 'x'::"char" ch, '1'::bit(3) bt, cast(null as varchar(7)) n, at > 'today' as td, at::time(0) tm, interval '1' year as y, date '2020-01-01' - 7 as dd, timestamp with time zone '2020-01-01 12:00:00+01' tz, -5 as neg, (-5)::text as negt, +5 pos, - (-5) mm, 1.50 nn, 1e3 ee from base;
         create view distincts as select distinct on (status, lower(c)) status, c, id from base where not (status not in ('new', 'paid') or c = 'x') order by status, lower(c), id desc; create view locking as select id from base where status in ('new', 'paid') for update skip locked;
         create view aliased ("Weird Name", "quote""d", "select") as select id, status, c from base as "B b" where "B b".status in ('new', 'paid');
         create view nested as select g.status, x.id from grouped g join subselected x on x.st where g.status in ('new', 'paid');
         create view updatable with (security_barrier = true, check_option = local) as select id, status from base where status in ('new', 'paid') and qty between 1 and 9;
         create view renamed as select id as first, status as second from base; alter view renamed rename column second to third; alter view renamed alter column first set default 7;
         create view expanded as select * from base where status in ('a', 'b'); alter table base add column later int default 5; alter table base rename column qty to quantity;
         create materialized view kept as select status, count(*) n, max(at) from base where status in ('new', 'paid') or id between 1 and 5 group by 1 with data; create unique index on kept (status); create materialized view empty as select * from windowed with no data;`,
      ],
    },
    {
      name: "policies",
      what: "Policies, triggers with WHEN, rules with several actions, with IN lists, BETWEEN, whole rows, subselects and functions",
      inProject: true,
      setup: [
        `create table guarded (id int primary key, owner varchar(20), level int, c char(3), at timestamptz default now());
         create table journal (id int, what varchar(30), old_owner text);
         insert into guarded select n, 'u' || n % 3, n % 5, 'abc' from generate_series(1, 20) n;
         create function noted() returns trigger language plpgsql as 'begin return coalesce(new, old); end';
         alter table guarded enable row level security; alter table guarded force row level security;
         create policy by_list on guarded as restrictive for select to public using (owner in ('u0', 'u1', 'u2') and level between 0 and 5 and (c = 'abc' or c in ('x', 'y')));
         create policy by_user on guarded for all using (owner = current_user or exists (select from journal j where j.id = guarded.id and j.what in ('a', 'b')) or (select count(*) from guarded g where g.owner in ('u1', 'u2')) > 0) with check (owner not in ('root', 'admin'));
         create policy for_insert on guarded for insert with check ((guarded.*) is not null and (id, owner) in (select 1, 'u1'::varchar));
         create policy for_delete on guarded for delete using (current_setting('app.user', true) = owner and at > now() - interval '30 days');
         create trigger on_update before update of owner, level on guarded for each row when (old.* is distinct from new.* and new.owner in ('u0', 'u1') and new.level between 1 and 3) execute function noted('a', 'it''s', E'\\\\x');
         create trigger on_insert after insert on guarded for each row when (new.owner not in ('a', 'b') or new is null) execute function noted();
         create trigger on_truncate before truncate on guarded for each statement execute function noted(); alter table guarded disable trigger on_truncate;
         create trigger with_tables after update on guarded referencing old table as o new table as "N n" for each statement execute function noted();
         create constraint trigger deferred after insert or update on guarded deferrable initially deferred for each row when (new.level in (1, 2)) execute function noted(); alter table guarded enable always trigger deferred;
         create view looked as select id, owner, level from guarded where owner in ('u0', 'u1');
         create trigger instead instead of insert or delete on looked for each row execute function noted();
         create rule upd as on update to looked where new.owner in ('u0', 'u1') and old.level between 1 and 5 do instead (insert into journal values (new.id, 'upd', old.owner); update guarded set owner = new.owner, (level, c) = (select 1, 'abc') where id = old.id);
         create rule cond as on insert to journal where new.what in ('x', 'y') do also delete from guarded using journal j where j.id = guarded.id and guarded.owner in ('q', 'r');
         create rule nothing as on delete to journal where old.what in ('k', 'l') do instead nothing; create rule noti as on insert to journal do also notify changed;
         create rule cte as on update to journal do also insert into journal (id, what) select g.id, 'v' from guarded g where g.owner in ('z', 'w') and old.id = g.id on conflict do nothing; alter table journal disable rule cte;`,
      ],
    },
    {
      name: "indexes",
      what: "Index expressions and predicates, operator classes with options, INCLUDE, collations, exclusion constraints, extended statistics",
      inProject: true,
      setup: [
        `create table indexed (id int primary key, status varchar(20), c char(3), n numeric, at timestamp, during tsrange, tags text[], body text, j jsonb, p point);
         insert into indexed select n, (array['new','paid','sent'])[1 + n % 3], 'abc', n, '2020-01-01', tsrange('2020-01-01'::timestamp + n * interval '1 day', '2020-01-01'::timestamp + (n + 1) * interval '1 day'), '{a}', 'text', '{}', point(n, n) from generate_series(1, 40) n;
         create index on indexed (lower(status), (c || 'x'), n desc nulls last) include (at) with (fillfactor = 70) where status in ('new', 'paid') and n between 1 and 20;
         create unique index on indexed ((case when status in ('new', 'paid') then id end)) where c not in ('q', 'r'); create index on indexed (status varchar_pattern_ops, c collate "C" bpchar_pattern_ops);
         create index on indexed ((status in ('new', 'paid')), (n between 1 and 3), (at::date), (coalesce(status, c)), (substring(body from 2 for 3)), (extract(year from at)));
         create index on indexed using gin (tags, to_tsvector('simple', body)) with (fastupdate = off); create index on indexed using gin (j jsonb_path_ops); create index on indexed using gist (during, p); create index on indexed using brin (id, at) with (pages_per_range = 16, autosummarize = on); create index on indexed using hash (body); create index on indexed using spgist (p kd_point_ops);
         create index sig on indexed using gist (to_tsvector('simple', body) tsvector_ops (siglen = 100));
         alter table indexed add constraint apart exclude using gist (during with &&, (case when status in ('new', 'paid') then p end) with ~=) where (status in ('new', 'paid', 'sent') and n > 0) deferrable initially deferred;
         alter table indexed add constraint u1 unique (n, at) include (id) with (fillfactor = 80) deferrable; alter table indexed cluster on indexed_pkey; alter table indexed replica identity using index indexed_pkey; alter index indexed_pkey set (fillfactor = 50)`,
        {
          since: 14,
          sql: `create index bl on indexed using brin (id int4_bloom_ops (false_positive_rate = 0.05)); create statistics st1 (ndistinct, mcv) on status, c from indexed; create statistics st2 on (status in ('new', 'paid')), (n between 1 and 3 and c = 'abc'), id from indexed; create statistics st3 on (lower(body) || 'it''s, (x') from indexed; alter statistics st1 set statistics 50; alter index indexed_lower_expr_n_at_idx alter column 1 set statistics 200`,
        },
        {
          since: 15,
          sql: "create unique index nulls_alike on indexed (at, body) nulls not distinct where status in ('x', 'y')",
        },
      ],
    },
    {
      name: "partitioned",
      what: "Partitions by range, list and hash with expressions, bounds of many types, defaults, other column orders, attached tables, dropped columns",
      inProject: true,
      setup: [
        `create table by_range (id int, at timestamptz, v varchar(9), n numeric, primary key (id, at)) partition by range (at, id);
         create table r1 partition of by_range for values from ('2020-01-01 00:00+00', minvalue) to ('2021-01-01 00:00+02', maxvalue) with (fillfactor = 70);
         create table r2 (junk int, n numeric, v varchar(9), at timestamptz not null, id int not null, check (v in ('a', 'b'))); alter table r2 drop column junk;
         alter table by_range attach partition r2 for values from ('2021-01-01 00:00+02', maxvalue) to (maxvalue, maxvalue); create table rd partition of by_range default;
         insert into by_range values (1, '2020-05-05', 'a', 1), (2, '2022-01-01', 'b', 2);
         alter table by_range add check (n in (1, 2, 3)); alter table by_range alter v set default 'new'; alter table r1 alter v set default 'r1'; create index on by_range (lower(v)) where v in ('a', 'b');
         create table by_list (k varchar(9), e int, d date) partition by list ((case when k in ('a', 'b') then 'x'::varchar else k end));
         create table l1 partition of by_list for values in ('x', 'it''s', null); create table l2 partition of by_list default partition by hash (e, (d is null)); 
         create table h0 partition of by_list for values in ('q') partition by range (extract(year from d)); create table h00 partition of h0 for values from (1990) to (2020.5); create table h1 partition of l2 for values with (modulus 3, remainder 0); create table h2 partition of l2 for values with (modulus 3, remainder 1); create table h3 partition of l2 for values with (modulus 3, remainder 2);
         insert into by_list values ('a', 1, '2000-01-01'), ('q', 2, '2000-01-01'), ('z', 3, null);
         create table by_many (b boolean, i interval, n numeric(5,2), c char(4), u uuid, f float8) partition by range (c, n, u); create table m1 partition of by_many for values from ('a', -1.5, '00000000-0000-0000-0000-000000000000') to ('b   ', 1e2, minvalue);
         create table by_bool (b boolean) partition by list (b); create table b1 partition of by_bool for values in (true); create table b2 partition of by_bool for values in (false);
         create table by_int (n int8) partition by list (n); create table i1 partition of by_int for values in (-1, 0, 9223372036854775807); create table detached partition of by_int for values in (5); alter table by_int detach partition detached;
         create table target (id int primary key) partition by hash (id); create table t0 partition of target for values with (modulus 1, remainder 0); create table refs (t int references target match full on delete set null on update cascade); comment on table r2 is 'attached'; create unique index on by_range (id, at, v); alter table only by_range add constraint noinh unique (at, id)`,
      ],
    },
    {
      name: "functions",
      what: "Functions with SQL bodies, defaults, named and variadic arguments, polymorphism, transforms, costs and settings; aggregates, operators, classes, families, casts",
      inProject: true,
      setup: [
        `create function defaults(a varchar default 'x' || 'y', b int default case when 'a'::varchar in ('a', 'b') then 1 else 2 end, c interval default '1 day', variadic d text[] default array['q']::text[]) returns table (x int, "Y y" text) language sql stable strict parallel restricted cost 7 rows 9 set search_path = pg_catalog, "weird schema" set work_mem = '5MB' as $x$ select 1, '$$' $x$;
         create function in_out(inout a anyelement, out b anyarray) language plpgsql security definer as 'begin b := array[a]; end'; create procedure proc(inout a int default 5) language plpgsql as $$ begin a := 1; end $$;
         create function add(numeric, numeric) returns numeric language sql immutable as 'select $1 + $2'; create aggregate total(numeric) (sfunc = add, stype = numeric, initcond = '0', combinefunc = add, parallel = safe, msfunc = add, minvfunc = add, mstype = numeric);
         create operator @@@ (function = add, leftarg = numeric, rightarg = numeric, commutator = @@@); comment on operator @@@ (numeric, numeric) is 'odd'; create view uses as select 1.0 operator(@@@) 2.0 as x;
         create type complex as (r float8, i float8); create function cmp(complex, complex) returns int language sql immutable as 'select 0'; create function lt(complex, complex) returns bool language sql immutable as 'select ($1).r < ($2).r';
         create operator <% (function = lt, leftarg = complex, rightarg = complex, restrict = scalarltsel, join = scalarltjoinsel); create function to_c(int) returns complex language sql immutable as 'select row($1, 0)::complex'; create cast (int as complex) with function to_c(int) as assignment; comment on cast (int as complex) is 'cast';
         create type span as range (subtype = float8, subtype_diff = float8mi); create type labels as enum (); create domain chain as complex check ((value).r > 0 or value is null); create table typed_of of complex (primary key (r)); alter table typed_of alter i set default 5;`,
        {
          since: 14,
          sql: `create function atomic(a varchar, b int default 5) returns boolean language sql begin atomic select $1 in ('new', 'paid') and b between 1 and 5 and true; select count(*) > 0 from pg_class where relname in ('a', 'b'); end;
         create table atoms (id int, v varchar(5)); create function writes(x int) returns void language sql begin atomic insert into atoms values (x, 'a') ; update atoms set v = 'b' where v in ('a', 'c'); delete from atoms where id between x and 5; end; create function returning_() returns varchar return (select v from atoms where v in ('a', 'b') limit 1); create procedure atomic_p() begin atomic end;`,
        },
      ],
    },
  ],
};
