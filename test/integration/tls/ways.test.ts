/** What a URL says beside sslmode: files, hosts, channel binding; and the sentence for each way that fails. */
import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { once } from "node:events";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { withClient } from "../../../src/postgres/client.ts";
import { parseConnection } from "../../../src/postgres/connection.ts";
import { libpqEnvironment } from "../../../src/postgres/libpq.ts";
import { runTool } from "../../../src/system/process.ts";
import {
  makeAuthority,
  revocationList,
  serveTls,
  type SignedCertificate,
  signedBy,
} from "../../support/certificates.ts";
import { clientBinDir, startServer, type TestServer } from "../../support/servers.ts";

const homeBefore = process.env["HOME"];
const all = ["host all all 127.0.0.1/32 scram-sha-256"];
const question = `select ssl || ' ' || pg_catalog.current_setting('application_name') || ' ' ||
  pg_catalog.current_setting('work_mem') || ' ' || pg_catalog.current_setting('port') ||
  ' ' || coalesce(version, '-') || ' ' || coalesce(client_dn, '-')
  from pg_catalog.pg_stat_ssl where pid = pg_catalog.pg_backend_pid()`;
let folder: string;
let authority: string;
let good: SignedCertificate;
let server: TestServer;
let readOnly: TestServer;
let psql: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "lifeboat-tls-ways-"));
  process.env["HOME"] = folder;
  authority = await makeAuthority(folder, "authority");
  good = await signedBy(authority, folder, "good", { alternatives: "DNS:localhost,IP:127.0.0.1" });
  [server, readOnly] = await Promise.all([
    startServer(15),
    startServer(15, { settings: { default_transaction_read_only: "on" } }),
  ]);
  psql = join((await clientBinDir(15)) ?? "", "psql");
});
afterAll(async () => {
  process.env["HOME"] = homeBefore;
  await server.stop();
  await readOnly.stop();
  await rm(folder, { recursive: true });
});

function urlOf(parameters: string, hosts = `127.0.0.1:${server.port}`, password = server.password): string {
  return `postgresql://postgres:${encodeURIComponent(password)}@${hosts}/postgres?${parameters}`;
}

/** What our session and then our child are: equal, or both are shown. */
async function outcome(url: string): Promise<string> {
  const connection = parseConnection(url, "test's URL");
  try {
    const own = await withClient(connection, async (sql) => {
      const { rows } = await sql.query<Record<string, string>>(question);
      return Object.values(rows[0] ?? {})[0] ?? "";
    });
    const { stdout } = await runTool({
      program: psql,
      args: ["-XAtw", "-c", question],
      env: libpqEnvironment(connection),
    });
    const child = stdout.toString().trim();
    return own === child ? own : `we: ${own}, child: ${child}`;
  } catch (error) {
    const { code, message, hint } = error as { code: string; message: string; hint: string };
    return `${code}: ${message} ${hint}`;
  }
}

test("a client certificate, its key's permissions, and a server that asks for one", async () => {
  const own = await signedBy(authority, folder, "postgres");
  await serveTls(server, good, ["hostssl all all 127.0.0.1/32 cert"], authority);
  const files = `sslcert=${own.certificate}&sslkey=${own.key}`;
  expect(await outcome(urlOf(files))).toMatch(/^true lifeboat .*\/CN=postgres$/);
  expect(await outcome(urlOf(`${files}&sslcertmode=disable`))).toMatch(
    /^database-login-refused: .*asks for a client certificate.*sslcert=FILE/,
  );
  expect(await outcome(urlOf(""))).toMatch(
    /^database-login-refused: .*asks for a client certificate.*sslcert=FILE/,
  );
  expect(await outcome(urlOf(`sslcert=/nonexistent.pem&sslkey=${own.key}`))).toMatch(
    /^input-invalid: The client certificate "\/nonexistent\.pem" cannot be read/,
  );
  expect(await outcome(urlOf(`sslcert=${own.certificate}&sslkey=${good.key}`))).toMatch(
    /^input-invalid: The certificate files of the database URL cannot be used/,
  );
  await chmod(own.key, 0o644);
  expect(await outcome(urlOf(files))).toMatch(/^input-invalid: The private key .* may be read by others/);
  await serveTls(server, good, all);
});

test("a revoked certificate is refused where a list is given", async () => {
  const list = await revocationList(authority, folder, good.certificate);
  const root = `sslmode=verify-full&sslrootcert=${authority}`;
  await serveTls(server, good, all);
  expect(await outcome(urlOf(root))).toMatch(/^true /);
  expect(await outcome(urlOf(`${root}&sslcrl=${list}`))).toMatch(
    /^database-certificate: .*the certificate was revoked\. Give the server a new certificate/,
  );
  expect(await outcome(urlOf(`${root}&sslcrl=/nonexistent.pem`))).toMatch(
    /^input-invalid: The revocation list/,
  );
});

