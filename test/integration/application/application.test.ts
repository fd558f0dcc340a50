import { execFile } from "node:child_process";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { chmod, lstat, mkdir, mkdtemp, readFile, readlink, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { pack } from "tar-stream";
import { afterEach, beforeEach, expect, it } from "vitest";
import { extractTar } from "../../../src/application/extract-tree.ts";
import {
  type ApplicationBackupRequest,
  backUpApplication,
} from "../../../src/operations/back-up-application.ts";
import {
  type ApplicationRestoreRequest,
  restoreApplication,
} from "../../../src/operations/restore-application.ts";
import { verifySnapshot } from "../../../src/operations/verify-snapshot.ts";
import { generateIdentity, parseIdentities } from "../../../src/seal/identities.ts";
import { parseRecipients } from "../../../src/seal/recipients.ts";
import { directoryStore } from "../../../src/store/directory.ts";
import { systemClock } from "../../../src/system/clock.ts";
import { silentLogger } from "../../../src/system/logger.ts";

const key = await generateIdentity({ postQuantum: false, created: new Date(0) });
const identities = parseIdentities(key.fileText);
const recipients = parseRecipients([key.recipient]);
const run = promisify(execFile);

let root: string;
let workspace: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "lifeboat-application-"));
  workspace = join(root, "shop");
  await mkdir(join(root, "store"));
  await mkdir(workspace);
  await git("init", "--quiet", "--initial-branch=main");
  await writeFile(join(workspace, "index.js"), "console.log('one')\n");
  await commit("one");
  await git("branch", "other");
  await git("tag", "-a", "v1", "-m", "first");
  await writeFile(join(workspace, "index.js"), "console.log('two')\n");
  await commit("two");
});
afterEach(() => rm(root, { recursive: true, force: true }));

async function git(...args: readonly string[]): Promise<string> {
  const identity = ["-c", "user.name=x", "-c", "user.email=x@example.org", "-c", "safe.directory=*"];
  const { stdout } = await run("git", ["-C", workspace, ...identity, ...args]);
  return stdout.trim();
}

async function commit(message: string): Promise<void> {
  await git("add", "--all");
  await git("commit", "--quiet", "-m", message);
}

const store = () => directoryStore({ path: join(root, "store"), clock: systemClock, logger: silentLogger });
const around = () => ({
  store: store(),
  clock: systemClock,
  logger: silentLogger,
  lifeboatVersion: "0.0.0-test",
  zstd: "zstd",
  signal: new AbortController().signal,
});

function backUp(more: Partial<ApplicationBackupRequest> = {}) {
  return backUpApplication(
    {
      source: "application",
      tiers: ["daily"],
      recipients,
      signingKey: undefined,
      workspace,
      bundlesRepository: true,
      paths: [],
      config: [],
      exclude: [],
      environment: undefined,
      settings: undefined,
      ...more,
    },
    around(),
  );
}

function restore(more: Partial<ApplicationRestoreRequest> = {}) {
  const choice = { kind: "latest" } as const;
  const folder = join(root, "restored");
  return restoreApplication(
    { source: "application", choice, identities, folder, confirm: undefined, dryRun: false, ...more },
    around(),
  );
}

function verify(level: "unsealed" | "restored") {
  const never = () => Promise.reject(new Error("an application needs no PostgreSQL"));
  return verifySnapshot(
    {
      source: "application",
      choice: { kind: "latest" },
      level,
      identities,
      waive: [],
      signer: undefined,
      server: undefined,
      jobs: 1,
    },
    {
      ...around(),
      temporaryFolder: root,
      clientTools: never,
      serverPrograms: never,
      extensionPackages: never,
    },
  );
}

