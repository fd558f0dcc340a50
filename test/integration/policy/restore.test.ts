/** Restore and rotate-keys by a policy, each told to the ledger in the store: real databases, the actions as steps. */
import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { storeLedger } from "../../../src/ledger/ledger.ts";
import { generateIdentity } from "../../../src/seal/identities.ts";
import { directoryStore } from "../../../src/store/directory.ts";
import { systemClock as clock } from "../../../src/system/clock.ts";
import { silentLogger as logger } from "../../../src/system/logger.ts";
import { startFakeGitHub } from "../../fakes/github/index.ts";
import { createClinic, fingerprintOf, major } from "../../scenarios/actions/clinic.ts";
import { startServer, type TestServer } from "../../support/servers.ts";
import { type Checkout, openCheckout, type PolicyStepEnd, snapshotsIn } from "./policy-step.ts";

describe.skipIf(major === undefined)("a policy", () => {
  let server: TestServer;
  let checkout: Checkout;
  let near: string;
  let far: string;
  beforeAll(async () => {
    server = await startServer(major!);
    await createClinic(server, "clinic_db");
  });
  afterAll(() => server.stop());
  beforeEach(async () => {
    checkout = await openCheckout();
    [near, far] = [await checkout.store("near"), await checkout.store("far")];
    await checkout.policy(text());
    return () => checkout[Symbol.asyncDispose]();
  });

  const text = (more = ""): string => `stores:
  near: { type: directory, path: ${near} }
  far: { type: directory, path: ${far} }
sources:
  clinic: { type: postgres, url: { secret: CLINIC_URL }, every: 1d }
  site: { type: application, paths: [.github], every: 1d }
retention: { daily: 30d }
waive: [signing]
restore: { before: "echo \\"$PWD\\" >>before", after: "echo $LIFEBOAT_OUTCOME >>after" }
${more}`;

  const step = async (
    code: number,
    action: string,
    inputs: Readonly<Record<string, string>>,
  ): Promise<PolicyStepEnd> => {
    const env = { CLINIC_URL: server.url("clinic_db"), GITHUB_ACTOR: "octocat", GITHUB_SHA: "0123abc" };
    const end = await checkout.run(action, { inputs: { ledger: "store", ...inputs }, env });
    expect(end.code, end.published).toBe(code);
    return end;
  };
  const backUp = (): Promise<PolicyStepEnd> => step(0, "db-backup", {});
  const records = async (path = near) => {
    const ledger = storeLedger(directoryStore({ path, clock, logger }), clock);
    const { records: all, problems } = await ledger.read("whole");
    expect(problems).toEqual([]);
    return all;
  };

  test("says where a restore finds its backup, and how the application is stopped and started", async () => {
    const { outputs } = await backUp();
    const target = { "target-url": server.url("arrived_db"), identity: checkout.identity };
    const dry = await step(0, "restore", { ...target, "dry-run": "true" });
    expect(dry.outputs).toMatchObject({ outcome: "planned", snapshot: outputs["snapshot"] });
    await expect(readFile(join(checkout.workspace, "before"))).rejects.toThrow("ENOENT");
    await step(0, "restore", { ...target, "plan-hash": dry.outputs["plan-hash"]! });
    expect(await fingerprintOf(server, "arrived_db")).toEqual(await fingerprintOf(server, "clinic_db"));
    expect(await readFile(join(checkout.workspace, "before"), "utf8")).toBe(`${checkout.workspace}\n`);
    expect(await readFile(join(checkout.workspace, "after"), "utf8")).toBe("restored\n");
    await server.sql("postgres", "drop database arrived_db");

    // What is given wins: the store by its name, and the command.
    await rm(join(near, "snapshots"), { recursive: true });
    await step(0, "restore", { ...target, store: "far", after: "echo mine >>after" });
    expect(await readFile(join(checkout.workspace, "after"), "utf8")).toBe("restored\nmine\n");
    await server.sql("postgres", "drop database arrived_db");

    const [backup, copy, restored] = await records();
    expect(backup).toMatchObject({
      ...{ act: "db-backup", source: "clinic", outcome: "success", commit: "0123abc" },
      ...{ by: { name: "octocat" }, snapshot: outputs["snapshot"], store: `file://${near}` },
      heads: [{ id: outputs["snapshot"] }],
    });
    expect(copy).toMatchObject({ act: "copy", store: `file://${far}`, heads: [{ id: outputs["snapshot"] }] });
    expect(restored).toMatchObject({ act: "restore", outcome: "success", snapshot: outputs["snapshot"] });
    expect(await records(far)).toMatchObject([{ act: "restore", outcome: "success" }]);
  });

  test("names the recipients of a rotation, after which old backups open with the new key", async () => {
    await backUp();
    const next = await generateIdentity({ postQuantum: false, created: new Date(0) });
    const recipients = [next.recipient, checkout.recipients[1]!];
    const file = join(checkout.workspace, ".github/lifeboat.yml");
    const changed = (await readFile(file, "utf8")).replace(checkout.recipients[0]!, recipients[0]!);
    await writeFile(file, changed);
    const verify = (code: number): Promise<PolicyStepEnd> =>
      step(code, "verify", { source: "clinic", identity: next.fileText, level: "unsealed" });
    const refused = await verify(2);
    const rotated = await step(0, "rotate-keys", { source: "clinic", identity: checkout.identity });
    expect(Number(rotated.outputs["rewrapped"])).toBeGreaterThan(0);
    expect((await verify(0)).outputs["verdict"]).toBe("passed");
    expect(refused.published).toContain("::error");
    const [id] = (await snapshotsIn(near, "clinic")).map((snapshot) => snapshot.id);
    expect(
      (await records()).map(({ act, outcome, findings, snapshot }) => [act, outcome, findings, snapshot]),
    ).toEqual([
      ["db-backup", "success", ["policy-waived"], id],
      ["copy", "success", [], id],
      ["verify", "failure", ["identity-does-not-open"], undefined],
      ["rotate-keys", "success", [], undefined],
      ["verify", "success", expect.any(Array), id],
    ]);
  });

  test("is told with the input that does not fit it, before anything happens", async () => {
    const end = await step(2, "restore", { source: "site", identity: checkout.identity });
    expect(end.published).toContain('"site" is no database of the policy. Name one of: clinic.');
    const rotation = await step(2, "rotate-keys", { identity: checkout.identity });
    expect(rotation.published).toContain("the policy has more than one source");
  });

  test("a backup that fails is recorded too, and one that the ledger cannot be told of is safe and red", async () => {
    const failing = await checkout.run("db-backup", {
      inputs: { ledger: "store" },
      env: { CLINIC_URL: server.url("not_there") },
    });
    expect(failing.code).not.toBe(0);
    const [record] = await records();
    expect(record).toMatchObject({ act: "db-backup", outcome: "failure", heads: [] });
    expect(record!.findings).toHaveLength(1);

    await using github = await startFakeGitHub();
    const token = github.tokenWith({ contents: "read" });
    const end = await checkout.run("db-backup", {
      inputs: { ledger: "branch", "github-token": token },
      env: {
        CLINIC_URL: server.url("clinic_db"),
        GITHUB_REPOSITORY: github.repository,
        GITHUB_API_URL: github.apiUrl,
      },
    });
    expect(end.code, end.published).toBe(2);
    expect(end.published).toContain("The ledger has no record of this");
    expect(end.published).toContain("`contents: write`");
    expect(await snapshotsIn(near, "clinic")).toHaveLength(1);
    expect(await snapshotsIn(far, "clinic")).toHaveLength(1);
    expect(end.outputs["snapshot"]).toBe((await snapshotsIn(near, "clinic"))[0]!.id);
  });
});
