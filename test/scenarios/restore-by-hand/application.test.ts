import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { backUpApplication } from "../../../src/operations/back-up-application.ts";
import { parseRecipients } from "../../../src/seal/recipients.ts";
import { directoryStore } from "../../../src/store/directory.ts";
import { systemClock } from "../../../src/system/clock.ts";
import { silentLogger } from "../../../src/system/logger.ts";
import { runTool } from "../../../src/system/process.ts";
import { ManagementApi } from "../../../src/supabase/management-api.ts";
import { putFunction, startManagementServer } from "../../fakes/management/index.ts";
import { keyPair } from "../../unit/seal/streams.ts";
import { followApplication } from "./page.ts";

const missing: string[] = [];
for (const program of ["age", "zstd", "tar", "jq", "git"]) {
  await runTool({ program, args: ["--version"] }).catch(() => missing.push(program));
}
if (missing.length > 0) {
  console.warn(`SKIPPED: ${missing.join(", ")} not installed, so nobody can restore an application by hand.`);
}

test.skipIf(missing.length > 0)("docs/restore-by-hand.md, section 12, with stock tools alone", async () => {
  await using supabase = await startManagementServer();
  const ref = "abcdefghijklmnopqrst";
  const body = Buffer.from("ESZIP2.3 and its bytes");
  putFunction(supabase.addProject(ref), "hello", { bytes: body });
  const root = await mkdtemp(join(tmpdir(), "lifeboat-application-by-hand-"));
  try {
    const workspace = join(root, "shop");
    await mkdir(join(workspace, "etc"), { recursive: true });
    await writeFile(join(workspace, "etc", "run me.sh"), "#!/bin/sh\n", { mode: 0o755 });
    const git = (...args: string[]) =>
      promisify(execFile)("git", [
        "-C",
        workspace,
        "-c",
        "user.name=x",
        "-c",
        "user.email=x@example.org",
        ...args,
      ]);
    await git("init", "--quiet", "--initial-branch=main");
    await git("add", "--all");
    await git("commit", "--quiet", "-m", "one");
    const alice = await keyPair();
    const IDENTITY = join(root, "identity.txt");
    await writeFile(IDENTITY, alice.fileText, { mode: 0o600 });
    const path = join(root, "store");
    await mkdir(path);
    const { snapshot } = await backUpApplication(
      {
        source: "application",
        tiers: ["daily"],
        recipients: parseRecipients([alice.recipient]),
        signingKey: undefined,
        workspace,
        bundlesRepository: true,
        paths: ["etc"],
        config: [],
        exclude: [],
        environment: "A=1\n",
        settings: undefined,
        project: new ManagementApi(
          { apiUrl: supabase.url, project: ref, token: supabase.token },
          { logger: silentLogger },
        ),
      },
      {
        store: directoryStore({ path, clock: systemClock, logger: silentLogger }),
        clock: systemClock,
        logger: silentLogger,
        lifeboatVersion: "0.0.0-test",
        signal: new AbortController().signal,
      },
    );
    const TARGET = join(root, "restored here");
    const SNAPSHOT = join(path, "snapshots", "application", snapshot.id);
    const { code, output } = await followApplication(
      { SNAPSHOT, IDENTITY, TARGET },
      process.env["PATH"] ?? "",
    );
    expect([code, output]).toEqual([0, expect.stringContaining("environment: restored")]);
    expect(await readFile(join(TARGET, "environment"), "utf8")).toBe("A=1\n");
    expect((await stat(join(TARGET, "files", "etc", "run me.sh"))).mode & 0o777).toBe(0o755);
    expect(await readFile(join(TARGET, "project-functions", "hello.eszip"))).toEqual(body);
    expect(JSON.parse(await readFile(join(TARGET, "project-settings.json"), "utf8"))).toMatchObject({
      project: ref,
    });
    const { stdout } = await promisify(execFile)("git", [
      "-C",
      join(TARGET, "repository.git"),
      "rev-parse",
      "main",
    ]);
    expect(stdout).toBe((await git("rev-parse", "main")).stdout);
  } finally {
    await rm(root, { recursive: true, force: true });
  }
});
