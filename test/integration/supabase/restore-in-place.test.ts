/** A project that has something in it, replaced. A superuser stands in for supautils (not tested on the platform). */
import pg from "pg";
import { afterAll, expect, test } from "vitest";
import { observeSnapshots } from "../../../src/operations/observe-snapshots.ts";
import { projectPasswords, type SupabaseCluster } from "../../support/supabase/cluster.ts";
import { backUp, newSafe } from "../backup/backing-up.ts";
import { rightsMatrix, rolesOf, rowsOf, schemaOf } from "./independent-comparison.ts";
import { asSuperuser, connectionOf, dumped, restoreInto, targetCluster } from "./restoring-projects.ts";

const safe = await newSafe();
const clusters: SupabaseCluster[] = [];

afterAll(async () => {
  for (const cluster of clusters) await cluster.stop();
  await safe[Symbol.asyncDispose]();
});

async function targetOf(major: 15 | 17): Promise<SupabaseCluster> {
  const cluster = await targetCluster({ major });
  clusters.push(cluster);
  return cluster;
}

const limit = { timeout: 300_000 };

/** What went wrong in the project since the backup: lost, changed and added things of every kind. */
const accident = `
  drop table public.pictures, public.private_notes;
  delete from public.todos where id % 2 = 0;
  update public.orders set net = 0;
  create table public.added (id integer primary key, who uuid references auth.users);
  create table public."odd "" name" (x integer);
  create view public.over_it as select * from public.added;
  create type public.mood as enum ('fine');
  create function public.added_function(mood public.mood) returns integer language sql as 'select 1';
  create type public.added_range as range (subtype = integer);
  create server added foreign data wrapper postgres_fdw;
  create user mapping for public server added;
  create function extensions.added() returns integer language sql as 'select 1';
  create cast (app.address as text) with inout;
  grant select on auth.sessions to app_reader;
  alter default privileges in schema storage grant select on tables to app_reader;
  grant delete on storage.objects to app_reader;
  alter server elsewhere options (set port '2');
  create aggregate public.added_sum(integer) (sfunc = int4pl, stype = integer);
  create schema added; create table added.thing (id serial primary key);
  alter default privileges in schema public grant select on tables to app_reader;
  grant select on public.orders to anon;
  create publication added_changes for table public.added;
  select lo_from_bytea(900001, 'added');
  select cron.schedule('added', '* * * * *', 'select 2')`;
const accidentOfAdmin = `
  drop policy "Own pictures" on storage.objects;
  create policy "Added" on storage.objects for delete using (true);
  create event trigger added_trigger on ddl_command_end execute function app.watch_ddl();
  set session_replication_role = replica;
  update auth.users set email = 'changed.' || email where phone is not null;
  insert into auth.users (id, email, aud, role) values ('00000000-0000-0000-0000-000000000001', 'added@example.org', 'authenticated', 'authenticated');
  delete from storage.objects where bucket_id = 'papers'`;

