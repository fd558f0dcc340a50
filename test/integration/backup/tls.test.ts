import { chmod, chown, mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { parseConnection } from "../../../src/postgres/connection.ts";
import { runTool } from "../../../src/system/process.ts";
import { startServer, type TestServer } from "../../support/servers.ts";
import { backUp, newSafe, type Safe } from "./backing-up.ts";

let safe: Safe;
let folder: string;
let server: TestServer;

beforeAll(async () => {
  safe = await newSafe();
  folder = await mkdtemp(join(tmpdir(), "lifeboat-tls-"));
  await certificate("localhost", "DNS:localhost,IP:127.0.0.1");
  await certificate("other", "DNS:other.example");
  server = await startServer(15);
  await server.createDatabase("shop");
  await server.sql("shop", "create table t as select 1 as id");
  await present("localhost");
});
afterAll(async () => {
  await server.stop();
  await safe[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
});

async function certificate(name: string, alternatives: string): Promise<void> {
  await runTool({
    program: "openssl",
    args: [
      ...[
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:prime256v1",
        "-nodes",
        "-days",
        "2",
      ],
      ...["-subj", `/CN=${name}`, "-addext", `subjectAltName=${alternatives}`],
      ...["-keyout", join(folder, `${name}.key`), "-out", join(folder, `${name}.pem`)],
    ],
  });
}

/** The server reads its certificate anew; PostgreSQL itself puts the files where it may read them. */
async function present(name: string): Promise<void> {
  const owner = await stat(server.dataDir);
  for (const [from, to] of [
    ["key", "server.key"],
    ["pem", "server.crt"],
  ] as const) {
    const path = join(server.dataDir, to);
    await writeFile(path, await readFile(join(folder, `${name}.${from}`)));
    await chown(path, owner.uid, owner.gid);
    await chmod(path, 0o600);
  }
  await server.sql("postgres", "alter system set ssl = on");
  await server.sql("postgres", "select pg_reload_conf()");
  await server.sql("postgres", "select pg_sleep(0.2)");
}

async function outcome(parameters: string): Promise<string> {
  const connection = parseConnection(`${server.url("shop")}?${parameters}`, "test's URL");
  return await backUp(safe, connection).then(
    ({ findings }) => `backed up ${findings.map(({ code }) => code).join()}`,
    (error: unknown) => `${(error as { code: string }).code}: ${(error as Error).message}`,
  );
}

test("a certificate that nobody vouches for: require takes it with a finding, verify-full refuses it", async () => {
  expect(await outcome("sslmode=require")).toBe("backed up weak-tls");
  expect(await outcome("sslmode=verify-full")).toMatch(
    /^database-certificate: TLS with 127\.0\.0\.1:\d+ failed .*no trusted authority .*\(self-signed certificate\)\.$/,
  );
  expect(await outcome("sslmode=verify-ca")).toMatch(/^database-certificate: .*self-signed certificate/);
});

test("with the right root certificate verify-full backs up without a finding", async () => {
  expect(await outcome(`sslmode=verify-full&sslrootcert=${join(folder, "localhost.pem")}`)).toBe(
    "backed up ",
  );
  expect(await outcome(`sslmode=verify-full&sslrootcert=${join(folder, "other.pem")}`)).toMatch(
    /^database-certificate: /,
  );
  expect(await outcome("sslmode=verify-full&sslrootcert=/nonexistent.pem")).toMatch(
    /^input-invalid: The root certificates/,
  );
});

test("a trusted certificate for another name: verify-ca takes it with a finding, verify-full refuses it", async () => {
  await present("other");
  const root = `sslrootcert=${join(folder, "other.pem")}`;
  expect(await outcome(`sslmode=verify-ca&${root}`)).toBe("backed up weak-tls");
  expect(await outcome(`sslmode=verify-full&${root}`)).toMatch(
    /^database-certificate: .*for other\.example, not for 127\.0\.0\.1/,
  );
});
