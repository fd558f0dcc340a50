/** A backup with two stores: the built action copies, says which store is behind, and catches it up. */
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openStore } from "../../../src/store/open-store.ts";
import { systemClock } from "../../../src/system/clock.ts";
import { silentLogger } from "../../../src/system/logger.ts";
import { type ActionEnd, runActionTo } from "../../support/actions.ts";
import { type Clinic, insideNames, major, openClinic } from "./clinic.ts";

describe.skipIf(major === undefined)("db-backup with copy-to", () => {
  let clinic: Clinic;
  let folder: string;
  let near: string;
  let far: string;
  beforeAll(async () => {
    clinic = await openClinic();
    folder = await mkdtemp(join(tmpdir(), "lifeboat-copies-"));
    [near, far] = [join(folder, "near"), join(folder, "far")];
    await mkdir(near);
  });
  afterAll(async () => {
    await clinic[Symbol.asyncDispose]();
    await rm(folder, { recursive: true, force: true });
  });

  const backUp = (code: number, more: Readonly<Record<string, string>> = {}): Promise<ActionEnd> =>
    runActionTo(code, "db-backup", {
      github: clinic.github,
      run: clinic.github.state.addRun(),
      inputs: {
        "database-url": clinic.server.url("clinic_db"),
        recipients: clinic.recipient,
        "copy-to": `file://${near}\nfile://${far} days=400`,
        ...more,
      },
    });
  const ids = async (path: string): Promise<readonly string[]> => {
    const store = openStore(`file://${path}`, { clock: systemClock, logger: silentLogger });
    return (await store.snapshots("database")).snapshots.map(({ id }) => id);
  };
  let first = "";

  test("one store is down: the backup and the other copy are safe, and the step says who is behind", async () => {
    const end = await backUp(1);
    first = end.outputs["snapshot"]!;
    expect(end.outputs).toMatchObject({ "copied-to": `file://${near}`, "copy-failed": `file://${far}` });
    expect(end.record).toMatchObject({
      outcome: "failure",
      error: { code: "copy-incomplete" },
      snapshot: first,
      copies: [
        { store: `file://${near}`, copied: 1, already: 0, missing: 0 },
        { store: `file://${far}`, copied: 0, missing: 1, error: { code: "input-invalid" } },
      ],
    });
    expect(end.summary).toContain(`✅ \`file://${near}\``);
    expect(end.summary).toContain(`❌ \`file://${far}\``);
    expect(end.errors.join()).toContain(far);
    expect(await ids(near)).toEqual([first]);
    expect(end.published).not.toMatch(insideNames);
  });

  test("the next run catches up what is missing there", async () => {
    await mkdir(far);
    const end = await backUp(0, { waive: "second-recipient" });
    const second = end.outputs["snapshot"]!;
    expect(end.outputs).toMatchObject({ "copied-to": `file://${near}\nfile://${far}`, "copy-failed": "" });
    expect(await ids(far)).toEqual([first, second]);
    expect(await ids(near)).toEqual([first, second]);
    expect(end.warnings.join()).not.toContain("one recipient");
    expect(end.record.copies).toMatchObject([{ already: 1, copied: 1 }, { copied: 2 }]);
  });

  test("a single recipient is a finding", async () => {
    const end = await backUp(0);
    expect(end.warnings.join()).toContain("one recipient only");
    expect(end.summary).toContain("`one-recipient`");
  });

  test("a store that is named twice, or is the store itself, is bad input before any work", async () => {
    const twice = await backUp(2, { "copy-to": `file://${near}\nfile://${near}` });
    expect(twice.errors.join()).toContain("named twice");
    const itself = await backUp(2, { store: `file://${near}`, "copy-to": `file://${near}` });
    expect(itself.errors.join()).toContain("is the store itself");
  });
});