test.each([15, 17] as const)(
  "in place on %d: the project is the backup's again, and what stood there can be put back",
  limit,
  async (major) => {
    const target = await targetOf(major);
    await target.fillProject();
    await target.asPostgres(`
      create schema own_types; create extension hstore schema own_types;
      create table public.tagged (id integer primary key, tags own_types.hstore);
      insert into public.tagged values (1, 'a=>1')`);
    await target.asAdmin(
      "insert into cron.job (schedule, command, username, jobname) values ('@daily', 'select 3', 'app_robot', 'theirs')",
    );
    const source = `database-${major}`;
    const { snapshot } = await backUp(safe, connectionOf(target), { source, vault: true });
    const before = {
      schema: await schemaOf(target, major),
      rows: await rowsOf(target, major),
      rights: await rightsMatrix(target),
    };
    const secrets =
      "select name, description, decrypted_secret from vault.decrypted_secrets order by decrypted_secret";
    const backedUp = await target.asAdmin(secrets);

    await target.asPostgres(accident);
    await target.asAdmin(accidentOfAdmin);
    await target.asAdmin("select vault.create_secret('added', 'added')");
    const brokenSecrets = await target.asAdmin(secrets);
    expect(brokenSecrets).toHaveLength(4);
    const broken = {
      schema: await schemaOf(target, major),
      rows: await rowsOf(target, major),
      rights: await rightsMatrix(target),
    };

    await expect(restoreInto(target, safe, snapshot.id, { source, inPlace: true })).rejects.toMatchObject({
      code: "confirm-needed",
    });
    await expect(
      restoreInto(target, safe, snapshot.id, { source, inPlace: true, confirm: "app" }),
    ).rejects.toMatchObject({ code: "confirm-mismatch" });
    expect(await schemaOf(target, major)).toBe(broken.schema);

    const { restored } = await restoreInto(target, safe, snapshot.id, {
      source,
      inPlace: true,
      confirm: "postgres",
    });
    expect(await schemaOf(target, major)).toBe(before.schema);
    expect(await rowsOf(target, major)).toBe(before.rows);
    expect(await rightsMatrix(target)).toEqual(before.rights);
    expect(await target.asAdmin(secrets)).toEqual(backedUp);
    expect(restored?.project?.secretIds).toHaveLength(3);
    // Only a superuser takes away, or makes, a job that runs as another role.
    expect(await target.asAdmin("select jobname from cron.job where active")).toEqual([
      { jobname: "theirs" },
    ]);
    expect(restored?.project?.lines.find(({ kind }) => kind === "cron jobs")).toMatchObject({
      ...{ restored: 3, kept: 1, needsPerson: 0 },
    });

    // What stood there is held, under a name that `latest` never means.
    const held = restored?.snapshotBefore;
    expect(held).toMatchObject({ source: `${source}-before-restore` });
    const { standings } = await observeSnapshots(safe.store, {
      source: held?.source ?? "",
      trust: { signers: [] },
      now: new Date(),
    });
    expect(JSON.stringify([...standings.held])).toContain(held?.snapshot);

    // Twice is as good as once, and back again is what stood there.
    await restoreInto(target, safe, snapshot.id, { source, inPlace: true, confirm: "postgres" });
    expect(await rowsOf(target, major)).toBe(before.rows);
    await restoreInto(target, safe, held?.snapshot ?? "", {
      source: held?.source ?? "",
      inPlace: true,
      confirm: "postgres",
    });
    expect(await schemaOf(target, major)).toBe(broken.schema);
    expect(await rowsOf(target, major)).toBe(broken.rows);
    expect(await rightsMatrix(target)).toEqual(broken.rights);
    expect(await target.asAdmin(secrets)).toEqual(brokenSecrets);
  },
);

test(
  "a restore in place that fails leaves the project as it was, and says how to put it back",
  limit,
  async () => {
    const target = await targetOf(15);
    await target.fillProject();
    const { snapshot } = await backUp(safe, connectionOf(target), { source: "failing" });
    const before = await dumped(target, 15);
    const failing = restoreInto(
      target,
      safe,
      snapshot.id,
      { source: "failing", inPlace: true, confirm: "postgres" },
      {
        runElevated: async (sql, statement) => {
          // An error that no platform gives, in the last of the steps.
          if (statement.startsWith("CREATE EVENT TRIGGER")) await sql.query("select 1 / 0");
          await asSuperuser(sql, statement);
        },
      },
    );
    await expect(failing).rejects.toMatchObject({
      outcome: "unchanged",
      hint: expect.stringMatching(
        /lifeboat restore database --store \S+ --source failing-before-restore --snapshot \S+ .*--in-place --confirm postgres/,
      ) as string,
    });
    expect(await dumped(target, 15)).toBe(before);
  },
);

test(
  "secrets and passwords that were sealed come back; people of custom roles log in as before",
  limit,
  async () => {
    const source = await targetOf(15);
    await source.fillProject();
    const { snapshot } = await backUp(safe, connectionOf(source), {
      source: "sealed",
      vault: true,
      rolePasswords: true,
    });
    const target = await targetOf(15);
    const { restored } = await restoreInto(target, safe, snapshot.id, {
      source: "sealed",
      project: { target: "auto", cronJobs: "as-backed-up", signIns: true },
    });
    expect(restored?.project?.unfinished.map(({ name }) => name)).toEqual(["app.settings.jwt_exp"]);
    for (const [user, password] of Object.entries(projectPasswords)) {
      const client = new pg.Client({
        host: "127.0.0.1",
        port: target.server.port,
        database: "postgres",
        user,
        password,
      });
      await client.connect();
      await client.end();
    }
    const jobs = "select jobname, active from cron.job order by command";
    expect(await target.asAdmin(jobs)).toEqual(await source.asAdmin(jobs));
    const sessions = "select id, user_id from auth.sessions order by id";
    expect(await target.asAdmin(sessions)).toEqual(await source.asAdmin(sessions));
    expect(await rolesOf(target)).toEqual(await rolesOf(source));
    // Secret values are in the vault, and nowhere else.
    expect(JSON.stringify(restored)).not.toContain("s3cret of the payment provider");
  },
);
