/** SIGKILL while a snapshot is being restored into a throwaway server: the server and its rows must not outlive it. */
import { readdir } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { builtBundle, type BuiltBundle } from "../../support/bundle.ts";
import { majorsWithClients, startServer, type TestServer } from "../../support/servers.ts";
import { seededRandom } from "./random.ts";
import {
  backupCommand,
  makePlace,
  orphansAfterGrace,
  type Place,
  removePlace,
  rowsSql,
  startRun,
  verifyCommand,
} from "./runs.ts";

const [major] = await majorsWithClients([15]);
const kills = process.env["LIFEBOAT_TRIAL"] === undefined ? 8 : 60;

describe.skipIf(major === undefined)("a verification that is killed", () => {
  let bundle: BuiltBundle;
  let server: TestServer;
  let place: Place;
  const random = seededRandom();

  beforeAll(async () => {
    bundle = await builtBundle();
    place = await makePlace();
    server = await startServer(major!);
    await server.createDatabase("app");
    await server.sql("app", rowsSql);
    const url = `postgresql://postgres@/app?host=${encodeURIComponent(server.socketDir)}&port=${server.port}`;
    expect((await startRun(...backupCommand(bundle, place, url)).ended).code).toBe(0);
    console.log(`LIFEBOAT_SEED=${random.seed}`);
  });
  afterAll(async () => {
    await server.stop();
    await removePlace(place);
  });

  test(`takes its server with it, and the next run removes the rest (${kills} times)`, async () => {
    const started = performance.now();
    const whole = await startRun(...verifyCommand(bundle, place, "restored")).ended;
    expect(whole.code, whole.stdout + whole.stderr).toBe(0);
    expect(await readdir(place.temporary)).toEqual([]);
    const wholeMs = performance.now() - started;
    let left = 0;
    for (let kill = 1; kill <= kills; kill += 1) {
      const run = startRun(...verifyCommand(bundle, place, "restored"));
      await sleep(300 + random.next() * (wholeMs - 300));
      run.child.kill("SIGKILL");
      await run.ended;
      expect(await orphansAfterGrace(place, 30_000), `seed ${random.seed}, kill ${kill}`).toEqual([]);
      left += (await readdir(place.temporary)).length;
      if (kill % 4 !== 0) continue;
      const next = await startRun(...verifyCommand(bundle, place, "restored")).ended;
      expect(next.code, next.stdout + next.stderr).toBe(0);
      expect(await readdir(place.temporary)).toEqual([]);
    }
    console.log(`${kills} kills within ${Math.round(wholeMs)} ms, ${left} folders seen until the next run`);
  }, 900_000);
});
