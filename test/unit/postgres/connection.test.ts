import { describe, expect, test } from "vitest";
import { describeServer, isLocal, parseConnection } from "../../../src/postgres/connection.ts";

const parse = (url: string): ReturnType<typeof parseConnection> =>
  parseConnection(url, "input `database-url`");

describe("a database URL", () => {
  test.each([
    [
      "postgresql://u:p@h/d",
      { host: "h", port: 5432, user: "u", password: "p", database: "d", sslMode: "verify-full" },
    ],
    ["postgres://u@h:6432/d", { host: "h", port: 6432, user: "u", database: "d" }],
    [
      "postgresql://u%40x:p%40%2F%23%3A%25%20@h/d%20%2F%22",
      { user: "u@x", password: "p@/#:% ", database: 'd /"' },
    ],
    ["postgresql://%C3%9C:%F0%9F%98%80@h/%C3%BC", { user: "Ü", password: "😀", database: "ü" }],
    ["postgresql://u:p@[::1]:5433/d", { host: "::1", port: 5433, sslMode: "prefer", sslModeChosen: false }],
    ["postgresql://u:p@[2001:db8::1]/d", { host: "2001:db8::1", sslMode: "verify-full" }],
    ["postgresql://u:p@/d?host=/var/run/postgresql", { host: "/var/run/postgresql", sslMode: "prefer" }],
    ["postgresql:///d?host=/tmp&user=u&port=5433", { host: "/tmp", user: "u", port: 5433, database: "d" }],
    ["postgresql://u:p@%2Ftmp/d", { host: "/tmp", sslMode: "prefer" }],
    ["postgresql://u:p@h/d?sslmode=require", { sslMode: "require", sslModeChosen: true }],
    [
      "postgresql://u:p@h/d?sslmode=verify-ca&sslrootcert=/r.pem",
      { sslMode: "verify-ca", sslRootCert: "/r.pem" },
    ],
    ["postgresql://u:p@h/d?pgbouncer=true&connect_timeout=3", { host: "h" }],
    ["postgresql://u:p@localhost/d", { sslMode: "prefer" }],
    ["postgresql://h/?user=u&password=p&dbname=d", { host: "h", user: "u", password: "p", database: "d" }],
  ])("%s", (url, parts) => {
    expect(parse(url)).toMatchObject(parts);
  });

  test.each([
    ["mysql://u:hunter2@h/d", "does not begin with postgresql://"],
    ["hunter2", "does not begin with postgresql://"],
    ["postgresql://u:hunter2@h:99999/d", "is not a valid URL"],
    ["postgresql://u:hunter2@h:0/d", "has a port that is not 1 to 65535"],
    ["postgresql://u:hunter2@h/d?port=x", "has a port that is not 1 to 65535"],
    ["postgresql://u:hunter2@h/", "names no database"],
    ["postgresql://:hunter2@h/d", "names no user"],
    ["postgresql://u:hunter2@/d", "names no host"],
    ["postgresql://u:hunter2%zz@h/d", "has a password with a stray percent sign"],
    ["postgresql://u:hunter2%00@h/d", "contains a NUL character"],
    ["postgresql://u:hunter2@h/d?sslmode=sometimes", "has sslmode=sometimes"],
    ["postgresql://u:hunter2@h/d?options=-c", 'has the parameter "options", which Lifeboat does not know'],
  ])("%s is refused, and its password not repeated", (url, why) => {
    const refusal = (): unknown => parse(url);
    expect(refusal).toThrow(`The input \`database-url\` ${why}.`);
    expect(refusal).not.toThrow(/hunter2/);
    expect(refusal).toThrow(
      expect.objectContaining({ hint: expect.not.stringContaining("hunter2") as string }) as Error,
    );
  });

  test("people are told host and port, nothing else", () => {
    expect(describeServer(parse("postgresql://u:p@h:1234/d"))).toBe("h:1234");
    expect(["/tmp", "127.0.0.1", "::1", "localhost"].every(isLocal)).toBe(true);
    expect(["127.0.0.1.example.org", "127.example.org", "10.0.0.1"].some(isLocal)).toBe(false);
    expect(["10.0.0.1", "localhost.example.org", "h"].some(isLocal)).toBe(false);
  });
});
