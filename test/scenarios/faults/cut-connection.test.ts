/** The network between a backup and its database: cut, or silent for ever. */
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { builtBundle, type BuiltBundle } from "../../support/bundle.ts";
import { majorsWithClients, startServer, type TestServer } from "../../support/servers.ts";
import { startTcpProxy, type TcpProxy } from "../../support/tcp-proxy.ts";
import { seededRandom } from "./random.ts";
import {
  backupAction,
  backupCommand,
  makePlace,
  orphansAfterGrace,
  type Place,
  plaintextFiles,
  removePlace,
  type RunEnd,
  rowsSql,
  startRun,
} from "./runs.ts";

const [major] = await majorsWithClients([15, 17]);
const times = process.env["LIFEBOAT_TRIAL"] === undefined ? 8 : 80;

describe.skipIf(major === undefined)("a connection to the database", () => {
  let bundle: BuiltBundle;
  let server: TestServer;
  let proxy: TcpProxy;
  let place: Place;
  let url: string;
  let wholeBytes: number;
  const random = seededRandom();

  beforeAll(async () => {
    bundle = await builtBundle();
    place = await makePlace();
    server = await startServer(major!);
    await server.createDatabase("app");
    await server.sql("app", rowsSql);
    proxy = await startTcpProxy(server.port);
    url = server.url("app").replace(`:${server.port}/`, `:${proxy.port}/`);
    const { code, stderr } = await startRun(...backupCommand(bundle, place, url)).ended;
    expect(code, stderr).toBe(0);
    wholeBytes = proxy.receivedBytes;
    console.log(`LIFEBOAT_SEED=${random.seed}, ${wholeBytes} bytes a backup`);
  });
  afterAll(async () => {
    await proxy[Symbol.asyncDispose]();
    await server.stop();
    await removePlace(place);
  });

  async function expectNothingLeft(end: RunEnd): Promise<void> {
    expect(end.signal).toBe(null);
    expect(await orphansAfterGrace(place), end.stderr).toEqual([]);
    expect(await plaintextFiles(place), end.stderr).toEqual([]);
    // An orderly end sweeps for itself; the first backup is all there is.
    expect(await readdir(join(place.store, "incoming")), end.stderr).toEqual([]);
    expect((await readdir(join(place.store, "snapshots/database"))).length, end.stderr).toBe(1);
  }

  test(`that is cut ends the backup, wherever (${times} times)`, async () => {
    for (let cut = 0; cut < times; cut += 1) {
      proxy.after(Math.floor(random.next() * wholeBytes * 0.999), "cut");
      const end = await startRun(...backupCommand(bundle, place, url)).ended;
      expect([1, 2], end.stderr).toContain(end.code);
      expect(end.stderr).toMatch(
        /\((?:dump-failed|snapshot-lost|database-unreachable|connection-lost): docs/,
      );
      await expectNothingLeft(end);
    }
  });

  test("that falls silent ends the action at its time limit, and leaves nothing running", async () => {
    for (const share of [0.0001, 0.5]) {
      proxy.after(Math.floor(wholeBytes * share), "stall");
      const end = await startRun(...backupAction(bundle, place, url, { "time-limit": "4s" })).ended;
      expect(end.code, end.stderr).toBe(1);
      expect(end.stdout).toContain("run-too-long");
      await expectNothingLeft(end);
    }
  });

  test("that is whole again serves the next backup", async () => {
    proxy.after(Number.POSITIVE_INFINITY, "cut");
    const { code, stderr } = await startRun(...backupCommand(bundle, place, url)).ended;
    expect(code, stderr).toBe(0);
  });
});
