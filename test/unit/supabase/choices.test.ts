import { describe, expect, test } from "vitest";
import { dbBackupInputs, type DbBackupInputs } from "../../../src/actions/db-backup/inputs.ts";
import { restoreInputs } from "../../../src/actions/restore/inputs.ts";
import type { Policy } from "../../../src/policy/policy.ts";
import { actionInputs } from "../../../src/runner/environment.ts";
import { readInputs } from "../../../src/runner/input-reader.ts";
import { createSecrets } from "../../../src/runner/secrets.ts";
import { policyOf, recipients } from "../policy/policies.ts";

const url = "postgresql://postgres:p@db.abcdefghijklmnopqrst.supabase.co/postgres";

function choices(
  inputs: Readonly<Record<string, string>>,
  policy?: Policy,
): Pick<DbBackupInputs, "supabase" | "vault" | "rolePasswords"> {
  const given = { "database-url": url, recipients: recipients.join("\n"), waive: "signing", ...inputs };
  const environment = Object.fromEntries(
    Object.entries(given).map(([name, value]) => [`INPUT_${name.toUpperCase()}`, value]),
  );
  const [source] = policy?.sources ?? [];
  const chosen =
    policy === undefined || source?.type !== "postgres"
      ? undefined
      : { policy, source, waived: [], variable: () => undefined };
  const { supabase, vault, rolePasswords } = readInputs(actionInputs(environment), createSecrets(), (read) =>
    dbBackupInputs(read, chosen),
  );
  return { supabase, vault, rolePasswords };
}

const policy = (fields: string): Policy =>
  policyOf(`sources: { database: { type: postgres, url: { secret: DATABASE_URL }, ${fields} } }\n`);

describe("what a backup of a Supabase database is asked for", () => {
  test.each([
    [{}, undefined, { supabase: "auto", vault: false, rolePasswords: false }],
    [
      { supabase: "true", vault: "true", "role-passwords": "true" },
      undefined,
      { supabase: "true", vault: true, rolePasswords: true },
    ],
    [
      {},
      policy("supabase: false, vault: true, role-passwords: true"),
      { supabase: "false", vault: true, rolePasswords: true },
    ],
    [{}, policy("jobs: 2"), { supabase: "auto", vault: false, rolePasswords: false }],
    [
      { vault: "false" },
      policy("supabase: true, vault: true"),
      { supabase: "true", vault: false, rolePasswords: false },
    ],
  ])("inputs %j", (inputs, of, expected) => {
    expect(choices(inputs, of)).toEqual(expected);
  });

  test("a word that is none of the three is told with those that are", () => {
    expect(() => choices({ supabase: "maybe" })).toThrow(/supabase.*"maybe".*auto, true, false/s);
  });
});

test.each([
  ["true", "skip"],
  ["false", "refuse"],
])("skip-missing-extensions: %s", (value, expected) => {
  const environment = {
    "INPUT_TARGET-URL": url,
    INPUT_PASSPHRASE: "a passphrase",
    "INPUT_SKIP-MISSING-EXTENSIONS": value,
  };
  const inputs = readInputs(actionInputs(environment), createSecrets(), restoreInputs);
  expect(inputs.kind === "database" && inputs.request.missingExtensions).toBe(expected);
});
