/** Restores into projects that are not what the backup's was. A superuser stands in for supautils (not tested on the platform). */
import { afterAll, expect, test } from "vitest";
import { silentLogger } from "../../../src/system/logger.ts";
import {
  type SupabaseCluster,
  supabaseCluster,
  type SupabaseOptions,
} from "../../support/supabase/cluster.ts";
import { backUp, newSafe } from "../backup/backing-up.ts";
import { rightsMatrix, rowsOf, schemaOf, usersSchemaOf } from "./independent-comparison.ts";
import { asSuperuser, connectionOf, dumped, restoreInto, targetCluster } from "./restoring-projects.ts";

const safe = await newSafe();
const clusters: SupabaseCluster[] = [];

afterAll(async () => {
  for (const cluster of clusters) await cluster.stop();
  await safe[Symbol.asyncDispose]();
});

async function filled(
  options: SupabaseOptions,
  more = "",
): Promise<{ cluster: SupabaseCluster; id: string }> {
  const cluster = await supabaseCluster(options);
  clusters.push(cluster);
  await cluster.fillProject();
  if (more !== "") await cluster.asAdmin(more);
  const { snapshot } = await backUp(safe, connectionOf(cluster));
  return { cluster, id: snapshot.id };
}

async function empty(options: SupabaseOptions): Promise<SupabaseCluster> {
  const cluster = await targetCluster(options);
  clusters.push(cluster);
  return cluster;
}

const limit = { timeout: 240_000 };

test(
  "a restore whose connection dies, early or at the last moment, leaves nothing; the next one is whole",
  limit,
  async () => {
    const { cluster: source, id } = await filled({ major: 15 });
    const target = await empty({ major: 15 });
    const before = await dumped(target, 15);
    const roles = await target.asAdmin("select rolname from pg_roles order by 1");
    const die = (): Promise<unknown> =>
      target.asAdmin(
        "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'lifeboat'",
      );

    let elevated = 0;
    const early = restoreInto(
      target,
      safe,
      id,
      {},
      {
        runElevated: async (sql, statement) => {
          elevated += 1;
          if (elevated === 3) await die();
          await asSuperuser(sql, statement);
        },
      },
    );
    await expect(early).rejects.toMatchObject({ outcome: "unchanged" });
    expect(await dumped(target, 15)).toBe(before);

    // A logger does not wait; what dies is the session that goes on to compare.
    let dying: Promise<unknown> | undefined;
    const late = restoreInto(
      target,
      safe,
      id,
      {},
      {
        logger: {
          ...silentLogger,
          info: (text: string) => {
            if (text.startsWith("Everything is loaded")) dying = die();
          },
        },
      },
    );
    await expect(late).rejects.toMatchObject({ outcome: "unchanged" });
    await dying;
    expect(await dumped(target, 15)).toBe(before);
    expect(await target.asAdmin("select rolname from pg_roles order by 1")).toEqual(roles);

    await restoreInto(target, safe, id);
    expect(await schemaOf(target, 15)).toBe(await schemaOf(source, 15));
    expect(await rowsOf(target, 15)).toBe(await rowsOf(source, 15));
  },
);

test(
  "a target with newer auth takes an older project's people; vectors on both sides are left alone",
  limit,
  async () => {
    const { cluster: source, id } = await filled({ major: 15, withVectors: true });
    const target = await empty({ major: 15, withVectors: true, newerAuth: true });
    const { restored } = await restoreInto(target, safe, id);
    const people =
      "select id, email, encrypted_password, raw_user_meta_data, phone, created_at from auth.users order by id";
    expect(await target.asAdmin(people)).toEqual(await source.asAdmin(people));
    expect(await usersSchemaOf(target, 15)).toBe(await usersSchemaOf(source, 15));
    expect(restored?.findings.filter(({ level }) => level === "error")).toEqual([]);
  },
);

