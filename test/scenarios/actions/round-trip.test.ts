/** Backup in one run; verification and restore in others, on another server: the built actions, start to end. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { differences, type Fingerprint } from "../../../scripts/demo-comparison.ts";
import { openStore } from "../../../src/store/open-store.ts";
import { systemClock } from "../../../src/system/clock.ts";
import { silentLogger } from "../../../src/system/logger.ts";
import { type ActionEnd, type ActionStep, runActionTo } from "../../support/actions.ts";
import { startServer, type TestServer } from "../../support/servers.ts";
import { type Clinic, createClinic, fingerprintOf, insideNames, major, openClinic } from "./clinic.ts";

describe.skipIf(major === undefined)("the actions in a public repository", () => {
  let clinic: Clinic;
  let other: TestServer;
  let before: Fingerprint;
  let first: ActionEnd;
  let firstId: string;
  let firstRequests: number;

  const inRun = (
    inputs: Readonly<Record<string, string>>,
    run = clinic.github.state.addRun(),
  ): ActionStep => ({
    github: clinic.github,
    run,
    inputs,
  });
  const backUp = (run = clinic.github.state.addRun()): Promise<ActionEnd> =>
    runActionTo(
      0,
      "db-backup",
      inRun({ "database-url": clinic.server.url("clinic_db"), recipients: clinic.recipient }, run),
    );
  const restore = (code: number, inputs: Readonly<Record<string, string>>): Promise<ActionEnd> =>
    runActionTo(code, "restore", inRun({ identity: clinic.identity, snapshot: firstId, ...inputs }));

  beforeAll(async () => {
    clinic = await openClinic();
    other = await startServer(major!);
    before = await fingerprintOf(clinic.server, "clinic_db");
    first = await backUp();
    firstId = first.outputs["snapshot"]!;
    firstRequests = clinic.github.count("rest");
  });

  afterAll(async () => {
    await other.stop();
    await clinic[Symbol.asyncDispose]();
  });

  async function listed(): Promise<readonly string[]> {
    const { owner, repo } = clinic.github.state;
    const store = openStore(`artifacts:${owner}/${repo}`, {
      clock: systemClock,
      logger: silentLogger,
      github: { token: clinic.github.token, apiUrl: clinic.github.apiUrl },
    });
    return (await store.snapshots("database")).snapshots.map(({ id }) => id);
  }

  test("a backup says what it did, in numbers only", async () => {
    expect(first.outputs).toMatchObject({ source: "database", tables: "5", rows: "5201" });
    expect(first.summary).toMatch(/^## ✅ Backed up "database"$/m);
    expect(first.summary).toContain(firstId);
    expect(first.summary).toContain("| Tables, rows | 5, 5201 |");
    expect(first.record).toMatchObject({
      outcome: "success",
      kind: "database",
      source: "database",
      snapshot: firstId,
      store: "artifacts:",
      numbers: { tables: 5, rows: 5201 },
      run: { repository: "acme/lifeboat", attempt: 1, event: "schedule" },
    });
    expect(first.errors).toEqual([]);
    expect(first.published).not.toMatch(insideNames);
    expect(first.leftInTemp).toEqual([]);
    expect(await listed()).toContain(firstId);
  });

  test("a backup asks GitHub's rate limit for little", () => {
    // A heartbeat may use 100 (design): a backup is the most that one does.
    expect(firstRequests).toBeGreaterThan(0);
    expect(firstRequests).toBeLessThan(60);
  });

  test("a second attempt of the same run takes the next slot, and both snapshots are listed", async () => {
    const { state } = clinic.github;
    const run = state.addRun();
    const one = (await backUp(run)).outputs["snapshot"];
    const two = (await backUp(state.addAttempt(run))).outputs["snapshot"];
    expect(one).not.toBe(two);
    const commits = state.finished({ runId: run.id }).filter(({ name }) => name.endsWith(".json"));
    expect(commits.map(({ name }) => name).sort()).toEqual([
      "lifeboat.database.snapshot.0.json",
      "lifeboat.database.snapshot.1.json",
    ]);
    expect(await listed()).toEqual(expect.arrayContaining([one, two]));
    const { outputs } = await runActionTo(0, "verify", inRun({ level: "stored" }));
    expect(outputs["snapshot"]).toBe(two);
  });

  test.each([
    ["stored", "not-verified", ["files"]],
    ["unsealed", "passed", ["files", "archives", "rows"]],
    ["restored", "passed", ["files", "archives", "rows", "tables", "sequences", "policy", "large-objects"]],
  ] as const)("another run verifies it at level %s: %s", async (level, verdict, components) => {
    const key = level === "stored" ? {} : { identity: clinic.identity };
    const end = await runActionTo(0, "verify", inRun({ level, snapshot: firstId, ...key }));
    expect(end.outputs).toMatchObject({ verdict, level, snapshot: firstId, source: "database" });
    expect(end.record).toMatchObject({ outcome: "success", verdict, snapshot: firstId, kind: "database" });
    for (const component of components)
      expect(end.summary).toMatch(new RegExp(`^\\| ${component} \\|.*✅`, "m"));
    expect(end.published).not.toMatch(insideNames);
    expect(end.leftInTemp).toEqual([]);
  });

  test("a dry run changes nothing, and its plan is the one that is performed, into a new database", async () => {
    const target = { "target-url": other.url("arrived"), roles: "as-backed-up" };
    const dry = await restore(0, { ...target, "dry-run": "true" });
    expect(dry.outputs).toMatchObject({ outcome: "planned", snapshot: firstId });
    expect(await databases(other)).not.toContain("arrived");

    const outdated = await restore(2, { ...target, "plan-hash": "0".repeat(64) });
    expect(outdated.record.error?.code).toBe("plan-outdated");
    expect(await databases(other)).not.toContain("arrived");

    const end = await restore(0, { ...target, "plan-hash": dry.outputs["plan-hash"]! });
    expect(end.outputs).toMatchObject({ outcome: "restored", "plan-hash": dry.outputs["plan-hash"] });
    expect(end.record).toMatchObject({ outcome: "success", snapshot: firstId, numbers: { rows: 5201 } });
    expect(end.summary).toMatch(/^## ✅ Restored "database"$/m);
    expect(differences(before, await fingerprintOf(other, "arrived"))).toEqual([]);
    for (const { published } of [dry, outdated, end]) expect(published).not.toMatch(insideNames);
  });

  test("in place it needs the target's name, and keeps what stood before", async () => {
    await other.createDatabase("live");
    await other.sql("live", "create table only_here (n int); insert into only_here values (1)");
    const target = { "target-url": other.url("live"), "in-place": "true" };
    for (const [confirm, code] of [
      ["", "confirm-needed"],
      ["lively", "confirm-mismatch"],
    ] as const) {
      const refused = await restore(2, { ...target, confirm });
      expect(refused.record.error?.code).toBe(code);
    }
    expect(await other.sql("live", "select n from only_here")).toEqual([{ n: "1" }]);

    const end = await restore(0, { ...target, confirm: "live" });
    expect(differences(before, await fingerprintOf(other, "live"))).toEqual([]);
    const kept = end.outputs["kept-database"]!;
    expect(await databases(other)).toContain(kept);
    await other.sql("postgres", `alter database "${kept}" allow_connections true`);
    expect(await other.sql(kept, "select n from only_here")).toEqual([{ n: "1" }]);
  });

  test("one table comes back alone", async () => {
    await createClinic(other, "damaged");
    await other.sql(
      "damaged",
      "delete from clinic.visits where id > 17; update clinic.patients set notes = '7'",
    );
    const damaged = await fingerprintOf(other, "damaged");
    const target = { "target-url": other.url("damaged"), tables: "clinic.visits" };
    expect((await restore(2, target)).record.error?.code).toBe("confirm-needed");
    await restore(0, { ...target, confirm: "damaged" });
    const after = await fingerprintOf(other, "damaged");
    expect(after.tables.get("clinic.visits")).toEqual(before.tables.get("clinic.visits"));
    expect(differences(damaged, after)).toEqual(["clinic.visits"]);
  });

  test.each([
    ["a fork", { headRepositoryId: 99, event: "push" }],
    ["a pull request", { event: "pull_request" }],
  ])("a newer, perfectly sealed snapshot from %s is reported and never the latest", async (_, options) => {
    const { state } = clinic.github;
    const ours = (await backUp()).outputs["snapshot"]!;
    const trusted = state.addRun();
    const theirs = (await backUp(trusted)).outputs["snapshot"]!;
    expect((await runActionTo(0, "verify", inRun({ level: "stored" }))).outputs["snapshot"]).toBe(theirs);

    // Byte for byte the same artifacts, uploaded by a run that anybody may start.
    const foreign = state.addRun(options);
    for (const { id, name, bytes } of state.finished({ runId: trusted.id })) {
      state.addArtifact(foreign, name, bytes);
      state.artifacts.delete(id);
    }
    const latest = await runActionTo(0, "verify", inRun({ level: "unsealed", identity: clinic.identity }));
    expect(latest.outputs["snapshot"]).toBe(ours);
    expect(latest.summary).toContain("`foreign-artifact`");
    expect(latest.summary).toContain(`run ${foreign.id}`);
    const named = await runActionTo(2, "verify", inRun({ level: "stored", snapshot: theirs }));
    expect(named.record.error?.code).toBe("snapshot-not-found");

    const plan = await restore(0, {
      ...{ "target-url": other.url("nowhere"), snapshot: "latest", "dry-run": "true" },
    });
    expect(plan.outputs["snapshot"]).toBe(ours);
    expect(plan.published).toContain(`run ${foreign.id} has the name of a backup`);
    const next = await backUp();
    expect(next.warnings.join("\n")).toContain(`run ${foreign.id} has the name of a backup`);
    for (const { id } of state.finished({ runId: foreign.id })) state.artifacts.delete(id);
  });
});

async function databases(server: TestServer): Promise<readonly string[]> {
  const rows = await server.sql("postgres", "select datname from pg_database");
  return rows.map(({ datname }) => datname ?? "");
}
