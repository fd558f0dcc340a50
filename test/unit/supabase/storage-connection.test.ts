import { describe, expect, test } from "vitest";
import { LifeboatError } from "../../../src/errors.ts";
import { parseStorageConnection, storageHeaders } from "../../../src/supabase/storage-connection.ts";

const jwt = (payload: unknown): string =>
  ["{}", JSON.stringify(payload), "signature"]
    .map((part) => Buffer.from(part).toString("base64url"))
    .join(".");
const serviceKey = jwt({ role: "service_role" });
const secretKey = "sb_secret_abc";

function refused(url: string, key: string): string {
  try {
    parseStorageConnection(url, key);
  } catch (thrown) {
    expect(thrown).toBeInstanceOf(LifeboatError);
    expect((thrown as LifeboatError).code).toBe("input-invalid");
    expect((thrown as LifeboatError).message).not.toContain(key === "" ? "\0" : key);
    return (thrown as LifeboatError).message;
  }
  throw new Error("It was taken.");
}

describe("a project's address", () => {
  test.each([
    ["https://abc.supabase.co", "https://abc.supabase.co"],
    [" https://abc.supabase.co/ \n", "https://abc.supabase.co"],
    ["https://abc.supabase.co/storage/v1", "https://abc.supabase.co"],
    ["http://127.0.0.1:54321", "http://127.0.0.1:54321"],
    ["http://localhost:54321/", "http://localhost:54321"],
    ["http://[::1]:54321", "http://[::1]:54321"],
  ])("%j is taken", (text, url) => {
    expect(parseStorageConnection(text, ` ${secretKey}\n`)).toEqual({ url, key: secretKey });
  });

  test.each([
    ["abc.supabase.co", /is not a URL/],
    ["postgresql://abc", /does not begin with https/],
    ["http://abc.supabase.co", /in clear/],
    ["http://127.0.0.1.evil.example", /in clear/],
    ["https://user:pass@abc.supabase.co", /user or password/],
    ["https://abc.supabase.co/rest/v1", /a path/],
    ["https://abc.supabase.co?x=1", /parameters/],
  ])("%j is refused", (text, why) => {
    expect(refused(text, secretKey)).toMatch(why);
  });
});

describe("a key", () => {
  test.each([
    ["", /is empty/],
    ["sb_publishable_abc", /publishable/],
    [jwt({ role: "anon" }), /without the role service_role/],
    [jwt({ role: "authenticated" }), /without the role service_role/],
    [jwt(null), /without the role service_role/],
    [jwt({ role: "service_role", ref: "otherprojectotherpro" }), /another project/],
    [`sbp_${"0".repeat(40)}`, /personal access token/],
    ["0123456789abcdef".repeat(2), /ID of an S3 access key/],
    ["0123456789abcdef".repeat(4), /secret of an S3 access key/],
    ["postgresql://postgres:pw@db.abc.supabase.co/postgres", /database URL/],
    [`${"A".repeat(86)}==`, /JWT secret/],
    ["not.a key", /spaces/],
    ["hunter2", /neither/],
  ])("%j, to which everything would look empty, is refused", (key, why) => {
    expect(refused("https://abcdefghijabcdefghij.supabase.co", key)).toMatch(why);
  });

  test("travels as its kind demands", () => {
    const url = "https://abc.supabase.co";
    expect(storageHeaders({ url, key: serviceKey })).toMatchObject({
      apikey: serviceKey,
      authorization: `Bearer ${serviceKey}`,
    });
    expect(storageHeaders({ url, key: secretKey })).not.toHaveProperty("authorization");
    expect(storageHeaders({ url, key: secretKey })["user-agent"]).not.toMatch(/Mozilla/);
  });
});
