import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { LifeboatError } from "../../../src/errors.ts";
import { partSource } from "../../../src/operations/sealed-files.ts";
import { parseConnection } from "../../../src/postgres/connection.ts";
import { readPart } from "../../../src/postgres/restore-stream.ts";
import type { SnapshotJson } from "../../../src/snapshot/snapshot-json.ts";
import type { SupabaseContents } from "../../../src/snapshot/supabase-contents.ts";
import { type SupabaseCluster, supabaseCluster } from "../../support/supabase/cluster.ts";
import {
  backUp,
  type BackUpOptions,
  complaints,
  contentsOf,
  databaseContentsOf,
  newSafe,
  type Safe,
  verify,
} from "../backup/backing-up.ts";

const secretText = "s3cret of the payment provider";

describe.each([15, 17] as const)("a Supabase database, PostgreSQL %i, backed up as postgres", (major) => {
  let safe: Safe;
  let cluster: SupabaseCluster;
  let snapshot: SnapshotJson;
  let supabase: SupabaseContents;

  beforeAll(async () => {
    safe = await newSafe();
    // As the platform's global limit of 2 min is shorter than many a backup.
    cluster = await supabaseCluster({ major, settings: { statement_timeout: "1s" } });
    await cluster.fillProject();
    ({ snapshot } = await take({ vault: true, rolePasswords: true }));
    supabase = await supabaseOf(snapshot);
  });
  afterAll(async () => {
    await cluster.stop();
    await safe[Symbol.asyncDispose]();
  });

  const take = (options: BackUpOptions = {}): ReturnType<typeof backUp> =>
    backUp(safe, parseConnection(cluster.url(), "test's URL"), options);

  async function supabaseOf(of: SnapshotJson): Promise<SupabaseContents> {
    const { supabase: found } = await databaseContentsOf(safe, of);
    if (found === undefined) throw new Error("The contents say nothing of Supabase.");
    return found;
  }

  async function linesOf(of: SnapshotJson, role: string): Promise<readonly unknown[]> {
    const file = (await contentsOf(safe, of)).files.find((one) => one.role === role);
    const source = partSource(safe.store, of, safe.identities);
    const text = await readPart({ source, name: file?.name ?? "", zstd: "zstd" }, 1_000_000);
    expect(text.length).toBe(file?.rawBytes);
    return text
      .toString()
      .split("\n")
      .filter((line) => line !== "")
      .map((line): unknown => JSON.parse(line));
  }

  test("its profile", () => {
    expect(supabase).toMatchObject({
      projectRef: null,
      generation: "classic",
      connection: "other",
      components: ["auth", "storage", "realtime", "vault", "cron", "net", "graphql", "functions"],
      migrations: {
        auth: { count: 77, newest: "20260625000000" },
        storage: { count: 64, newest: "fix-search-name-relative-to-prefix" },
        realtime: { newest: "20260707120000" },
      },
      vaultSecrets: 3,
      vaultSealed: true,
      verifiers: true,
    });
  });

  test("roles: memberships and settings", () => {
    expect(supabase.memberships).toContainEqual({ role: "app_reader", member: "app_writer", admin: false });
    expect(supabase.memberships).toContainEqual({ role: "anon", member: "authenticator", admin: false });
    expect(supabase.roleSettings).toContainEqual({ role: "anon", setting: "statement_timeout=3s" });
    expect(supabase.roleSettings).toContainEqual({ role: "app_reader", setting: "search_path=app, public" });
    expect(supabase.roleSettings).not.toContainEqual({ role: "app_reader", setting: "lock_timeout=3s" });
  });

  test("publications with columns, filters and schemas", () => {
    const byName = new Map(supabase.publications.map((one) => [one.name, one]));
    expect(byName.get("app_changes")).toMatchObject({
      owner: "postgres",
      allTables: false,
      insert: true,
      update: false,
      truncate: true,
      tables: [
        { schema: "public", name: "orders", columns: null, where: "(id > 10)" },
        { schema: "public", name: "todos", columns: ["id", "title"], where: null },
      ],
    });
    expect(byName.get("whole_app")).toMatchObject({ schemas: ["app"], tables: [] });
    expect(byName.get("everything")?.allTables).toBe(true);
    expect(byName.get("supabase_realtime")?.tables.map(({ name }) => name)).toEqual(["orders", "todos"]);
  });

  test("cron jobs, those without a name and those that rest included", () => {
    expect(supabase.cronJobs).toMatchObject([
      { name: "nightly clean-up", schedule: "0 3 * * *", username: "postgres", active: true },
      { name: null, schedule: "*/5 * * * *", command: "select 1" },
      { name: "paused", schedule: "30 seconds", active: false },
    ]);
  });

  test("default privileges, of one schema and of all", () => {
    const own = supabase.defaultAcls.filter(({ role }) => role === "postgres");
    expect(own).toContainEqual(expect.objectContaining({ schema: null, objectType: "T" }));
    expect(own.find(({ schema, objectType }) => schema === "app" && objectType === "r")?.acl).toContain(
      "app_reader=r/postgres",
    );
  });

  test("the vault's secrets, whole, and nowhere in clear", async () => {
    const lines = (await linesOf(snapshot, "vault")) as readonly { readonly secret: string }[];
    expect(lines.toSorted((a, b) => (a.secret < b.secret ? 1 : -1))).toMatchObject([
      { name: "payment_key", description: "For the payment provider", secret: secretText },
      { name: null, secret: "a secret without a name" },
      { name: "odd one", secret: 'Two lines,\na "quote" and \\ Ünï 😀' },
    ]);
    for (const entry of await readdir(safe.folder, { recursive: true, withFileTypes: true })) {
      if (!entry.isFile()) continue;
      expect((await readFile(join(entry.parentPath, entry.name))).includes(secretText)).toBe(false);
    }
  });

  test("verifiers of the project's own roles, and of no other", async () => {
    const stored = await cluster.asAdmin(
      "select rolname as name, rolpassword as verifier from pg_authid where rolname like 'app\\_%' and rolcanlogin order by 1",
    );
    expect(await linesOf(snapshot, "role-verifiers")).toEqual(stored.map((row) => ({ ...row })));
    expect(stored).toHaveLength(3);
  });

  test("secrets that nobody asked for stay out, with a finding that says how many and what to do", async () => {
    const { snapshot: without, findings } = await take();
    expect((await contentsOf(safe, without)).files.map(({ role }) => role)).not.toContain("vault");
    expect((await contentsOf(safe, without)).files.map(({ role }) => role)).not.toContain("role-verifiers");
    expect(await supabaseOf(without)).toMatchObject({
      vaultSealed: false,
      verifiers: false,
      vaultSecrets: 3,
    });
    expect(findings.map(({ code, publicSentence }) => `${code}: ${publicSentence.slice(0, 40)}`)).toEqual([
      "vault-left-out: 3 secrets of the vault cannot be restore",
      "role-passwords-left-out: The passwords of 3 roles are not in this",
    ]);
    const first = findings[0]?.remedy ?? "";
    expect(first).toContain("vault: true");
  });

  test("a database that is said to be no Supabase project's has no such contents", async () => {
    const { snapshot: plain, findings } = await take({ supabase: "false" });
    expect((await databaseContentsOf(safe, plain)).supabase).toBeUndefined();
    expect(findings).toEqual([]);
  });

  test("every part is read back, sealed lines too", async () => {
    const report = await verify(safe, snapshot.id, { level: "unsealed" });
    expect(complaints(report)).toEqual([]);
    expect(report.verdict).toBe("passed");
  });

  test("an older project, without pg_read_all_data, is told what to run in its SQL editor", async () => {
    await cluster.asAdmin("revoke pg_read_all_data from postgres");
    try {
      const refused = await take().then(
        () => expect.fail("the backup was made"),
        (error: unknown) => error as LifeboatError,
      );
      expect(refused.code).toBe("privilege-missing");
      expect(refused.hint).toContain("grant pg_read_all_data to postgres;");
      const verifiers = await take({ supabase: "false", rolePasswords: true }).catch(
        (error: unknown) => error,
      );
      expect(verifiers).toMatchObject({
        code: "privilege-missing",
        message: expect.stringContaining("verifiers") as unknown,
      });
    } finally {
      await cluster.asAdmin("grant pg_read_all_data to postgres");
    }
  });

  test("the platform's time limit for statements ends no backup", async () => {
    const decrypt = (from: string): string =>
      `create or replace function vault._crypto_aead_det_decrypt(message bytea) returns bytea
         language sql security definer set search_path = '' as $$
         select extensions.decrypt(message, vault.imitated_root_key(), 'aes') ${from} $$`;
    await cluster.asAdmin(decrypt("from (select pg_catalog.pg_sleep(0.5)) slowly"));
    await expect(
      cluster.asPostgres("select from vault.decrypted_secrets where decrypted_secret is not null"),
    ).rejects.toThrow("statement timeout");
    await take({ vault: true });
    await cluster.asAdmin(decrypt(""));
  });

  test("buckets whose content no backup covers are told of", async () => {
    await cluster.asAdmin("insert into storage.buckets_analytics (name) values ('lake'), ('lake 2')");
    const { findings } = await take({ vault: true, rolePasswords: true });
    expect(findings.map(({ code, sentence }) => `${code}: ${sentence.slice(0, 19)}`)).toEqual([
      "buckets-not-covered: 2 analytics buckets",
    ]);
    await cluster.asAdmin("delete from storage.buckets_analytics");
  });

  test("a vault that cannot decrypt ends a backup that asked for its secrets", async () => {
    await cluster.asAdmin("insert into vault.secrets (name, secret) values ('foreign', 'AAAA')");
    const refused = await take({ vault: true }).catch((error: unknown) => error);
    expect(refused).toMatchObject({ code: "vault-unreadable" });
    await cluster.asAdmin("delete from vault.secrets where name = 'foreign'");
  });
});
