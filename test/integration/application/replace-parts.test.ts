/** What stands in the way of a restored application is lost only once the new files stand there. */
import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterEach, beforeEach, expect, test } from "vitest";
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

const read = (name: string): Promise<string> => readFile(join(folder, name, "x"), "utf8");

test("new files take the place of old ones, and nothing else is left", async () => {
  const path = await staged();
  await replaceParts(folder, path, ["config", "files"]);
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
    await expect(replaceParts(folder, path, ["config", "files"])).rejects.toMatchObject({
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

test("what a killed run left is removed, and what it had set aside is put back; a living run is left alone", async () => {
  const { pid } = await new Promise<{ pid: number }>((done) => {
    const child = execFile("true", () => done({ pid: child.pid ?? 0 }));
  });
  const gone = join(folder, `.lifeboat-before-${pid}-0123456789ab`);
  await mkdir(gone);
  await run("mv", [join(folder, "files"), gone]);
  const living = `.lifeboat-${process.ppid}-0123456789ab`;
  for (const name of [".lifeboat-0123456789ab", `.lifeboat-${pid}-0123456789ab`, living]) {
    await mkdir(join(folder, name));
    await writeFile(join(folder, name, "plaintext"), "secret");
  }
  await clearLeftovers(folder);
  expect(await read("files")).toBe("old files");
  expect((await readdir(folder)).sort()).toEqual([living, "config", "files"]);
});