test("versions of TLS, names, options, and a password file", async () => {
  await serveTls(server, good, all);
  const extras = "application_name=a+me&options=-c%20work_mem%3D7MB";
  expect(await outcome(urlOf(`ssl_min_protocol_version=TLSv1.3&${extras}`))).toMatch(
    /^true a\+me 7MB \d+ TLSv1\.3 /,
  );
  expect(await outcome(urlOf("ssl_max_protocol_version=TLSv1.2"))).toMatch(/^true .* TLSv1\.2 /);
  const root = `sslmode=verify-full&sslrootcert=${authority}`;
  const place = `localhost:${server.port}`;
  expect(await outcome(urlOf(`${root}&sslsni=0`, place))).toMatch(/^true /);
  expect(await outcome(urlOf(`${root}&hostaddr=127.0.0.1`, place))).toMatch(/^true /);
  expect(await outcome(urlOf(`${root}&hostaddr=127.0.0.1`, `db.example:${server.port}`))).toMatch(
    /^database-certificate: .*the certificate is for localhost, 127\.0\.0\.1, not for db\.example/,
  );
  const passFile = join(folder, "passwords");
  const password = server.password.replaceAll(/[:\\]/g, String.raw`\$&`);
  await writeFile(passFile, `# mine\n*:1:*:*:no\n127.0.0.1:*:postgres:postgres:${password}\n`, {
    mode: 0o600,
  });
  expect(await outcome(urlOf(`passfile=${passFile}`, undefined, ""))).toMatch(/^true /);
  await chmod(passFile, 0o644);
  expect(await outcome(urlOf(`passfile=${passFile}`, undefined, ""))).toMatch(
    /^input-invalid: The password file/,
  );
  expect(await outcome(urlOf("", undefined, ""))).toMatch(
    /^database-login-refused: .*asks for a password, and none is given/,
  );
});

test("channel binding is required, or done without", async () => {
  await serveTls(server, good, all);
  expect(await outcome(urlOf("channel_binding=require&sslmode=require"))).toMatch(/^true /);
  expect(await outcome(urlOf("channel_binding=disable"))).toMatch(/^true /);
  expect(await outcome(urlOf("channel_binding=require&sslmode=disable"))).toMatch(
    /^channel-binding-missing: /,
  );
  for (const method of ["trust", "password", "md5"]) {
    await serveTls(server, good, [`host all all 127.0.0.1/32 ${method}`]);
    const wanted = method === "md5" ? /^true / : /^channel-binding-missing: /;
    // With a SCRAM verifier `md5` means SCRAM.
    expect(await outcome(urlOf("channel_binding=require&sslmode=require"))).toMatch(wanted);
  }
  await serveTls(server, good, all);
});

test("several hosts: who does not answer and who is of another kind is passed over, a refusal ends the search", async () => {
  await serveTls(server, good, all);
  await serveTls(readOnly, undefined, all);
  const closed = createServer().listen(0, "127.0.0.1");
  await once(closed, "listening");
  const address = closed.address();
  closed.close();
  const nobody = `127.0.0.1:${typeof address === "object" ? address?.port : ""}`;
  const [first, second] = [`127.0.0.1:${readOnly.port}`, `127.0.0.1:${server.port}`];
  const at = async (hosts: string, kind: string): Promise<string> =>
    (await outcome(urlOf(`sslmode=prefer&target_session_attrs=${kind}`, hosts))).replace(
      /^(\w+) \S+ \S+ (\d+) .*$/,
      "$1 $2",
    );
  const [toFirst, toSecond] = [`false ${readOnly.port}`, `true ${server.port}`];
  expect(await at(`${nobody},unresolvable.invalid,${second}`, "")).toBe(toSecond);
  expect(await at(`${first},${second}`, "")).toBe(toFirst);
  expect(await at(`${first},${second}`, "read-write")).toBe(toSecond);
  expect(await at(`${second},${first}`, "read-only")).toBe(toFirst);
  expect(await at(`${first},${second}`, "primary")).toBe(toFirst);
  expect(await at(`${first},${second}`, "prefer-standby")).toBe(toFirst);
  expect(await at(`${first},${second}`, "standby")).toMatch(
    /^database-unreachable: No session on 127\.0\.0\.1:\d+, 127\.0\.0\.1:\d+ is standby/,
  );
  expect(await outcome(urlOf("", `${first},${second}`, "wrong"))).toMatch(
    /^database-login-refused: .*password/,
  );
  const shuffled = new Set<string>();
  for (let tries = 0; tries < 40 && shuffled.size < 2; tries++) {
    shuffled.add((await outcome(urlOf("load_balance_hosts=random", `${first},${second}`))).slice(0, 5));
  }
  expect(shuffled.size).toBe(2);
});

test("the sentence says which side asks for what", async () => {
  await serveTls(server, undefined, all);
  expect(await outcome(urlOf("sslmode=require"))).toMatch(
    /^database-without-tls: The server 127\.0\.0\.1:\d+ does not support TLS, and sslmode=require needs it\./,
  );
  await serveTls(server, good, ["hostssl all all 127.0.0.1/32 scram-sha-256"]);
  expect(await outcome(urlOf("sslmode=disable"))).toMatch(
    /^database-requires-tls: .*refuses this login without TLS, and the URL has sslmode=disable/,
  );
  expect(await outcome(urlOf("sslmode=prefer", undefined, "wrong"))).toMatch(
    /^database-login-refused: .*password authentication failed/,
  );
  await serveTls(server, good, ["hostnossl all all 127.0.0.1/32 scram-sha-256"]);
  expect(await outcome(urlOf("sslmode=require"))).toMatch(
    /^database-login-refused: .*refused the login over TLS.*hostssl/,
  );
  expect(await outcome(urlOf("sslmode=allow", undefined, "wrong"))).toMatch(
    /^database-login-refused: .*password authentication failed/,
  );
});

test("TLS from the first byte", { timeout: 120_000 }, async () => {
  const programs = await clientBinDir(17);
  if (programs === undefined) return;
  const newer = await startServer(17);
  try {
    await serveTls(newer, good, all);
    const before = psql;
    psql = join(programs, "psql");
    const place = `localhost:${newer.port}`;
    const wishes = `sslnegotiation=direct&sslmode=verify-full&sslrootcert=${authority}`;
    expect(await outcome(urlOf(wishes, place))).toMatch(/^true /);
    psql = before;
    expect(await outcome(urlOf("sslnegotiation=direct&sslmode=require"))).toMatch(/^database-certificate: /);
  } finally {
    await newer.stop();
  }
});
