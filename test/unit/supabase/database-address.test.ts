import { describe, expect, test } from "vitest";
import { databaseAddress } from "../../../src/supabase/database-address.ts";

const ref = "abcdefghijklmnopqrst";

describe("a database's address", () => {
  test.each([
    [`db.${ref}.supabase.co`, 5432, "postgres", "direct", true, ref],
    [`DB.${ref}.supabase.co`, 5432, "postgres", "direct", true, ref],
    [`db.${ref}.supabase.co`, 6543, "postgres", "transaction-pooler", true, ref],
    ["aws-0-eu-central-1.pooler.supabase.com", 5432, `postgres.${ref}`, "session-pooler", true, ref],
    ["aws-1-us-east-1.pooler.supabase.com", 6543, `postgres.${ref}`, "transaction-pooler", true, ref],
    ["aws-1-us-east-1.pooler.supabase.com", 5432, `robot.${ref}`, "session-pooler", true, ref],
    ["10.0.0.7", 6543, "postgres.your-tenant-id", "transaction-pooler", false, undefined],
    ["10.0.0.7", 5432, "postgres.your-tenant-id", "other", false, undefined],
    ["db.example.supabase.co.evil.org", 5432, "postgres", "other", false, undefined],
    ["xpooler.supabase.com", 5432, "postgres", "other", false, undefined],
    ["/var/run/postgresql", 5432, "postgres", "other", false, undefined],
  ] as const)("%s:%i as %s", (host, port, user, kind, hosted, projectRef) => {
    expect(databaseAddress({ host, port, user })).toMatchObject({ kind, hosted, projectRef });
  });
});
