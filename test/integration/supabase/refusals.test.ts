import { once } from "node:events";
import { createServer, type Server, type Socket } from "node:net";
import { afterEach, describe, expect, test } from "vitest";
import { LifeboatError } from "../../../src/errors.ts";
import { withClient } from "../../../src/postgres/client.ts";
import { type Connection, parseConnection } from "../../../src/postgres/connection.ts";
import { refuseHopelessConnection } from "../../../src/postgres/inspect-server.ts";

const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

/** Answers every start of a session with this error, as Supavisor does. */
async function poolerThatSays(message: string, code = "XX000"): Promise<Connection> {
  const server = createServer((socket: Socket) => {
    socket.on("error", () => {});
    socket.on("data", (asked: Buffer) => {
      // No TLS here, as libpq asks first where it is preferred.
      if (asked.length === 8 && asked.readInt32BE(4) === 80877103) {
        socket.write("N");
        return;
      }
      const fields = Buffer.from(`SFATAL\0VFATAL\0C${code}\0M${message}\0\0`);
      const head = Buffer.alloc(5);
      head.write("E");
      head.writeInt32BE(fields.length + 4, 1);
      socket.end(Buffer.concat([head, fields]));
    });
  }).listen(0, "127.0.0.1");
  servers.push(server);
  await once(server, "listening");
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  return parseConnection(`postgresql://postgres.ref:pass%40word@127.0.0.1:${port}/postgres`, "test's URL");
}

async function refusal(connection: Connection): Promise<LifeboatError> {
  const error = await withClient(connection, () => Promise.resolve()).then(
    () => expect.fail("was let in"),
    (cause: unknown) => cause,
  );
  if (!(error instanceof LifeboatError)) throw error;
  return error;
}

describe("what the pooler says ends in one sentence with its cure", () => {
  test.each([
    ["Tenant or user not found", "XX000", "database-login-refused", "postgres.<project ref>"],
    [
      "Address not in tenant allow_list: {203, 0, 113, 9}",
      "XX000",
      "database-login-refused",
      "network restrictions",
    ],
    ["SSL connection is required", "XX000", "database-login-refused", "sslmode=verify-full"],
    ["Max client connections reached", "XX000", "too-many-connections", "lower `jobs`"],
    [
      "MaxClientsInSessionMode: max clients reached - in Session mode max clients are limited to pool_size",
      "XX000",
      "too-many-connections",
      "pool size",
    ],
    ["Wrong password", "28P01", "database-login-refused", "takes some minutes"],
    [
      'password authentication failed for user "postgres"',
      "28P01",
      "database-login-refused",
      "percent-encode",
    ],
    ["something never seen", "XX000", "database-unreachable", "its own words"],
  ])("%s", async (message, sqlState, code, cure) => {
    const error = await refusal(await poolerThatSays(message, sqlState));
    expect(error.code).toBe(code);
    expect(error.hint).toContain(cure);
    expect(error.message).toContain(message);
    expect(`${error.message}${error.hint}`).not.toContain("pass@word");
  });
});

describe("an address that cannot work", () => {
  const at = (host: string, port: number): Promise<void> =>
    refuseHopelessConnection({ ...parseConnection("postgresql://u:p@h/d", "test's URL"), host, port });

  test("the pooler's transaction port", async () => {
    await expect(at("aws-0-eu-central-1.pooler.supabase.com", 6543)).rejects.toMatchObject({
      code: "transaction-pooler",
      hint: expect.stringContaining("port 5432 of the same host") as unknown,
    });
  });

  test.each([
    ["IPv6 alone, on a machine without it", [6], false, "database-ipv6-only"],
    ["IPv6 alone, on a machine that has it", [6], true, undefined],
    ["both, on a machine without IPv6", [6, 4], false, undefined],
  ])("%s", async (_what, families, hasIpv6, code) => {
    const connection = parseConnection(
      "postgresql://postgres:p@db.abcdefghijklmnopqrst.supabase.co/postgres",
      "test's URL",
    );
    const outcome = await refuseHopelessConnection(connection, {
      addressesOf: () => Promise.resolve(families.map((family) => ({ family }))),
      hasIpv6: () => hasIpv6,
    }).then(
      () => undefined,
      (error: unknown) => error as LifeboatError,
    );
    expect(outcome?.code).toBe(code);
    if (code !== undefined) expect(outcome?.hint).toContain("pooler.supabase.com");
  });

  test("the dedicated pooler beside the database", async () => {
    await expect(at("db.abcdefghijklmnopqrst.supabase.co", 6543)).rejects.toMatchObject({
      code: "transaction-pooler",
      hint: expect.stringContaining("db.abcdefghijklmnopqrst.supabase.co:5432") as unknown,
    });
  });
});