it("comes back whole: every ref, files with their modes and links, configuration, environment", async () => {
  const config = join(root, "etc", "app config");
  await mkdir(join(config, "empty"), { recursive: true });
  await writeFile(join(config, "run.sh"), "#!/bin/sh\n", { mode: 0o755 });
  await writeFile(join(config, "secret.ini"), "x=1\n", { mode: 0o600 });
  await chmod(join(config, "secret.ini"), 0o600);
  await symlink("/etc/hostname", join(config, "absolute"));
  await symlink("../app config/run.sh", join(config, "relative"));
  await writeFile(join(config, "Ünï 'odd' \\ name\nline"), Buffer.alloc(700_000, 7));
  await writeFile(join(config, "left.log"), "no");
  const report = await backUp({
    paths: ["."],
    config: [config],
    exclude: ["**/*.log"],
    environment: "DATABASE_URL=postgresql://x\n",
  });
  expect(report.snapshot).toMatchObject({ kind: "application", state: "whole", totals: { objects: 4 } });
  expect(report.contents.repository?.refs.map(({ name }) => name)).toEqual([
    "refs/heads/main",
    "refs/heads/other",
    "refs/tags/v1",
  ]);
  for (const level of ["unsealed", "restored"] as const) {
    const { verdict, components } = await verify(level);
    expect(components.flatMap(({ findings }) => findings)).toEqual([]);
    expect(verdict).toBe("passed");
  }

  await restore();
  const restored = join(root, "restored");
  const clone = join(root, "clone");
  await run("git", ["clone", "--quiet", join(restored, "repository.git"), clone]);
  expect(await readFile(join(clone, "index.js"), "utf8")).toBe("console.log('two')\n");
  const { stdout } = await run("git", [
    "-C",
    join(restored, "repository.git"),
    "rev-parse",
    "other",
    "v1^{}",
  ]);
  expect(stdout.trim().split("\n")).toEqual([
    await git("rev-parse", "other"),
    await git("rev-parse", "v1^{}"),
  ]);
  expect(await lstat(join(restored, "files", ".git")).catch(() => "absent")).toBe("absent");
  const { stdout: difference } = await run("diff", [
    "-r",
    "--no-dereference",
    config,
    join(restored, "config", config),
  ]).catch((error: unknown) => error as { stdout: string });
  expect(difference.trim()).toBe(`Only in ${config}: left.log`);
  for (const name of ["run.sh", "secret.ini", "empty"]) {
    const [was, is] = await Promise.all(
      [config, join(restored, "config", config)].map((at) => lstat(join(at, name))),
    );
    expect([name, is?.mode, is?.uid]).toEqual([name, was?.mode, was?.uid]);
  }
  expect(await readlink(join(restored, "config", config, "absolute"))).toBe("/etc/hostname");
  expect(await readFile(join(restored, "environment"), "utf8")).toBe("DATABASE_URL=postgresql://x\n");
  expect((await lstat(join(restored, "environment"))).mode & 0o777).toBe(0o600);
});

it("replaces nothing in a folder unless its path was typed, and leaves everything else in it alone", async () => {
  await backUp({ paths: ["index.js"] });
  await restore();
  const folder = join(root, "restored");
  await writeFile(join(folder, "files", "index.js"), "mine\n");
  await writeFile(join(folder, "other"), "mine\n");
  await expect(restore()).rejects.toMatchObject({ code: "confirm-needed" });
  await expect(restore({ confirm: "restored" })).rejects.toMatchObject({ code: "confirm-mismatch" });
  expect((await restore({ dryRun: true })).written.map(({ path }) => path)).toEqual([
    "repository.git",
    "files",
  ]);
  expect(await readFile(join(folder, "files", "index.js"), "utf8")).toBe("mine\n");
  await restore({ confirm: folder });
  expect(await readFile(join(folder, "files", "index.js"), "utf8")).toBe("console.log('two')\n");
  expect(await readFile(join(folder, "other"), "utf8")).toBe("mine\n");
});

