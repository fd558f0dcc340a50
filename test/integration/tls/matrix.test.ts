/** Every mode against every kind of server: our sessions, our children and stock psql must end the same way. */
import { mkdir, mkdtemp, rm, copyFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { withClient } from "../../../src/postgres/client.ts";
import { type Connection, parseConnection } from "../../../src/postgres/connection.ts";
import { libpqEnvironment } from "../../../src/postgres/libpq.ts";
import { runTool } from "../../../src/system/process.ts";
import { makeAuthority, serveTls, type SignedCertificate, signedBy } from "../../support/certificates.ts";
import { clientBinDir, startServer, type TestServer } from "../../support/servers.ts";

const whole = process.env["LIFEBOAT_TRIAL"] !== undefined;
const question = "select ssl from pg_catalog.pg_stat_ssl where pid = pg_catalog.pg_backend_pid()";
const homeBefore = process.env["HOME"];
let folder: string;
let server: TestServer;
let psql: string;
let signed: Readonly<Record<string, SignedCertificate>>;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "lifeboat-tls-matrix-"));
  const authority = await makeAuthority(folder, "authority");
  await makeAuthority(folder, "stranger");
  const alternatives = "DNS:localhost,IP:127.0.0.1";
  signed = {
    good: await signedBy(authority, folder, "good", { alternatives }),
    expired: await signedBy(authority, folder, "expired", { alternatives, days: -1 }),
    other: await signedBy(authority, folder, "other", { alternatives: "DNS:other.example,DNS:*.localhost" }),
    plain: await signedBy(authority, folder, "localhost"),
  };
  for (const home of ["empty", "known", "unknown"])
    await mkdir(join(folder, home, ".postgresql"), { recursive: true });
  await copyFile(authority, join(folder, "known/.postgresql/root.crt"));
  await copyFile(join(folder, "stranger.pem"), join(folder, "unknown/.postgresql/root.crt"));
  server = await startServer(15);
  const programs = await clientBinDir(15);
  if (programs === undefined) throw new Error("There is no psql 15.");
  psql = join(programs, "psql");
});
afterAll(async () => {
  process.env["HOME"] = homeBefore;
  await server.stop();
  await rm(folder, { recursive: true });
});

const both = ["host all all 127.0.0.1/32 scram-sha-256", "host all all ::1/128 scram-sha-256"];
const servers = {
  "without TLS": [undefined, both],
  "with TLS": ["good", both],
  "hostssl only": ["good", both.map((rule) => rule.replace("host ", "hostssl "))],
  "hostnossl only": ["good", both.map((rule) => rule.replace("host ", "hostnossl "))],
  "hostssl, plain rejected": ["good", ["hostnossl all all 127.0.0.1/32 reject", ...both]],
  "expired certificate": ["expired", both],
  "expired certificate, hostssl only": ["expired", both.map((rule) => rule.replace("host ", "hostssl "))],
  "another's certificate": ["other", both],
  "common name only": ["plain", both],
  "nobody let in": ["good", []],
} as const;
const modes = ["", "disable", "allow", "prefer", "require", "verify-ca", "verify-full"];
const roots = {
  none: ["empty", undefined],
  stated: ["empty", "authority.pem"],
  "stated, of a stranger": ["empty", "stranger.pem"],
  "at home": ["known", undefined],
  "at home, of a stranger": ["unknown", undefined],
} as const;
const hosts = ["127.0.0.1", "localhost"];

interface Cell {
  readonly name: string;
  readonly home: string;
  readonly url: string;
}

function cells(): readonly Cell[] {
  return modes.flatMap((mode) =>
    Object.entries(roots).flatMap(([root, [home, file]]) =>
      hosts.flatMap((host) =>
        ["right", "wrong"].map((password) => {
          const given = password === "right" ? server.password : "wrong";
          const parameters = [
            ...(mode === "" ? [] : [`sslmode=${mode}`]),
            ...(file === undefined ? [] : [`sslrootcert=${join(folder, file)}`]),
          ];
          return {
            name: `sslmode=${mode}, roots ${root}, ${host}, ${password} password`,
            home: join(folder, home),
            url: `postgresql://postgres:${encodeURIComponent(given)}@${host}:${server.port}/postgres?${parameters.join("&")}`,
          };
        }),
      ),
    ),
  );
}

async function stock(args: readonly string[], env: Readonly<Record<string, string>>): Promise<string> {
  return await runTool({ program: psql, args: ["-XAtw", "-c", question, ...args], env }).then(
    ({ stdout }) => stdout.toString().trim(),
    () => "refused",
  );
}

async function ours(connection: Connection): Promise<string> {
  return await withClient(connection, async (sql) => {
    const { rows } = await sql.query<{ ssl: string }>(question);
    return rows[0]?.ssl ?? "";
  }).catch(() => "refused");
}

describe.each(Object.keys(servers) as (keyof typeof servers)[])("a server: %s", (kind) => {
  test("every mode ends as with psql, and so do our children", { timeout: 600_000 }, async () => {
    const [shown, rules] = servers[kind];
    await serveTls(server, shown === undefined ? undefined : signed[shown], rules);
    const differing: string[] = [];
    let compared = 0;
    for (const [index, { name, home, url }] of cells().entries()) {
      if (!whole && index % 11 !== kind.length % 11) continue;
      process.env["HOME"] = home;
      const connection = parseConnection(url, "test's URL");
      const [wanted, own] = [await stock([url], { HOME: home }), await ours(connection)];
      const child = await stock([], libpqEnvironment(connection));
      compared++;
      if (own !== wanted || child !== wanted) {
        differing.push(`${name}: psql ${wanted}, we ${own}, our children ${child}`);
      }
    }
    expect(differing).toEqual([]);
    expect(compared).toBeGreaterThan(10);
  });
});
