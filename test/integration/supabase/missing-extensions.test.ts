import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { LifeboatError } from "../../../src/errors.ts";
import { parseConnection } from "../../../src/postgres/connection.ts";
import type { SnapshotJson } from "../../../src/snapshot/snapshot-json.ts";
import { sharedServer } from "../../support/shared-server.ts";
import type { Row, TestServer } from "../../support/servers.ts";
import { type SupabaseCluster, supabaseCluster } from "../../support/supabase/cluster.ts";
import {
  backUp,
  complaints,
  connectionTo,
  newSafe,
  restore,
  type Safe,
  verify,
} from "../backup/backing-up.ts";

/** What hangs on the extensions: by a view, a default, a type, a column's rights, another view, default privileges. */
const dependents = `
  create view public.secret_names as select name, decrypted_secret from vault.decrypted_secrets;
  comment on view public.secret_names is 'Needs the vault';
  comment on column public.secret_names.name is 'Its name';
  grant select on public.secret_names to app_reader;
  create view public.first_names as select name from public.secret_names limit 1;
  create function public.first_secret() returns public.secret_names language sql as 'select * from public.secret_names limit 1';
  revoke execute on function public.first_secret() from public;
  create table public.calls (
    id integer primary key,
    request bigint not null default net.http_post('https://example.org'),
    note text check (note <> '')
  );
  create table public."calls ""more""" (id serial primary key, call integer references public.calls);
  insert into public.calls values (1, 10, 'a'), (2, 20, 'b');
  create index calls_note on public.calls (note);
  create policy "Callers" on public.calls using (true);
  create trigger calls_touch before update on public.calls for each row execute function app.touch();
  grant select (note) on public.calls to anon;
  comment on constraint calls_pkey on public.calls is 'Its key';
  create table public.kept (id integer primary key, call integer);
  insert into public.kept values (1, 1);
  alter table public.kept add constraint kept_call foreign key (call) references public.calls;
  create policy "Resolved" on public.kept using (graphql.resolve('{ x }') is not null);
  create publication callers for table public.calls (id), public.kept where (id > 1);
  alter default privileges in schema cron grant select on tables to app_reader;
`;

const names = ["pg_cron", "pg_graphql", "pg_net", "supabase_vault"];