it("refuses, before anything is stored, what would be no whole backup", async () => {
  await expect(backUp({ paths: ["index.js", "gone", "/nowhere"] })).rejects.toMatchObject({
    code: "path-missing",
    message: 'There is no "gone", "/nowhere".',
  });
  await expect(backUp({ bundlesRepository: false })).rejects.toMatchObject({ code: "input-invalid" });
  await expect(backUp({ workspace: root })).rejects.toMatchObject({ code: "repository-unusable" });
  const shallow = join(root, "shallow");
  await run("git", ["clone", "--quiet", "--depth=1", `file://${workspace}`, shallow]);
  await expect(backUp({ workspace: shallow })).rejects.toMatchObject({ code: "repository-not-whole" });
  expect((await store().snapshots("application")).snapshots).toEqual([]);
});

it("finds a changed byte of any part", async () => {
  const { snapshot } = await backUp({ paths: ["."], environment: "A=1" });
  for (const { name } of snapshot.files) {
    const path = join(root, "store", "snapshots", "application", snapshot.id, name);
    const bytes = await readFile(path);
    const changed = Buffer.from(bytes);
    changed[bytes.length - 20] = (changed[bytes.length - 20] ?? 0) ^ 1;
    await writeFile(path, changed);
    const { verdict, components } = await verify("unsealed");
    expect([name, verdict]).toEqual([name, "failed"]);
    expect(components.flatMap(({ findings }) => findings)[0]?.sentence).toContain(name);
    await writeFile(path, bytes);
  }
});

it("keeps what GitHub knows of the repository, and lists what the token may not read", async () => {
  const pages = Array.from({ length: 31 }, (_, at) => ({ name: `V${at}`, value: "x" }));
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? "", "http://x");
    const page = Number(url.searchParams.get("page"));
    const answer: Record<string, unknown> = {
      "/repos/o/n": { full_name: "o/n" },
      "/repos/o/n/actions/variables": { variables: pages.slice((page - 1) * 30, page * 30) },
      "/repos/o/n/environments": { environments: [{ name: "production" }] },
      "/repos/o/n/rulesets": [{ name: "main" }],
      "/repos/o/n/actions/workflows": { workflows: [{ name: "ci", state: "active" }] },
    };
    const body = answer[url.pathname];
    response.writeHead(body === undefined ? 403 : 200, { "content-type": "application/json" });
    response.end(JSON.stringify(body ?? { message: "no" }));
  });
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  try {
    const apiUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const report = await backUp({ settings: { repository: "o/n", token: "t", apiUrl } });
    expect(report.contents.settings?.unreadable).toEqual([{ kind: "secretNames", status: 403 }]);
    expect(report.findings.map(({ code }) => code)).toEqual(["settings-not-readable"]);
    await restore();
    const settings = JSON.parse(await readFile(join(root, "restored", "settings.json"), "utf8")) as {
      present: { variables: unknown[] };
    };
    expect(settings.present.variables).toHaveLength(31);
  } finally {
    server.close();
  }
});

it.each([
  ["a name that climbs", { name: "../outside" }],
  ["an absolute name", { name: "/tmp/outside" }],
  ["a hard link", { name: "x", type: "link", linkname: "/etc/passwd" }],
  ["a device", { name: "x", type: "character-device" }],
] as const)("never extracts %s", async (_, header) => {
  const tar = pack();
  tar.entry({ size: 0, ...header });
  tar.finalize();
  const folder = join(root, "target");
  await mkdir(folder);
  await expect(extractTar(tar as AsyncIterable<Uint8Array>, folder)).rejects.toMatchObject({
    code: "restore-name-refused",
  });
});

it("never writes through a link of the same tar", async () => {
  const tar = pack();
  tar.entry({ name: "link", type: "symlink", linkname: root });
  tar.entry({ name: "link/outside" }, "x");
  tar.finalize();
  const folder = join(root, "target");
  await mkdir(folder);
  await expect(extractTar(tar as AsyncIterable<Uint8Array>, folder)).rejects.toMatchObject({
    code: "restore-file-exists",
  });
  expect(await lstat(join(root, "outside")).catch(() => "absent")).toBe("absent");
});
