/** drill.yml as GitHub would run it: what is due by the policy's paces, what a person starts by hand, and what fails. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startServer, type TestServer } from "../../support/servers.ts";
import { runWorkflow, type WorkflowEnd } from "../../support/workflow-run/run.ts";
import { createClinic, insideNames, major } from "../actions/clinic.ts";
import { type Hospital, logOf, openHospital, results } from "./hospital.ts";

const drill = ".github/workflows/drill.yml";
const backup = ".github/workflows/backup.yml";

describe.skipIf(major === undefined)("drills", () => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startServer(major!);
    await createClinic(server, "clinic_db");
  });
  afterAll(() => server.stop());

  const weekly = ({ world }: Hospital): Promise<WorkflowEnd> =>
    runWorkflow(drill, world, { event: "schedule" });
  const byHand = ({ world }: Hospital, kind: string): Promise<WorkflowEnd> =>
    runWorkflow(drill, world, { event: "workflow_dispatch", inputs: { kind } });
  const kindsOf = (end: WorkflowEnd): readonly unknown[] =>
    (end.jobs["drill"]?.runs ?? []).map(({ matrix }) => (matrix as { kind: string }).kind);

  test("run when the policy's paces want them, and not again the week after", async () => {
    // Without the database, whose server's clock cannot be set: it says how old its backup is.
    await using hospital = await openHospital(server, ["storage", "application"]);
    await hospital.addToPolicy("drills: { of-age: 10d, restoration: 20d }\n");
    hospital.hoursAgo(24 * 30);
    await runWorkflow(backup, hospital.world, { event: "schedule" });
    const early = await weekly(hospital);
    expect(results(early), logOf(early)).toEqual({
      plan: "success",
      drill: "skipped",
      witness: "skipped",
      monitor: "success",
    });

    hospital.hoursAgo(24 * 19);
    await runWorkflow(backup, hospital.world, { event: "schedule" });
    const due = await weekly(hospital);
    expect(results(due), logOf(due)).toEqual({
      plan: "success",
      drill: "success",
      witness: "success",
      monitor: "success",
    });
    expect(kindsOf(due)).toEqual(["restoration", "disaster"]);
    const log = logOf(due);
    expect(log).toContain("Restoration drill: passed");
    expect(log).toContain("Disaster drill: passed");
    expect(log).toMatch(/\| storage \| storage \| `\S+` \| [^|]+ \| 11 days (?:\S+ h )?\(wanted: 10 days\)/);
    expect(log).not.toMatch(insideNames);

    hospital.hoursAgo(24 * 12);
    await runWorkflow(backup, hospital.world, { event: "schedule" });
    expect(kindsOf(await weekly(hospital))).toEqual([]);
    hospital.hoursAgo(-24 * 2);
    await runWorkflow(backup, hospital.world, { event: "schedule" });
    expect(kindsOf(await weekly(hospital))).toEqual(["restoration"]);
  });

  test("by hand fail with an issue where a check of the policy fails, and the next one that passes closes it", async () => {
    await using hospital = await openHospital(server, ["database"]);
    await runWorkflow(backup, hospital.world, { event: "schedule" });
    const check = (expect: number): string =>
      `verify: { checks: [{ name: two and two, sql: "select 2 + 2", expect: ${expect} }] }\n`;
    await hospital.addToPolicy(check(5));
    const end = await byHand(hospital, "restoration");
    expect(results(end), logOf(end)).toEqual({
      plan: "success",
      drill: "failure",
      witness: "success",
      monitor: "failure",
    });
    expect(logOf(end)).toContain(`The policy's check "two and two" did not give what the policy expects.`);
    expect(logOf(end)).not.toMatch(insideNames);
    const { issues } = hospital.github.rest.issues;
    expect(issues.map(({ title }) => title)).toContain('Lifeboat: "database": a drill failed');

    await hospital.changePolicy((text) => text.replace(check(5), check(4)));
    const mended = await byHand(hospital, "restoration");
    expect(results(mended), logOf(mended)).toEqual({
      plan: "success",
      drill: "success",
      witness: "success",
      monitor: "success",
    });
    expect(issues.filter(({ title }) => title.includes("drill failed")).map(({ state }) => state)).toEqual([
      "closed",
    ]);
    expect(issues.map(({ body, comments }) => [body, ...comments].join("\n")).join("\n")).not.toMatch(
      insideNames,
    );
  });

  test("of a kind that nobody knows are refused, and without a policy there are none", async () => {
    await using hospital = await openHospital(server, ["application"]);
    const end = await byHand(hospital, "tornado");
    expect(results(end)).toMatchObject({ plan: "failure", drill: "skipped" });
    expect(logOf(end)).toContain("::error title=Nothing was drilled::");
    const none = await runWorkflow(
      drill,
      { ...hospital.world, repository: "/nowhere" },
      { event: "schedule" },
    );
    expect(none.result).toBe("success");
    expect(logOf(none)).toContain("::notice title=Lifeboat is not set up::");
    expect(results(none)).toMatchObject({ drill: "skipped", monitor: "skipped" });
  });
});
