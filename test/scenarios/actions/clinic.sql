create schema clinic;
create type clinic.ward as enum ('north', 'south');
create table clinic.patients (
  id bigint generated always as identity primary key,
  full_name text not null,
  born date not null,
  ward clinic.ward not null,
  notes jsonb
);
create table clinic.visits (
  id serial primary key,
  patient bigint not null references clinic.patients,
  at timestamptz not null,
  cost numeric(10, 2)
);
create index visits_by_time on clinic.visits (at);
create table clinic.readings (at date not null, pulse int) partition by range (at);
create table clinic.readings_2025 partition of clinic.readings for values from ('2025-01-01') to ('2026-01-01');
create table clinic.readings_2026 partition of clinic.readings for values from ('2026-01-01') to ('2027-01-01');
create view clinic.recent as select * from clinic.visits where at > '2026-06-01';
create sequence clinic.invoice_numbers start 1000;
create function clinic.bill(int) returns numeric language sql as 'select sum(cost) from clinic.visits where patient = $1';
alter table clinic.patients enable row level security;
create policy own_ward on clinic.patients using (ward = 'north');
comment on table clinic.visits is 'one row a visit';

insert into clinic.patients (full_name, born, ward, notes)
  select 'Patient ' || n || E' \\ "ö"\n', date '1950-01-01' + n, (array['north', 'south'])[1 + n % 2]::clinic.ward,
         case when n % 3 = 0 then jsonb_build_object('allergy', n) end
  from generate_series(1, 500) n;
insert into clinic.visits (patient, at, cost)
  select 1 + n % 500, timestamptz '2026-01-01' + n * interval '1 hour', n / 7.0 from generate_series(1, 4000) n;
insert into clinic.readings select date '2025-01-01' + n, 60 + n % 40 from generate_series(0, 700) n;
select setval('clinic.invoice_numbers', 1234);
select lo_from_bytea(0, convert_to('an x-ray', 'UTF8'));
