import { expect, test } from "vitest";
import { LifeboatError } from "../../../src/errors.ts";
import { requireSecrets, resolveSecret, secretsOf, secretsOfSource } from "../../../src/policy/secrets.ts";
import { policyOf } from "./policies.ts";

const policy = policyOf(`
sources:
  database: { type: postgres, url: { secret: DATABASE_URL } }
  storage: { type: supabase-storage, url: https://ref.supabase.co, key: { secret: SUPABASE_SECRET_KEY } }
alerts: { webhook: { url: { secret: HOOK }, format: plain }, ping: { secret: PING } }
`);

test("a policy's secrets are known by path and name", () => {
  expect(secretsOf(policy).map(({ path, name }) => `${path} ${name}`)).toEqual([
    "sources.database.url DATABASE_URL",
    "sources.storage.key SUPABASE_SECRET_KEY",
    "alerts.webhook HOOK",
    "alerts.ping PING",
  ]);
});

test("a secret is what its variable holds", () => {
  expect(
    resolveSecret({ secret: "PING" }, "alerts.ping", (name) =>
      name === "PING" ? " https://p \n" : undefined,
    ),
  ).toBe("https://p");
});

test("those that are missing are told together, with the lines to add", () => {
  const set: Readonly<Record<string, string>> = { DATABASE_URL: "postgresql://…", HOOK: " " };
  try {
    requireSecrets([...policy.sources.flatMap(secretsOfSource), ...secretsOf(policy)], (name) => set[name]);
    expect.fail("nothing was refused");
  } catch (error) {
    if (!(error instanceof LifeboatError)) throw error;
    expect([error.code, error.exitCode]).toEqual(["policy-secret-missing", 2]);
    expect(error.message).toContain("SUPABASE_SECRET_KEY (sources.storage.key)");
    expect(error.hint).toContain(
      "SUPABASE_SECRET_KEY: ${{ secrets.SUPABASE_SECRET_KEY }}; HOOK: ${{ secrets.HOOK }}; PING: ${{ secrets.PING }}; and",
    );
    expect(error.message).not.toContain("DATABASE_URL");
  }
});