describe.each([15, 17] as const)(
  "a project with extensions that a stock server lacks, PostgreSQL %i",
  (major) => {
    let safe: Safe;
    let cluster: SupabaseCluster;
    let stock: TestServer;
    let snapshot: SnapshotJson;
    beforeAll(async () => {
      safe = await newSafe();
      stock = await sharedServer(major);
      cluster = await supabaseCluster({ major, asExtensions: true });
      await cluster.fillProject();
      await cluster.asAdmin(dependents);
      ({ snapshot } = await backUp(safe, parseConnection(cluster.url(), "test's URL"), { jobs: 4 }));
    });
    afterAll(async () => {
      await cluster.stop();
      await safe[Symbol.asyncDispose]();
    });

    test("a check restores the rest without an error, and says by component what it went without", async () => {
      const server = connectionTo(stock, "postgres");
      const report = await verify(safe, snapshot.id, { level: "restored", server, trustContents: true });
      const said = complaints(report);
      expect(said.filter((line) => !/^[a-z-]+: warning extension-/.test(line))).toEqual([]);
      expect(said.filter((line) => line.includes("extension-missing"))).toHaveLength(4);
      expect(
        said
          .filter((line) => line.includes("skipped"))
          .map((line) => line.replace(/^(\S+): .*Extension (\S+) .*; (\d+) .*$/, "$1 $2 $3")),
      ).toEqual(expectedSkips);
      expect(report.verdict).toBe("not-verified");
      const waive = [...names.map((name) => `extension:${name}`), "not-backed-up"];
      const waived = await verify(safe, snapshot.id, {
        level: "restored",
        server,
        trustContents: true,
        waive,
      });
      expect(complaints(waived)).toEqual([]);
      expect(waived.verdict).toBe("passed");
      const but = await verify(safe, snapshot.id, {
        ...{ level: "restored", server, trustContents: true },
        waive: waive.slice(1),
      });
      expect(but.verdict).toBe("not-verified");
      const left = await stock.sql(
        "postgres",
        "select rolname from pg_roles where rolname like 'supabase%' or rolname like 'app%'",
      );
      expect(left).toEqual([]);
    });

    test("a restore is refused, names what is missing and the choice there is, and touches nothing", async () => {
      const refused = await restore(safe, snapshot.id, {
        target: connectionTo(stock, "copy"),
        mode: { kind: "new-database" },
      }).catch((error: unknown) => error as LifeboatError);
      expect(refused).toMatchObject({ code: "restore-impossible" });
      expect((refused as LifeboatError).message).toContain(names.join(", "));
      expect((refused as LifeboatError).message).toContain("skip-missing-extensions");
      expect(await stock.sql("postgres", "select from pg_database where datname = 'copy'")).toEqual([]);
    });

    test("by choice it goes without; everything else is there, and no role has more than it is owed", async () => {
      const { plan, restored } = await restore(safe, snapshot.id, {
        target: connectionTo(stock, "copy"),
        mode: { kind: "new-database" },
        missingExtensions: "skip",
      });
      expect(plan.skippedExtensions).toEqual(names);
      expect(plan.cannotRestore.filter((line) => line.startsWith("The extension"))).toHaveLength(4);
      expect(restored?.findings.filter(({ level }) => level === "error")).toEqual([]);

      // Held against the source by the catalogs alone: what is missing is what hangs on the extensions, and nothing else.
      const gone = missing(await cluster.asAdmin(relations), await stock.sql("copy", relations));
      expect(gone).toEqual([
        "public.calls",
        "public.calls_note",
        "public.calls_pkey",
        "public.first_names",
        "public.secret_names",
      ]);
      expect(missing(await stock.sql("copy", relations), await cluster.asAdmin(relations))).toEqual([]);
      const others = missing(
        await cluster.asAdmin(functionsAndRules),
        await stock.sql("copy", functionsAndRules),
      );
      expect(others).toEqual([
        "policy calls Callers",
        "policy kept Resolved",
        "public.first_secret()",
        "trigger public.calls calls_touch",
      ]);
      const counts =
        "select (select count(*) from auth.users) users, (select count(*) from public.kept) kept, (select count(*) from app.ledger) ledger";
      expect(await stock.sql("copy", counts)).toEqual(await cluster.asAdmin(counts));
      expect(
        await stock.sql(
          "copy",
          "select rolname from pg_roles where rolsuper and rolname not like 'postgres'",
        ),
      ).toEqual([]);
    });
  },
);

/** Component, extension, how many. */
const expectedSkips: readonly string[] = [
  "tables pg_cron 2",
  "tables pg_net 3",
  "tables supabase_vault 1",
  "acl pg_net 2",
  "acl supabase_vault 3",
  "comment pg_net 1",
  "comment supabase_vault 2",
  "constraint pg_net 4",
  "default-privileges pg_cron 1",
  "function supabase_vault 1",
  "index pg_net 2",
  "policy pg_cron 2",
  "policy pg_net 1",
  "policy pg_graphql 1",
  "publication pg_net 1",
  "publication-part pg_net 2",
  "table pg_net 1",
  "trigger pg_net 1",
  "view supabase_vault 2",
  "cron-job pg_cron 3",
];

const relations = `set search_path = ''; select c.oid::regclass::text as name from pg_class c join pg_namespace n on n.oid = c.relnamespace
  where n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
    and not exists (select from pg_depend d where d.classid = 'pg_catalog.pg_class'::regclass and d.objid = c.oid and d.deptype = 'e')
    and not exists (select from pg_index i join pg_depend d on d.objid = i.indrelid and d.deptype = 'e' where i.indexrelid = c.oid)
    and c.relkind <> 't'`;

const functionsAndRules = `set search_path = '';
  select p.oid::regprocedure::text as name from pg_proc p join pg_namespace n on n.oid = p.pronamespace
    where n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
      and not exists (select from pg_depend d where d.classid = 'pg_catalog.pg_proc'::regclass and d.objid = p.oid and d.deptype = 'e')
  union all select 'policy ' || tablename || ' ' || policyname from pg_policies where schemaname <> 'cron'
  union all select 'trigger ' || tgrelid::regclass || ' ' || tgname from pg_trigger where not tgisinternal
  union all select 'event trigger ' || evtname from pg_event_trigger
  union all select 'publication ' || pubname from pg_publication`;

function missing(all: readonly Row[], found: readonly Row[]): readonly (string | null | undefined)[] {
  const there = new Set(found.map((row) => row["name"]));
  return all
    .map((row) => row["name"])
    .filter((name) => !there.has(name))
    .toSorted();
}
