/** What a restored application is, beside what was backed up: compared before it is called restored, and nothing dropped without a word. */
import { execFile, execFileSync } from "node:child_process";
import {
  chmod,
  chown,
  link,
  lstat,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  readlink,
  rm,
  symlink,
  utimes,
  writeFile,
} from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { pack } from "tar-stream";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { compareTar } from "../../../src/application/compare-tree.ts";
import { extractTar } from "../../../src/application/extract-tree.ts";
import { noTotals, tarOf } from "../../../src/application/file-tree.ts";
import { backUpApplication } from "../../../src/operations/back-up-application.ts";
import {
  type ApplicationRestoreRequest,
  restoreApplication,
} from "../../../src/operations/restore-application.ts";
import { generateIdentity, parseIdentities } from "../../../src/seal/identities.ts";
import { parseRecipients } from "../../../src/seal/recipients.ts";
import { directoryStore } from "../../../src/store/directory.ts";
import type { Store } from "../../../src/store/store.ts";
import { systemClock } from "../../../src/system/clock.ts";
import { silentLogger } from "../../../src/system/logger.ts";

const key = await generateIdentity({ postQuantum: false, created: new Date(0) });
const run = promisify(execFile);
const isRoot = process.getuid?.() === 0;

let root: string;
let work: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "lifeboat-kept-"));
  work = join(root, "work");
  for (const name of ["store", "work", "work/app"]) await mkdir(join(root, name));
});
afterEach(() => rm(root, { recursive: true, force: true }));

const around = () => ({
  store: directoryStore({ path: join(root, "store"), clock: systemClock, logger: silentLogger }),
  clock: systemClock,
  logger: silentLogger,
  lifeboatVersion: "0.0.0-test",
  zstd: "zstd",
  signal: new AbortController().signal,
});

function backUp() {
  return backUpApplication(
    {
      source: "application",
      tiers: ["daily"],
      recipients: parseRecipients([key.recipient]),
      signingKey: undefined,
      workspace: work,
      bundlesRepository: false,
      paths: ["app"],
      config: [],
      exclude: [],
      environment: "A=1\n",
      settings: undefined,
    },
    around(),
  );
}

const folder = (): string => join(root, "restored");
function restore(more: Partial<ApplicationRestoreRequest> = {}, store = around().store) {
  const identities = parseIdentities(key.fileText);
  return restoreApplication(
    {
      ...{ source: "application", choice: { kind: "latest" }, identities },
      ...{ folder: folder(), confirm: folder(), dryRun: false, ...more },
    },
    { ...around(), store },
  );
}

function tar() {
  return tarOf({ base: work, paths: ["app"], isExcluded: () => false }, noTotals());
}

async function mountedTmpfs(path: string): Promise<AsyncDisposable | undefined> {
  const mounted = await run("mount", ["-t", "tmpfs", "-o", "size=2m", "tmpfs", path]).catch(() => undefined);
  if (mounted === undefined) {
    console.warn("SKIPPED: mounting a tmpfs needs root and the right to mount.");
    return undefined;
  }
  return {
    [Symbol.asyncDispose]: async () => {
      await run("umount", [path]);
    },
  };
}

it("over a mount fails, leaves the old files and no new ones, and works once the mount is gone", async ({
  skip,
}) => {
  await writeFile(join(work, "app", "new"), "new");
  await backUp();
  const mounted = join(folder(), "files");
  await mkdir(mounted, { recursive: true });
  await writeFile(join(folder(), "environment"), "old");
  {
    await using mount = await mountedTmpfs(mounted);
    if (mount === undefined) skip();
    await writeFile(join(mounted, "old"), "old");
    await expect(restore()).rejects.toMatchObject({ code: "restore-write-failed", exitCode: 1 });
    expect(await readFile(join(mounted, "old"), "utf8")).toBe("old");
    expect(await readFile(join(folder(), "environment"), "utf8")).toBe("old");
    expect((await readdir(folder())).sort()).toEqual(["environment", "files"]);
  }
  await restore();
  expect(await readFile(join(folder(), "files", "app", "new"), "utf8")).toBe("new");
  expect(await readFile(join(folder(), "environment"), "utf8")).toBe("A=1\n");
  expect((await readdir(folder())).sort()).toEqual(["environment", "files"]);
});

it("into a folder that is a mount itself replaces what stands there", async ({ skip }) => {
  await writeFile(join(work, "app", "new"), "new");
  await backUp();
  await mkdir(folder());
  await using mount = await mountedTmpfs(folder());
  if (mount === undefined) skip();
  await mkdir(join(folder(), "files"));
  await writeFile(join(folder(), "files", "old"), "old");
  await restore();
  expect(await readdir(join(folder(), "files"))).toEqual(["app"]);
});

