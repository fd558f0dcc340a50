/** backup.yml as GitHub would run it: its real YAML, the built actions, a real PostgreSQL, buckets and code. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startServer, type TestServer } from "../../support/servers.ts";
import { runWorkflow, type WorkflowEnd } from "../../support/workflow-run/run.ts";
import { createClinic, insideNames, major } from "../actions/clinic.ts";
import { type Hospital, logOf, openHospital, results, told } from "./hospital.ts";

const backup = ".github/workflows/backup.yml";
const green = {
  plan: "success",
  database: "success",
  storage: "success",
  "storage-join": "skipped",
  application: "success",
  verify: "success",
  prune: "success",
  monitor: "success",
};
const quiet = Object.fromEntries(
  Object.keys(green).map((job) => [job, job === "plan" ? "success" : "skipped"]),
);

/** Of tables, buckets, objects, files, variables and commits. */
const everyInsideName = new RegExp(
  `${insideNames.source.replace("clinic|", "")}|ward-files|one\\.png|two\\.png|app\\.js|API_KEY|First`,
);

describe.skipIf(major === undefined)("a night", () => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startServer(major!);
    await createClinic(server, "clinic_db");
  });
  afterAll(() => server.stop());

  const heartbeat = ({ world }: Hospital): Promise<WorkflowEnd> =>
    runWorkflow(backup, world, { event: "schedule" });

  test("is green: all sources are backed up, verified and pruned, and the next heartbeat finds nothing to do", async () => {
    await using hospital = await openHospital(server);
    const end = await heartbeat(hospital);
    expect(results(end), logOf(end)).toEqual(green);
    expect(
      end.jobs["verify"]?.runs.map(({ matrix }) => (matrix as { source: string }).source).sort(),
    ).toEqual([...["application", "database", "storage"]]);
    for (const [job, { outputs }] of Object.entries(told(end))) {
      if (green[job as keyof typeof green] === "success") {
        expect(JSON.parse(String(outputs["record" as never])), job).toMatchObject({ outcome: "success" });
      }
    }
    expect(logOf(end)).not.toMatch(insideNames);

    hospital.acted.length = 0;
    const next = await heartbeat(hospital);
    expect(results(next), logOf(next)).toEqual(quiet);
    expect(hospital.acted).toEqual(["plan"]);

    const weekly = await runWorkflow(".github/workflows/verify.yml", hospital.world, { event: "schedule" });
    expect(results(weekly), logOf(weekly)).toEqual({
      plan: "success",
      verify: "success",
      witness: "success",
      monitor: "success",
    });
    expect(weekly.jobs["verify"]?.runs).toHaveLength(3);
    // Each of the matrix is in the ledger, by a job that holds nothing that could be taken.
    const telling = weekly.jobs["witness"]?.runs[0]?.steps.at(-1);
    expect(telling?.outputs).toMatchObject({ appended: "3" });
    expect(Object.keys(telling?.inputs ?? {}).sort()).toEqual(["entries", "policy"]);
    expect(logOf(weekly).match(/^\| Level \| restored \|$/gm)).toHaveLength(3);
    expect(logOf(weekly)).not.toMatch(insideNames);

    const artifacts = [...hospital.github.state.artifacts.values()];
    expect(artifacts.map(({ name }) => name).join("\n")).not.toMatch(everyInsideName);
    const pages = artifacts.filter(({ name }) => name === "lifeboat-status-page");
    expect(pages).toHaveLength(2);
    for (const { bytes } of pages) {
      const page = bytes.toString();
      expect(page).toMatch(/<title>(?:All is well|\d warnings?, none of them urgent) – /);
      for (const source of ["database", "storage", "application"]) {
        expect(page).toContain(`id="source-${source}"`);
      }
      expect(page).not.toMatch(everyInsideName);
    }
  });

  test("in which the database cannot be reached is red, the others finish, and the next one mends it", async () => {
    await using hospital = await openHospital(server);
    const { world } = hospital;
    const secrets = { ...world.secrets, DATABASE_URL: server.url("not_there") };
    const failing = (): Promise<WorkflowEnd> =>
      runWorkflow(backup, { ...world, secrets }, { event: "schedule" });
    const end = await failing();
    expect(end.result).toBe("failure");
    expect(results(end), logOf(end)).toEqual({
      ...{ ...green, database: "failure", verify: "failure", monitor: "failure" },
    });
    const verified = end.jobs["verify"]?.runs.map(({ matrix, result }) => [
      (matrix as { source: string }).source,
      result,
    ]);
    expect(Object.fromEntries(verified ?? [])).toEqual({
      ...{ database: "failure", storage: "success", application: "success" },
    });
    expect(told(end)["database"]).toMatchObject({ result: "failure" });

    const { issues } = hospital.github.rest.issues;
    const titles = [
      '"database": there is no good backup',
      "job database: a job failed",
      "job verify: a job failed",
    ].map((title) => `Lifeboat: ${title}`);
    expect(issues.map(({ title }) => title).sort()).toEqual(titles);
    for (const { body } of issues) expect(body).toContain("docs/runbook.md#");
    // Only the database is due still, so the job that verifies says more of what it lacks; after that nothing is new.
    const comments = (): readonly number[] => issues.map((issue) => issue.comments.length);
    await failing();
    expect(comments()).toEqual([0, 0, 1]);
    await failing();
    expect(comments()).toEqual([0, 0, 1]);
    expect(issues.every(({ state }) => state === "open")).toBe(true);

    hospital.acted.length = 0;
    const next = await heartbeat(hospital);
    expect(next.result, logOf(next)).toBe("success");
    expect(issues.map(({ state, stateReason }) => [state, stateReason])).toEqual(
      issues.map(() => ["closed", "completed"]),
    );
    for (const issue of issues) expect(issue.comments.at(-1)).toMatch(/^Well again\. /);
    const written = issues.flatMap((issue) => [issue.title, issue.body, ...issue.comments]).join("\n");
    expect(written).not.toMatch(insideNames);
    expect(hospital.acted).toEqual(["plan", "db-backup", "verify", "prune", "monitor"]);
  });

  test("that GitHub dropped is caught up by the next heartbeat, once", async () => {
    // Without the database, whose server's clock cannot be set: it says how old its backup is.
    await using hospital = await openHospital(server, ["storage", "application"]);
    const caughtUp = { ...green, database: "skipped" };
    hospital.hoursAgo(50);
    expect(results(await heartbeat(hospital))).toEqual(caughtUp);
    hospital.hoursAgo(49.9);
    expect(results(await heartbeat(hospital))).toEqual(quiet);
    // The next day nothing ran.
    hospital.hoursAgo(0);
    const late = await heartbeat(hospital);
    expect(results(late), logOf(late)).toEqual(caughtUp);
    expect(results(await heartbeat(hospital))).toEqual(quiet);
  });

  test("with a first backup of many buckets shares it among machines, and joins it", async () => {
    await using hospital = await openHospital(server, ["images"]);
    const end = await heartbeat(hospital);
    expect(results(end), logOf(end)).toMatchObject({
      ...{ storage: "success", "storage-join": "success", verify: "success", database: "skipped" },
    });
    expect(end.jobs["storage"]?.runs).toHaveLength(2);
    expect(results(await heartbeat(hospital))).toEqual(quiet);
  });

  test("without a policy ends with a notice and does nothing", async () => {
    await using hospital = await openHospital(server);
    const repository = "/nowhere";
    const end = await runWorkflow(backup, { ...hospital.world, repository }, { event: "schedule" });
    expect(end.result).toBe("success");
    expect(logOf(end)).toContain("::notice title=Lifeboat is not set up::");
    expect(hospital.acted).toEqual([]);
    expect(results(end)).toMatchObject({ database: "skipped", verify: "skipped", monitor: "skipped" });
  });

  test("of another repository, which calls these workflows, is the same with that repository's secrets", async () => {
    await using hospital = await openHospital(server);
    const caller = "examples/supabase/.github/workflows/lifeboat-backup.yml";
    const end = await runWorkflow(caller, hospital.world, { event: "workflow_dispatch" });
    expect(end.result, logOf(end)).toBe("success");
    const called = end.jobs["backup"]!.called!;
    expect(results(called)).toEqual(green);
    expect(told(called)).toMatchObject({ verify: { result: "success" } });
  });
});
