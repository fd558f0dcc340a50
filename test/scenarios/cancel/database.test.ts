/** Restores of databases that are cancelled: at instants of their whole run, and held in the windows that are narrow. */
import { mkdir, readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { pathToFileURL } from "node:url";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { majorsWithClients, startServer, type TestServer } from "../../support/servers.ts";
import { makePlace, type Place, removePlace } from "../faults/runs.ts";
import {
  type Command,
  hookFlags,
  runCommand,
  type Said,
  stopEverywhere,
  storeFlags,
  wayOf,
} from "./stopping.ts";

const [major] = await majorsWithClients([15]);

describe.skipIf(major === undefined)("a restore of a database that is cancelled", () => {
  let server: TestServer;
  let place: Place;

  const urlOf = (database: string): string =>
    `postgresql://postgres@/${database}?host=${encodeURIComponent(server.socketDir)}&port=${server.port}`;

  beforeAll(async () => {
    place = await makePlace();
    server = await startServer(major!);
    await server.createDatabase("source");
    await server.sql(
      "source",
      `create table t (id int primary key, note text);
       insert into t select i, repeat(md5(i::text), 4) from generate_series(1, 20000) i;
       create table u (id int primary key references t);
       insert into u select i from generate_series(1, 5000) i; analyze`,
    );
    const args = ["backup", "database", "--database-url", "env:URL", ...storeFlags(place)];
    const backup = await runCommand({
      place,
      args: [...args, "--recipient", place.recipient],
      env: { URL: urlOf("source") },
    });
    expect(backup.code, backup.stderr).toBe(0);
  });
  afterAll(async () => {
    await server.stop();
    await removePlace(place);
  });

  const restore = (...more: readonly string[]): Command => ({
    place,
    args: [
      ...["restore", "database", ...storeFlags(place), "--identity-file", place.identityFile],
      ...["--ledger", "store", "--target-url", "env:URL", ...hookFlags(place), ...more],
    ],
    env: { URL: urlOf("app") },
  });
  const inPlace = (): Command => restore("--in-place", "--confirm", "app");

  async function dropAll(): Promise<void> {
    const rows = await server.sql("postgres", "select datname from pg_database where datname ~ '^app'");
    for (const { datname } of rows) await server.sql("postgres", `drop database "${datname}" with (force)`);
  }
  async function oldApp(): Promise<void> {
    await dropAll();
    await server.createDatabase("app");
    await server.sql("app", "create table old (n int); insert into old values (7)");
  }

  /** What stands there now: nothing, what stood before, or the backup's rows. */
  async function look(): Promise<"nothing" | "old" | "restored"> {
    const [there] = await server.sql("postgres", "select from pg_database where datname = 'app'");
    if (there === undefined) return "nothing";
    const [old] = await server.sql("app", "select to_regclass('public.old') as old");
    if (old?.["old"] !== null) return "old";
    const [count] = await server.sql(
      "app",
      "select (select count(*) from t) || '/' || (select count(*) from u) as n",
    );
    expect(count?.["n"]).toBe("20000/5000");
    return "restored";
  }

  function compareWith(before: "nothing" | "old"): (said: Said) => Promise<string> {
    return async (said) => {
      const [way, found] = [wayOf(said), await look()];
      expect(found).toBe(way === "done" ? "restored" : before);
      if (way === "cancelled" && said.message.includes("The target")) {
        expect(said.message).toContain("The target is unchanged.");
      }
      // Ended at its first moment, the command before may not have written its line.
      const begun = said.hooks.length > 0;
      expect(said.hooks.at(-1)).toBe(
        begun && way !== "killed" ? `after ${way === "done" ? "restored" : "unchanged"}` : undefined,
      );
      if (said.ledger !== "") expect(said.ledger).toBe(way === "done" ? "success" : "cancelled");
      else expect(way).not.toBe("done");
      return `${way}${begun ? " with hooks" : ""}`;
    };
  }

  test("into a new database: what is said is what is there", { timeout: 3_600_000 }, async () => {
    await stopEverywhere({
      name: "restore new",
      prepare: dropAll,
      command: () => restore(),
      compare: compareWith("nothing"),
    });
    expect(await leftovers()).toEqual([]);
  });

  test("in place: what is said is what is there", { timeout: 3_600_000 }, async () => {
    await stopEverywhere({
      name: "restore in place",
      prepare: oldApp,
      command: inPlace,
      compare: compareWith("old"),
    });
  });

  test("a backup: the snapshot is there whole, or not at all", { timeout: 3_600_000 }, async () => {
    const folder = join(place.folder, "backups");
    const store = ["--store", pathToFileURL(folder).href, "--recipient", place.recipient];
    await stopEverywhere({
      name: "backup database",
      prepare: async () => {
        await rm(folder, { recursive: true, force: true });
        await mkdir(folder);
      },
      command: () => ({
        place,
        args: ["backup", "database", "--database-url", "env:URL", ...store],
        env: { URL: urlOf("source") },
      }),
      compare: async (said) => {
        const way = wayOf(said);
        const files = await readdir(folder, { recursive: true });
        const whole = files.filter((name) => name.startsWith("snapshots/") && name.endsWith("snapshot.json"));
        // Without a further store and a ledger nothing comes after the commit.
        expect(whole).toHaveLength(way === "done" ? 1 : 0);
        return way;
      },
    });
  });

  test("of single tables: what is said is what is there", { timeout: 3_600_000 }, async () => {
    const rows = async (): Promise<string> => {
      const [found] = await server.sql(
        "app",
        "select (select count(*) from t) || '/' || (select count(*) from u) as n",
      );
      return found?.["n"] ?? "";
    };
    await stopEverywhere({
      name: "restore tables",
      prepare: async () => {
        await dropAll();
        await server.createDatabase("app");
        await server.sql(
          "app",
          "create table t (id int primary key, note text); create table u (id int primary key)",
        );
      },
      command: () => restore("--table", "public.t", "--table", "public.u", "--confirm", "app"),
      compare: async (said) => {
        const way = wayOf(said);
        expect(await rows()).toBe(way === "done" ? "20000/5000" : "0/0");
        if (said.hooks[0] === "before" && way !== "killed") {
          expect(said.hooks.at(-1)).toBe(`after ${way === "done" ? "restored" : "unchanged"}`);
        }
        if (said.ledger !== "") expect(said.ledger).toBe(way === "done" ? "success" : "cancelled");
        return way;
      },
    });
  });

  /** Runs the restore in place with the renaming held up by another session's lock, and `act` while it waits. */
  async function whileSwapWaits(
    act: (send: (signal: NodeJS.Signals) => void, release: () => Promise<unknown>) => Promise<void>,
  ): Promise<Said> {
    await oldApp();
    const blocker = new pg.Client({ connectionString: server.url() });
    await blocker.connect();
    try {
      return await runCommand({
        ...inPlace(),
        during: async (send) => {
          // It waits for the copy: the lock of a comment keeps every renaming of the old database out.
          while ((await waiting("verified")) === 0) await sleep(20);
          await blocker.query("begin; comment on database app is 'held'");
          while ((await waiting("swap")) === 0) await sleep(20);
          await act(send, () => blocker.query("rollback"));
        },
      });
    } finally {
      await blocker.end();
    }
  }
  async function waiting(what: "verified" | "swap"): Promise<number> {
    const sql =
      what === "swap"
        ? "select from pg_stat_activity where wait_event_type = 'Lock' and query like '%allow_connections false%'"
        : "select from pg_database where datname ~ '^app_new_'";
    return (await server.sql("postgres", sql)).length;
  }
  async function leftovers(): Promise<readonly unknown[]> {
    return await server.sql("postgres", "select datname from pg_database where datname ~ '^app_new_'");
  }

  test("a swap that was sent and comes about is told as restored, with exit code 0", async () => {
    const said = await whileSwapWaits(async (send, release) => {
      send("SIGTERM");
      await sleep(700);
      await release();
    });
    expect(said.code, said.stderr).toBe(0);
    expect(await look()).toBe("restored");
    expect(said.hooks).toEqual(["before", "after restored"]);
    expect(said.ledger).toBe("success");
    expect(said.stderr).toContain(
      "The run was cancelled (SIGTERM). It was too late to stop the work: it is done",
    );
  });

  test("a swap that waits for a lock is taken back, and told as unchanged before anybody kills us", async () => {
    const said = await whileSwapWaits((send) => {
      send("SIGTERM");
      return Promise.resolve();
    });
    expect([said.code, said.errorCode], said.stderr).toEqual([1, "run-cancelled"]);
    expect(said.message).toBe("The run was cancelled (SIGTERM). The target is unchanged.");
    expect(await look()).toBe("old");
    expect(said.hooks).toEqual(["before", "after unchanged"]);
    expect(said.ledger).toBe("cancelled");
  });

  test.each(["SIGINT", "SIGHUP"] as const)(
    "%s while the application is being stopped: it is started again, and a second signal changes nothing of that",
    async (signal) => {
      await oldApp();
      const command = inPlace();
      const hook = `echo before >> ${place.folder}/hooks; sleep 60; echo over >> ${place.folder}/hooks`;
      const at = command.args.indexOf("--before") + 1;
      const said = await runCommand({
        ...command,
        args: command.args.with(at, hook),
        during: async (send) => {
          while (
            (await server.sql("postgres", "select from pg_database where datname ~ '^app_new_'")).length === 0
          )
            await sleep(20);
          while ((await readFile(`${place.folder}/hooks`, "utf8").catch(() => "")) === "") await sleep(20);
          send(signal);
          await sleep(100);
          send("SIGTERM");
        },
      });
      expect([said.code, said.errorCode], said.stderr).toEqual([1, "run-cancelled"]);
      expect(said.message).toBe(`The run was cancelled (${signal}). The target is unchanged.`);
      expect(said.hooks).toEqual(["before", "after unchanged"]);
      expect(await look()).toBe("old");
    },
  );
});
