/** restore.yml as GitHub would run it: a dry run by one dispatch, the restore by another, and what refuses to. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { differences } from "../../../scripts/demo-comparison.ts";
import { startServer, type TestServer } from "../../support/servers.ts";
import { runWorkflow, type WorkflowEnd } from "../../support/workflow-run/run.ts";
import { createClinic, fingerprintOf, insideNames, major } from "../actions/clinic.ts";
import { type Hospital, logOf, openHospital, results } from "./hospital.ts";

describe.skipIf(major === undefined)("a restore by dispatch", () => {
  let server: TestServer;
  let elsewhere: TestServer;
  let hospital: Hospital;
  let planHash: string;
  let snapshot: string;

  beforeAll(async () => {
    server = await startServer(major!);
    elsewhere = await startServer(major!);
    await createClinic(server, "clinic_db");
    hospital = await openHospital(server, ["database"]);
    await runWorkflow(".github/workflows/backup.yml", hospital.world, { event: "schedule" });
    const dry = await dispatch({});
    expect(results(dry), logOf(dry)).toEqual({
      ...{ plan: "success", check: "skipped", perform: "skipped", monitor: "success" },
    });
    ({ "plan-hash": planHash = "", snapshot = "" } = dry.jobs["plan"]!.outputs);
  });
  afterAll(async () => {
    await hospital[Symbol.asyncDispose]();
    await elsewhere.stop();
    await server.stop();
  });

  function dispatch(inputs: Readonly<Record<string, unknown>>, actor = "octocat"): Promise<WorkflowEnd> {
    const { world } = hospital;
    const secrets = { ...world.secrets, TARGET_DATABASE_URL: elsewhere.url("arrived") };
    return runWorkflow(
      ".github/workflows/restore.yml",
      { ...world, secrets },
      {
        event: "workflow_dispatch",
        actor,
        inputs,
      },
    );
  }
  const performing = (): Readonly<Record<string, unknown>> => ({
    snapshot,
    "plan-hash": planHash,
    confirm: "arrived",
  });
  const databases = async (): Promise<readonly (string | null | undefined)[]> =>
    (await elsewhere.sql("postgres", "select datname from pg_database")).map(({ datname }) => datname);
  const restored = (): boolean => hospital.acted.includes("restore");

  async function expectRefused(end: WorkflowEnd, sentence: string): Promise<void> {
    expect(end.result, logOf(end)).toBe("failure");
    expect(logOf(end)).toContain(sentence);
    expect(restored()).toBe(false);
    expect(await databases()).not.toContain("arrived");
  }

  test("shows its plan and stores it, in numbers and hashes only", async () => {
    const { state } = hospital.github;
    const [stored] = state.finished({ name: `lifeboat-restore-plan-${planHash}` });
    expect(JSON.parse(stored!.bytes.toString())).toMatchObject({ hash: planHash, snapshot, by: "octocat" });
    expect(stored!.bytes.toString()).not.toMatch(insideNames);
    expect(await databases()).not.toContain("arrived");
  });

  test.each([
    ["a plan that nobody was shown", { "plan-hash": "0".repeat(64) }, "No dry run of the last 24 hours"],
    ["what is no hash", { "plan-hash": "'; curl evil" }, "plan-hash is not the hash of a plan"],
    ["no typed name", { confirm: "" }, "confirm is empty"],
    ["another name", { confirm: "production" }, "is not the name of the target"],
  ])("refuses %s", async (_, inputs, sentence) => {
    hospital.acted.length = 0;
    await expectRefused(await dispatch({ ...performing(), ...inputs }), sentence);
  });

  test.each([
    ["a fork", { headRepositoryId: 99 }, ".github/workflows/restore.yml"],
    ["another workflow", {}, ".github/workflows/ci.yml"],
    ["a pull request", { event: "pull_request" }, ".github/workflows/restore.yml"],
  ])("refuses a plan that %s stored", async (_, options, path) => {
    hospital.acted.length = 0;
    const { state } = hospital.github;
    const hash = "a".repeat(64);
    const run = state.addRun({ event: "workflow_dispatch", ...options, path });
    const planted = state.addArtifact(run, `lifeboat-restore-plan-${hash}`, Buffer.from("{}"));
    await expectRefused(
      await dispatch({ ...performing(), "plan-hash": hash }),
      "No dry run of the last 24 hours",
    );
    state.artifacts.delete(planted.id);
  });

  test("refuses a plan of the day before yesterday, though it is still stored", async () => {
    hospital.acted.length = 0;
    const { state } = hospital.github;
    const hash = "b".repeat(64);
    const run = state.addRun({ event: "workflow_dispatch", path: ".github/workflows/restore.yml" });
    hospital.hoursAgo(25);
    const old = state.addArtifact(run, `lifeboat-restore-plan-${hash}`, Buffer.from("{}"));
    hospital.hoursAgo(0);
    await expectRefused(
      await dispatch({ ...performing(), "plan-hash": hash }),
      "No dry run of the last 24 hours",
    );
    state.artifacts.delete(old.id);
  });

  test("wants another person where the policy says so", async () => {
    hospital.acted.length = 0;
    await hospital.addToPolicy("restore: { another-actor: true }\n");
    const refused = await dispatch(performing());
    expect(results(refused), logOf(refused)).toMatchObject({ check: "success", perform: "failure" });
    expect(logOf(refused)).toContain("wants another person than the planner");
    expect(logOf(refused)).toContain("another-actor-needed");
    expect(await databases()).not.toContain("arrived");
    const end = await dispatch(performing(), "hubot");
    expect(results(end), logOf(end)).toEqual({
      ...{ plan: "skipped", check: "success", perform: "success", monitor: "success" },
    });
    expect(
      differences(await fingerprintOf(server, "clinic_db"), await fingerprintOf(elsewhere, "arrived")),
    ).toEqual([]);
    expect(logOf(end)).not.toMatch(insideNames);
  });
});