test(
  "an older target takes a newer project whose new columns are empty, and refuses one with values before anything changes",
  limit,
  async () => {
    const { cluster: source, id } = await filled({ major: 15, newerAuth: true });
    const target = await empty({ major: 15 });
    await target.asAdmin(
      `alter table storage.objects drop column is_versioned, drop column is_delete_marker, drop column archived_at;
       alter table storage.buckets drop column versioning_status`,
    );
    const before = await dumped(target, 15);
    await source.asAdmin(
      `set session_replication_role = replica;
       update storage.objects set is_versioned = true where bucket_id = 'papers'`,
    );
    await source.asAdmin(
      "update auth.users set last_password_change_at = now() where id = (select min(id::text)::uuid from auth.users)",
    );
    const { snapshot } = await backUp(safe, connectionOf(source));
    await expect(restoreInto(target, safe, snapshot.id)).rejects.toMatchObject({
      code: "restore-impossible",
      message: expect.stringContaining(
        "the target's auth.users lacks columns in which the backup has other values than the default: last_password_change_at (1 row); " +
          "the target's storage.objects lacks columns in which the backup has other values than the default: is_versioned (20 rows)",
      ) as string,
    });
    expect(await dumped(target, 15)).toBe(before);
    await restoreInto(target, safe, id);
    expect(await target.asAdmin("select count(*) from auth.users")).toEqual([{ count: "200" }]);
  },
);

test(
  "an extension that the target lacks is skipped with what stands on it, and listed; the rest is whole",
  limit,
  async () => {
    const { cluster: source, id } = await filled(
      { major: 17 },
      `create schema nasty_extension;
     create extension lifeboat_nasty schema nasty_extension;
     create view public.stands_on_it as select name from nasty_extension.settings;
     create table public.stands_alone (id integer primary key);
     insert into public.stands_alone values (1), (2)`,
    );
    expect(
      await source.asAdmin("select extname from pg_extension where extname = 'lifeboat_nasty'"),
    ).toHaveLength(1);
    const target = await empty({ major: 15 });
    const { restored, plan } = await restoreInto(target, safe, id);
    expect(restored?.project?.lines.find(({ kind }) => kind === "EXTENSION")).toMatchObject({
      extensionMissing: 1,
    });
    expect(restored?.project?.lines.find(({ kind }) => kind === "VIEW")).toMatchObject({
      extensionMissing: 1,
    });
    expect(plan.cannotRestore).toContain("EXTENSION: 1 (the target lacks the extension).");
    expect(await target.asAdmin("select to_regclass('public.stands_on_it') as there")).toEqual([
      { there: null },
    ]);
    expect(await target.asAdmin("select count(*) from public.stands_alone")).toEqual([{ count: "2" }]);
  },
);

test.each([
  ["the same extensions", ["vault", "cron", "net", "graphql"], []],
  ["neither pg_cron nor pg_graphql", ["vault", "net"], ["pg_cron", "pg_graphql"]],
] as const)("real extensions, into a project with %s", limit, async (_, imitate, missing) => {
  const { cluster: source, id } = await filled({ major: 15, asExtensions: true });
  const target = await empty({ major: 15, asExtensions: true, imitate });
  const { restored, plan } = await restoreInto(target, safe, id);
  expect(restored?.findings.filter(({ level }) => level === "error")).toEqual([]);
  expect(plan.skippedExtensions).toEqual(missing);
  expect(await rowsOf(target, 15)).toBe(await rowsOf(source, 15));
  const withoutMissing = (text: string): string =>
    text
      .split("\n")
      .filter((line) => !/\b(?:pg_)?(?:cron|graphql|graphql_public)\b/.test(line))
      .join("\n");
  expect(withoutMissing(await usersSchemaOf(target, 15))).toBe(
    withoutMissing(await usersSchemaOf(source, 15)),
  );
  const jobs = restored?.project?.lines.find(({ kind }) => kind === "cron jobs");
  expect(jobs).toMatchObject(missing.length === 0 ? { restored: 3 } : { extensionMissing: 3 });
});

test(
  "extensions that the target only offers are created, wherever they go, and their jobs count as any others",
  limit,
  async () => {
    const { cluster: source, id } = await filled(
      { major: 15, asExtensions: true },
      `alter table public.private_notes add request bigint default net.http_post('https://example.org');
       create schema citext; create table citext.named_like_it (id integer primary key)`,
    );
    const target = await empty({
      ...{ major: 15, asExtensions: true, imitate: ["vault", "graphql"], offer: ["net", "cron"] },
    });
    const { restored, plan } = await restoreInto(target, safe, id);
    expect(plan.skippedExtensions).toEqual([]);
    expect(plan.cannotRestore.join()).not.toMatch(/cron|pg_net/);
    const where = "select extname, extnamespace::regnamespace::text as at from pg_extension order by 1";
    expect(await target.asAdmin(where)).toEqual(await source.asAdmin(where));
    expect(restored?.project?.lines.find(({ kind }) => kind === "cron jobs")).toMatchObject({ restored: 3 });
    expect(restored?.findings.filter(({ level }) => level === "error")).toEqual([]);
    const note = "select note, request from public.private_notes order by id";
    expect(await target.asAdmin(note)).toEqual(await source.asAdmin(note));
  },
);