it("onto a disk that is too small says so, and leaves what stood there", async ({ skip }) => {
  await writeFile(join(work, "app", "big"), Buffer.alloc(3_000_000, 1));
  await backUp();
  await mkdir(folder());
  await using mount = await mountedTmpfs(folder());
  if (mount === undefined) skip();
  await writeFile(join(folder(), "environment"), "old");
  await expect(restore()).rejects.toMatchObject({ code: "restore-write-failed" });
  expect(await readdir(folder())).toEqual(["environment"]);
  expect(await readFile(join(folder(), "environment"), "utf8")).toBe("old");
});

it.each(["files/app/new", "environment"])(
  "is not called restored where %s has other bytes then",
  async (name) => {
    await writeFile(join(work, "app", "new"), "new");
    await backUp();
    await restore();
    await writeFile(join(folder(), "environment"), "old");
    const { store } = around();
    const disturbed: Store = {
      ...store,
      read: async (key, range) => {
        // Somebody writes into the folder after the new files came there, before they are compared.
        const place = join(folder(), name);
        const isThere = await readFile(place, "utf8").catch(() => "");
        if (isThere === "new" || isThere === "A=1\n") await writeFile(place, isThere.toUpperCase() + "!");
        return await store.read(key, range);
      },
    };
    await writeFile(join(folder(), "files", "app", "new"), "old");
    await expect(restore({}, disturbed)).rejects.toMatchObject({ code: "restore-not-verified", exitCode: 3 });
    expect(await readFile(join(folder(), "files", "app", "new"), "utf8")).toBe("old");
    expect(await readFile(join(folder(), "environment"), "utf8")).toBe("old");
    expect((await readdir(folder())).sort()).toEqual(["environment", "files"]);
  },
);

describe("a comparison with the tar", () => {
  const damages: readonly (readonly [string, (app: string) => Promise<unknown>])[] = [
    ["another byte", (app) => writeFile(join(app, "file"), "fiLe")],
    ["another length", (app) => writeFile(join(app, "file"), "file and more")],
    ["another mode", (app) => chmod(join(app, "file"), 0o666)],
    ["a folder's other mode", (app) => chmod(join(app, "sub"), 0o711)],
    ["a missing file", (app) => rm(join(app, "sub", "inner"))],
    ["one file more", (app) => writeFile(join(app, "sub", "more"), "")],
    [
      "a link elsewhere",
      (app) => rm(join(app, "link")).then(() => symlink("/etc/passwd", join(app, "link"))),
    ],
    ["a link for a file", (app) => rm(join(app, "file")).then(() => symlink("sub/inner", join(app, "file")))],
    ["a folder for a file", (app) => rm(join(app, "file")).then(() => mkdir(join(app, "file")))],
    [
      "a file for a folder",
      (app) => rm(join(app, "sub"), { recursive: true }).then(() => writeFile(join(app, "sub"), "")),
    ],
    ...(isRoot ? [["another owner", (app: string) => chown(join(app, "file"), 4711, 4711)] as const] : []),
  ];
  it.each(damages)("finds %s", async (_, damage) => {
    const app = join(work, "app");
    await writeFile(join(app, "file"), "file");
    await mkdir(join(app, "sub"));
    await writeFile(join(app, "sub", "inner"), "inner");
    await symlink("file", join(app, "link"));
    await mkdir(folder());
    await extractTar(tar(), folder());
    await compareTar(tar(), folder());
    await damage(join(folder(), "app"));
    await expect(compareTar(tar(), folder())).rejects.toMatchObject({
      code: "restore-not-verified",
      exitCode: 3,
    });
  });
});

it("without setuid, setgid and sticky bits: counted in backup, plan and report", async () => {
  const app = join(work, "app");
  for (const [name, mode] of [
    ["one", 0o4755],
    ["two", 0o6755],
    ["three", 0o2644],
  ] as const) {
    await writeFile(join(app, name), name);
    await chmod(join(app, name), mode);
  }
  await mkdir(join(app, "shared"));
  await chmod(join(app, "shared"), 0o3777);
  await link(join(app, "one"), join(app, "again"));
  const made = await backUp();
  const codes = made.findings.map(({ code }) => code);
  expect(codes).toContain("special-bits-not-restored");
  expect(codes).toContain("hard-links-kept-apart");
  const planned = await restore({ dryRun: true });
  const bits = "3 setuid bits, 3 setgid bits, 1 sticky bit";
  expect(planned.findings[0]).toMatchObject({ code: "special-bits-dropped", level: "warning" });
  expect(planned.findings[0]?.publicSentence).toContain(bits);
  const { findings } = await restore();
  expect(findings[0]?.publicSentence).toContain(bits);
  for (const name of ["one", "two", "three", "again", "shared"]) {
    const { mode } = await lstat(join(folder(), "files", "app", name));
    expect([name, mode & 0o7000]).toEqual([name, 0]);
  }
  expect((await lstat(join(folder(), "files", "app", "shared"))).mode & 0o777).toBe(0o777);
});

