import { afterAll, beforeAll, expect, test } from "vitest";
import { loadArchives } from "../../../src/postgres/load.ts";
import type { ThrowawayServer } from "../../../src/postgres/throwaway-server.ts";
import { systemClock } from "../../../src/system/clock.ts";
import { silentLogger } from "../../../src/system/logger.ts";
import { backUp, createDatabaseWith, run, startServer, tools } from "./real-backups.ts";

const partitioned = `
  create table public.readings (id bigint, at date not null, region text not null, primary key (id, at, region)) partition by range (at);
  create table public.readings_2025 partition of public.readings for values from ('2025-01-01') to ('2026-01-01') partition by list (region);
  create table public.readings_2025_eu partition of public.readings_2025 for values in ('eu');
  create table public.readings_2025_rest partition of public.readings_2025 default;
  create table public.readings_2026 partition of public.readings for values from ('2026-01-01') to ('2027-01-01');
  create table public.readings_other partition of public.readings default;
  create table public.notes (id bigint, at date, region text, foreign key (id, at, region) references public.readings);
  create index by_region on public.readings (region);
  comment on index public.by_region is 'of all partitions';
  comment on constraint notes_id_at_region_fkey on public.notes is 'late';
  insert into public.readings values (1, '2025-03-04', 'eu'), (2, '2026-03-04', 'us');
  insert into public.notes values (1, '2025-03-04', 'eu');
`;

/** Writes down which connection attached which index. */
const witness = `
  create schema witness; create table witness.attached (connection int);
  create function witness.note() returns event_trigger language plpgsql as
    $$ begin insert into witness.attached values (pg_catalog.pg_backend_pid()); end $$;
  create event trigger note on ddl_command_end when tag in ('ALTER INDEX') execute function witness.note();
`;

let server: ThrowawayServer;
beforeAll(async () => {
  server = await startServer();
});
afterAll(() => server.stop());

test("indexes of partitions are attached one after the other: together they may leave their parent invalid", async () => {
  const backup = await backUp(await createDatabaseWith(server.connection, "live", partitioned));
  const target = await createDatabaseWith(server.connection, "restored", witness);
  await loadArchives({
    connection: target,
    source: backup.source,
    files: backup.contents.files,
    tools,
    jobs: 4,
    clock: systemClock,
    logger: silentLogger,
  });
  const attached = await run(target, "select count(*) n, count(distinct connection) c from witness.attached");
  expect(attached).toEqual([{ n: "10", c: "1" }]);
  const invalid = await run(target, "select indexrelid::regclass::text from pg_index where not indisvalid");
  expect(invalid).toEqual([]);
  const comments = await run(
    target,
    "select description c from pg_description where classoid in ('pg_class'::regclass, 'pg_constraint'::regclass) and description in ('of all partitions', 'late') order by 1",
  );
  expect(comments).toEqual([{ c: "late" }, { c: "of all partitions" }]);
  expect(
    await run(target, "select count(*) n from pg_constraint where contype = 'f' and conparentid = 0"),
  ).toEqual([{ n: "1" }]);
});
