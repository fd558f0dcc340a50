import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { runTool } from "../../../src/system/process.ts";
import { clientBinDir } from "../servers.ts";
import { type SupabaseCluster, supabaseCluster } from "./cluster.ts";

describe.each([15, 17] as const)("a Supabase-shaped cluster, PostgreSQL %i", (major) => {
  let cluster: SupabaseCluster;
  beforeAll(async () => {
    cluster = await supabaseCluster({ major });
    await cluster.fillProject();
  }, 120_000);
  afterAll(async () => {
    await cluster.stop();
  });

  test("postgres, who is no superuser, dumps everything", { timeout: 60_000 }, async () => {
    const bin = await clientBinDir(major);
    const { stdout } = await runTool({
      program: `${bin ?? ""}/pg_dump`,
      args: ["--dbname", `postgresql://postgres@127.0.0.1:${cluster.server.port}/postgres`, "--blobs"],
      env: { PGPASSWORD: cluster.server.password, PATH: process.env["PATH"] ?? "" },
    });
    for (const text of [
      "CREATE TRIGGER on_auth_user_created",
      "Own pictures",
      "COPY vault.secrets",
      "lo_create('700001')",
    ]) {
      expect(stdout.toString()).toContain(text);
    }
  });

  test.each([
    ["insert into vault.secrets (secret) values ('x')", "permission denied for table secrets"],
    ["create table auth.mine ()", "permission denied for schema auth"],
    ["create table storage.mine ()", "permission denied for schema storage"],
    ["insert into auth.schema_migrations values ('1')", "permission denied for table schema_migrations"],
    ["insert into cron.job (schedule, command) values ('* * * * *', '')", "permission denied for table job"],
    ["create policy p on storage.objects using (true)", "must be owner of table objects"],
    ["delete from storage.objects", "Direct deletion from storage tables is not allowed"],
    [
      "alter default privileges for role supabase_admin in schema public revoke all on tables from anon",
      /must be member of role|permission denied to change default privileges/,
    ],
    [
      "create event trigger e on ddl_command_end execute function app.watch_ddl()",
      "permission denied to create event",
    ],
  ])("refuses postgres: %s", async (statement, message) => {
    await expect(cluster.asPostgres(statement)).rejects.toThrow(message);
  });

  test("gives postgres what the platform gives", async () => {
    const [secret] = await cluster.asPostgres(
      "select decrypted_secret from vault.decrypted_secrets where name = 'odd one'",
    );
    expect(secret?.["decrypted_secret"]).toBe('Two lines,\na "quote" and \\ Ünï 😀');
    await cluster.asPostgres(
      "begin; set session_replication_role = replica; delete from storage.objects; delete from auth.users; rollback",
    );
    const [verifiers] = await cluster.asPostgres(
      "select count(*) as n from pg_authid where rolname like 'app\\_%' and rolpassword like 'SCRAM-SHA-256%'",
    );
    expect(verifiers?.["n"]).toBe("3");
    const [profiles] = await cluster.asPostgres("select count(*) as n from public.profiles");
    expect(profiles?.["n"]).toBe("200");
  });

  test("grants by default what its era grants", { timeout: 60_000 }, async () => {
    const granted = "select has_table_privilege('anon', 'public.later', 'select') as granted";
    const [classic] = await cluster.asPostgres(`create table public.later (); ${granted}`);
    expect(classic?.["granted"]).toBe("t");
    const recent = await supabaseCluster({ major, era: "2026", withVectors: true, newerAuth: true });
    try {
      const [row] = await recent.asPostgres(`create table public.later (); ${granted}`);
      expect(row?.["granted"]).toBe("f");
      await recent.asPostgres("select from storage.buckets_vectors, auth.oauth_client_states");
    } finally {
      await recent.stop();
    }
  });
});