test(
  "queues of pgmq come back: with their messages where a dump has them, else empty, and the plan counts what is lost",
  limit,
  async () => {
    const offering: SupabaseOptions = { major: 15, asExtensions: true, offer: ["pgmq"] };
    const { cluster: source } = await filled(offering);
    await source.asPostgres(`
      create extension pgmq; select pgmq.create('jobs'); select pgmq.create('mail');
      select pgmq.send('jobs', '1'), pgmq.send('jobs', '2'), pgmq.send('mail', '3'), pgmq.send('mail', '4');
      select pgmq.archive('jobs', 2); select pgmq.archive('mail', 1);
      alter extension pgmq drop table pgmq.q_jobs; alter extension pgmq drop table pgmq.a_jobs`);
    const { snapshot } = await backUp(safe, connectionOf(source));
    const target = await empty(offering);
    const { restored, plan } = await restoreInto(target, safe, snapshot.id);
    expect(plan.cannotRestore.filter((line) => line.startsWith("queue"))).toEqual([
      "queue mail: 1 message, 1 archived (not in this backup; the queue comes back empty).",
    ]);
    expect(restored?.project?.unfinished.filter(({ kind }) => kind === "queues")).toMatchObject([
      { name: "mail: 1 message, 1 archived" },
    ]);
    expect(restored?.findings.filter(({ level }) => level === "error")).toEqual([]);
    const kept = `select 'meta', queue_name, created_at::text from pgmq.meta
      union all select 'q', msg_id::text, message::text from pgmq.q_jobs
      union all select 'a', msg_id::text, message::text from pgmq.a_jobs order by 1, 2`;
    expect(await target.asAdmin(kept)).toEqual(await source.asAdmin(kept));
    const next = "select pgmq.send('jobs', '5') as jobs, pgmq.send('mail', '6') as mail";
    expect(await target.asPostgres(next)).toEqual([{ jobs: "3", mail: "1" }]);

    // No backup holds the messages of an extension's table, so none are taken away.
    const again = await restoreInto(target, safe, snapshot.id, { inPlace: true, confirm: "postgres" });
    expect(again.restored?.project?.lines.find(({ kind }) => kind === "queues")).toMatchObject({
      ...{ restored: 1, kept: 1, needsPerson: 0 },
    });
    expect(await target.asAdmin(kept)).toEqual(await source.asAdmin(kept));
    expect(await target.asAdmin("select message::text from pgmq.q_mail")).toEqual([{ message: "6" }]);
  },
);

test(
  "rows whose partner is missing come back all the same: the foreign key is named, and left unvalidated",
  limit,
  async () => {
    const { cluster: source, id } = await filled(
      { major: 15 },
      `set session_replication_role = replica;
     delete from auth.users where email = 'person7@example.org'; delete from storage.buckets where id = 'papers'`,
    );
    const target = await empty({ major: 15 });
    const { restored } = await restoreInto(target, safe, id);
    const orphans = restored?.findings.filter(({ code }) => code === "foreign-key-orphans") ?? [];
    expect(orphans.map(({ level }) => level)).toEqual(orphans.map(() => "error"));
    expect(orphans.map(({ sentence }) => sentence)).toEqual(
      ["profiles_id_fkey", "todos_owner_fkey", "identities_user_id_fkey", "objects_bucket_id_fkey"].map(
        (name) => expect.stringContaining(name) as string,
      ),
    );
    expect(orphans.map(({ publicSentence }) => publicSentence).join()).not.toMatch(
      /profiles|todos|identities/,
    );
    expect(await rowsOf(target, 15)).toBe(await rowsOf(source, 15));
  },
);

test.each([
  ["classic", "2026"],
  ["2026", "classic"],
] as const)(
  "from a %s project into a %s one, anon and authenticated may do exactly what they could",
  limit,
  async (from, into) => {
    const { cluster: source, id } = await filled({ major: 15, era: from });
    const target = await empty({ major: 15, era: into });
    const { restored } = await restoreInto(target, safe, id);
    expect(await rightsMatrix(target)).toEqual(await rightsMatrix(source));
    expect(await schemaOf(target, 15)).toBe(await schemaOf(source, 15));
    expect(restored?.findings.filter(({ code }) => code === "rights-differ")).toEqual([]);
  },
);
