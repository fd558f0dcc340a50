/** SIGKILL at random instants of a whole backup: to us, to each kind of child, to the server. */
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { listSnapshots } from "../../../src/operations/list-snapshots.ts";
import { openStore } from "../../../src/store/open-store.ts";
import { systemClock } from "../../../src/system/clock.ts";
import { silentLogger } from "../../../src/system/logger.ts";
import { builtBundle, type BuiltBundle } from "../../support/bundle.ts";
import { childrenOf, runsProgram } from "../../support/processes.ts";
import { majorsWithClients, startServer, type TestServer } from "../../support/servers.ts";
import { seededRandom } from "./random.ts";
import {
  backupAction,
  backupCommand,
  makePlace,
  orphansAfterGrace,
  type Place,
  plaintextFiles,
  removePlace,
  type Run,
  rowsSql,
  startRun,
  storeAddress,
  verifyCommand,
} from "./runs.ts";

const [major] = await majorsWithClients([15, 17]);
const scale = process.env["LIFEBOAT_TRIAL"] === undefined ? 1 : 20;
/** A whole backup without faults, now and then: leftovers of the kills before it must not matter. */
const backupEvery = 7;

type Victim = "command" | "action" | "pg_dump" | "zstd" | "backend" | "postmaster";

describe.skipIf(major === undefined)("a backup that meets SIGKILL", () => {
  let bundle: BuiltBundle;
  let server: TestServer;
  let place: Place;
  let url: string;
  let windows: Record<Victim, Window>;
  const random = seededRandom();

  beforeAll(async () => {
    bundle = await builtBundle();
    place = await makePlace();
    server = await startServer(major!);
    await server.createDatabase("app");
    await server.sql("app", rowsSql);
    url = `postgresql://postgres@/app?host=${encodeURIComponent(server.socketDir)}&port=${server.port}`;
    // Once to warm up, once to see when there is what to kill.
    expect((await startRun(...backupCommand(bundle, place, url)).ended).code).toBe(0);
    windows = await watchBackup();
    console.log(`LIFEBOAT_SEED=${random.seed}`);
  });

  afterAll(async () => {
    await server.stop();
    await removePlace(place);
  });

  test.each([
    ["command", 7],
    ["action", 4],
    ["pg_dump", 6],
    ["zstd", 5],
    ["backend", 3],
    ["postmaster", 2],
  ] as const)(
    "of the %s leaves whole snapshots, no plaintext and no process (%i times)",
    async (victim, times) => {
      let kills = 0;
      let backups = 0;
      while (kills < times * scale) {
        const known = await wholeSnapshots();
        const start = victim === "action" ? backupAction : backupCommand;
        const run = startRun(...start(bundle, place, url));
        const { from, to } = windows[victim];
        await sleep(from + random.next() * (to - from));
        const isKilled = await kill(victim, run);
        const { code, signal, stderr } = await run.ended;
        if (isKilled && victim === "postmaster") await server.restart();
        if (isKilled) kills += 1;

        const told = `${victim}, seed ${random.seed}, kill ${kills}: ${stderr}`;
        expect(await orphansAfterGrace(place), told).toEqual([]);
        expect(await plaintextFiles(place), told).toEqual([]);
        const added = (await wholeSnapshots()).filter((id) => !known.includes(id));
        // Killed after the commit is the one case in which nobody can say whether it was done.
        if (signal === null) expect(added.length, told).toBe(code === 0 ? 1 : 0);
        for (const id of added) await expectVerified(id);
        if (victim === "backend") await untilAnswering();
        if (kills % backupEvery !== 0 || !isKilled) continue;
        await expectBackup(told);
        backups += 1;
      }
      await expectBackup(victim);
      const newest = (await wholeSnapshots()).at(-1);
      await expectVerified(newest ?? "");
      console.log(`${victim}: ${kills} kills between ${windowText(windows[victim])}, ${backups + 1} backups`);
    },
    scale * 180_000,
  );

  async function kill(victim: Victim, run: Run): Promise<boolean> {
    if (victim === "command" || victim === "action") return run.child.kill("SIGKILL");
    for (;;) {
      if (run.child.exitCode !== null || run.child.signalCode !== null) return false;
      if (victim === "postmaster") {
        await server.kill("SIGKILL");
        return true;
      }
      const pids = await victims(victim, run);
      const pid = pids[Math.floor(random.next() * pids.length)];
      if (pid !== undefined && hasKilled(pid)) return true;
      await sleep(5);
    }
  }

  async function victims(victim: "pg_dump" | "zstd" | "backend", { child }: Run): Promise<readonly number[]> {
    if (victim !== "backend") {
      const seen = await childrenOf(child.pid ?? 0);
      return seen.filter((one) => runsProgram(one, victim)).map(({ pid }) => pid);
    }
    const rows = await server.sql(
      "postgres",
      "select pid from pg_catalog.pg_stat_activity where application_name = 'lifeboat'",
    );
    return rows.map(({ pid }) => Number(pid));
  }

  async function watchBackup(): Promise<Record<Victim, Window>> {
    const seen = new Map<string, Window>();
    const started = performance.now();
    const run = startRun(...backupCommand(bundle, place, url));
    while (run.child.exitCode === null) {
      const now = performance.now() - started;
      for (const name of ["pg_dump", "zstd", "backend"] as const) {
        if ((await victims(name, run)).length > 0)
          seen.set(name, { from: seen.get(name)?.from ?? now, to: now });
      }
      await sleep(5);
    }
    await run.ended;
    // A little longer: instants after the end of the work count as well.
    const whole = { from: 0, to: 1.05 * (performance.now() - started) };
    const of = (name: Victim): Window => seen.get(name) ?? whole;
    const postmaster = { from: of("backend").from, to: of("backend").to };
    return {
      command: whole,
      action: whole,
      postmaster,
      pg_dump: of("pg_dump"),
      zstd: of("zstd"),
      backend: of("backend"),
    };
  }

  /** Ids of what `list` shows; anything but whole snapshots fails the test. */
  async function wholeSnapshots(): Promise<readonly string[]> {
    const store = openStore(storeAddress(place), { clock: systemClock, logger: silentLogger });
    const { snapshots, findings } = await listSnapshots(store, "database", new Date());
    expect(snapshots.filter(({ problem, snapshot }) => problem ?? snapshot?.state !== "whole")).toEqual([]);
    expect(findings.filter(({ code }) => code !== "unfinished-draft")).toEqual([]);
    return snapshots.map(({ id }) => id);
  }

  async function expectVerified(id: string): Promise<void> {
    const { code, stdout, stderr } = await startRun(...verifyCommand(bundle, place, "unsealed", id)).ended;
    expect(code, stdout + stderr).toBe(0);
  }

  /** The next run works without a hand, and takes away what the killed ones left. */
  async function expectBackup(told: string): Promise<void> {
    const { code, stderr } = await startRun(...backupCommand(bundle, place, url)).ended;
    expect(code, `${told}\n${stderr}`).toBe(0);
    expect(await readdir(join(place.store, "incoming")), told).toEqual([]);
    const listed = await startRun(place, [bundle.cli, "list", "--store", storeAddress(place)]).ended;
    expect(listed.code, listed.stderr).toBe(0);
    expect(listed.stderr).toBe("");
    expect(listed.stdout).not.toMatch(/DAMAGED|incomplete/);
  }

  async function untilAnswering(): Promise<void> {
    for (;;) {
      const answers = await server.sql("app", "select 1").then(
        () => true,
        () => false,
      );
      if (answers) return;
      await sleep(50);
    }
  }
});

/** Milliseconds after a run's start. */
interface Window {
  readonly from: number;
  readonly to: number;
}

function windowText({ from, to }: Window): string {
  return `${Math.round(from)} and ${Math.round(to)} ms`;
}

function hasKilled(pid: number): boolean {
  try {
    return process.kill(pid, "SIGKILL");
  } catch {
    return false;
  }
}
