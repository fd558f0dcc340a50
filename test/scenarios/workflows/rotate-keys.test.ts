/** rotate-keys.yml as GitHub would run it: after it, what the old key sealed opens with the new one. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { generateIdentity } from "../../../src/seal/identities.ts";
import type { TestServer } from "../../support/servers.ts";
import { runWorkflow, type WorkflowEnd, type World } from "../../support/workflow-run/run.ts";
import { type Hospital, logOf, openHospital, results } from "./hospital.ts";

const noServer = { url: () => "" } as unknown as TestServer;

describe("a rotation by dispatch", () => {
  let hospital: Hospital;
  let withNewKey: World;
  beforeAll(async () => {
    hospital = await openHospital(noServer, ["storage", "application"]);
    const end = await runWorkflow(".github/workflows/backup.yml", hospital.world, { event: "schedule" });
    expect(end.result, logOf(end)).toBe("success");
    const next = await generateIdentity({ postQuantum: false, created: new Date(0) });
    await hospital.changePolicy((text) => text.replace(hospital.recipients[0]!, next.recipient));
    const environments = { lifeboat: { LIFEBOAT_IDENTITY: next.fileText } };
    withNewKey = { ...hospital.world, environments };
  });
  afterAll(() => hospital[Symbol.asyncDispose]());

  const rotate = (inputs: Readonly<Record<string, unknown>>): Promise<WorkflowEnd> =>
    runWorkflow(".github/workflows/rotate-keys.yml", hospital.world, { event: "workflow_dispatch", inputs });
  const verify = (): Promise<WorkflowEnd> =>
    runWorkflow(".github/workflows/verify.yml", withNewKey, { event: "schedule" });
  const rewrapped = ({ jobs }: WorkflowEnd): number =>
    Number(jobs["rotate"]!.runs[0]!.steps.at(-1)!.outputs["rewrapped"]);

  test("says first what it would do, and does it only when it is told to", async () => {
    expect((await verify()).result).toBe("failure");
    const dry = await rotate({ source: "application" });
    expect(results(dry), logOf(dry)).toEqual({ rotate: "success", monitor: "success" });
    expect(rewrapped(dry)).toBeGreaterThan(0);
    expect((await verify()).result).toBe("failure");
    for (const source of ["application", "storage"]) {
      const end = await rotate({ source, "dry-run": false });
      expect(results(end), logOf(end)).toEqual({ rotate: "success", monitor: "success" });
      expect(rewrapped(end)).toBeGreaterThan(0);
    }
    // Recipients came from the policy; a second time there is nothing left to do.
    expect(rewrapped(await rotate({ source: "storage", "dry-run": false }))).toBe(0);
    const well = await verify();
    expect(results(well), logOf(well)).toEqual({
      plan: "success",
      verify: "success",
      witness: "success",
      monitor: "success",
    });
    const acts = [...hospital.github.rest.ledger.files.values()].map(String).join("");
    expect(acts.match(/\\"act\\": ?\\"rotate-keys\\"/g)).toHaveLength(3);
  });
});
