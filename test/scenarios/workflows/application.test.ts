/** The application's code: backed up by a push at once, and brought back by restore.yml into a folder. */
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { runProgram } from "../../support/run-to-end.ts";
import type { TestServer } from "../../support/servers.ts";
import { runWorkflow, type WorkflowEnd } from "../../support/workflow-run/run.ts";
import { type Hospital, logOf, openHospital, results } from "./hospital.ts";

const noServer = { url: () => "" } as unknown as TestServer;
const backup = ".github/workflows/backup.yml";

describe("an application", () => {
  let hospital: Hospital;
  let folder: string;
  beforeAll(async () => {
    hospital = await openHospital(noServer, ["storage", "application"]);
    folder = await mkdtemp(join(tmpdir(), "hospital-restored-"));
  });
  afterAll(async () => {
    await hospital[Symbol.asyncDispose]();
    await rm(folder, { recursive: true });
  });

  const restoring = (inputs: Readonly<Record<string, unknown>>): Promise<WorkflowEnd> =>
    runWorkflow(".github/workflows/restore.yml", hospital.world, {
      event: "workflow_dispatch",
      inputs: { "target-directory": folder, ...inputs },
    });
  const commits = async (repository: string): Promise<string> =>
    (await runProgram("git", ["log", "--format=%H %s"], repository)).output;

  test("is backed up by every push, and nothing else is", async () => {
    expect((await runWorkflow(backup, hospital.world, { event: "schedule" })).result).toBe("success");
    expect(results(await runWorkflow(backup, hospital.world, { event: "schedule" }))).toMatchObject({
      application: "skipped",
    });
    for (const name of ["ward.js", "pharmacy.js"]) {
      await hospital.commit(name, "export const open = true;\n");
      hospital.acted.length = 0;
      const end = await runWorkflow(backup, hospital.world, { event: "push" });
      expect(results(end), logOf(end)).toMatchObject({
        ...{ database: "skipped", storage: "skipped", application: "success", verify: "success" },
        ...{ prune: "success", monitor: "success" },
      });
      expect(hospital.acted).toEqual(["plan", "app-backup", "verify", "prune", "monitor"]);
    }
  });

  test("that the policy does not want at each push waits for its turn", async () => {
    await using other = await openHospital(noServer, ["application"]);
    await other.changePolicy((text) => text.replace("every: 1d }", "every: 1d, on-push: false }"));
    await runWorkflow(backup, other.world, { event: "schedule" });
    const end = await runWorkflow(backup, other.world, { event: "push" });
    expect(results(end), logOf(end)).toMatchObject({ plan: "success", application: "skipped" });
  });

  test("comes back into a folder: shown first, then performed, the pushed commit with it", async () => {
    const chosen = { kind: "application" };
    const dry = await restoring(chosen);
    expect(results(dry), logOf(dry)).toMatchObject({ plan: "success", perform: "skipped" });
    const { "plan-hash": hash = "", snapshot = "" } = dry.jobs["plan"]!.outputs;
    const performing = { ...chosen, "plan-hash": hash, snapshot };
    const refused = await restoring({ ...performing, confirm: "/somewhere/else" });
    expect(refused.result, logOf(refused)).toBe("failure");
    const end = await restoring({ ...performing, confirm: folder });
    expect(results(end), logOf(end)).toMatchObject({ check: "success", perform: "success" });
    expect(await commits(join(folder, "repository.git"))).toBe(await commits(hospital.world.repository));
    expect(await readFile(join(folder, "files/pharmacy.js"), "utf8")).toBe("export const open = true;\n");
    // What was agreed to was a folder without anything to replace.
    const again = await restoring({ ...performing, confirm: folder });
    expect(again.result).toBe("failure");
    expect(logOf(again)).toContain("plan-outdated");
    expect(logOf(end)).not.toMatch(/pharmacy\.js|only-for-tests/);
  });

  test("and its buckets come back as files, by the plan that was shown", async () => {
    const chosen = { kind: "storage" };
    const dry = await restoring(chosen);
    const { "plan-hash": hash = "", snapshot = "" } = dry.jobs["plan"]!.outputs;
    const end = await restoring({ ...chosen, "plan-hash": hash, snapshot, confirm: folder });
    expect(results(end), logOf(end)).toMatchObject({ check: "success", perform: "success" });
    expect(await readdir(join(folder, "ward-files"))).toEqual(["one.png", "two.png"]);
    const other = await restoring({
      ...chosen,
      buckets: "ward-files",
      "plan-hash": hash,
      snapshot,
      confirm: folder,
    });
    expect(logOf(other)).toContain("plan-outdated");
  });
});