it("names sockets, pipes and devices by kind", async () => {
  const app = join(work, "app");
  await run("mkfifo", [join(app, "pipe")]);
  if (isRoot) await run("mknod", [join(app, "null"), "c", "1", "3"]).catch(() => undefined);
  const hasDevice = (await readdir(app)).includes("null");
  const server = createServer().listen(join(app, "socket"));
  await new Promise((listening) => server.once("listening", listening));
  const { findings } = await backUp();
  server.close();
  const [skipped] = findings.filter(({ code }) => code === "special-file-skipped");
  expect(skipped?.publicSentence).toContain(`1 socket, 1 pipe${hasDevice ? ", 1 device" : ""}`);
});

it("counts entries with extended attributes, or says that nobody looked", async () => {
  const app = join(work, "app");
  for (const name of ["one", "two"]) await writeFile(join(app, name), name);
  const set = ["-n", "user.lifeboat", "-v", "x", join(app, "one")];
  const hasTools = await run("setfattr", set).then(
    () => true,
    () => false,
  );
  if (!hasTools) console.warn("SKIPPED IN PART: setfattr and getfattr (package attr) are not here.");
  const findings = (await backUp()).findings.filter(({ code }) => code.startsWith("attributes-"));
  expect(findings.map(({ code }) => code)).toEqual([
    hasTools ? "attributes-not-kept" : "attributes-not-checked",
  ]);
  if (hasTools) expect(findings[0]?.publicSentence).toContain("1 entry with ACLs");
});

it("keeps owners of any number and times of any century", async ({ skip }) => {
  if (!isRoot) {
    console.warn("SKIPPED: giving files away needs root.");
    skip();
  }
  const path = join(work, "app", "file");
  await writeFile(path, "x");
  await chown(path, 3_000_000, 2_000_000);
  await utimes(path, 4_000_000_000, 4_000_000_000);
  await writeFile(join(work, "app", "old"), "x");
  const before = new Date(-86_400_000);
  await utimes(join(work, "app", "old"), before, before);
  await backUp();
  await restore();
  const { uid, gid, mtimeMs } = await lstat(join(folder(), "files", "app", "file"));
  expect([uid, gid, mtimeMs]).toEqual([3_000_000, 2_000_000, 4_000_000_000_000]);
  expect((await lstat(join(folder(), "files", "app", "old"))).mtimeMs).toBe(-86_400_000);
});

it("keeps names and link targets that are no UTF-8, beside names that look like their escapes", async () => {
  const app = Buffer.from(join(work, "app/"));
  const name = Buffer.from([0x63, 0x61, 0x66, 0xe9]);
  const at = (...parts: readonly Buffer[]): Buffer => Buffer.concat(parts);
  await writeFile(at(app, name), "latin1");
  await writeFile(at(app, Buffer.from("caf%E9")), "escape");
  await mkdir(at(app, Buffer.from([0xff])));
  await writeFile(at(app, Buffer.from([0xff, 0x2f, 0xfe])), "inner");
  await symlink(name, at(app, Buffer.from("link")));
  await writeFile(join(work, "app", `${"n".repeat(252)}é`.slice(0, 253)), "long");
  await backUp();
  await restore();
  const restored = Buffer.from(join(folder(), "files", "app/"));
  expect((await readdir(restored, { encoding: "buffer" })).map(String).sort()).toEqual(
    (await readdir(app, { encoding: "buffer" })).map(String).sort(),
  );
  expect(await readFile(at(restored, name), "utf8")).toBe("latin1");
  expect(await readFile(at(restored, Buffer.from("caf%E9")), "utf8")).toBe("escape");
  expect(await readFile(at(restored, Buffer.from([0xff, 0x2f, 0xfe])), "utf8")).toBe("inner");
  expect(await readlink(at(restored, Buffer.from("link")), { encoding: "buffer" })).toEqual(name);
});

it("names a path that is longer than the system takes, and a name in a tar that no file can have", async () => {
  const deep =
    "d=0123456789; d=$d$d$d$d$d$d$d$d$d$d; i=0; while [ $i -lt 50 ]; do mkdir $d && cd $d || exit 1; i=$((i+1)); done; echo x > file";
  execFileSync("bash", ["-c", deep], { cwd: join(work, "app") });
  await expect(backUp()).rejects.toMatchObject({ code: "path-too-long", exitCode: 2 });
  await run("rm", ["-rf", join(work, "app")]);
  for (const name of ["n".repeat(300), `${"d".repeat(200)}/`.repeat(30) + "file"]) {
    const long = pack();
    long.entry({ name }, "x");
    long.finalize();
    const into = await mkdtemp(join(root, "into-"));
    await expect(extractTar(long as AsyncIterable<Uint8Array>, into)).rejects.toMatchObject({
      code: "restore-name-refused",
    });
  }
});
