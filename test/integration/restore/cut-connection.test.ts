/** A connection to PostgreSQL that is cut anywhere in a backup or a restore has a name, and never `unexpected`. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { asLifeboatError } from "../../../src/errors.ts";
import { type Connection, parseConnection } from "../../../src/postgres/connection.ts";
import { majorsWithClients, startServer, type TestServer } from "../../support/servers.ts";
import { startTcpProxy, type TcpProxy } from "../../support/tcp-proxy.ts";
import { backUp, connectionTo, newSafe, restore, type Safe } from "../backup/backing-up.ts";

const [major] = await majorsWithClients([15, 17]);
const mebibyte = 1024 * 1024;
const trial = process.env["LIFEBOAT_TRIAL"] !== undefined;
/** Bytes after which the connections are reset: while the first questions are asked, in the rows, at 20 MiB. */
const cuts = trial
  ? [
      ...Array.from({ length: 40 }, (_, index) => 1000 + 700 * index),
      ...[1, 5, 10, 20].map((n) => n * mebibyte),
    ]
  : [1500, 6000, 20 * mebibyte];

let server: TestServer;
let proxy: TcpProxy;
let safe: Safe;
let id: string;

beforeAll(async () => {
  safe = await newSafe();
  server = await startServer(major!);
  await server.createDatabase("app");
  await server.sql(
    "app",
    `create table big (id int primary key, note text);
     insert into big select i, repeat(md5(i::text), 8) from generate_series(1, 120000) i`,
  );
  id = (await backUp(safe, connectionTo(server, "app"))).snapshot.id;
  proxy = await startTcpProxy(server.port);
}, 120_000);
afterAll(async () => {
  await proxy[Symbol.asyncDispose]();
  await server.stop();
  await safe[Symbol.asyncDispose]();
});

function through(database: string): Connection {
  const url = server.url(database).replace(`:${server.port}/`, `:${proxy.port}/`);
  return parseConnection(url, "test's URL");
}

async function codeOf(work: Promise<unknown>): Promise<string> {
  return await work.then(
    () => "done",
    (thrown: unknown) => asLifeboatError(thrown).code,
  );
}

test.each(cuts)("a backup that is cut after %i bytes", { timeout: 60_000 }, async (bytes) => {
  proxy.after(bytes, "cut");
  expect(await codeOf(backUp(safe, through("app"), { source: "cut" }))).toMatch(
    /^(?:connection-lost|dump-failed|snapshot-lost|database-unreachable)$/,
  );
});

test.each(cuts)("restores that are cut after %i bytes", { timeout: 120_000 }, async (bytes) => {
  const known = /^(?:connection-lost|tool-failed|database-unreachable|restore-[a-z-]+)$/;
  proxy.after(bytes, "cut", "sent");
  const whole = { target: through(`app ${bytes}`), mode: { kind: "new-database" } } as const;
  expect(await codeOf(restore(safe, id, whole))).toMatch(known);
  proxy.after(bytes, "cut", "sent");
  const tables = [{ schema: "public", name: "big" }];
  const chosen = {
    target: through("app"),
    mode: { kind: "tables", tables, schemas: [] },
    confirm: "app",
  } as const;
  expect(await codeOf(restore(safe, id, chosen))).toMatch(known);
});
