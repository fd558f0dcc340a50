/** What stands in the way of a restored application is lost only once the new files stand there. */
import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterEach, beforeEach, expect, test } from "vitest";
import { LifeboatError } from "../../../src/errors.ts";
import { clearLeftovers, replaceParts, stageIn } from "../../../src/application/replace-parts.ts";

const run = promisify(execFile);
let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "lifeboat-replace-"));
  for (const name of ["config", "files"]) {
    await mkdir(join(folder, name));
    await writeFile(join(folder, name, "x"), `old ${name}`);
  }
});
afterEach(() => rm(folder, { recursive: true, force: true }));

async function staged(): Promise<string> {
  const path = await stageIn(folder);
  for (const name of ["config", "files"]) {
    await mkdir(join(path, name));
    await writeFile(join(path, name, "x"), `new ${name}`);
  }
  return path;
}

const proven = (): Promise<void> => Promise.resolve();
const read = (name: string): Promise<string> => readFile(join(folder, name, "x"), "utf8");

test("new files take the place of old ones, and nothing else is left", async () => {
  const path = await staged();
  await replaceParts(folder, path, ["config", "files"], proven);
  await rm(path, { recursive: true });
  expect([await read("config"), await read("files")]).toEqual(["new config", "new files"]);
  expect(await readdir(folder)).toEqual(["config", "files"]);
});

test("over a mount everything stays as it was", async ({ skip }) => {
  const mounted = join(folder, "files");
  const before = await run("mount", ["-t", "tmpfs", "-o", "size=1m", "tmpfs", mounted]).catch(
    () => undefined,
  );
  if (before === undefined) {
    console.warn("SKIPPED: mounting a tmpfs needs root and the right to mount.");
    skip();
  }
  try {
    await writeFile(join(mounted, "x"), "on the mount");
    const path = await staged();
    await expect(replaceParts(folder, path, ["config", "files"], proven)).rejects.toMatchObject({
      code: "restore-write-failed",
      message: expect.stringContaining("EBUSY") as string,
    });
    expect([await read("config"), await read("files")]).toEqual(["old config", "on the mount"]);
    await rm(path, { recursive: true });
    expect(await readdir(folder)).toEqual(["config", "files"]);
  } finally {
    await run("umount", [mounted]);
  }
});

test("what does not prove good is taken back", async () => {
  const path = await staged();
  const damaged = new LifeboatError("restore-not-verified", "It has other bytes.");
  const prove = async (): Promise<void> => {
    expect([await read("config"), await read("files")]).toEqual(["new config", "new files"]);
    throw damaged;
  };
  await expect(replaceParts(folder, path, ["config", "files"], prove)).rejects.toBe(damaged);
  expect([await read("config"), await read("files")]).toEqual(["old config", "old files"]);
  await rm(path, { recursive: true });
  expect(await readdir(folder)).toEqual(["config", "files"]);
});

async function startOf(pid: number): Promise<string> {
  const stat = await readFile(`/proc/${pid}/stat`, "utf8");
  return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19] ?? "";
}

test("what a killed run left is removed, also where its number is used again, and what it had set aside is put back", async () => {
  const { pid } = await new Promise<{ pid: number }>((done) => {
    const child = execFile("true", () => done({ pid: child.pid ?? 0 }));
  });
  const gone = join(folder, `.lifeboat-before-${pid}-77-0123456789ab`);
  await mkdir(gone);
  await run("mv", [join(folder, "files"), gone]);
  const start = await startOf(process.ppid);
  const living = [
    `.lifeboat-${process.ppid}-${start}-0123456789ab`,
    `.lifeboat-before-${process.ppid}-${start}-0123456789ab`,
    `.lifeboat-${process.pid}-${await startOf(process.pid)}-0123456789ab`,
  ];
  // The same number, but a process that began at another time.
  const reused = [`.lifeboat-${process.ppid}-1-0123456789ab`, `.lifeboat-${process.pid}-1-0123456789ab`];
  for (const name of [".lifeboat-0123456789ab", `.lifeboat-${pid}-77-0123456789ab`, ...reused, ...living]) {
    await mkdir(join(folder, name));
    await writeFile(join(folder, name, "plaintext"), "secret");
  }
  await clearLeftovers(folder);
  expect(await read("files")).toBe("old files");
  expect((await readdir(folder)).sort()).toEqual([...living, "config", "files"].sort());
  const own = await stageIn(folder);
  await clearLeftovers(folder);
  expect(await readdir(folder)).toContain(own.slice(folder.length + 1));
});
