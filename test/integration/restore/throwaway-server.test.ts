import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, readdir, rm, stat, readFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { afterEach, beforeEach, expect, test } from "vitest";
import { startCheckServer } from "../../../src/operations/check-server.ts";
import { startThrowawayServer, type ThrowawayOptions } from "../../../src/postgres/throwaway-server.ts";
import { systemClock } from "../../../src/system/clock.ts";
import { silentLogger } from "../../../src/system/logger.ts";
import { binDir, run } from "./real-backups.ts";

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp("/tmp/lt-");
  await (await import("node:fs/promises")).chmod(folder, 0o755);
});
afterEach(async () => await rm(folder, { recursive: true, force: true }));

function options(more: Partial<ThrowawayOptions> = {}): ThrowawayOptions {
  return { binDir, major: 15, folder, clock: systemClock, logger: silentLogger, ...more };
}

test("a server runs in a private folder, listens on no port, and leaves nothing behind", async () => {
  const server = await startThrowawayServer(options({ settings: { work_mem: "7MB" } }));
  expect((await stat(server.folder)).mode & 0o777).toBe(0o700);
  const shown = await run(
    server.connection,
    "select current_setting('listen_addresses') l, current_setting('fsync') f, current_setting('work_mem') w",
  );
  expect(shown).toEqual([{ l: "", f: "off", w: "7MB" }]);
  await server.stop();
  await server.stop();
  expect(await readdir(folder)).toEqual([]);
});

test.each([
  [100, "512"],
  [100_000, "4000"],
])("a check's server has room to lock all of %i relations at once", async (relations, locks) => {
  const wishes = { extensions: [], relations, copy: "copy", packages: () => Promise.resolve() };
  await using server = await startCheckServer(options(), wishes);
  const shown = await run(server.connection, "select current_setting('max_locks_per_transaction') locks");
  expect(shown).toEqual([{ locks }]);
});

test("two servers at once do not sweep each other", async () => {
  await using first = await startThrowawayServer(options());
  await using second = await startThrowawayServer(options());
  expect(await run(first.connection, "select 1 as one")).toEqual(
    await run(second.connection, "select 1 as one"),
  );
});

test("a server that cannot start says why in its own words, and leaves nothing behind", async () => {
  await expect(startThrowawayServer(options({ settings: { shared_buffers: "lots" } }))).rejects.toMatchObject(
    {
      code: "throwaway-server-failed",
      message: expect.stringMatching(/invalid value for parameter "shared_buffers"/) as string,
    },
  );
  expect(await readdir(folder)).toEqual([]);
});

test("another major version than wanted, and too long a path, are refused", async () => {
  await expect(startThrowawayServer(options({ major: 17 }))).rejects.toMatchObject({ code: "tool-missing" });
  const long = join(folder, "x".repeat(100));
  await mkdir(long);
  await expect(startThrowawayServer(options({ folder: long }))).rejects.toMatchObject({
    code: "input-invalid",
  });
});

/** Gone, or dead and not yet taken note of by whoever inherited it. */
async function isOver(pid: number): Promise<boolean> {
  const stat = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => undefined);
  return stat === undefined || /\) Z /.test(stat);
}

const places = ["ordinary", "isolated"];

test.each(places)(
  "our SIGKILL ends the %s server and its data; the next start removes the rest",
  async (where) => {
    const owner = spawn(
      process.execPath,
      [join(import.meta.dirname, "throwaway-process.ts"), folder, where],
      {
        stdio: ["ignore", "pipe", "inherit"],
      },
    );
    const [output] = (await once(owner.stdout, "data")) as [Buffer];
    const server = JSON.parse(output.toString()) as { folder: string; pid: number };
    owner.kill("SIGKILL");
    await once(owner, "exit");
    while ((await readdir(server.folder)).length > 0) await delay(50);
    await mkdir(join(folder, "lb-1-0-abcdef"));
    await mkdir(join(folder, "lb-not-ours"));
    await using next = await startThrowawayServer(options());
    const left = await readdir(folder);
    expect(left).not.toContain(server.folder.split("/").at(-1));
    expect(left.toSorted()).toEqual(
      ["lb-1-0-abcdef", "lb-not-ours", next.folder.split("/").at(-1)].toSorted(),
    );
  },
);

test.each(places)("an %s server whose watchdog was killed too is ended by the next start", async (where) => {
  const owner = spawn(process.execPath, [join(import.meta.dirname, "throwaway-process.ts"), folder, where], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const [output] = (await once(owner.stdout, "data")) as [Buffer];
  const server = JSON.parse(output.toString()) as { folder: string; watchdog: number; pid: number };
  process.kill(server.watchdog, "SIGKILL");
  owner.kill("SIGKILL");
  await once(owner, "exit");
  expect((await readdir(server.folder)).length).toBeGreaterThan(0);
  await using next = await startThrowawayServer(options());
  expect(await readdir(folder)).toEqual([next.folder.split("/").at(-1)]);
  expect(await isOver(server.pid)).toBe(true);
});
