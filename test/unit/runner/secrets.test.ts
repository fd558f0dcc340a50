import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createSecrets, holdsPassword } from "../../../src/runner/secrets.ts";

function masksOf(value: string): string[] {
  const masks: string[] = [];
  createSecrets((mask) => masks.push(mask)).add(value);
  return masks;
}

function redact(secret: string, text: string): string {
  const secrets = createSecrets();
  secrets.add(secret);
  return secrets.redact(text);
}

describe("masking", () => {
  test("covers a connection string's password in every encoding, and the whole string", () => {
    const url = "postgresql://postgres.abcdef:p%40ss%2Fword-1@aws-0.pooler.supabase.com:5432/postgres";
    const masks = masksOf(url);
    for (const form of ["p@ss/word-1", "p%40ss%2Fword-1", url, encodeURIComponent(url)]) {
      expect(masks).toContain(form);
    }
    expect(masks.join(" ")).toContain(
      Buffer.from("p@ss/word-1").toString("base64").replaceAll("=", "").slice(0, -1),
    );
  });

  test("never covers user, host, port or database", () => {
    const url = "postgres://backup_user:long-enough-secret@database.example.org:54321/production_db";
    const masks = masksOf(url);
    for (const ordinary of ["backup_user", "database.example.org", "54321", "production_db"]) {
      expect(masks).not.toContain(ordinary);
    }
    expect(redact(url, "backup_user on database.example.org:54321/production_db")).not.toContain("***");
  });

  test.each([
    ["an everyday word", "postgres://postgres:postgres@localhost:5432/postgres", "postgres localhost"],
    ["an everyday word, if not the user's", "postgres://lena:Database@localhost/shop", "Database"],
    ["an everyday word that stands alone", "supabase", "supabase.co"],
    ["short", "postgres://lena:abc123@localhost/shop", "abc123 abc123"],
    ["the same as the user", "postgres://application:application@localhost/shop", "application"],
    ["the same as the database", "postgres://lena:shopkeeper@localhost/shopkeeper", "shopkeeper"],
    ["a small number", "12345678", "12345678 rows"],
    ["one letter again and again", "--------", "--------"],
  ])("leaves the log readable when the password is %s", (_, secret, text) => {
    expect(redact(secret, text)).toBe(text);
  });

  test("takes a password up to the last @, as people forget to encode it", () => {
    expect(masksOf("postgres://lena:long@sec:ret-1@db.example/shop")).toContain("long@sec:ret-1");
  });

  test("covers passwords in connection strings of the other kind and in queries", () => {
    expect(masksOf("host=db user=lena password='it is long 1' dbname=shop")).toContain("it is long 1");
    expect(masksOf("postgres://lena@db/shop?sslmode=require&password=long-secret-2")).toContain(
      "long-secret-2",
    );
    expect(masksOf("https://hooks.example/x?token=long-secret-3")).toContain("long-secret-3");
  });

  test("covers each line of a key, but no armour and no comment", () => {
    const pem =
      "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIA\nsecondlineofthekey\n-----END PRIVATE KEY-----\n";
    expect(masksOf(pem)).toEqual(expect.arrayContaining(["MC4CAQAwBQYDK2VwBCIEIA", "secondlineofthekey"]));
    expect(masksOf(pem)).not.toContain("-----BEGIN PRIVATE KEY-----");
    const identity = "# created: 2026-11-23\n# public key: age1abcdefgh\nAGE-SECRET-KEY-1QQQQZZZZ\n";
    expect(masksOf(identity)).toContain("AGE-SECRET-KEY-1QQQQZZZZ");
    expect(redact(identity, "# public key: age1abcdefgh")).toContain("age1abcdefgh");
  });

  test("tells the runner of each value once", () => {
    const masks: string[] = [];
    const secrets = createSecrets((mask) => masks.push(mask));
    secrets.add("correct-horse");
    secrets.add("correct-horse");
    expect(masks.filter((mask) => mask === "correct-horse")).toHaveLength(1);
  });

  test("finds a secret's Base64 wherever it stands in what was encoded", () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 9 }), fc.string({ maxLength: 9 }), (before, after) => {
        const encoded = Buffer.from(`${before}correct-horse-7${after}`).toString("base64");
        const redacted = redact("correct-horse-7", encoded);
        expect(redacted).toContain("***");
      }),
    );
  });

  test("finds the URL-safe and the JSON form", () => {
    const secret = 'a"b\\c/d>>>???+';
    expect(redact(secret, JSON.stringify({ secret }))).toBe('{"secret":"***"}');
    expect(redact(secret, Buffer.from(secret).toString("base64url"))).toContain("***");
  });
});

describe("redacting by shape, without knowing the secret", () => {
  const secrets = createSecrets();
  test.each([
    [
      "cannot reach postgres://lena:postgres@db:5432/shop now",
      "cannot reach postgres://lena:***@db:5432/shop now",
    ],
    ["postgres://lena:a@b@db/shop", "postgres://lena:***@db/shop"],
    ["host=db password=postgres user=lena", "host=db password=*** user=lena"],
    ["PGPASSWORD='two words' psql", "PGPASSWORD=*** psql"],
    ["https://api.example/path?x=1", "https://api.example/path?x=1"],
    [
      'password authentication failed for user "postgres"',
      'password authentication failed for user "postgres"',
    ],
  ])("%s", (text, expected) => {
    expect(secrets.redact(text)).toBe(expected);
  });
});

test.each([
  ["postgres://lena:pw@db/shop", true],
  ["postgres://lena@db/shop", false],
  ["postgres://db/shop?password=x", true],
  ["host=db password=x", true],
  ["env:DATABASE_URL", false],
  ["snapshots/main", false],
])("%s holds a password: %s", (text, expected) => {
  expect(holdsPassword(text)).toBe(expected);
});
