/** What newer versions can say: SQL/JSON, XMLTABLE, MERGE, named NOT NULL constraints, virtual columns, temporal keys. */
import type { Kind } from "./shape.ts";

export const newer: Kind = {
  title: "Expressions and constraints of newer versions",
  shapes: [
    {
      name: "xml_and_more",
      what: "XMLTABLE, XML constructors, SEARCH and CYCLE, multiranges, subscripts of jsonb, OUT arguments, LIKE of other tables, comments in bodies",
      since: 14,
      inProject: true,
      setup: [
        `create table docs (id int primary key, x xml, v varchar(9), j jsonb, parent int); insert into docs values (1, '<a><b c="1">t</b></a>', 'a', '{"a": [1]}', null);
         create view xml_t as select d.id, t.* from docs d, xmltable(xmlnamespaces('http://x' as n), '/a/b' passing by ref d.x columns o for ordinality, c int path '@c' default 5 not null, t varchar(9) path '.', e xml path '.') t where t.t in ('a', 'b');
         create view xml_c as select xmlforest(v as "V v", id), xmlconcat(x, null), xmlpi(name php, 'echo'), xmlroot(x, version '1.0', standalone yes), xmlagg(x) over () g, xmlparse(content v), xmlserialize(document x as varchar(50)) s, x is document d, xmlexists('/a' passing by value x) e, (xpath('/a/b', x))[1] p from docs;
         create view windows as select id, count(*) filter (where v in ('a', 'b')) over (partition by v, (id > 1) order by id desc nulls last range between unbounded preceding and current row exclude group) c, row_number() over () r, ntile(4) over (order by v collate "C") n, percent_rank() over w1, cume_dist() over (w1 rows 2 preceding) from docs window w1 as (partition by j order by id);
         create view negative as select -1 as a, - 2.5 as b, (-3)::int2 as c, '-4'::int as d, -id as e, - (- id) as f, (- 1) ^ 2 as g, 2 ^ -1 as h, @ -5 as i, ~ 3 as j, -'1 day'::interval as k, +id as l, 1 - -1 as m, (id - 1) - (2 - id) as n, not (not (id = 1)) as o, (id = 1) is true as p, ((id)::numeric)::varchar(5) as q, 1::bit(8) as r, 'NaN'::float8 as s, '-Infinity'::timestamptz as t, 1.0::float4 as u, 12345678901234567890 as w from docs;
         create view literals as select 'a' as unknown_text, null as n, null::text nt, '' as e, e'\\\\' as bs, $$d'q$$ as dq, '2020-01-01'::date d, timestamp '2020-01-01 00:00:00.123456' ts, '12:00+05:30'::timetz tt, interval '1-2' year to month ym, interval '3 4:05:06.7' day to second(1) ds, interval(3) '1.23456 s' s3, '{1,NULL,"a,b"}'::text[] arr, '[1,5)'::int4range r, array[[1,2],[3,null]] aa, '{}'::int[] em, row(1, null, 'x')::text rt, ('x', 1)::text, '\\x00'::bytea by, b'' as eb, x'FF' xb, '10.0.0.0/8'::cidr ci, '((0,0),(1,1))'::box bx, true t, 'off'::bool f, '(1,,a,,)'::docs is null as w from docs where false;
         create view sorted as select * from docs order by v using >, j nulls first, 1 limit 5 offset 2; create view locked as select * from docs for no key update of docs nowait; create view limited as (select id from docs limit (select 1)) union all (select 2 order by 1) limit all;
         create view exists_ as select 1 where exists (select) and (select count(*) from (values (1), (2)) v (x) where x in (1, 2)) = 2 and (1, 2) in ((1, 2), (3, 4)) and (1, 2) <= (1, 3) and 'a' like 'b' escape 'c' and not 'a' ilike any (array['x']) and 1 between 0 and 2 and 1 not between symmetric 5 and 3;
         create view prefixed as select (docs.docs).id from (select d as docs from docs d) docs; create view whole as select d, d.*::text as t, (d.*) is null as n, array_agg(d) over () as a, row_to_json(d) as r, count(d.*) over () as c from docs d; create view dupes as select a.id, b.id as id2, c.v from docs a join docs b using (id) left join docs c on c.id = a.id and c.v in ('a', 'b') cross join docs e;
         create view casts as select v::text::varchar::text as a, (v || 'a')::varchar(3) as b, id::text::int as c, cast(j ->> 'a' as varchar(3)) as d, id::regclass::oid::int8 as rc, 'docs'::regclass as dc, 'pg_catalog.int4'::regtype as e, 'now'::text as f, v::"char" as g, v::name as h, v::bpchar as i, v::char(3)::text as k from docs;
         create function outs(in a int, out b int, out "C c" text, inout d varchar default 'x') language sql as $f$ select 1, 'a', 'b' /* -- ; */ $f$; create function tbl(varchar[]) returns setof docs language sql rows 5 as $$ select * from docs where v = any ($1) $$; create view calls as select (outs(1)).*, (tbl(array['a', 'b'])).v, o.b as ob, t.id from outs(1, 'y') o, tbl(null) t where false`,
        {
          since: 14,
          sql: `create view searched as with recursive r as (select id, parent from docs where v in ('a', 'b') union all select d.id, d.parent from docs d join r on r.id = d.parent) search depth first by id set ord cycle id set is_cycle using path select id, parent, ord::text as o, is_cycle, path::text as p from r; create view sub as select j['a'][0] as s, (j -> 'a')['b'] from docs where j['a'] in ('1', '2'); create table mr (m int4multirange default '{[1,5),[7,9)}', check (m && '{[1,2)}'::int4multirange)); create view joins as select k.id, docs.v from docs join docs d2 using (id) as k where k.id in (1, 2); create view dist as select v, count(*) from docs group by distinct rollup (v, id), cube (v); create view ex as select extract(epoch from now()) > 5 as a, substring('a' similar 'b' escape 'c') as b, date_bin('1 day', now(), '2020-01-01') as c, trim(both '\\x00' from '\\x0001'::bytea) as d, overlay('a' placing 'b' from 1) as e, position('a' in 'b') as f, normalize('a', nfd) as g, timezone('UTC', now()) as h, now() at time zone interval '1 hour' as i, (now(), now()) overlaps (now(), now()) as k`,
        },
        {
          since: 15,
          sql: `create view invoker with (security_invoker = true) as select id, v from docs where v in ('a', 'b'); create table parent (a int, b int, unique (a, b)); create table child (a int, b int, foreign key (a, b) references parent (a, b) on delete set null (b)); create table nulls (a int, b varchar(9), unique nulls not distinct (a, b))`,
        },
      ],
    },
    {
      name: "sql_json",
      what: "SQL/JSON constructors and predicates, any_value, named and hexadecimal literals, predicates on NULL",
      since: 16,
      inProject: true,
      setup: [
        `create table t (id int primary key, v varchar(9), j jsonb, check (v is json object or v in ('a', 'b')), check (j is json with unique keys)); insert into t values (1, 'a', '{}');
         create view made as select json_object('a': v, 'b' value id null on null with unique keys returning jsonb) o, json_array(v, id, j absent on null returning text) a, json_array(select id from t where v in ('a', 'b')) s, json_arrayagg(v null on null returning jsonb) over () g, json_objectagg(v: id absent on null with unique) over () og, v is not json array with unique keys as n, any_value(v) over () av, 0x1F as hex, 1_000 as und, 0b11 as bin from t;
         create table sto (id int, v text storage external default 'x'); create view agg as select count(*), json_objectagg(k value v) from (values ('a', 1)) x (k, v)`,
        {
          since: 17,
          sql: `create view json_t as select t.id, jt.* from t, json_table(j, '$[*]' as root passing t.id as "Id", v as v columns (o for ordinality, a int path '$.a' default 5 on empty error on error, b varchar(9) format json path '$.b' omit quotes, w text path '$.w' with conditional wrapper, e boolean exists path '$.e' false on error, nested path '$.n[*]' as nn columns (x text path '$', y jsonb path '$.y'))) jt where jt.b in ('a', 'b');
           create view json_q as select json_exists(j, '$.a ? (@ > $x)' passing 1 as x unknown on error), json_value(j, '$.a' returning varchar(9) default 'a' on empty null on error), json_query(j, '$' returning text with wrapper keep quotes empty array on empty), json_scalar(v), json_serialize(j returning bytea), json(v with unique keys) from t`,
        },
      ],
    },
    {
      name: "merge_bodies",
      what: "MERGE, ON CONFLICT, data-modifying CTEs and RETURNING in SQL bodies and rules",
      since: 15,
      inProject: true,
      setup: [
        `create table t (id int primary key, v varchar(9), n int default 1); create table log (id int, v varchar(9));
         create function merged(a varchar) returns void begin atomic merge into t using (select 1 as id, a as v) s on t.id = s.id and t.v in ('a', 'b') when matched and t.n between 1 and 5 then update set v = s.v, n = default when matched then delete when not matched and s.v in ('x', 'y') then insert (id, v) values (s.id, s.v) when not matched then do nothing; end;
         create function cte(a int) returns setof t begin atomic with d as (delete from t where v in ('a', 'b') returning *), u as (update t set (v, n) = (select 'x', 2) from log l where l.id = t.id and t.v not in ('q', 'r') returning t.*, l.v as lv) insert into t (id, v) select id, lv from u where cte.a = u.n on conflict (id) where id > 0 do update set v = excluded.v || 'x' where t.v in ('a', 'b') returning *; end;
         create function over_(v varchar, t int) returns int return (select t.n from t where t.v = over_.v and t.id = over_.t and over_.v in ('a', 'b')); create function over_(v text) returns varchar stable return case when v in ('a', 'b') then 'x'::varchar else coalesce(v, 'q') end; create procedure many(inout a varchar default case when 'x'::varchar in ('x', 'y') then 'a' end) begin atomic insert into log values (1, a) ; delete from t using log where t.id = log.id; select v from t where v in ('a', 'b'); end; create rule r as on insert to log where new.v in ('a', 'b') do also insert into t values (new.id, new.v) on conflict on constraint t_pkey do nothing`,
        {
          since: 17,
          sql: "create function merge_ret() returns setof text begin atomic merge into t using log s on t.id = s.id when not matched by source and t.v in ('a', 'b') then delete when matched then update set v = s.v returning merge_action() || t.v; end",
        },
      ],
    },
    {
      name: "since_18",
      what: "Named NOT NULL constraints (NO INHERIT, NOT VALID), NOT ENFORCED, virtual generated columns, temporal keys, RETURNING OLD and NEW",
      since: 18,
      setup: [
        `create table t (id int constraint id_there not null, v varchar(9), w int, g text generated always as (case when v in ('a', 'b') then 'x' else v end) virtual, k int generated always as (w * 2) stored, constraint w_nn not null w no inherit); insert into t values (1, 'a', 2); alter table t add constraint v_nn not null v not valid; comment on constraint id_there on t is 'named';
         create table u (id int primary key, ref int, c int check (c > 0) not enforced, constraint fk foreign key (ref) references u not enforced); create table child (x int) inherits (t); alter table child alter id set not null; create table child2 (id int not null) inherits (t);
         create function ret() returns setof varchar begin atomic update t set v = 'b' where v in ('a', 'b') returning with (old as o, new as n) o.v || n.v; end; create view virt as select g from t where g in ('x', 'y'); create table p (id int not null, v int) partition by list (id); create table p1 partition of p (constraint pnn not null v) for values in (1); create unlogged table ul (id int)`,
      ],
    },
  ],
};
