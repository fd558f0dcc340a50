import { describe, expect, test } from "vitest";
import { isPlatformRole } from "../../../src/supabase/platform-roles.ts";
import { isSupabase } from "../../../src/supabase/profile.ts";
import { supabaseFindings } from "../../../src/supabase/backup-findings.ts";

const api = ["anon", "authenticated", "service_role"];

describe("a Supabase database", () => {
  test.each([
    ["a project", api, ["auth", "storage"], true],
    ["one without Storage", api, ["auth"], true],
    ["another database of its cluster", api, [], false],
    ["PostgREST alone", ["anon", "authenticated"], [], false],
    ["somebody's own schema auth", [], ["auth"], false],
    ["somebody's own auth and anon", ["anon"], ["auth", "storage"], false],
  ] as const)("%s", (_what, roles, components, expected) => {
    const traces = { roles, components, readsEverything: true };
    expect(isSupabase(traces, "auto")).toBe(expected);
    expect(isSupabase(traces, "true")).toBe(true);
    expect(isSupabase(traces, "false")).toBe(false);
  });

  test.each([
    ["postgres", true],
    ["supabase_etl_admin", true],
    ["cli_login_postgres", true],
    ["pg_monitor", true],
    ["app_reader", false],
    ["supabaseish", false],
    ["postgres_exporter", false],
  ])("the role %s is the platform's: %s", (role, expected) => {
    expect(isPlatformRole(role)).toBe(expected);
  });
});

describe("what a backup leaves out", () => {
  const contents = {
    projectRef: null,
    generation: "classic",
    connection: "direct",
    components: ["auth", "vault"],
    migrations: {},
    memberships: [],
    roleSettings: [],
    publications: [],
    cronJobs: [],
    vaultSecrets: 1,
    vaultSealed: false,
    verifiers: false,
    defaultAcls: [],
  };
  const sights = { readsEverything: true, passwords: 0, analyticsBuckets: null, vectorBuckets: null };
  const codes = (
    change: Partial<typeof contents> | object,
    seen: Partial<typeof sights> | object = {},
  ): string[] => supabaseFindings({ ...contents, ...change }, { ...sights, ...seen }).map(({ code }) => code);

  test.each([
    [{}, {}, ["vault-left-out"]],
    [{ vaultSecrets: null }, {}, ["vault-left-out"]],
    [{ vaultSecrets: 0 }, {}, []],
    [{ vaultSealed: true }, {}, []],
    [{ components: ["auth"], vaultSecrets: null }, {}, []],
    [{ vaultSealed: true }, { passwords: 1 }, ["role-passwords-left-out"]],
    [{ vaultSealed: true, verifiers: true }, { passwords: 1 }, []],
    [{ vaultSealed: true }, { passwords: null, vectorBuckets: 2 }, ["buckets-not-covered"]],
    [{ vaultSealed: true }, { analyticsBuckets: 0, readsEverything: false }, ["read-all-data-missing"]],
  ])("%j and %j", (change, seen, expected) => {
    expect(codes(change, seen)).toEqual(expected);
  });
});
