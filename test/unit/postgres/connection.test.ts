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
    ["postgresql://u:p@localhost/d?sslrootcert=system", { sslMode: "verify-full", sslModeChosen: false }],
    ["postgresql://u:p@localhost/d?hostaddr=192.0.2.7", { address: "192.0.2.7", sslMode: "verify-full" }],
    ["postgresql://u:p@h/d?ssl=true", { sslMode: "require" }],
    [
      "postgresql://u:p@h:1,[::1],i:3/d?target_session_attrs=primary&load_balance_hosts=random",
      {
        endpoints: [
          { host: "h", port: 1 },
          { host: "::1", port: 5432 },
          { host: "i", port: 3 },
        ],
        sessionKind: "primary",
        shufflesHosts: true,
      },
    ],
    [
      "postgresql://u:p@h/d?application_name=me&options=-c%20a%3Db&passfile=/p&channel_binding=require&connect_timeout=0",
      {
        applicationName: "me",
        options: "-c a=b",
        passFile: "/p",
        channelBinding: "require",
        connectTimeoutSeconds: 0,
      },
    ],
    [
      "postgresql://u:p@h/d?sslcert=/c&sslkey=/k&sslcrl=/l&ssl_min_protocol_version=TLSv1.3&sslsni=0",
      { tls: { certificate: "/c", key: "/k", revoked: "/l", minVersion: "TLSv1.3", hidesName: true } },
    ],
    ["postgresql://u:p@h/d\n", { database: "d" }],
    ["postgresql://u:p:w+x@h/d?application_name=a+b", { password: "p:w+x", applicationName: "a+b" }],
    ["postgresql://h/?user=u&password=p&dbname=d", { host: "h", user: "u", password: "p", database: "d" }],
  ])("%s", (url, parts) => {
    expect(parse(url)).toMatchObject(parts);
  });

  test.each([
    ["mysql://u:hunter2@h/d", "does not begin with postgresql://"],
    ["hunter2", "does not begin with postgresql://"],
    ["postgresql://u:hunter2@h:99999/d", "has a port that is not 1 to 65535"],
    ["postgresql://u:hunter2@h:0/d", "has a port that is not 1 to 65535"],
    ["postgresql://u:hunter2@h/d?port=x", "has a port that is not 1 to 65535"],
    ["postgresql://u:hunter2@h/", "names no database"],
    ["postgresql://:hunter2@h/d", "names no user"],
    ["postgresql://u:hunter2@/d", "names no host"],
    ["postgresql://u:hunter2%zz@h/d", "has a stray percent sign: percent-encode the password"],
    ["postgresql://u:hunter2%00@h/d", "contains a NUL character"],
    ["postgresql://u:hunter2@h/d?sslmode=sometimes", "has sslmode=sometimes"],
    ["postgresql://u:hunter2@h/d?sslmod=x", 'has the parameter "sslmod", which Lifeboat does not know'],
    [
      "postgresql://u:hunter2@h/d?require_auth=none",
      'has the parameter "require_auth", which libpq knows and Lifeboat does not support',
    ],
    [
      "postgresql://u@h/d?password=a&hunter2=b",
      "has a parameter that Lifeboat does not know, or an unencoded `&` in its password",
    ],
    ["postgresql://u@h/d?password=a&sslmode=hunter2", "has a sslmode that does not exist"],
    ["postgresql://u@h/d?password=hunter2=b", "has a parameter that is not NAME=VALUE"],
    ["postgresql://u:hunter2@h,i:1,j:2/d?port=1,2", "names another number of ports than of hosts"],
    [
      "postgresql://u:hunter2@h/d?hostaddr=1.2.3.4,1.2.3.5",
      "names another number of addresses than of hosts",
    ],
    ["postgresql://u:hunter2@h/d?hostaddr=h", "has a hostaddr that is no IP address"],
    [
      "postgresql://u:hunter2@h/d?sslrootcert=system&sslmode=require",
      "has sslmode=require, which is too weak for sslrootcert=system",
    ],
    [
      "postgresql://u:hunter2@h/d?sslnegotiation=direct&sslmode=prefer",
      "has sslmode=prefer, which is too weak for sslnegotiation=direct",
    ],
    [
      "postgresql://u:hunter2@h/d?gssencmode=require",
      "has gssencmode=require, and Lifeboat has no GSSAPI encryption",
    ],
    ["postgresql://u:hunter2@h/d?client_encoding=LATIN1", "has a client_encoding other than UTF8"],
    ["postgresql://u:hunter2@h/d?connect_timeout=soon", "has a connect_timeout that is no number"],
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
