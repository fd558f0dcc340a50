/** A disk that fills up in the middle of a backup: the store's, and the one that artifacts are spooled on. */
import { mkdir, readdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { runTool } from "../../../src/system/process.ts";
import { startFakeGitHub } from "../../fakes/github/index.ts";
import { builtBundle, type BuiltBundle } from "../../support/bundle.ts";
import { majorsWithClients, startServer, type TestServer } from "../../support/servers.ts";
import {
  backupAction,
  backupCommand,
  makePlace,
  orphansAfterGrace,
  type Place,
  plaintextFiles,
  removePlace,
  rowsSql,
  startRun,
} from "./runs.ts";

const [major] = await majorsWithClients([15, 17]);
const mayMount = process.getuid?.() === 0;
if (!mayMount) console.warn("SKIPPED: only root can mount a small disk, so no disk is filled.");

describe.skipIf(major === undefined || !mayMount)("a disk that fills up", () => {
  let bundle: BuiltBundle;
  let server: TestServer;
  let place: Place;
  let url: string;

  beforeAll(async () => {
    bundle = await builtBundle();
    place = await makePlace();
    server = await startServer(major!);
    await server.createDatabase("app");
    await server.sql("app", rowsSql);
    url = `postgresql://postgres@/app?host=${encodeURIComponent(server.socketDir)}&port=${server.port}`;
  });
  afterAll(async () => {
    await server.stop();
    await removePlace(place);
  });

  /** Runs `work` with a disk of three megabytes at `path`; a backup is about twice as large. */
  async function onSmallDisk(path: string, work: () => Promise<void>): Promise<void> {
    await runTool({
      program: "mount",
      args: ["-t", "tmpfs", "-o", "size=3m,mode=755", "lifeboat-test", path],
    });
    try {
      await work();
    } finally {
      await runTool({ program: "umount", args: ["--lazy", path] });
    }
  }

  test("under the store fails the backup and leaves it empty; with room again the next one works", async () => {
    await onSmallDisk(place.store, async () => {
      const { code, stderr } = await startRun(...backupCommand(bundle, place, url)).ended;
      expect(code, stderr).toBe(1);
      expect(stderr).toContain("The disk is full");
      expect(await orphansAfterGrace(place)).toEqual([]);
      expect(await plaintextFiles(place)).toEqual([]);
      expect(await readdir(place.store)).toEqual(["incoming"]);
      expect(await readdir(join(place.store, "incoming"))).toEqual([]);
    });
    const { code, stderr } = await startRun(...backupCommand(bundle, place, url)).ended;
    expect(code, stderr).toBe(0);
  });

  test("filled to the last byte before the backup begins, fails it too", async () => {
    await onSmallDisk(place.store, async () => {
      await writeFile(join(place.store, "ballast"), Buffer.alloc(4 * 1024 * 1024)).catch(() => {});
      const { code, stderr } = await startRun(...backupCommand(bundle, place, url)).ended;
      expect(code, stderr).toBe(1);
      expect(await orphansAfterGrace(place)).toEqual([]);
      await rm(join(place.store, "ballast"));
      expect(await plaintextFiles(place)).toEqual([]);
    });
  });

  test("under RUNNER_TEMP fails a backup into artifacts, of which none becomes visible", async () => {
    await using github = await startFakeGitHub();
    const run = github.state.addRun();
    const spool = join(place.folder, "spool");
    await mkdir(spool);
    const inputs = { store: "artifacts:", "github-token": github.token };
    const env = { ...github.environmentFor(run), RUNNER_TEMP: spool };
    await onSmallDisk(spool, async () => {
      const { code, stdout } = await startRun(...backupAction(bundle, place, url, inputs, env)).ended;
      expect(code, stdout).toBe(1);
      expect(stdout).toContain("The disk is full");
      expect(await orphansAfterGrace(place)).toEqual([]);
      expect(await readdir(spool)).toEqual([]);
    });
    expect([...github.state.artifacts.values()].filter(({ name }) => !name.includes("zst"))).toEqual([]);
    const again = await startRun(...backupAction(bundle, place, url, inputs, env)).ended;
    expect(again.code, again.stdout).toBe(0);
    expect(await readdir(spool)).toEqual([]);
  });
});
