/** What an isolated program may take, and that it ends when it should. */
import { chmod, mkdtemp, readdir, rm } from "node:fs/promises";
import { afterEach, beforeEach, expect, test } from "vitest";
import { sandboxCommand } from "../../../src/system/sandbox/bubblewrap.ts";
import { findIsolation } from "../../../src/system/sandbox/isolation.ts";
import { type Isolation, isIsolation } from "../../../src/system/sandbox/way.ts";
import { removeRoom } from "../../../src/system/sandbox/leftovers.ts";
import { type SandboxLimits, usualLimits } from "../../../src/system/sandbox/limits.ts";
import { prepareRoom, type Room } from "../../../src/system/sandbox/room.ts";
import { runToEnd } from "../../../src/system/sandbox/run.ts";

let parent: string;
let isolation: Isolation;
let room: Room;
beforeEach(async () => {
  parent = await mkdtemp("/tmp/lb-limits-");
  const found = await findIsolation(parent);
  if (!isIsolation(found)) throw new Error(`${found.missing} ${found.cure}`);
  isolation = found;
  const folder = await mkdtemp(`${parent}/room-`);
  room = await prepareRoom(isolation, folder);
});
afterEach(async () => {
  await removeRoom(room.folder);
  expect(await readdir(parent)).toEqual([]);
  await rm(parent, { recursive: true });
});

async function run(script: string, given: Partial<SandboxLimits> = {}, milliseconds = 60_000) {
  const limits = { ...usualLimits(), ...given };
  const command = sandboxCommand(isolation, room, { program: "/bin/sh", args: ["-c", script], limits });
  const { exit, stdout } = await runToEnd(command, { milliseconds });
  return { code: exit.code, said: `${stdout.toString()}${exit.stderr}` };
}

const mebibyte = 2 ** 20;

test("memory of a process", async () => {
  const script = `perl -e '$x = "x" x (200 * 1048576); print "had it"'`;
  expect((await run(script)).said).toBe("had it");
  expect((await run(script, { memoryBytes: 100 * mebibyte })).said).not.toContain("had it");
});

test("the number of processes", async () => {
  const script = "for i in 1 2 3 4 5 6 7 8 9 10 11 12; do sleep 1 & done; wait; echo done";
  expect((await run(script)).said).toBe("done\n");
  expect((await run(script, { processes: 8 })).said).toMatch(/cannot fork/i);
});

test("the size of a file, and of the folders in memory", async () => {
  const write = (to: string): string => `head -c 3000000 /dev/zero >${to}; stat -c %s ${to}`;
  expect((await run(write("big"), { fileBytes: mebibyte })).said).toMatch(/^1048576/m);
  expect((await run(write("/tmp/big"), { scratchBytes: mebibyte })).said).toMatch(/^1048576/m);
  expect((await run(write("/dev/shm/big"), { scratchBytes: mebibyte })).said).toMatch(/^1048576/m);
});

test("time: what takes longer is killed with all its children, and its files go", async () => {
  await expect(run("mkdir -m 0 shut; sleep 600 & sleep 600", {}, 500)).rejects.toMatchObject({
    code: "tool-failed",
    message: expect.stringContaining("did not finish within 500 ms") as string,
  });
  expect(await readdir(room.folder)).toEqual([]);
});

test("files that were made unreadable are removed all the same", async () => {
  await run("mkdir -p a/b; touch a/b/c; chmod 0 a/b a .");
  await chmod(room.folder, 0o700);
});

test("nothing outside of its folder can be written, not even by name", async () => {
  const { said } = await run(
    "for f in /x /etc/x /usr/x /dev/x /bin/x /proc/x; do (echo x >$f) && echo wrote $f; done 2>/dev/null; id -u; ls /home /root /run /work",
  );
  expect(said).not.toContain("wrote");
  expect(said).toContain(String(room.account.uid));
});
