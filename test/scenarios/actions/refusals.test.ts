/** What goes wrong around the actions: each ends with its own exit code, one error line, and nothing half in the store. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { generateIdentity } from "../../../src/seal/identities.ts";
import { type ActionEnd, type ActionName, type ActionStep, runActionTo } from "../../support/actions.ts";
import { type Clinic, insideNames, major, openClinic } from "./clinic.ts";

describe.skipIf(major === undefined)("an action that cannot do its work", () => {
  let clinic: Clinic;
  let good: ActionEnd;

  const act = (
    code: number,
    name: ActionName,
    inputs: Readonly<Record<string, string>>,
    more: Partial<ActionStep> = {},
  ): Promise<ActionEnd> =>
    runActionTo(code, name, {
      github: clinic.github,
      run: clinic.github.state.addRun(),
      inputs,
      ...more,
    });
  const backUp = (
    code: number,
    inputs: Readonly<Record<string, string>> = {},
    more: Partial<ActionStep> = {},
  ): Promise<ActionEnd> =>
    act(
      code,
      "db-backup",
      { "database-url": clinic.server.url("clinic_db"), recipients: clinic.recipient, ...inputs },
      more,
    );
  const commits = (): readonly string[] =>
    clinic.github.state
      .finished()
      .filter(({ name }) => name.includes(".snapshot."))
      .map(({ name, runId }) => `${runId} ${name}`);

  function expectOneError(end: ActionEnd, code: string, text: string): void {
    expect(end.errors).toHaveLength(1);
    expect(end.errors[0]).toContain(`${code}::`);
    expect(end.errors[0]).toContain(text);
    expect(end.record.error).toEqual({ code });
    expect(end.published).not.toMatch(insideNames);
  }

  beforeAll(async () => {
    clinic = await openClinic();
    good = await backUp(0);
  });
  afterAll(() => clinic[Symbol.asyncDispose]());
  afterEach(() => {
    clinic.github.faults.clear();
    clinic.github.service.quotaBytes = Infinity;
  });

  test("names all bad inputs at once, before it asks anybody anything", async () => {
    clinic.github.requests.length = 0;
    const end = await act(2, "db-backup", {
      "database-url": "mysql://root:correct-horse-7@db/shop",
      recipients: "age1nonsense",
      store: "s4://bucket",
      source: "No Such Name",
      tiers: "dayly",
      "retention-days": "1000",
      jobs: "many",
      "content-hashes": "sometimes",
    });
    expect(end.errors).toHaveLength(1);
    for (const name of [
      ...[
        "database-url",
        "recipients",
        "store",
        "source",
        "tiers",
        "retention-days",
        "jobs",
        "content-hashes",
      ],
    ]) {
      expect(end.errors[0]).toContain(`input \`${name}\``);
    }
    expect(end.published).not.toContain("correct-horse-7");
    expect(end.record).toMatchObject({ outcome: "failure", error: { code: "input-invalid" } });
    expect(clinic.github.requests).toEqual([]);

    const restore = await act(2, "restore", { "in-place": "true", tables: "a.b", "as-of": "yesterday" });
    for (const name of ["target-url", "identity", "in-place", "as-of"]) {
      expect(restore.errors[0]).toContain(`input \`${name}\``);
    }
    const verify = await act(2, "verify", { level: "restord", jobs: "0" });
    for (const text of ["input `level`", 'Did you mean "restored"', "input `jobs`"]) {
      expect(verify.errors[0]).toContain(text);
    }
    expect(clinic.github.requests).toEqual([]);
  });

  test("without the right to read artifacts it says which permission to add", async () => {
    const token = clinic.github.tokenWith({ actions: "none" });
    clinic.github.requests.length = 0;
    for (const end of [
      await backUp(2, {}, { token }),
      await act(2, "verify", { level: "stored" }, { token }),
    ]) {
      expectOneError(end, "store-permission-missing", "Add `permissions:` with `actions: read` to the job");
    }
    expect(clinic.github.count("twirp")).toBe(0);
  });

  test("a full artifact storage is named, and no snapshot becomes visible", async () => {
    const before = commits();
    clinic.github.service.quotaBytes = 0;
    const end = await backUp(2);
    expectOneError(end, "artifact-quota", "artifact storage of this account is full");
    expect(end.leftInTemp).toEqual([]);
    expect(commits()).toEqual(before);
  });

  test.each(["CreateArtifact", "FinalizeArtifact"])(
    "a connection that drops in %s is a failure with a line, not a silent success",
    async (method) => {
      const before = commits();
      clinic.github.faults.add({ matches: method, times: 100, effect: { kind: "drop-answer" } });
      const end = await backUp(1, { "time-limit": "12s" });
      expectOneError(end, "run-too-long", "did not end within its limit of 12s");
      expect(clinic.github.requests.some(({ path }) => path.endsWith(method))).toBe(true);
      clinic.github.faults.clear();
      expect(commits()).toEqual(before);
      const latest = await act(0, "verify", { level: "stored" });
      expect(latest.outputs["snapshot"]).toBe(good.outputs["snapshot"]);
    },
  );

  test("a run whose backups would not count does not begin one", async () => {
    const before = clinic.github.state.artifacts.size;
    const run = clinic.github.state.addRun({ event: "pull_request" });
    expectOneError(await backUp(2, {}, { run }), "input-invalid", "was started by a pull request");
    expect(clinic.github.state.artifacts.size).toBe(before);
  });

  test("the wrong identity opens nothing, and that does not make the backup bad", async () => {
    const stranger = await generateIdentity({ postQuantum: false, created: new Date(0) });
    const identity = stranger.fileText;
    expectOneError(
      await act(2, "verify", { level: "unsealed", identity }),
      "identity-does-not-open",
      "identity",
    );
    const target = clinic.server.url("not_made");
    const restore = await act(2, "restore", { "target-url": target, identity });
    expectOneError(restore, "identity-does-not-open", "identity");
    const rows = await clinic.server.sql("postgres", "select from pg_database where datname = 'not_made'");
    expect(rows).toEqual([]);
  });

  test("one changed byte in any stored file is found, named, and stops a restore", async () => {
    const { state } = clinic.github;
    const snapshot = good.outputs["snapshot"]!;
    const parts = state.finished().filter(({ name }) => name.startsWith(`lifeboat.database.${snapshot}.`));
    expect(parts.length).toBeGreaterThan(3);
    for (const { name, bytes } of parts) {
      const file = name.slice(`lifeboat.database.${snapshot}.`.length);
      const at = bytes.length - 30;
      bytes[at] = bytes[at]! ^ 4;
      const end = await act(3, "verify", { level: "stored", snapshot });
      expectOneError(end, "backup-bad", file);
      expect(end.outputs).toMatchObject({ verdict: "failed", snapshot });
      expect(end.record).toMatchObject({ outcome: "damaged", verdict: "failed" });
      expect(end.summary).toContain(file);
      if (file === "rest.zst.age") {
        const target = { "target-url": clinic.server.url("from_bad"), identity: clinic.identity };
        expectOneError(await act(3, "restore", target), "snapshot-damaged", file);
        const rows = await clinic.server.sql(
          "postgres",
          "select from pg_database where datname like 'from_bad%'",
        );
        expect(rows).toEqual([]);
      }
      bytes[at] = bytes[at] ^ 4;
    }
    await act(0, "verify", { level: "stored", snapshot });
  });
});
